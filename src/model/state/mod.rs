//! The state: the fold of all events, immutable once published. One file an area applies its events.

mod capacity_providers;
mod code_signing;
mod concurrency;
mod event_invoke;
mod event_sources;
mod function_settings;
mod functions;
pub mod iam;
mod layers;
mod logs;
mod policies;
mod tags;
mod urls;

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use super::capacity_provider::{CapacityProvider, CapacityProviderKey};
use super::code_signing::{CodeSigningConfig, CodeSigningKey};
use super::concurrency::{ProvisionedConcurrency, ProvisionedStatus};
use super::event::Event;
use super::event_sources::{EventSourceMapping, MappingKey};
use super::function::{Function, FunctionState, FunctionVersion, UpdateStatus};
use super::iam::{InstanceProfile, Policy, Role, Use};
use super::layer::Layer;
use super::names::{EntityKey, FunctionKey, LayerKey, RevisionId, Scope, UrlId};
use super::qualifier::{Qualifier, Version};
use super::urls::UrlOwner;

pub use event_sources::{MappingIndex, MappingIndices, UnsettledMappings};

/// Everything Larder knows. Cheap to clone: the maps are persistent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// Number of events folded into it.
    pub sequence: u64,
    /// All functions.
    pub functions: OrdMap<FunctionKey, Arc<Function>>,
    /// Code-signing configurations.
    pub code_signing_configs: OrdMap<CodeSigningKey, Arc<CodeSigningConfig>>,
    /// Which functions have which code-signing configuration, derived from `functions`.
    pub code_signing_users: OrdSet<(CodeSigningKey, FunctionKey)>,
    /// Provisioned concurrency that is being allocated: a reactor's work list, derived from `functions`.
    pub provisioning: OrdMap<(FunctionKey, Qualifier), RevisionId>,
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
    /// Which of them use which, derived from roles and profiles.
    pub iam_uses: OrdSet<Use>,
}

/// `AccountUsage` of `GetAccountSettings`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Functions.
    pub functions: u64,
    /// Bytes of code of all versions of functions and layers.
    pub code_size: u64,
    /// Concurrent executions that are reserved.
    pub reserved: u64,
    /// Concurrent executions that are provisioned for functions without a reservation.
    pub provisioned: u64,
}

