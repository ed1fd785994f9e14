//! Event source mappings: what is read, which function gets it, and how.

pub mod command;
pub mod decide;
pub mod event;
pub mod filters;
pub mod index;
pub mod lookup;
mod rules;
mod settings;
mod source;

use std::collections::BTreeMap;
use std::fmt;

pub use rules::{check_origin, check_patch, check_settings, check_unchangeable};
pub use settings::{
    Destination, DocumentDbConfig, DocumentDbPatch, KafkaConfig, KafkaPatch, Origin, PollersPatch, ProvisionedPollers,
    RegistryAccess, SchemaRegistry, Settings, SettingsPatch, SourceAccess,
};
pub use source::{Source, SourceKind};
use strum::IntoStaticStr;
use uuid::Uuid;

use super::arn;
use super::command::Stamp;
use super::names::{FunctionKey, RevisionId, Scope};
use super::qualifier::Qualifier;
use super::time::Timestamp;

/// The `UUID` of a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MappingId(pub Uuid);

impl fmt::Display for MappingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.as_hyphenated(), f)
    }
}

impl MappingId {
    /// The id of a mapping that a command with this stamp creates.
    pub fn of(stamp: &Stamp) -> Self {
        Self(stamp.revision(0).0)
    }

    /// Reads the form of [`fmt::Display`], as it comes in a path or a marker.
    pub fn parse(text: &str) -> Option<Self> {
        let id = Uuid::try_parse(text).ok().map(Self)?;
        (id.to_string() == text).then_some(id)
    }
}

/// A mapping's place in the state. Sorted by scope: a listing is one range.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MappingKey {
    /// Account and region.
    pub scope: Scope,
    /// The mapping's id.
    pub id: MappingId,
}

impl MappingKey {
    /// `EventSourceMappingArn`.
    pub fn arn(&self) -> String {
        let region = &self.scope.region;
        let account = &self.scope.account;
        format!("arn:{}:lambda:{region}:{account}:event-source-mapping:{}", arn::partition(region), self.id)
    }
}

/// The function that gets the records, as it was named: with the qualifier if there was one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The function.
    pub function: FunctionKey,
    /// Version or alias.
    pub qualifier: Option<Qualifier>,
}

impl Target {
    /// The ARN as AWS shows it: qualified only if the target is.
    pub fn arn(&self) -> String {
        match &self.qualifier {
            Some(qualifier) => arn::qualified(&self.function, qualifier),
            None => arn::function(&self.function),
        }
    }
}

/// `State` of a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
pub enum MappingState {
    /// New; not polled yet.
    Creating,
    /// On its way from `Disabled` to `Enabled`.
    Enabling,
    /// Polled.
    Enabled,
    /// On its way to `Disabled`.
    Disabling,
    /// Not polled.
    Disabled,
    /// Its configuration has changed.
    Updating,
    /// On its way out.
    Deleting,
}

impl MappingState {
    /// Whether it will change by itself; nobody may change or delete the mapping meanwhile.
    pub fn is_transition(self) -> bool {
        !matches!(self, Self::Enabled | Self::Disabled)
    }
}

/// A mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct EventSourceMapping {
    /// Where.
    pub key: MappingKey,
    /// What is read.
    pub source: Source,
    /// Who gets it.
    pub target: Target,
    /// How.
    pub settings: Settings,
    /// Whether it shall be polled: where a transition leads.
    pub enabled: bool,
    /// Its state.
    pub state: MappingState,
    /// `LastProcessingResult`; queues have none.
    pub last_result: Option<String>,
    /// When it or its state changed last.
    pub modified: Timestamp,
    /// Changes with the mapping. AWS shows none: it tells the reactor whether a transition is still
    /// the one it saw.
    pub revision: RevisionId,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

impl EventSourceMapping {
    /// Ends a transition other than `Deleting`.
    pub fn settle(&mut self, revision: RevisionId, modified: Timestamp) {
        self.state = if self.enabled { MappingState::Enabled } else { MappingState::Disabled };
        self.revision = revision;
        self.modified = modified;
    }

    /// `StateTransitionReason`: streams say it in other words than what Lambda's own pollers read.
    /// SQS is recorded (`test_event_source_mapping_lifecycle`), Kinesis and `DynamoDB` are as in `LocalStack`'s
    /// snapshots of AWS's mappings (`event_source_mapping`), `DocumentDB` and MQ stand so in the developer guide's
    /// examples; for Kafka it is a guess.
    pub fn transition_reason(&self) -> &'static str {
        match self.source.kind() {
            SourceKind::Kinesis | SourceKind::DynamoDb | SourceKind::DocumentDb => "User action",
            _ => "USER_INITIATED",
        }
    }

    /// What two mappings must not share with the same function: the event source's ARN, or the broker
    /// of a cluster that AWS does not manage.
    pub fn sources(&self) -> &[String] {
        self.source.names()
    }

    /// Whether `other` would read the same as this one for the same function. A broker may serve several
    /// mappings if each has another topic or queue, a `DocumentDB` cluster if each has another collection.
    pub fn overlaps(&self, other: &Self) -> bool {
        let shared = |ours: &[String], theirs: &[String]| ours.iter().any(|name| theirs.contains(name));
        let ours = &self.settings.origin;
        let theirs = &other.settings.origin;
        shared(self.sources(), other.sources())
            && match self.source.kind() {
                SourceKind::Msk | SourceKind::SelfManagedKafka => shared(&ours.topics, &theirs.topics),
                SourceKind::Mq => shared(&ours.queues, &theirs.queues),
                SourceKind::DocumentDb => self.settings.document_db == other.settings.document_db,
                _ => true,
            }
    }
}
