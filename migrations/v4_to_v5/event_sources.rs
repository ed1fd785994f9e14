//! Shapes of schema 4: event sources.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::keys::{FunctionKey, Scope};
use crate::ledger::shapes::text::Id;

words! {
    SourceKind { Sqs, SqsFifo, Kinesis, DynamoDb, Msk, SelfManagedKafka, Mq, DocumentDb }
    MappingState { Creating, Enabling, Enabled, Disabling, Disabled, Updating, Deleting }
}

shape! {
    MappingKey { scope: Scope, id: Id }
    Origin {
        position: Option<String>, timestamp: Option<u64>, topics: Vec<String>, queues: Vec<String>,
    }
    SourceAccess { kind: String, uri: Option<String> }
    RegistryAccess { kind: Option<String>, uri: Option<String> }
    SchemaRegistry {
        uri: Option<String>, format: Option<String>, access: Vec<RegistryAccess>, validated: Vec<String>,
    }
    KafkaConfig {
        consumer_group: String, registry: Option<SchemaRegistry>, consumption_mode: Option<String>,
    }
    DocumentDbConfig { database: String, collection: Option<String>, full_document: String }
    ProvisionedPollers { least: u32, most: u32, group: Option<String> }
    Settings {
        batch_size: u32, batching_window_s: Option<u32>, filters: Vec<String>, kms_key_arn: Option<String>,
        metrics: Vec<String>, log_level: Option<String>, max_concurrency: Option<u32>,
        parallelization_factor: Option<u32>, max_record_age_s: Option<i64>, max_retry_attempts: Option<i64>,
        bisect_batch: Option<bool>, tumbling_window_s: Option<u32>, on_failure: Option<String>,
        response_types: Vec<String>, access: Vec<SourceAccess>, kafka: Option<KafkaConfig>,
        document_db: Option<DocumentDbConfig>, pollers: Option<ProvisionedPollers>, origin: Origin,
    }
    EventSourceMapping {
        key: MappingKey, source: Source, target: Target, settings: Settings, enabled: bool, state: MappingState,
        last_result: Option<String>, modified: u64, revision: Id, tags: BTreeMap<String, String>,
    }
}

#[derive(Serialize, Deserialize)]
pub struct Target {
    pub function: FunctionKey,
    pub qualifier: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub enum Source {
    Arn(SourceKind, String),
    SelfManagedKafka(Vec<String>),
}

events! {
    80 / 1 EventSourceMappingPut { mapping: EventSourceMapping }
    81 / 1 EventSourceMappingSettled { key: MappingKey, revision: Id, modified: u64 }
    82 / 1 EventSourceMappingDeleted { key: MappingKey }
}
