//! Which resources go into a pod: the chosen ones, and what they need.

use std::collections::BTreeMap;

use crate::model::resource::{Resource, ResourceKey};
use crate::model::resource_pattern::ResourcePattern;
use crate::model::state::State;

/// What was chosen, and what comes along.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// All of it, in the order of places.
    pub resources: Vec<Resource>,
    /// What the chosen need, with one that needs it.
    pub taken_along: Vec<(ResourceKey, ResourceKey)>,
}

/// Chooses resources of a state, and takes along what they need: the layers of functions, their code-signing
/// configurations, capacity providers, roles with their managed policies, and the event source mappings that feed
/// them. Log lines and what lies in other services do not come.
///
/// # Errors
/// A pattern that matches nothing.
pub fn select(state: &State, patterns: &[ResourcePattern]) -> Result<Selection, String> {
    let mut chosen: BTreeMap<ResourceKey, Resource> = BTreeMap::new();
    for pattern in patterns {
        let matching: Vec<_> = state.resources().filter(|resource| pattern.matches(&resource.key())).collect();
        if matching.is_empty() {
            return Err(format!("nothing matches {pattern}; `larder state` lists what there is"));
        }
        chosen.extend(matching.into_iter().map(|resource| (resource.key(), resource)));
    }
    let (mut taken_along, mut waiting): (Vec<_>, Vec<_>) = (Vec::new(), chosen.values().cloned().collect());
    while let Some(resource) = waiting.pop() {
        for needed in needs(state, &resource) {
            let key = needed.key();
            if !chosen.contains_key(&key) {
                taken_along.push((key.clone(), resource.key()));
                chosen.insert(key, needed.clone());
                waiting.push(needed);
            }
        }
    }
    taken_along.sort();
    Ok(Selection { resources: chosen.into_values().collect(), taken_along })
}

/// What a resource needs directly.
fn needs(state: &State, resource: &Resource) -> Vec<Resource> {
    let arns: Vec<String> = match resource {
        Resource::Function(_, function) => {
            let configs = || function.all_versions().map(|version| &version.config);
            // A layer's ARN here is that of its version.
            let layers = configs().flat_map(|config| &config.layers).filter_map(|layer| unversioned(&layer.arn));
            let providers = configs().filter_map(|config| Some(config.capacity_provider.as_ref()?.arn.clone()));
            let roles = configs().map(|config| config.role.clone());
            let signing = function.code_signing_config.iter().map(|key| key.arn());
            layers.chain(providers).chain(roles).chain(signing).collect()
        }
        Resource::Role(_, role) => role.attached.iter().chain(&role.boundary).cloned().collect(),
        _ => Vec::new(),
    };
    let mapped = |mapping: &Resource| match (mapping, resource) {
        (Resource::EventSourceMapping(_, mapping), Resource::Function(key, _)) => mapping.target.function == *key,
        _ => false,
    };
    state.resources().filter(|other| arns.contains(&other.arn()) || mapped(other)).collect()
}

fn unversioned(arn: &str) -> Option<String> {
    arn.rsplit_once(':').map(|(layer, _)| layer.to_owned())
}