impl Usage {
    /// Concurrent executions that are reserved or provisioned.
    pub fn concurrency(&self) -> u64 {
        self.reserved + self.provisioned
    }
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
    ) -> impl Iterator<Item = &'a Arc<Function>> + 'a {
        use std::ops::Bound;
        let name = marker.unwrap_or_default();
        let first = FunctionKey { scope: scope.clone(), name: name.into() };
        self.functions
            .range((Bound::Excluded(first), Bound::Unbounded))
            .take_while(move |(key, _)| key.scope == *scope)
            .map(|(_, function)| function)
    }

    /// The code-signing configurations of `scope` whose ids come after `marker`, in order.
    pub fn code_signing_configs_after<'a>(
        &'a self,
        scope: &'a Scope,
        marker: Option<&str>,
    ) -> impl Iterator<Item = (&'a CodeSigningKey, &'a Arc<CodeSigningConfig>)> + 'a {
        use std::ops::Bound;
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
        use std::ops::Bound;
        // A function has a configuration of its own account and region.
        let function = FunctionKey { scope: config.scope.clone(), name: marker.unwrap_or_default().into() };
        self.code_signing_users
            .range((Bound::Excluded((config.clone(), function)), Bound::Unbounded))
            .take_while(move |(key, _)| key == config)
            .map(|(_, function)| function)
    }

    /// Folds one event. It cannot fail: an event is a fact. An event about a function that is not
    /// there (which `decide` never makes) changes nothing but the sequence.
    pub fn apply(&mut self, event: &Event) {
        self.sequence += 1;
        match event {
            Event::Function(event) => functions::apply(self, event),
            Event::Policy(event) => policies::apply(self, event),
            Event::Layer(event) => layers::apply(self, event),
            Event::Url(event) => urls::apply(self, event),
            Event::EventInvoke(event) => event_invoke::apply(self, event),
            Event::Concurrency(event) => concurrency::apply(self, event),
            Event::FunctionSettings(event) => function_settings::apply(self, event),
            Event::Tag(event) => tags::apply(self, event),
            Event::CodeSigning(event) => code_signing::apply(self, event),
            Event::EventSource(event) => event_sources::apply(self, event),
            Event::CapacityProvider(event) => capacity_providers::apply(self, event),
            Event::Iam(event) => iam::apply(self, event),
            Event::Logs(event) => logs::apply(self, event),
        }
    }

    /// Changes the function at `key`, if it is there.
    fn change_function(&mut self, key: &FunctionKey, change: impl FnOnce(&mut Function)) {
        let Some(before) = self.functions.get(key).cloned() else { return };
        let mut after = (*before).clone();
        change(&mut after);
        self.replace(key, Some(&before), Some(after));
    }

    /// Puts `after` in the place of `before` and keeps what is derived in step.
    fn replace(&mut self, key: &FunctionKey, before: Option<&Function>, after: Option<Function>) {
        let mut usage = self.usage(&key.scope);
        if let Some(function) = before {
            self.unlink_providers(function);
            usage.functions -= 1;
            usage.code_size -= function.code_size();
            usage.reserved -= function.reserved();
            usage.provisioned -= function.concurrency() - function.reserved();
            if let Some(config) = &function.code_signing_config {
                self.code_signing_users.remove(&(config.clone(), key.clone()));
            }
            for (qualifier, _) in provisioning(function) {
                self.provisioning.remove(&(key.clone(), qualifier.clone()));
            }
            for version in unsettled(function) {
                self.unsettled.remove(&(key.clone(), version.version));
            }
            for url in function.urls.values() {
                self.urls.remove(&url.id);
            }
        }
        if let Some(function) = after {
            self.link_providers(&function);
            usage.functions += 1;
            usage.code_size += function.code_size();
            usage.reserved += function.reserved();
            usage.provisioned += function.concurrency() - function.reserved();
            if let Some(config) = &function.code_signing_config {
                self.code_signing_users.insert((config.clone(), key.clone()));
            }
            for (qualifier, allocation) in provisioning(&function) {
                self.provisioning.insert((key.clone(), qualifier.clone()), allocation);
            }
            for version in unsettled(&function) {
                self.unsettled.insert((key.clone(), version.version), version.deployment);
            }
            for (alias, url) in &function.urls {
                self.urls.insert(url.id.clone(), UrlOwner { key: key.clone(), alias: alias.clone() });
            }
            self.functions.insert(key.clone(), Arc::new(function));
        } else {
            self.functions.remove(key);
        }
        self.set_usage(&key.scope, usage);
    }

    fn set_usage(&mut self, scope: &Scope, usage: Usage) {
        if usage == Usage::default() {
            self.usage.remove(scope);
        } else {
            self.usage.insert(scope.clone(), usage);
        }
    }

    /// The same state with all that is derived made anew: a checkpoint stores the rest only.
    pub fn rederived(mut self) -> Self {
        self.unsettled = OrdMap::new();
        self.usage = OrdMap::new();
        self.code_signing_users = OrdSet::new();
        self.provisioning = OrdMap::new();
        self.urls = OrdMap::new();
        self.provider_versions = OrdSet::new();
        self.rederive_providers();
        for (key, function) in std::mem::take(&mut self.functions) {
            self.replace(&key, None, Some(Arc::unwrap_or_clone(function)));
        }
        for (key, layer) in std::mem::take(&mut self.layers) {
            self.replace_layer(&key, Arc::unwrap_or_clone(layer));
        }
        self.rederive_mappings();
        iam::rederive(&mut self);
        self
    }
}

/// The versions of a function that wait to be settled.
fn unsettled(function: &Function) -> impl Iterator<Item = &Arc<FunctionVersion>> {
    function.all_versions().filter(|version| version.is_unsettled())
}

/// The allocations of provisioned concurrency that wait to be settled.
fn provisioning(function: &Function) -> impl Iterator<Item = (&Qualifier, RevisionId)> {
    let waiting =
        |(_, provisioned): &(&Qualifier, &ProvisionedConcurrency)| provisioned.status == ProvisionedStatus::InProgress;
    let all = function.provisioned_concurrency.iter();
    all.filter(waiting).map(|(qualifier, provisioned)| (qualifier, provisioned.allocation))
}

impl FunctionVersion {
    /// Whether it is `Pending` or `InProgress`.
    pub fn is_unsettled(&self) -> bool {
        self.state == FunctionState::Pending || self.last_update == Some(UpdateStatus::InProgress)
    }
}
