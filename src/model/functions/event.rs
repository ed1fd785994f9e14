//! Events of functions, their versions and aliases, and what they do to the state.

use std::collections::BTreeMap;
use std::sync::Arc;

use strum::IntoStaticStr;

use crate::model::event::Subject;
use crate::model::functions::alias::Alias;
use crate::model::functions::{Code, Failure, Function, FunctionConfig, FunctionState, FunctionVersion, UpdateStatus};
use crate::model::names::{AliasName, FunctionKey, RevisionId};
use crate::model::policies::Target;
use crate::model::qualifier::{Qualifier, Version};
use crate::model::state::State;
use crate::model::time::Timestamp;

/// What happened to a function, its versions and aliases.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum FunctionEvent {
    /// A function came to be, `Pending`.
    FunctionCreated {
        /// Where.
        key: FunctionKey,
        /// Its `$LATEST`.
        latest: Box<FunctionVersion>,
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// `$LATEST` got other code; its update is in progress.
    FunctionCodeUpdated {
        /// The function.
        key: FunctionKey,
        /// The code.
        code: Code,
        /// The configuration, which may have another architecture.
        config: Arc<FunctionConfig>,
        /// Its new revision, which is its new deployment too.
        revision: RevisionId,
        /// When.
        modified: Timestamp,
    },
    /// `$LATEST` got another configuration; its update is in progress.
    FunctionConfigurationUpdated {
        /// The function.
        key: FunctionKey,
        /// The configuration.
        config: Arc<FunctionConfig>,
        /// Its new revision, which is its new deployment too.
        revision: RevisionId,
        /// When.
        modified: Timestamp,
    },
    /// A version left `Pending` or `InProgress`.
    FunctionSettled {
        /// The function.
        key: FunctionKey,
        /// The version.
        version: Version,
        /// Its new revision.
        revision: RevisionId,
        /// Why it cannot run here.
        failure: Option<Failure>,
    },
    /// A function and all that belongs to it is gone.
    FunctionDeleted {
        /// The function.
        key: FunctionKey,
    },
    /// A version was published.
    VersionPublished {
        /// The function.
        key: FunctionKey,
        /// The version, its number in it.
        version: Box<FunctionVersion>,
        /// New revision of `$LATEST`.
        latest_revision: RevisionId,
    },
    /// A published version is gone.
    VersionDeleted {
        /// The function.
        key: FunctionKey,
        /// Its number.
        number: u64,
    },
    /// An alias came to be or changed: the whole of it.
    AliasPut {
        /// The function.
        key: FunctionKey,
        /// The alias.
        alias: Alias,
    },
    /// An alias is gone.
    AliasDeleted {
        /// The function.
        key: FunctionKey,
        /// Its name.
        name: AliasName,
    },
}

impl FunctionEvent {
    /// The function it is about.
    pub fn key(&self) -> &FunctionKey {
        match self {
            Self::FunctionCreated { key, .. }
            | Self::FunctionCodeUpdated { key, .. }
            | Self::FunctionConfigurationUpdated { key, .. }
            | Self::FunctionSettled { key, .. }
            | Self::FunctionDeleted { key }
            | Self::VersionPublished { key, .. }
            | Self::VersionDeleted { key, .. }
            | Self::AliasPut { key, .. }
            | Self::AliasDeleted { key, .. } => key,
        }
    }

    /// What it is about, for people.
    pub fn subject(&self) -> Subject {
        Subject::function(self.key())
    }
}

/// Folds one event.
pub fn apply(state: &mut State, event: &FunctionEvent) {
    let key = event.key();
    let before = state.functions.get(key).cloned();
    match event {
        FunctionEvent::FunctionCreated { key, latest, tags } => {
            let function = Function::new(key.clone(), (**latest).clone(), tags.clone());
            state.replace(key, before.as_deref(), Some(function.into()));
        }
        FunctionEvent::FunctionDeleted { .. } => state.replace(key, before.as_deref(), None),
        event => state.change_function(key, |function| change(function, event)),
    }
}

/// Changes a function by an event that neither creates nor deletes it.
fn change(function: &mut Function, event: &FunctionEvent) {
    // Whoever changes what runs vouches for it.
    let vouches = matches!(
        event,
        FunctionEvent::FunctionCodeUpdated { .. }
            | FunctionEvent::FunctionConfigurationUpdated { .. }
            | FunctionEvent::VersionPublished { .. }
    );
    if vouches {
        function.vouch();
    }
    match event {
        FunctionEvent::FunctionCodeUpdated { code, config, revision, modified, .. } => {
            let latest = Arc::make_mut(&mut function.latest);
            latest.code = code.clone();
            update(latest, config, *revision, *modified);
        }
        FunctionEvent::FunctionConfigurationUpdated { config, revision, modified, .. } => {
            update(Arc::make_mut(&mut function.latest), config, *revision, *modified);
        }
        FunctionEvent::FunctionSettled { version, revision, failure, .. } => {
            settle(function, *version, *revision, failure.as_ref());
        }
        FunctionEvent::VersionPublished { version, latest_revision, .. } => {
            let published = Arc::new((**version).clone());
            match version.version {
                Version::Number(number) => {
                    function.last_version = function.last_version.max(number);
                    function.versions.insert(number, published);
                }
                Version::LatestPublished => function.latest_published = Some(published),
                Version::Latest => {}
            }
            Arc::make_mut(&mut function.latest).revision = *latest_revision;
        }
        FunctionEvent::VersionDeleted { number, .. } => {
            function.versions.remove(number);
            detach(function, &Qualifier::Version(Version::Number(*number)));
        }
        FunctionEvent::AliasPut { alias, .. } => {
            function.aliases.insert(alias.name.clone(), Arc::new(alias.clone()));
        }
        FunctionEvent::AliasDeleted { name, .. } => {
            function.aliases.remove(name);
            detach(function, &Qualifier::Alias(name.clone()));
        }
        FunctionEvent::FunctionCreated { .. } | FunctionEvent::FunctionDeleted { .. } => {}
    }
}

/// Takes away what is attached to a qualifier that is gone.
fn detach(function: &mut Function, qualifier: &Qualifier) {
    function.provisioned_concurrency.remove(qualifier);
    function.scaling.remove(qualifier);
    function.event_invoke.remove(qualifier);
    match qualifier {
        Qualifier::Alias(name) => {
            function.urls.remove(&Some(name.clone()));
        }
        Qualifier::Version(version) => {
            function.runtime_management.remove(version);
        }
    }

    function.policies.remove(&Target::of(Some(qualifier)));
}

fn update(latest: &mut FunctionVersion, config: &Arc<FunctionConfig>, revision: RevisionId, modified: Timestamp) {
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
        Version::LatestPublished => {
            let published = function.latest_published.as_ref();
            function.latest_published =
                published.map(|version| Arc::new((**version).clone().settled(revision, failure)));
        }
        Version::Number(number) => {
            if let Some(version) = function.versions.get(&number) {
                let settled = (**version).clone().settled(revision, failure);
                function.versions.insert(number, Arc::new(settled));
            }
        }
    }
}

impl FunctionVersion {
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
