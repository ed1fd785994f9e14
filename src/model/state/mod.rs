//! The state: the fold of all events, immutable once published.

use std::sync::Arc;

use imbl::OrdMap;

use super::event::{Event, Resource};
use super::function::{Failure, Function, FunctionState, FunctionVersion, UpdateStatus};
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
        match event.resource() {
            Resource::Function(key) => self.apply_to_function(key, event),
        }
    }

    fn apply_to_function(&mut self, key: &FunctionKey, event: &Event) {
        let before = self.functions.get(key).cloned();
        let after = match event {
            Event::FunctionCreated { key, latest, tags } => {
                Some(Function::new(key.clone(), (**latest).clone(), tags.clone()))
            }
            Event::FunctionDeleted { .. } => None,
            change => before.as_deref().cloned().map(|function| changed(function, change)),
        };
        self.replace(key, before.as_deref(), after);
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

    fn settled(mut self, revision: RevisionId, failure: Option<&Failure>) -> Self {
        self.revision = revision;
        let created = self.state == FunctionState::Pending;
        match failure {
            None => {
                self.state = FunctionState::Active;
                self.last_update = Some(UpdateStatus::Successful);
            }
            Some(failure) if created => self.state = FunctionState::Failed(failure.clone()),
            Some(failure) => self.last_update = Some(UpdateStatus::Failed(failure.clone())),
        }
        self
    }
}

/// The function after an event that neither creates nor deletes it.
fn changed(mut function: Function, event: &Event) -> Function {
    match event {
        Event::FunctionCodeUpdated { code, config, revision, modified, .. } => {
            let latest = Arc::make_mut(&mut function.latest);
            latest.code = code.clone();
            update(latest, config, *revision, *modified);
        }
        Event::FunctionConfigurationUpdated { config, revision, modified, .. } => {
            update(Arc::make_mut(&mut function.latest), config, *revision, *modified);
        }
        Event::FunctionSettled { version, revision, failure, .. } => {
            settle(&mut function, *version, *revision, failure.as_ref());
        }
        Event::VersionPublished { version, latest_revision, .. } => {
            if let Version::Number(number) = version.version {
                function.last_version = function.last_version.max(number);
                function.versions.insert(number, Arc::new((**version).clone()));
            }
            Arc::make_mut(&mut function.latest).revision = *latest_revision;
        }
        Event::VersionDeleted { number, .. } => {
            function.versions.remove(number);
        }
        Event::AliasPut { alias, .. } => {
            function.aliases.insert(alias.name.clone(), Arc::new(alias.clone()));
        }
        Event::AliasDeleted { name, .. } => {
            function.aliases.remove(name);
        }
        Event::FunctionCreated { .. } | Event::FunctionDeleted { .. } => {}
    }
    function
}

fn update(
    latest: &mut FunctionVersion,
    config: &Arc<super::function::FunctionConfig>,
    revision: RevisionId,
    modified: super::time::Timestamp,
) {
    latest.config = Arc::clone(config);
    latest.revision = revision;
    latest.deployment = revision;
    latest.modified = modified;
    latest.last_update = Some(UpdateStatus::InProgress);
    // A function that could not run gets another chance with its new code or configuration.
    if matches!(latest.state, FunctionState::Failed(_)) {
        latest.state = FunctionState::Active;
    }
}

fn settle(function: &mut Function, version: Version, revision: RevisionId, failure: Option<&Failure>) {
    match version {
        Version::Latest => {
            let latest = Arc::make_mut(&mut function.latest);
            *latest = latest.clone().settled(revision, failure);
        }
        Version::Number(number) => {
            if let Some(version) = function.versions.get(&number) {
                let settled = (**version).clone().settled(revision, failure);
                function.versions.insert(number, Arc::new(settled));
            }
        }
    }
}
