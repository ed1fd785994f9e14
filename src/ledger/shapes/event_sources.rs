//! Event source mappings, as stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::stored::{FunctionKey, Scope, Stored};
use super::text::Id;
use crate::model::event_sources as model;
use crate::model::event_sources::event::EventSourceEvent;
use crate::model::qualifier::Qualifier;

id! {
    model::MappingId: Id, |id| Id(*id.0.as_bytes()), |id| model::MappingId(Uuid::from_bytes(id.0));
}

/// The qualifier is stored as its text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    function: FunctionKey,
    qualifier: Option<String>,
}

impl Stored<model::Target> for Target {
    fn store(target: &model::Target) -> Self {
        let qualifier = target.qualifier.as_ref().map(ToString::to_string);
        Self { function: Stored::store(&target.function), qualifier }
    }
    fn load(self) -> model::Target {
        let qualifier = self.qualifier.as_deref().map(Qualifier::parse);
        model::Target { function: self.function.load(), qualifier }
    }
}

/// The kind follows from the ARN; it is stored beside it so that a later rule cannot change old mappings.
#[derive(Serialize, Deserialize)]
pub(super) enum Source {
    Arn(SourceKind, String),
    SelfManagedKafka(Vec<String>),
}

impl Stored<model::Source> for Source {
    fn store(source: &model::Source) -> Self {
        match source {
            model::Source::Arn { kind, arn: [arn] } => Self::Arn(Stored::store(kind), arn.clone()),
            model::Source::SelfManagedKafka(servers) => Self::SelfManagedKafka(servers.clone()),
        }
    }
    fn load(self) -> model::Source {
        match self {
            Self::Arn(kind, arn) => model::Source::Arn { kind: kind.load(), arn: [arn] },
            Self::SelfManagedKafka(servers) => model::Source::SelfManagedKafka(servers),
        }
    }
}

words! {
    SourceKind = model::SourceKind { Sqs, SqsFifo, Kinesis, DynamoDb, Msk, SelfManagedKafka, Mq, DocumentDb }
    MappingState = model::MappingState { Creating, Enabling, Enabled, Disabling, Disabled, Updating, Deleting }
}

shape! {
    MappingKey = model::MappingKey { scope: Scope, id: Id }
    Origin = model::Origin {
        position: Option<String>, timestamp: Option<u64>, topics: Vec<String>, queues: Vec<String>,
    }
    SourceAccess = model::SourceAccess { kind: String, uri: Option<String> }
    RegistryAccess = model::RegistryAccess { kind: Option<String>, uri: Option<String> }
    SchemaRegistry = model::SchemaRegistry {
        uri: Option<String>, format: Option<String>, access: Vec<RegistryAccess>, validated: Vec<String>,
    }
    KafkaConfig = model::KafkaConfig {
        consumer_group: String, registry: Option<SchemaRegistry>, consumption_mode: Option<String>,
    }
    DocumentDbConfig = model::DocumentDbConfig { database: String, collection: Option<String>, full_document: String }
    ProvisionedPollers = model::ProvisionedPollers { least: u32, most: u32, group: Option<String> }
    Settings = model::Settings {
        batch_size: u32, batching_window_s: Option<u32>, filters: Vec<String>, kms_key_arn: Option<String>,
        metrics: Vec<String>, log_level: Option<String>, max_concurrency: Option<u32>,
        parallelization_factor: Option<u32>, max_record_age_s: Option<i64>, max_retry_attempts: Option<i64>,
        bisect_batch: Option<bool>, tumbling_window_s: Option<u32>, on_failure: Option<String>,
        response_types: Vec<String>, access: Vec<SourceAccess>, kafka: Option<KafkaConfig>,
        document_db: Option<DocumentDbConfig>, pollers: Option<ProvisionedPollers>, origin: Origin,
    }
    EventSourceMapping = model::EventSourceMapping {
        key: MappingKey, source: Source, target: Target, settings: Settings, enabled: bool, state: MappingState,
        last_result: Option<String>, modified: u64, revision: Id, tags: BTreeMap<String, String>,
    }
}

events! { EventSourceEvent {
    80 EventSourceMappingPut { mapping: EventSourceMapping }
    81 EventSourceMappingSettled { key: MappingKey, revision: Id, modified: u64 }
    82 EventSourceMappingDeleted { key: MappingKey }
} }
