//! Events of functions, their versions and aliases.

use std::collections::BTreeMap;
use std::sync::Arc;

use strum::IntoStaticStr;

use crate::model::event::Subject;
use crate::model::functions::alias::Alias;
use crate::model::functions::{Code, Failure, FunctionConfig, FunctionVersion};
use crate::model::names::{AliasName, FunctionKey, RevisionId};
use crate::model::qualifier::Version;
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
