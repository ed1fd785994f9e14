//! Structures that requests and answers share, and what they are in the model.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::event_sources as model;
use crate::model::event_sources::{
    DocumentDbPatch, KafkaPatch, PollersPatch, RegistryAccess, SchemaRegistry, SourceAccess,
};

/// The one key of `Endpoints`.
const BOOTSTRAP_SERVERS: &str = "KAFKA_BOOTSTRAP_SERVERS";

/// `FilterCriteria`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FilterCriteria {
    pub filters: Option<Vec<Filter>>,
}

/// `Filter`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Filter {
    pub pattern: Option<String>,
}

impl FilterCriteria {
    /// The patterns; a filter without one is no pattern at all.
    pub fn patterns(self) -> Vec<String> {
        self.filters.into_iter().flatten().map(|filter| filter.pattern.unwrap_or_default()).collect()
    }

    pub fn of(patterns: &[String]) -> Option<Self> {
        let filters = || patterns.iter().map(|pattern| Filter { pattern: Some(pattern.clone()) }).collect();
        (!patterns.is_empty()).then(|| Self { filters: Some(filters()) })
    }
}

/// `EventSourceMappingMetricsConfig`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MetricsConfig {
    pub metrics: Option<Vec<String>>,
}

/// `EventSourceMappingLoggingConfig`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LoggingConfig {
    pub system_log_level: Option<String>,
}

/// `ScalingConfig`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ScalingConfig {
    pub maximum_concurrency: Option<u32>,
}

/// `DestinationConfig`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DestinationConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_success: Option<Destination>,
    pub on_failure: Option<Destination>,
}

/// `OnSuccess` and `OnFailure`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Destination {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
}

impl From<DestinationConfig> for model::Destination {
    fn from(config: DestinationConfig) -> Self {
        let on_failure = config.on_failure.and_then(|on_failure| on_failure.destination);
        Self { on_success: config.on_success.is_some(), on_failure }
    }
}

/// `SourceAccessConfiguration`.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Access {
    #[serde(rename = "Type")]
    pub kind: Option<String>,
    #[serde(rename = "URI", skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
}

impl From<Access> for SourceAccess {
    fn from(access: Access) -> Self {
        Self { kind: access.kind.unwrap_or_default(), uri: access.uri }
    }
}

impl From<&SourceAccess> for Access {
    fn from(access: &SourceAccess) -> Self {
        Self { kind: Some(access.kind.clone()), uri: access.uri.clone() }
    }
}

/// `SelfManagedEventSource`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SelfManagedEventSource {
    pub endpoints: Option<BTreeMap<String, Vec<String>>>,
}

impl SelfManagedEventSource {
    pub fn servers(&self) -> Vec<String> {
        self.endpoints.as_ref().and_then(|endpoints| endpoints.get(BOOTSTRAP_SERVERS)).cloned().unwrap_or_default()
    }

    pub fn of(servers: &[String]) -> Self {
        Self { endpoints: Some(BTreeMap::from([(BOOTSTRAP_SERVERS.to_owned(), servers.to_vec())])) }
    }
}

/// `AmazonManagedKafkaEventSourceConfig` and `SelfManagedKafkaEventSourceConfig`; only the latter has a
/// `ConsumptionMode`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct KafkaConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer_group_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema_registry_config: Option<RegistryConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumption_mode: Option<String>,
}

impl From<KafkaConfig> for KafkaPatch {
    fn from(config: KafkaConfig) -> Self {
        Self {
            consumer_group: config.consumer_group_id,
            registry: config.schema_registry_config.map(Into::into),
            consumption_mode: config.consumption_mode,
        }
    }
}

impl From<&model::KafkaConfig> for KafkaConfig {
    fn from(config: &model::KafkaConfig) -> Self {
        Self {
            consumer_group_id: Some(config.consumer_group.clone()),
            schema_registry_config: config.registry.as_ref().map(Into::into),
            consumption_mode: config.consumption_mode.clone(),
        }
    }
}

/// `KafkaSchemaRegistryConfig`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RegistryConfig {
    #[serde(rename = "SchemaRegistryURI", skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_record_format: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_configs: Option<Vec<Access>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema_validation_configs: Option<Vec<ValidationConfig>>,
}

/// `KafkaSchemaValidationConfig`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ValidationConfig {
    pub attribute: Option<String>,
}

impl From<RegistryConfig> for SchemaRegistry {
    fn from(config: RegistryConfig) -> Self {
        let access = config.access_configs.into_iter().flatten();
        let validated = config.schema_validation_configs.into_iter().flatten();
        Self {
            uri: config.uri,
            format: config.event_record_format,
            access: access.map(|access| RegistryAccess { kind: access.kind, uri: access.uri }).collect(),
            validated: validated.filter_map(|config| config.attribute).collect(),
        }
    }
}

impl From<&SchemaRegistry> for RegistryConfig {
    fn from(registry: &SchemaRegistry) -> Self {
        let access = |access: &RegistryAccess| Access { kind: access.kind.clone(), uri: access.uri.clone() };
        let validated = |attribute: &String| ValidationConfig { attribute: Some(attribute.clone()) };
        Self {
            uri: registry.uri.clone(),
            event_record_format: registry.format.clone(),
            access_configs: filled(registry.access.iter().map(access).collect()),
            schema_validation_configs: filled(registry.validated.iter().map(validated).collect()),
        }
    }
}

/// `DocumentDBEventSourceConfig`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DocumentDbConfig {
    pub database_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collection_name: Option<String>,
    pub full_document: Option<String>,
}

impl From<DocumentDbConfig> for DocumentDbPatch {
    fn from(config: DocumentDbConfig) -> Self {
        Self { database: config.database_name, collection: config.collection_name, full_document: config.full_document }
    }
}

impl From<&model::DocumentDbConfig> for DocumentDbConfig {
    fn from(config: &model::DocumentDbConfig) -> Self {
        Self {
            database_name: Some(config.database.clone()),
            collection_name: config.collection.clone(),
            full_document: Some(config.full_document.clone()),
        }
    }
}

/// `ProvisionedPollerConfig`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PollerConfig {
    pub minimum_pollers: Option<u32>,
    pub maximum_pollers: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poller_group_name: Option<String>,
}

impl From<PollerConfig> for PollersPatch {
    fn from(config: PollerConfig) -> Self {
        Self { least: config.minimum_pollers, most: config.maximum_pollers, group: config.poller_group_name }
    }
}

impl From<&model::ProvisionedPollers> for PollerConfig {
    fn from(pollers: &model::ProvisionedPollers) -> Self {
        Self {
            minimum_pollers: Some(pollers.least),
            maximum_pollers: Some(pollers.most),
            poller_group_name: pollers.group.clone(),
        }
    }
}

/// A list, unless it is empty.
pub fn filled<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
