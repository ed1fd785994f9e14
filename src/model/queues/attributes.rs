//! Attributes of queues: by their names as callers write them, and as they are shown.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::redrive::{REDRIVE, REDRIVE_ALLOW};
use super::{
    DEFAULT_REUSE_S, DeduplicationScope, Encryption, Fifo, MAX_MESSAGE_BYTES, Queue, QueueSettings, Redrive,
    RedriveAllow, ThroughputLimit,
};
use crate::model::error::{ApiError, ErrorCode};

/// Says that a queue is a FIFO queue.
pub const FIFO: &str = "FifoQueue";

const CONTENT_BASED: &str = "ContentBasedDeduplication";
const SCOPE: &str = "DeduplicationScope";
const THROUGHPUT: &str = "FifoThroughputLimit";
const KMS_KEY: &str = "KmsMasterKeyId";
const REUSE: &str = "KmsDataKeyReusePeriodSeconds";
const MANAGED: &str = "SqsManagedSseEnabled";
const POLICY: &str = "Policy";

/// Settings with attributes that a caller gives.
///
/// # Errors
/// An attribute that the queue cannot have, or a value that the attribute cannot.
pub fn changed(before: &QueueSettings, given: &BTreeMap<String, String>) -> Result<QueueSettings, ApiError> {
    let mut settings = before.clone();
    for (name, value) in given {
        set(&mut settings, name, value)?;
    }
    if let Some(Fifo { throughput_limit, deduplication_scope, .. }) = settings.fifo
        && throughput_limit == ThroughputLimit::PerMessageGroupId
        && deduplication_scope != DeduplicationScope::MessageGroup
    {
        // The sentence is the documentation's.
        let message =
            "The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup.";
        return Err(ApiError::new(ErrorCode::InvalidAttributeValue, message));
    }
    settle_encryption(&mut settings.encryption, given)?;

    Ok(settings)
}

fn set(settings: &mut QueueSettings, name: &str, value: &str) -> Result<(), ApiError> {
    match name {
        "DelaySeconds" => settings.delay_s = number(name, value, 0..=900)?,
        "MaximumMessageSize" => settings.max_message_bytes = number(name, value, 1024..=MAX_MESSAGE_BYTES)?,
        "MessageRetentionPeriod" => settings.retention_s = number(name, value, 60..=1_209_600)?,
        "ReceiveMessageWaitTimeSeconds" => settings.wait_s = number(name, value, 0..=20)?,
        "VisibilityTimeout" => settings.visibility_s = number(name, value, 0..=43_200)?,
        POLICY => settings.policy = policy(value)?,
        REDRIVE => settings.redrive = Redrive::parse(value)?,
        REDRIVE_ALLOW => settings.redrive_allow = RedriveAllow::parse(value)?,
        KMS_KEY => settings.encryption.kms_key = Some(value.to_owned()).filter(|key| !key.is_empty()),
        REUSE => settings.encryption.reuse_s = Some(number(name, value, 60..=86_400)?),
        MANAGED => settings.encryption.managed = boolean(name, value)?,
        FIFO | CONTENT_BASED | SCOPE | THROUGHPUT => match &mut settings.fifo {
            Some(fifo) => set_fifo(fifo, name, value)?,
            None => return Err(not_of_standard_queues(name)),
        },
        _ => return Err(unknown(name)),
    }
    Ok(())
}

fn set_fifo(fifo: &mut Fifo, name: &str, value: &str) -> Result<(), ApiError> {
    match (name, value) {
        (CONTENT_BASED, _) => fifo.content_based_deduplication = boolean(name, value)?,
        (SCOPE, "queue") => fifo.deduplication_scope = DeduplicationScope::Queue,
        (SCOPE, "messageGroup") => fifo.deduplication_scope = DeduplicationScope::MessageGroup,
        (THROUGHPUT, "perQueue") => fifo.throughput_limit = ThroughputLimit::PerQueue,
        (THROUGHPUT, "perMessageGroupId") => fifo.throughput_limit = ThroughputLimit::PerMessageGroupId,
        (FIFO, _) if value.eq_ignore_ascii_case("true") => {}
        (FIFO, _) => {
            // Recorded in `LocalStack`'s `test_set_unsupported_attribute_fifo` (2023-11).
            let message = "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.";
            return Err(ApiError::new(ErrorCode::InvalidAttributeValue, message));
        }
        _ => return Err(invalid(name)),
    }
    Ok(())
}

