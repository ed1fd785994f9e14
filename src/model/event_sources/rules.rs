//! What each kind of source allows and requires.
//!
//! Which member belongs to which kind is said in the API reference of `CreateEventSourceMapping`, member by
//! member. Texts are AWS's where a source is named; the others are guesses in AWS's manner.

use super::filters::is_pattern;
use super::settings::{KafkaPatch, Origin, PollersPatch, ProvisionedPollers, Settings, SettingsPatch, SourceAccess};
use super::source::{Source, SourceKind};
use crate::model::arn::Arn;
use crate::model::error::ApiError;
use crate::model::time::Timestamp;

/// Filters of a mapping at most: AWS's default quota.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html>.
const MAX_FILTERS: usize = 5;

/// Shortest time that records may be kept, in seconds.
const LEAST_RECORD_AGE_S: i64 = 60;

fn refuse<T>(message: impl Into<String>) -> Result<T, ApiError> {
    Err(ApiError::invalid_parameter(message))
}

/// AWS's text for a member of another kind (pulumi/pulumi-aws#1418 shows it of
/// `maximumBatchingWindowInSeconds`).
fn unsupported(member: &str) -> Result<(), ApiError> {
    refuse(format!("Unsupported '{member}' parameter for given event source mapping type."))
}

/// The text as `LocalStack`'s provider has it for `sourceAccessConfigurations`; for others a guess.
fn missing(member: &str) -> Result<(), ApiError> {
    refuse(format!("Required '{member}' parameter is missing."))
}

/// What can be said of the given settings alone.
///
/// # Errors
/// A member that the kind does not have, or whose value no kind allows.
pub fn check_patch(kind: SourceKind, patch: &SettingsPatch) -> Result<(), ApiError> {
    check_destination(kind, patch)?;
    let kafka = kind.is_kafka();
    let records = kind.is_stream() || kafka;
    let is_filled = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    let none = PollersPatch::default();
    let members = [
        ("parallelizationFactor", patch.parallelization_factor.is_some(), kind.is_stream()),
        ("tumblingWindowInSeconds", patch.tumbling_window_s.is_some(), kind.is_stream()),
        ("maximumRecordAgeInSeconds", patch.max_record_age_s.is_some(), records),
        ("maximumRetryAttempts", patch.max_retry_attempts.is_some(), records),
        ("bisectBatchOnFunctionError", patch.bisect_batch.is_some(), records),
        ("functionResponseTypes", is_filled(&patch.response_types), records || kind.is_sqs()),
        ("metricsConfig", is_filled(&patch.metrics), records || kind.is_sqs()),
        ("scalingConfig", patch.max_concurrency.flatten().is_some(), kind.is_sqs()),
        ("loggingConfig", patch.log_level.iter().flatten().next().is_some(), kafka),
        (
            "provisionedPollerConfig",
            patch.pollers.as_ref().is_some_and(|pollers| *pollers != none),
            kafka || kind.is_sqs(),
        ),
        (
            "sourceAccessConfigurations",
            patch.access.as_ref().is_some_and(|access| !access.is_empty()),
            kafka || matches!(kind, SourceKind::Mq | SourceKind::DocumentDb),
        ),
        ("amazonManagedKafkaEventSourceConfig", patch.managed_kafka.is_some(), kind == SourceKind::Msk),
        ("selfManagedKafkaEventSourceConfig", patch.self_managed_kafka.is_some(), kind == SourceKind::SelfManagedKafka),
        ("documentDBEventSourceConfig", patch.document_db.is_some(), kind == SourceKind::DocumentDb),
    ];
    if let Some((member, ..)) = members.iter().find(|(_, given, allowed)| *given && !allowed) {
        return unsupported(member);
    }
    check_filters(patch.filters.as_deref().unwrap_or_default())
}

/// No mapping has a destination for success, queues have none at all (recorded in
/// `test_event_source_mapping_exceptions`); a failure can go to a queue, a topic, a bucket or a Kafka topic.
fn check_destination(kind: SourceKind, patch: &SettingsPatch) -> Result<(), ApiError> {
    let Some(destination) = &patch.destination else { return Ok(()) };
    let on_failure = destination.on_failure.as_deref().filter(|arn| !arn.is_empty());
    let allowed = kind.is_stream() || kind.is_kafka();
    if destination.on_success || (on_failure.is_some() && !allowed) {
        return refuse("Unsupported DestinationConfig parameter for given event source mapping type.");
    }
    let Some(arn) = on_failure else { return Ok(()) };
    let service = Arn::parse(arn).map_or("", |arn| arn.service);
    let is_topic = arn.starts_with("kafka://") && kind.is_kafka();
    if is_topic || matches!(service, "sqs" | "sns" | "s3") {
        return Ok(());
    }

    refuse(format!(
        "The provided destination config DestinationConfig(onSuccess=null, onFailure=OnFailure(destination={arn})) \
         is invalid."
    ))
}

