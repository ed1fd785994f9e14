//! What callers get.

use std::borrow::Cow;

use serde::Serialize;

use super::structures::{
    Access, Destination, DestinationConfig, DocumentDbConfig, FilterCriteria, KafkaConfig, LoggingConfig,
    MetricsConfig, PollerConfig, ScalingConfig, SelfManagedEventSource, filled,
};
use crate::model::event_sources::{EventSourceMapping, Source, SourceKind};
use crate::model::time::Timestamp;

/// `EventSourceMappingConfiguration`. A member that the kind of source does not have is not there.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MappingConfiguration<'a> {
    #[serde(rename = "UUID")]
    uuid: String,
    event_source_mapping_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    starting_position: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    starting_position_timestamp: Option<f64>,
    batch_size: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_batching_window_in_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallelization_factor: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_source_arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter_criteria: Option<FilterCriteria>,
    #[serde(rename = "KMSKeyArn", skip_serializing_if = "Option::is_none")]
    kms_key_arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics_config: Option<MetricsConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logging_config: Option<LoggingConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scaling_config: Option<ScalingConfig>,
    function_arn: String,
    last_modified: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_processing_result: Option<Cow<'a, str>>,
    state: &'static str,
    state_transition_reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_config: Option<DestinationConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topics: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queues: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_access_configurations: Option<Vec<Access>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    self_managed_event_source: Option<SelfManagedEventSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_record_age_in_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bisect_batch_on_function_error: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_retry_attempts: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tumbling_window_in_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_response_types: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amazon_managed_kafka_event_source_config: Option<KafkaConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    self_managed_kafka_event_source_config: Option<KafkaConfig>,
    #[serde(rename = "DocumentDBEventSourceConfig", skip_serializing_if = "Option::is_none")]
    document_db_event_source_config: Option<DocumentDbConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provisioned_poller_config: Option<PollerConfig>,
}

/// `ListEventSourceMappingsResponse`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MappingList<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
    pub event_source_mappings: Vec<MappingConfiguration<'a>>,
}

impl<'a> MappingConfiguration<'a> {
    /// `problem` is why its source is not read, if it is not.
    pub fn new(mapping: &'a EventSourceMapping, problem: Option<String>) -> Self {
        let settings = &mapping.settings;
        let kind = mapping.source.kind();
        let origin = &settings.origin;
        let kafka = |of: SourceKind| settings.kafka.as_ref().filter(|_| kind == of).map(Into::into);

        Self {
            uuid: mapping.key.id.to_string(),
            event_source_mapping_arn: mapping.key.arn(),
            starting_position: origin.position.as_deref(),
            starting_position_timestamp: origin.timestamp.map(seconds),
            batch_size: settings.batch_size,
            maximum_batching_window_in_seconds: settings.batching_window_s,
            parallelization_factor: settings.parallelization_factor,
            event_source_arn: mapping.source.arn(),
            filter_criteria: FilterCriteria::of(&settings.filters),
            kms_key_arn: settings.kms_key_arn.as_deref(),
            metrics_config: filled(settings.metrics.clone()).map(|list| MetricsConfig { metrics: Some(list) }),
            logging_config: settings.log_level.clone().map(|level| LoggingConfig { system_log_level: Some(level) }),
            scaling_config: settings.max_concurrency.map(|most| ScalingConfig { maximum_concurrency: Some(most) }),
            function_arn: mapping.target.arn(),
            last_modified: seconds(mapping.modified),
            last_processing_result: problem.map(Cow::from).or(mapping.last_result.as_deref().map(Cow::from)),
            state: mapping.state.into(),
            state_transition_reason: mapping.transition_reason(),
            destination_config: destinations(mapping),
            topics: filled(origin.topics.clone()),
            queues: filled(origin.queues.clone()),
            source_access_configurations: filled(settings.access.iter().map(Into::into).collect()),
            self_managed_event_source: self_managed(&mapping.source),
            maximum_record_age_in_seconds: settings.max_record_age_s,
            bisect_batch_on_function_error: settings.bisect_batch,
            maximum_retry_attempts: settings.max_retry_attempts,
            tumbling_window_in_seconds: settings.tumbling_window_s,
            function_response_types: response_types(mapping),
            amazon_managed_kafka_event_source_config: kafka(SourceKind::Msk),
            self_managed_kafka_event_source_config: kafka(SourceKind::SelfManagedKafka),
            document_db_event_source_config: settings.document_db.as_ref().map(Into::into),
            provisioned_poller_config: settings.pollers.as_ref().map(Into::into),
        }
    }

    /// As a listing shows it: without filters that the caller encrypts with a key of its own (API
    /// reference, `FilterCriteria` of `EventSourceMappingConfiguration`).
    pub fn listed(mapping: &'a EventSourceMapping, problem: Option<String>) -> Self {
        let shown = Self::new(mapping, problem);
        let filter_criteria = shown.filter_criteria.filter(|_| mapping.settings.kms_key_arn.is_none());
        Self { filter_criteria, ..shown }
    }
}

/// What can have a destination shows an empty one when it has none (as in `LocalStack`'s snapshots of AWS's
/// mappings, `event_source_mapping`, for Kinesis and `DynamoDB`; for Kafka a guess).
fn destinations(mapping: &EventSourceMapping) -> Option<DestinationConfig> {
    let kind = mapping.source.kind();
    let on_failure = || Destination { destination: mapping.settings.on_failure.clone() };
    (kind.is_stream() || kind.is_kafka())
        .then(|| DestinationConfig { on_success: None, on_failure: Some(on_failure()) })
}

/// Queues and streams show an empty list (queues recorded in `test_event_source_mapping_lifecycle`), Kafka only
/// what was given.
fn response_types(mapping: &EventSourceMapping) -> Option<Vec<String>> {
    let kind = mapping.source.kind();
    let types = mapping.settings.response_types.clone();
    if kind.is_sqs() || kind.is_stream() { Some(types) } else { filled(types) }
}

fn self_managed(source: &Source) -> Option<SelfManagedEventSource> {
    match source {
        Source::SelfManagedKafka(servers) => Some(SelfManagedEventSource::of(servers)),
        Source::Arn { .. } => None,
    }
}

/// Seconds since the epoch, with milliseconds: how Lambda writes times of mappings.
fn seconds(time: Timestamp) -> f64 {
    // Milliseconds since the epoch stay exact for some hundred thousand years.
    #[expect(clippy::cast_precision_loss)]
    let ms = time.0 as f64;
    ms / 1000.0
}
