//! How resources from elsewhere meet those that are there.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::function::Function;
use super::layer::Layer;
use super::names::{AccountId, Region};
use super::resource::{Changes, Resource, ResourceKey};
use super::state::State;

/// What becomes of resources that are there when others come in. In every strategy but `Overwrite` numbers of
/// versions that were given are not given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MergeStrategy {
    /// The state becomes what comes in.
    Overwrite,
    /// Where something comes in for a service in an account and region, it replaces all that the service has there.
    #[default]
    AccountRegion,
    /// What comes in replaces what has its place; all else stays.
    Service,
    /// As `Service`; but functions and layers are united with what has their place: versions, aliases, tags, URLs
    /// and policies of both stay, and where both have one, what comes in wins.
    Resource,
}

impl MergeStrategy {
    const ALL: [Self; 4] = [Self::Overwrite, Self::AccountRegion, Self::Service, Self::Resource];

    fn name(self) -> &'static str {
        match self {
            Self::Overwrite => "overwrite",
            Self::AccountRegion => "account-region",
            Self::Service => "service",
            Self::Resource => "resource",
        }
    }
}

impl FromStr for MergeStrategy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|strategy| strategy.name() == text)
            .ok_or_else(|| format!("`{text}` is no way to merge; there are {}", Self::ALL.map(Self::name).join(", ")))
    }
}

impl fmt::Display for MergeStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The state after `incoming` met `state`.
pub fn merged(state: &State, incoming: &[Resource], strategy: MergeStrategy) -> State {
    let groups: BTreeSet<_> = incoming.iter().map(|resource| group(&resource.key())).collect();
    let goes = |key: &ResourceKey| match strategy {
        MergeStrategy::Overwrite => true,
        MergeStrategy::AccountRegion => groups.contains(&group(key)),
        MergeStrategy::Service | MergeStrategy::Resource => false,
    };
    let removed = state.resources().map(|resource| resource.key()).filter(goes);
    let put = incoming.iter().map(|resource| match (strategy, state.resource(&resource.key())) {
        (MergeStrategy::Overwrite, _) | (_, None) => resource.clone(),
        (strategy, Some(there)) => meet(&there, resource, strategy == MergeStrategy::Resource),
    });
    let changes = Changes { removed: removed.collect(), put: put.collect() };
    let mut after = state.clone();
    after.make(&changes);
    after
}

/// What is replaced together: a service in an account and region.
fn group(key: &ResourceKey) -> (AccountId, Option<Region>, &'static str) {
    (key.account().clone(), key.region().cloned(), key.service())
}

/// What becomes of a resource that is there and comes in.
fn meet(there: &Resource, incoming: &Resource, unite: bool) -> Resource {
    match (there, incoming) {
        (Resource::Function(_, there), Resource::Function(key, incoming)) => {
            let mut met = if unite { united(there, incoming) } else { (**incoming).clone() };
            met.last_version = met.last_version.max(there.last_version);
            Resource::Function(key.clone(), Arc::new(met))
        }
        (Resource::Layer(_, there), Resource::Layer(key, incoming)) => {
            let versions =
                if unite { incoming.versions.clone().union(there.versions.clone()) } else { incoming.versions.clone() };
            let last_version = incoming.last_version.max(there.last_version);
            Resource::Layer(key.clone(), Arc::new(Layer { versions, last_version }))
        }
        _ => incoming.clone(),
    }
}

/// Both functions in one; of what both have, that of `incoming`.
fn united(there: &Function, incoming: &Function) -> Function {
    let mut met = incoming.clone();
    met.latest_published = met.latest_published.or_else(|| there.latest_published.clone());
    met.versions = met.versions.union(there.versions.clone());
    met.aliases = met.aliases.union(there.aliases.clone());
    for (name, value) in &there.tags {
        met.tags.entry(name.clone()).or_insert_with(|| value.clone());
    }
    met.reserved_concurrency = met.reserved_concurrency.or(there.reserved_concurrency);
    met.provisioned_concurrency = met.provisioned_concurrency.union(there.provisioned_concurrency.clone());
    met.scaling = met.scaling.union(there.scaling.clone());
    met.code_signing_config = met.code_signing_config.or_else(|| there.code_signing_config.clone());
    met.urls = met.urls.union(there.urls.clone());
    met.event_invoke = met.event_invoke.union(there.event_invoke.clone());
    met.runtime_management = met.runtime_management.union(there.runtime_management.clone());
    met.policies = met.policies.union(there.policies.clone());
    met
}
