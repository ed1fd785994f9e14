//! Selection: chosen resources and what they need. Log groups that functions write to come along, their streams
//! do not: no log lines travel.

use std::collections::{BTreeMap, VecDeque};

use crate::model::capacity_providers::CapacityProviderKey;
use crate::model::functions::Function;
use crate::model::iam::PolicyArn;
use crate::model::layers::LayerArn;
use crate::model::logs::LogGroupKey;
use crate::model::names::EntityKey;
use crate::model::queues::QueueKey;
use crate::model::resource::{Resource, ResourceKey};
use crate::model::resource_pattern::ResourcePattern;
use crate::model::state::State;

/// Names that an error shows at most.
const NEAR: usize = 5;

/// What was chosen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Selection {
    /// The chosen resources and those taken along, in the order of their places.
    pub resources: Vec<Resource>,
    /// What was taken along, each with the resource that needs it.
    pub taken_along: Vec<(ResourceKey, ResourceKey)>,
}

/// Chooses what any pattern matches, and what it needs.
///
/// # Errors
/// A pattern that matches nothing; with names that are near.
pub fn select(state: &State, patterns: &[ResourcePattern]) -> Result<Selection, String> {
    let keys: Vec<ResourceKey> = state.resources().map(|resource| resource.key()).collect();
    let mut chosen = BTreeMap::new();
    let mut open = VecDeque::new();
    for pattern in patterns {
        let matching: Vec<&ResourceKey> = keys.iter().filter(|key| pattern.matches(key)).collect();
        if matching.is_empty() {
            return Err(nothing(pattern, &keys));
        }
        open.extend(matching.into_iter().map(|key| (key.clone(), None)));
    }

    let mut taken_along = Vec::new();
    while let Some((key, because)) = open.pop_front() {
        if chosen.contains_key(&key) {
            continue;
        }
        let Some(resource) = state.resource(&key) else { continue };
        open.extend(needs(state, &resource).into_iter().map(|needed| (needed, Some(key.clone()))));
        taken_along.extend(because.map(|because| (key.clone(), because)));
        chosen.insert(key, resource);
    }

    Ok(Selection { resources: chosen.into_values().collect(), taken_along })
}

fn needs(state: &State, resource: &Resource) -> Vec<ResourceKey> {
    match resource {
        Resource::Function(_, function) => {
            let mappings = state.event_source_mappings.iter();
            let mappings = mappings.filter(|(_, mapping)| mapping.target.function == function.key);
            let mut needed = function_needs(function);
            needed.extend(mappings.map(|(key, _)| ResourceKey::EventSourceMapping(key.clone())));
            needed
        }
        Resource::CapacityProvider(_, provider) => role_at(&provider.operator_role).into_iter().collect(),
        Resource::EventSourceMapping(_, mapping) => {
            let queue = mapping.source.arn().and_then(QueueKey::of_arn).map(ResourceKey::Queue);
            std::iter::once(ResourceKey::Function(mapping.target.function.clone())).chain(queue).collect()
        }
        Resource::Role(_, role) => policies_needed(role.attached.iter().chain(&role.boundary)),
        Resource::User(key, user) => {
            let groups = user.groups.iter().map(|name| EntityKey { account: key.account.clone(), name: name.clone() });
            let policies = policies_needed(user.attached.iter().chain(&user.boundary));
            policies.into_iter().chain(groups.map(ResourceKey::Group)).collect()
        }
        Resource::Group(_, group) => policies_needed(group.attached.iter()),
        Resource::InstanceProfile(_, profile) => profile.role_key().map(ResourceKey::Role).into_iter().collect(),
        Resource::Queue(_, queue) => {
            let target = queue.settings.redrive.as_ref().and_then(|it| QueueKey::of_arn(&it.dead_letter_queue));
            target.map(ResourceKey::Queue).into_iter().collect()
        }
        Resource::LogStream(key, _) => vec![ResourceKey::LogGroup(key.group.clone())],
        _ => Vec::new(),
    }
}

fn function_needs(function: &Function) -> Vec<ResourceKey> {
    let scope = &function.key.scope;
    let mut needed: Vec<_> = function.code_signing_config.iter().cloned().map(ResourceKey::CodeSigningConfig).collect();
    for version in function.all_versions() {
        let config = &version.config;
        needed.extend(config.layers.iter().map(|layer| ResourceKey::Layer(LayerArn::parse(scope, &layer.arn).key)));
        needed.extend(role_at(&config.role));
        let provider = config.capacity_provider.iter();
        needed.extend(provider.map(|it| ResourceKey::CapacityProvider(CapacityProviderKey::resolve(scope, &it.arn))));
        let name = config.logging.group.as_str().into();
        needed.push(ResourceKey::LogGroup(LogGroupKey { scope: scope.clone(), name }));
    }

    needed
}

fn policies_needed<'a>(arns: impl Iterator<Item = &'a String>) -> Vec<ResourceKey> {
    let policies = arns.filter_map(|arn| PolicyArn::parse(arn)).filter(|policy| !policy.is_managed_by_aws());
    policies.map(|policy| ResourceKey::Policy(policy.key())).collect()
}

/// The role of an ARN.
fn role_at(arn: &str) -> Option<ResourceKey> {
    let (_, rest) = arn.split_once(":iam::")?;
    let (account, path) = rest.split_once(":role/")?;
    let name = path.rsplit('/').next()?;
    Some(ResourceKey::Role(EntityKey::new(&account.into(), name)))
}

/// The error of a pattern that matches nothing.
fn nothing(pattern: &ResourcePattern, keys: &[ResourceKey]) -> String {
    let text = pattern.to_string();
    let letters = |text: &str| text.trim_end_matches('*').chars().take(3).collect::<String>();
    let name = letters(text.rsplit([':', '/']).next().unwrap_or_default());
    let is_near = |key: &&ResourceKey| !name.is_empty() && key.name().contains(&name);
    let near: Vec<_> =
        keys.iter().filter(is_near).take(NEAR).map(|key| format!("{}:{}", key.kind().name(), key.name())).collect();
    if near.is_empty() {
        return format!("`{text}` matches no resource: `larder state` lists what there is");
    }

    format!("`{text}` matches no resource; near it there are {}", near.join(", "))
}
