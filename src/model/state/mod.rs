//! The state: the fold of all events, immutable once published. One file an area applies its events.

mod capacity_providers;
mod code_signing;
mod concurrency;
mod event_invoke;
mod event_sources;
mod function_settings;
mod functions;
mod iam;
mod layers;
mod logs;
mod policies;
mod tags;
mod urls;

use std::sync::Arc;

use imbl::OrdMap;

use super::event::Event;
use super::function::{Function, FunctionState, FunctionVersion, UpdateStatus};
use super::logs::{LogGroup, LogGroupKey, LogStream, LogStreamKey};
use super::names::{FunctionKey, RevisionId, Scope};
use super::qualifier::Version;

/// Everything Larder knows. Cheap to clone: the maps are persistent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// Number of events folded into it.
    pub sequence: u64,
    /// All functions.
    pub functions: OrdMap<FunctionKey, Arc<Function>>,
    /// Versions that are `Pending` or `InProgress`, with the deployment that waits: the reactors'
    /// work list, derived from `functions`.
    pub unsettled: OrdMap<(FunctionKey, Version), RevisionId>,
    /// What each account and region uses, derived from `functions`.
    pub usage: OrdMap<Scope, Usage>,
    /// All log groups.
    pub log_groups: OrdMap<LogGroupKey, Arc<LogGroup>>,
    /// All log streams.
    pub log_streams: OrdMap<LogStreamKey, Arc<LogStream>>,
}

/// `AccountUsage` of `GetAccountSettings`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Functions.
    pub functions: u64,
    /// Bytes of code of all versions.
    pub code_size: u64,
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
            usage.functions -= 1;
            usage.code_size -= function.code_size();
            for version in unsettled(function) {
                self.unsettled.remove(&(key.clone(), version.version));
            }
        }
        if let Some(function) = after {
            usage.functions += 1;
            usage.code_size += function.code_size();
            for version in unsettled(&function) {
                self.unsettled.insert((key.clone(), version.version), version.deployment);
            }
            self.functions.insert(key.clone(), Arc::new(function));
        } else {
            self.functions.remove(key);
        }
        if usage == Usage::default() {
            self.usage.remove(&key.scope);
        } else {
            self.usage.insert(key.scope.clone(), usage);
        }
    }

    /// The same state with all that is derived made anew: a checkpoint stores the rest only.
    pub fn rederived(mut self) -> Self {
        self.unsettled = OrdMap::new();
        self.usage = OrdMap::new();
        for (key, function) in std::mem::take(&mut self.functions) {
            self.replace(&key, None, Some(Arc::unwrap_or_clone(function)));
        }
        self
    }
}

/// The versions of a function that wait to be settled.
fn unsettled(function: &Function) -> impl Iterator<Item = &Arc<FunctionVersion>> {
    function.all_versions().filter(|version| version.is_unsettled())
}

impl FunctionVersion {
    /// Whether it is `Pending` or `InProgress`.
    pub fn is_unsettled(&self) -> bool {
        self.state == FunctionState::Pending || self.last_update == Some(UpdateStatus::InProgress)
    }
}