/// The text as in `LocalStack`'s snapshots of AWS's mappings (`event_source_mapping`, of `DynamoDB`).
fn check_filters(patterns: &[String]) -> Result<(), ApiError> {
    if patterns.len() > MAX_FILTERS {
        return refuse(format!("Number of filters cannot be greater than {MAX_FILTERS}."));
    }
    if patterns.iter().all(|pattern| is_pattern(pattern)) {
        Ok(())
    } else {
        refuse("Invalid filter pattern definition.")
    }
}

/// What is given at creation only.
///
/// # Errors
/// A member that the kind does not have, one that is missing, or a position it cannot start from.
pub fn check_origin(source: &Source, origin: &Origin, patch: &SettingsPatch, now: Timestamp) -> Result<(), ApiError> {
    let kind = source.kind();
    if !origin.topics.is_empty() && !kind.is_kafka() {
        return unsupported("topics");
    }
    if !origin.queues.is_empty() && kind != SourceKind::Mq {
        return unsupported("queues");
    }
    check_position(source, origin, now)?;
    let access = patch.access.as_ref().is_none_or(Vec::is_empty);
    let database = patch.document_db.as_ref().and_then(|config| config.database.as_ref());
    let required: &[(&str, bool)] = match kind {
        SourceKind::Msk => &[("topics", origin.topics.is_empty())],
        SourceKind::SelfManagedKafka => &[("sourceAccessConfigurations", access), ("topics", origin.topics.is_empty())],
        SourceKind::Mq => &[("sourceAccessConfigurations", access), ("queues", origin.queues.is_empty())],
        SourceKind::DocumentDb => {
            &[("sourceAccessConfigurations", access), ("documentDBEventSourceConfig", database.is_none())]
        }
        _ => &[],
    };

    match required.iter().find(|(_, is_missing)| *is_missing) {
        Some((member, _)) => missing(member),
        None => check_share_group(origin, patch),
    }
}

/// Recorded in `test_create_event_source_validation` and `…_kinesis`; the text for a missing timestamp is
/// reported in serverless/serverless#12111.
fn check_position(source: &Source, origin: &Origin, now: Timestamp) -> Result<(), ApiError> {
    let kind = source.kind();
    match origin.position.as_deref() {
        None if kind.is_stream() => refuse(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: \
             Member must not be null.",
        ),
        Some(_) if kind.is_sqs() => refuse("StartingPosition is not valid for SQS event sources."),
        Some(_) if kind == SourceKind::Mq => unsupported("startingPosition"),
        Some("AT_TIMESTAMP") if kind == SourceKind::DynamoDb => {
            let arn = source.arn().unwrap_or_default();
            refuse(format!("Unsupported starting position for arn type: {arn}"))
        }
        Some("AT_TIMESTAMP") => match origin.timestamp {
            None => refuse("Need to specify a timestamp"),
            Some(time) if time > now => refuse("StartingPositionTimestamp cannot be in the future."),
            Some(_) => Ok(()),
        },
        _ => Ok(()),
    }
}

/// A share group of Kafka knows no position and no window, and retries by itself (API reference,
/// `ConsumptionMode`).
fn check_share_group(origin: &Origin, patch: &SettingsPatch) -> Result<(), ApiError> {
    let mode = patch.self_managed_kafka.as_ref().and_then(|kafka| kafka.consumption_mode.as_deref());
    if mode != Some("Queue") {
        return Ok(());
    }
    let members = [
        ("startingPosition", origin.position.is_some()),
        ("startingPositionTimestamp", origin.timestamp.is_some()),
        ("maximumBatchingWindowInSeconds", patch.batching_window_s.is_some()),
        ("maximumRetryAttempts", patch.max_retry_attempts == Some(-1)),
    ];
    match members.iter().find(|(_, given)| *given) {
        Some((member, _)) => unsupported(member),
        None => Ok(()),
    }
}

/// What an update cannot change.
///
/// # Errors
/// Another consumer group, consumption mode or virtual host (API reference of the three).
pub fn check_unchangeable(settings: &Settings, patch: &SettingsPatch) -> Result<(), ApiError> {
    let differs = |given: Option<&String>, has: Option<&String>| given.is_some() && given != has;
    if let (Some(kafka), Some(patch)) = (&settings.kafka, kafka(patch)) {
        if differs(patch.consumer_group.as_ref(), Some(&kafka.consumer_group)) {
            return refuse("ConsumerGroupId cannot be updated.");
        }
        let stream = "Stream".to_owned();
        let mode = kafka.consumption_mode.as_ref().unwrap_or(&stream);
        if differs(patch.consumption_mode.as_ref(), Some(mode)) {
            return refuse("ConsumptionMode cannot be updated.");
        }
    }

    if patch.access.iter().flatten().any(|access| access.kind == "VIRTUAL_HOST") {
        return refuse("VIRTUAL_HOST cannot be updated.");
    }
    Ok(())
}