/// One way to encrypt excludes the other; which of them was given last wins over what was there before. Recorded in
/// `LocalStack`'s `test_sse_kms_and_sqs_are_mutually_exclusive` and `test_sse_queue_attributes` (2023-11).
fn settle_encryption(encryption: &mut Encryption, given: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if encryption.kms_key.is_none() || !encryption.managed {
        return Ok(());
    }
    if given.contains_key(MANAGED) {
        let message = "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or \
                       SQS SSE.";
        return Err(ApiError::new(ErrorCode::InvalidAttributeName, message));
    }

    encryption.managed = false;
    Ok(())
}

/// The attributes of a queue that can be set, and its ARN and times: what is shown of it, but for its messages.
pub fn shown(queue: &Queue) -> BTreeMap<&'static str, String> {
    let Queue { key, created, modified, settings, .. } = queue;
    let mut shown = BTreeMap::from([
        ("QueueArn", key.arn()),
        ("CreatedTimestamp", (created.0 / 1000).to_string()),
        ("LastModifiedTimestamp", (modified.0 / 1000).to_string()),
        ("DelaySeconds", settings.delay_s.to_string()),
        ("MaximumMessageSize", settings.max_message_bytes.to_string()),
        ("MessageRetentionPeriod", settings.retention_s.to_string()),
        ("ReceiveMessageWaitTimeSeconds", settings.wait_s.to_string()),
        ("VisibilityTimeout", settings.visibility_s.to_string()),
        (MANAGED, settings.encryption.managed.to_string()),
    ]);
    shown.extend(settings.policy.clone().map(|policy| (POLICY, policy)));
    shown.extend(settings.redrive.as_ref().map(|redrive| (REDRIVE, redrive.shown())));
    shown.extend(settings.redrive_allow.as_ref().map(|allow| (REDRIVE_ALLOW, allow.shown())));

    let Encryption { kms_key, reuse_s, .. } = &settings.encryption;
    let reuse = reuse_s.or(kms_key.as_ref().map(|_| DEFAULT_REUSE_S));
    shown.extend(kms_key.clone().map(|key| (KMS_KEY, key)));
    shown.extend(reuse.map(|reuse| (REUSE, reuse.to_string())));
    if let Some(fifo) = settings.fifo {
        shown.extend(shown_fifo(fifo));
    }

    shown
}

fn shown_fifo(fifo: Fifo) -> [(&'static str, String); 4] {
    let scope = match fifo.deduplication_scope {
        DeduplicationScope::Queue => "queue",
        DeduplicationScope::MessageGroup => "messageGroup",
    };
    let limit = match fifo.throughput_limit {
        ThroughputLimit::PerQueue => "perQueue",
        ThroughputLimit::PerMessageGroupId => "perMessageGroupId",
    };
    [
        (FIFO, true.to_string()),
        (CONTENT_BASED, fifo.content_based_deduplication.to_string()),
        (SCOPE, scope.to_owned()),
        (THROUGHPUT, limit.to_owned()),
    ]
}

fn number(name: &str, value: &str, range: RangeInclusive<u32>) -> Result<u32, ApiError> {
    value.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| invalid(name))
}

fn boolean(name: &str, value: &str) -> Result<bool, ApiError> {
    value.to_ascii_lowercase().parse().map_err(|_| invalid(name))
}

/// A policy is kept as it is given; an empty one is none.
fn policy(value: &str) -> Result<Option<String>, ApiError> {
    if value.is_empty() {
        return Ok(None);
    }
    match serde_json::from_str(value) {
        Ok(Value::Object(_)) => Ok(Some(value.to_owned())),
        _ => Err(invalid(POLICY)),
    }
}

/// The error for an attribute that no queue has, or that nobody can set.
pub fn unknown(name: &str) -> ApiError {
    ApiError::new(ErrorCode::InvalidAttributeName, format!("Unknown Attribute {name}."))
}

