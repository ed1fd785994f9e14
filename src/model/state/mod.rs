//! The state: the fold of all events, immutable once published. The areas apply their events; `derived.rs` keeps in step what follows from functions.

mod derived;
mod functions;
mod resources;

use std::ops::Bound;
use std::sync::Arc;

pub use derived::Usage;
pub use functions::{Form, Functions};
use imbl::{OrdMap, OrdSet};

use super::areas::for_each_area;
use super::capacity_providers::{CapacityProvider, CapacityProviderKey};
use super::code_signing::{CodeSigningConfig, CodeSigningKey};
use super::event::Event;
use super::event_sources::index::{MappingIndices, UnsettledMappings};
use super::event_sources::{EventSourceMapping, MappingKey};
use super::functions::{Function, FunctionState, FunctionVersion, UpdateStatus};
use super::history::{Mark, MarkName};
use super::iam::{Group, InstanceProfile, Policy, Role, Use, User};
use super::layers::Layer;
use super::logs::{LogGroup, LogGroupKey, LogStream, LogStreamKey};
use super::names::{EntityKey, FunctionKey, LayerKey, RevisionId, Scope, UrlId};
use super::qualifier::{Qualifier, Version};
use super::queues::{Queue, QueueKey};
use super::urls::UrlOwner;

/// Everything Larder knows. Cheap to clone: the maps are persistent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// Number of events folded into it.
    pub sequence: u64,
    /// All functions.
    pub functions: Functions,
    /// Code-signing configurations.
    pub code_signing_configs: OrdMap<CodeSigningKey, Arc<CodeSigningConfig>>,
    /// Which functions have which code-signing configuration, derived from `functions`.
    pub code_signing_users: OrdSet<(CodeSigningKey, FunctionKey)>,
    /// Provisioned concurrency that is being allocated: a reactor's work list, derived from `functions`.
    pub provisioning: OrdMap<(FunctionKey, Qualifier), RevisionId>,
    /// All that has provisioned concurrency, whose environments are kept: derived from `functions`.
    pub provisioned: OrdSet<(FunctionKey, Qualifier)>,
    /// All layers that ever had a version: their numbers are not given again.
    pub layers: OrdMap<LayerKey, Arc<Layer>>,
    /// Versions that are `Pending` or `InProgress`, with the deployment that waits: the reactors'
    /// work list, derived from `functions`.
    pub unsettled: OrdMap<(FunctionKey, Version), RevisionId>,
    /// What each account and region uses, derived from `functions` and `layers`.
    pub usage: OrdMap<Scope, Usage>,
    /// Whose each function URL is, derived from `functions`.
    pub urls: OrdMap<UrlId, UrlOwner>,
    /// All capacity providers.
    pub capacity_providers: OrdMap<CapacityProviderKey, Arc<CapacityProvider>>,
    /// Capacity providers that are being created or deleted, with the revision that waits; derived from
    /// `capacity_providers`.
    pub unsettled_providers: OrdMap<CapacityProviderKey, RevisionId>,
    /// The function versions of each capacity provider, derived from `functions`.
    pub provider_versions: OrdSet<(CapacityProviderKey, (FunctionKey, Version))>,
    /// All event source mappings.
    pub event_source_mappings: OrdMap<MappingKey, Arc<EventSourceMapping>>,
    /// Mappings in a transition, with the revision that waits: derived from `event_source_mappings`.
    pub unsettled_mappings: UnsettledMappings,
    /// Mappings by function and source, derived from `event_source_mappings`.
    pub mapping_index: MappingIndices,
    /// Roles of the IAM neighbour.
    pub iam_roles: OrdMap<EntityKey, Arc<Role>>,
    /// Its customers' managed policies.
    pub iam_policies: OrdMap<EntityKey, Arc<Policy>>,
    /// Its instance profiles.
    pub iam_profiles: OrdMap<EntityKey, Arc<InstanceProfile>>,
    /// Its users.
    pub iam_users: OrdMap<EntityKey, Arc<User>>,
    /// Its groups.
    pub iam_groups: OrdMap<EntityKey, Arc<Group>>,
    /// Whose each access key is, derived from the users.
    pub iam_access_keys: OrdSet<(String, EntityKey)>,
    /// Which of them use which, derived from all of them.
    pub iam_uses: OrdSet<Use>,
    /// All log groups.
    pub log_groups: OrdMap<LogGroupKey, Arc<LogGroup>>,
    /// All log streams.
    pub log_streams: OrdMap<LogStreamKey, Arc<LogStream>>,
    /// All queues.
    pub queues: OrdMap<QueueKey, Arc<Queue>>,
    /// Named points of history.
    pub marks: OrdMap<MarkName, Mark>,
}

impl State {
    /// The function at `key`.
    pub fn function(&self, key: &FunctionKey) -> Option<&Arc<Function>> {
        self.functions.get(key)
    }

    /// What `scope` uses.
    pub fn usage(&self, scope: &Scope) -> Usage {
        self.usage.get(scope).copied().unwrap_or_default()
    }

    /// The functions of `scope` whose names come after `marker`, in order.
    pub fn functions_after<'a>(
        &'a self,
        scope: &'a Scope,
        marker: Option<&str>,
    ) -> impl Iterator<Item = Arc<Function>> + 'a {
        let name = marker.unwrap_or_default();
        let first = FunctionKey { scope: scope.clone(), name: name.into() };
        self.functions
            .range((Bound::Excluded(first), Bound::Unbounded), |_| true)
            .take_while(move |function| function.key.scope == *scope)
    }

    /// The code-signing configurations of `scope` whose ids come after `marker`, in order.
    pub fn code_signing_configs_after<'a>(
        &'a self,
        scope: &'a Scope,
        marker: Option<&str>,
    ) -> impl Iterator<Item = (&'a CodeSigningKey, &'a Arc<CodeSigningConfig>)> + 'a {
        let first = CodeSigningKey { scope: scope.clone(), id: marker.unwrap_or_default().into() };
        self.code_signing_configs
            .range((Bound::Excluded(first), Bound::Unbounded))
            .take_while(move |(key, _)| key.scope == *scope)
    }

    /// The functions that have a code-signing configuration and whose names come after `marker`, in order.
    pub fn functions_signed_by<'a>(
        &'a self,
        config: &'a CodeSigningKey,
        marker: Option<&str>,
    ) -> impl Iterator<Item = &'a FunctionKey> + 'a {
        // A function has a configuration of its own account and region.
        let function = FunctionKey { scope: config.scope.clone(), name: marker.unwrap_or_default().into() };
        self.code_signing_users
            .range((Bound::Excluded((config.clone(), function)), Bound::Unbounded))
            .take_while(move |(key, _)| key == config)
            .map(|(_, function)| function)
    }
}

macro_rules! apply {
    ($($(#[$doc:meta])* $area:ident $module:ident $command:ident $event:ident,)*) => {
        impl State {
            /// Folds one event. It cannot fail: an event is a fact. An event about a function that is not
            /// there (which `decide` never makes) changes nothing but the sequence.
            pub fn apply(&mut self, event: &Event) {
                self.sequence += 1;
                match event {
                    $(Event::$area(event) => super::$module::event::apply(self, event),)*
                }
            }
        }
    };
}
for_each_area!(apply);

impl FunctionVersion {
    /// Whether it is `Pending` or `InProgress`.
    pub fn is_unsettled(&self) -> bool {
        self.state == FunctionState::Pending || self.last_update == Some(UpdateStatus::InProgress)
    }
}