fn kafka(patch: &SettingsPatch) -> Option<&KafkaPatch> {
    patch.managed_kafka.as_ref().or(patch.self_managed_kafka.as_ref())
}

/// What can be said of all settings together.
///
/// # Errors
/// A value that is out of the kind's range, or does not go with another.
pub fn check_settings(kind: SourceKind, settings: &Settings) -> Result<(), ApiError> {
    check_batches(kind, settings)?;
    // The text is reported in hashicorp/terraform-provider-aws#16113.
    if settings.max_record_age_s.is_some_and(|age| (0..LEAST_RECORD_AGE_S).contains(&age)) {
        return refuse("MaximumRecordAgeInSeconds must be either -1 (forever) or between 60 and 604800 (inclusive)");
    }
    if !kind.is_kafka()
        && let Some(metric) = settings.metrics.iter().find(|metric| *metric != "EventCount")
    {
        return refuse(format!("Unsupported metric {metric} for given event source mapping type."));
    }

    if let Some(pollers) = &settings.pollers {
        check_pollers(kind, pollers)?;
        // <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>: one or the other.
        if settings.max_concurrency.is_some() {
            return refuse("ScalingConfig and ProvisionedPollerConfig cannot be used together.");
        }
    }

    check_access(kind, &settings.access)
}

/// Texts: awslabs' annotations for .NET (aws/aws-lambda-dotnet#1758) and aws/chalice#1778 quote them.
fn check_batches(kind: SourceKind, settings: &Settings) -> Result<(), ApiError> {
    let window = settings.batching_window_s.unwrap_or_default();
    if kind == SourceKind::SqsFifo && window > 0 {
        return refuse("Batching window is not supported for FIFO queues");
    }
    if kind.is_sqs() && settings.batch_size > 10 && window == 0 {
        return refuse(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
        );
    }
    // That the factor must be 1 is reported (terraform-aws-modules/terraform-aws-lambda#619), the text is a guess.
    if settings.has_windows() && settings.parallelization_factor.is_some_and(|factor| factor > 1) {
        return refuse("ParallelizationFactor must be 1 if TumblingWindowInSeconds is greater than 0.");
    }

    Ok(())
}

/// Ranges as in the API reference of `ProvisionedPollerConfig`.
fn check_pollers(kind: SourceKind, pollers: &ProvisionedPollers) -> Result<(), ApiError> {
    let (least, most) = if kind.is_sqs() { (2, 10_000) } else { (1, 2_000) };
    if pollers.least < least {
        return refuse(format!("MinimumPollers must be at least {least}."));
    }
    if !(least..=most).contains(&pollers.most) {
        return refuse(format!("MaximumPollers must be between {least} and {most}."));
    }
    if pollers.least > pollers.most {
        return refuse("MinimumPollers must be less than or equal to MaximumPollers.");
    }

    match &pollers.group {
        Some(_) if !kind.is_kafka() => unsupported("pollerGroupName"),
        _ => Ok(()),
    }
}

/// Which types belong to which source: API reference of `SourceAccessConfiguration`.
fn check_access(kind: SourceKind, access: &[SourceAccess]) -> Result<(), ApiError> {
    let allowed: &[&str] = match kind {
        SourceKind::Msk => &["SASL_SCRAM_512_AUTH", "CLIENT_CERTIFICATE_TLS_AUTH"],
        SourceKind::Mq => &["BASIC_AUTH", "VIRTUAL_HOST"],
        SourceKind::DocumentDb => &["BASIC_AUTH"],
        _ => &[],
    };
    let is_allowed = |access: &SourceAccess| match kind {
        SourceKind::SelfManagedKafka => access.kind != "VIRTUAL_HOST",
        _ => allowed.contains(&access.kind.as_str()),
    };
    if let Some(other) = access.iter().find(|access| !is_allowed(access)) {
        return refuse(format!("Unsupported source access type {} for given event source mapping type.", other.kind));
    }
    // Only what Lambda's own role signs needs no secret.
    let needs_uri = |access: &&SourceAccess| !matches!(access.kind.as_str(), "IAM_AUTH" | "IAM_OAUTHBEARER_AUTH");

    match access.iter().find(|access| needs_uri(access) && access.uri.is_none()) {
        Some(access) => refuse(format!("Source access configuration of type {} must have a URI.", access.kind)),
        None => Ok(()),
    }
}