/// Recorded in `LocalStack`'s `test_set_unsupported_attribute_standard` and `test_set_unsupported_attribute_fifo` (2023).
fn not_of_standard_queues(name: &str) -> ApiError {
    match name {
        SCOPE | THROUGHPUT => {
            let message = format!("You can specify the {name} only when FifoQueue is set to true.");
            ApiError::new(ErrorCode::InvalidAttributeName, message)
        }
        _ => unknown(name),
    }
}

fn invalid(name: &str) -> ApiError {
    ApiError::new(ErrorCode::InvalidAttributeValue, format!("Invalid value for the parameter {name}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(attributes: &[(&str, &str)]) -> BTreeMap<String, String> {
        attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn set_on(is_fifo: bool, attributes: &[(&str, &str)]) -> Result<QueueSettings, String> {
        let changed = changed(&QueueSettings::new(is_fifo), &given(attributes));
        changed.map_err(|error| error.message.unwrap_or_default())
    }

    #[test]
    fn values_are_held_to_their_ranges() {
        for (name, least, most) in [
            ("DelaySeconds", 0_i64, 900_i64),
            ("MaximumMessageSize", 1024, 1_048_576),
            ("MessageRetentionPeriod", 60, 1_209_600),
            ("ReceiveMessageWaitTimeSeconds", 0, 20),
            ("VisibilityTimeout", 0, 43_200),
            ("KmsDataKeyReusePeriodSeconds", 60, 86_400),
        ] {
            for (value, fits) in [(least - 1, false), (least, true), (most, true), (most + 1, false)] {
                let set = set_on(false, &[(name, &value.to_string())]);
                let expected = format!("Invalid value for the parameter {name}.");
                assert_eq!(set.err(), (!fits).then_some(expected), "{name} {value}");
            }
            assert!(set_on(false, &[(name, "")]).is_err(), "{name}");
        }
    }

    #[test]
    fn fifo_attributes_are_of_fifo_queues() {
        assert_eq!(set_on(false, &[(FIFO, "true")]), Err("Unknown Attribute FifoQueue.".into()));
        assert_eq!(
            set_on(false, &[(CONTENT_BASED, "true")]),
            Err("Unknown Attribute ContentBasedDeduplication.".into())
        );
        let only = "You can specify the DeduplicationScope only when FifoQueue is set to true.";
        assert_eq!(set_on(false, &[(SCOPE, "queue")]), Err(only.into()));
        assert!(set_on(true, &[(FIFO, "false")]).expect_err("is refused").contains("Modifying queue type"));

        assert!(set_on(true, &[(FIFO, "true"), (CONTENT_BASED, "True"), (SCOPE, "messageGroup")]).is_ok());
        assert!(set_on(true, &[(THROUGHPUT, "perMessageGroupId")]).is_err());
        assert!(set_on(true, &[(THROUGHPUT, "perMessageGroupId"), (SCOPE, "messageGroup")]).is_ok());
    }

    #[test]
    fn one_encryption_excludes_the_other() {
        let with_key = set_on(false, &[(KMS_KEY, "k")]).expect("is set");
        assert_eq!(with_key.encryption, Encryption { managed: false, kms_key: Some("k".into()), reuse_s: None });
        let both = changed(&with_key, &given(&[(MANAGED, "true")])).expect_err("is refused");
        assert_eq!(both.code, ErrorCode::InvalidAttributeName);
        let back = changed(&with_key, &given(&[(MANAGED, "true"), (KMS_KEY, "")])).expect("is set");
        assert_eq!(back.encryption, Encryption { managed: true, kms_key: None, reuse_s: None });
    }

    #[test]
    fn what_nobody_can_set_is_unknown() {
        for name in ["QueueArn", "ApproximateNumberOfMessages", "CreatedTimestamp", "All", "nonsense"] {
            assert_eq!(set_on(true, &[(name, "1")]), Err(format!("Unknown Attribute {name}.")));
        }
        assert_eq!(set_on(false, &[(POLICY, "[]")]), Err("Invalid value for the parameter Policy.".into()));
        assert_eq!(set_on(false, &[(POLICY, "")]).expect("is none").policy, None);
    }
}
