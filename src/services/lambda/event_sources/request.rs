//! What callers send.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::structures::{
    Access, DestinationConfig, DocumentDbConfig, FilterCriteria, KafkaConfig, LoggingConfig, MetricsConfig,
    PollerConfig, ScalingConfig, SelfManagedEventSource,
};
use crate::model::error::{ApiError, ErrorCode};
use crate::model::event_sources::{Origin, SettingsPatch, Source};
use crate::model::time::Timestamp;

/// `CreateEventSourceMappingRequest`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateRequest {
    event_source_arn: Option<String>,
    pub enabled: Option<bool>,
    starting_position: Option<String>,
    starting_position_timestamp: Option<Value>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    topics: Option<Vec<String>>,
    queues: Option<Vec<String>>,
    self_managed_event_source: Option<SelfManagedEventSource>,
    #[serde(flatten)]
    pub settings: SettingsRequest,
}

/// `UpdateEventSourceMappingRequest`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateRequest {
    pub enabled: Option<bool>,
    #[serde(flatten)]
    pub settings: SettingsRequest,
}

/// What both have.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SettingsRequest {
    batch_size: Option<u32>,
    filter_criteria: Option<FilterCriteria>,
    #[serde(rename = "KMSKeyArn")]
    kms_key_arn: Option<String>,
    metrics_config: Option<MetricsConfig>,
    logging_config: Option<LoggingConfig>,
    scaling_config: Option<ScalingConfig>,
    maximum_batching_window_in_seconds: Option<u32>,
    parallelization_factor: Option<u32>,
    destination_config: Option<DestinationConfig>,
    maximum_record_age_in_seconds: Option<i64>,
    bisect_batch_on_function_error: Option<bool>,
    maximum_retry_attempts: Option<i64>,
    tumbling_window_in_seconds: Option<u32>,
    source_access_configurations: Option<Vec<Access>>,
    function_response_types: Option<Vec<String>>,
    amazon_managed_kafka_event_source_config: Option<KafkaConfig>,
    self_managed_kafka_event_source_config: Option<KafkaConfig>,
    #[serde(rename = "DocumentDBEventSourceConfig")]
    document_db_event_source_config: Option<DocumentDbConfig>,
    provisioned_poller_config: Option<PollerConfig>,
}

impl CreateRequest {
    /// The source, whichever member names it. The text is recorded in
    /// `test_event_source_mapping_exceptions` for a request that names none; that it is the same for one that
    /// Lambda does not read from, or for two at once, is a guess.
    pub fn source(&self) -> Result<Source, ApiError> {
        let servers = self.self_managed_event_source.as_ref().map(SelfManagedEventSource::servers);
        let source = match (&self.event_source_arn, servers) {
            (Some(arn), None) => Source::of_arn(arn),
            (None, Some(servers)) if !servers.is_empty() => Some(Source::SelfManagedKafka(servers)),
            _ => None,
        };
        source.ok_or_else(|| ApiError::invalid_parameter("Unrecognized event source."))
    }

    /// What cannot be changed later.
    pub fn origin(&self) -> Result<Origin, ApiError> {
        let timestamp = self.starting_position_timestamp.as_ref().map(time).transpose()?;
        let at_timestamp = self.starting_position.as_deref() == Some("AT_TIMESTAMP");
        Ok(Origin {
            position: self.starting_position.clone(),
            timestamp: timestamp.filter(|_| at_timestamp),
            topics: self.topics.clone().unwrap_or_default(),
            queues: self.queues.clone().unwrap_or_default(),
        })
    }
}

impl From<SettingsRequest> for SettingsPatch {
    fn from(request: SettingsRequest) -> Self {
        Self {
            batch_size: request.batch_size,
            batching_window_s: request.maximum_batching_window_in_seconds,
            filters: request.filter_criteria.map(FilterCriteria::patterns),
            kms_key_arn: request.kms_key_arn,
            metrics: request.metrics_config.map(|config| config.metrics.unwrap_or_default()),
            log_level: request.logging_config.map(|config| config.system_log_level),
            max_concurrency: request.scaling_config.map(|config| config.maximum_concurrency),
            parallelization_factor: request.parallelization_factor,
            max_record_age_s: request.maximum_record_age_in_seconds,
            max_retry_attempts: request.maximum_retry_attempts,
            bisect_batch: request.bisect_batch_on_function_error,
            tumbling_window_s: request.tumbling_window_in_seconds,
            destination: request.destination_config.map(Into::into),
            response_types: request.function_response_types,
            access: request.source_access_configurations.map(|list| list.into_iter().map(Into::into).collect()),
            managed_kafka: request.amazon_managed_kafka_event_source_config.map(Into::into),
            self_managed_kafka: request.self_managed_kafka_event_source_config.map(Into::into),
            document_db: request.document_db_event_source_config.map(Into::into),
            pollers: request.provisioned_poller_config.map(Into::into),
        }
    }
}

/// A time in seconds since the epoch, as a number or its text.
fn time(value: &Value) -> Result<Timestamp, ApiError> {
    let seconds = value.as_f64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
    match seconds.map(|seconds: f64| (seconds * 1000.0).round()) {
        // The range is checked, so that nothing is cut off.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Some(ms) if (0.0..1e15).contains(&ms) => Ok(Timestamp(ms as u64)),
        _ => Err(ApiError::new(ErrorCode::Serialization, format!("{value} can not be converted to a Timestamp"))),
    }
}
