//! Events: facts that happened. They log results (ids, times), never requests.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::alias::Alias;
use super::arn;
use super::function::{Code, Failure, FunctionConfig, FunctionVersion};
use super::names::{AliasName, FunctionKey, RevisionId, Scope};
use super::qualifier::Version;
use super::time::Timestamp;

/// The one thing that changes state.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
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

impl Event {
    /// The event's name, past tense.
    pub fn name(&self) -> &'static str {
        match self {
            Self::FunctionCreated { .. } => "FunctionCreated",
            Self::FunctionCodeUpdated { .. } => "FunctionCodeUpdated",
            Self::FunctionConfigurationUpdated { .. } => "FunctionConfigurationUpdated",
            Self::FunctionSettled { .. } => "FunctionSettled",
            Self::FunctionDeleted { .. } => "FunctionDeleted",
            Self::VersionPublished { .. } => "VersionPublished",
            Self::VersionDeleted { .. } => "VersionDeleted",
            Self::AliasPut { .. } => "AliasPut",
            Self::AliasDeleted { .. } => "AliasDeleted",
        }
    }

    /// What the event is about.
    pub fn resource(&self) -> Resource<'_> {
        match self {
            Self::FunctionCreated { key, .. }
            | Self::FunctionCodeUpdated { key, .. }
            | Self::FunctionConfigurationUpdated { key, .. }
            | Self::FunctionSettled { key, .. }
            | Self::FunctionDeleted { key }
            | Self::VersionPublished { key, .. }
            | Self::VersionDeleted { key, .. }
            | Self::AliasPut { key, .. }
            | Self::AliasDeleted { key, .. } => Resource::Function(key),
        }
    }
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource<'a> {
    /// A function and what belongs to it.
    Function(&'a FunctionKey),
}

impl Resource<'_> {
    /// Its ARN.
    pub fn arn(&self) -> String {
        match self {
            Self::Function(key) => arn::function(key),
        }
    }

    /// Where it is.
    pub fn scope(&self) -> &Scope {
        match self {
            Self::Function(key) => &key.scope,
        }
    }

    /// Its name inside the account and region.
    pub fn name(&self) -> &str {
        match self {
            Self::Function(key) => key.name.as_str(),
        }
    }
}

/// An event with its place in history and who caused it.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Its place, from 1, without gaps.
    pub sequence: u64,
    /// When it was decided.
    pub time: Timestamp,
    /// Who asked.
    pub origin: Origin,
    /// What happened.
    pub event: Event,
}

/// Who asked for a change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// Request id of the call; of Larder's own changes the reactor's name.
    pub request_id: String,
    /// Access key id the call was signed with.
    pub access_key_id: String,
    /// `User-Agent` of the call.
    pub user_agent: String,
}
