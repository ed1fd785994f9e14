//! Redrive policies and redrive allow policies: their JSON, and what they may say.
//!
//! Texts of invalid ARNs are recorded (`LocalStack`'s `test_invalid_dead_letter_arn_rejected_before_lookup`, 2023-11); the
//! others are as AWS's users report them, or guesses where said.

use serde_json::{Map, Value, json};

use super::{Queue, QueueKey, Redrive, RedriveAllow, invalid_value};
use crate::model::error::ApiError;
use crate::model::state::State;

/// The attribute with a redrive policy.
pub const REDRIVE: &str = "RedrivePolicy";

/// The attribute with a redrive allow policy.
pub const REDRIVE_ALLOW: &str = "RedriveAllowPolicy";

/// ARNs of a redrive allow policy at most.
const MAX_SOURCES: usize = 10;

/// Members of a redrive policy.
const TARGET: &str = "deadLetterTargetArn";
const COUNT: &str = "maxReceiveCount";

impl Redrive {
    /// Reads a redrive policy; an empty one is none.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, ApiError> {
        let refused = |reason: &str| invalid_value(text, REDRIVE, reason);
        if text.is_empty() {
            return Ok(None);
        }
        let Ok(Value::Object(policy)) = serde_json::from_str(text) else {
            return Err(refused("Redrive policy is not a valid JSON map."));
        };
        if policy.is_empty() {
            return Ok(None);
        }
        check_members(&policy).map_err(|reason| refused(&reason))?;

        let target = policy[TARGET].as_str().and_then(QueueKey::of_arn);
        let target = target.ok_or_else(|| refused("Invalid value for deadLetterTargetArn."))?;
        let max_receive_count = whole(&policy[COUNT]).filter(|count| (1..=1000).contains(count)).ok_or_else(|| {
            let shown = policy[COUNT].as_str().map_or_else(|| policy[COUNT].to_string(), str::to_owned);
            refused(&format!(
                "Invalid value for maxReceiveCount: {shown}, valid values are from 1 to 1000 both inclusive."
            ))
        })?;

        Ok(Some(Self { dead_letter_queue: target.arn(), max_receive_count }))
    }

    /// As it is shown.
    pub(super) fn shown(&self) -> String {
        json!({ TARGET: self.dead_letter_queue, COUNT: self.max_receive_count }).to_string()
    }

    /// Checks that messages of `queue` may go where this policy says.
    pub(super) fn check(&self, state: &State, queue: &QueueKey) -> Result<(), ApiError> {
        let refused = |reason| Err(invalid_value(&self.shown(), REDRIVE, reason));
        let target = QueueKey::of_arn(&self.dead_letter_queue).filter(|target| target.scope == queue.scope);
        let Some(target) = target.as_ref().and_then(|target| state.queue(target)) else {
            return refused("Dead letter target does not exist.");
        };
        if target.key.is_fifo() != queue.is_fifo() {
            return refused("Dead-letter queue must be same type of queue as the source.");
        }
        if !admits(target, queue) {
            // The rule is documented, the text is a guess.
            return refused("Dead letter target does not allow this queue as a source.");
        }

        Ok(())
    }
}

/// Whether a queue may be the dead-letter queue of `source`.
fn admits(queue: &Queue, source: &QueueKey) -> bool {
    match &queue.settings.redrive_allow {
        None | Some(RedriveAllow::AllowAll) => true,
        Some(RedriveAllow::DenyAll) => false,
        Some(RedriveAllow::ByQueue(arns)) => arns.contains(&source.arn()),
    }
}

fn check_members(policy: &Map<String, Value>) -> Result<(), String> {
    if let Some(missing) = [COUNT, TARGET].iter().find(|name| !policy.contains_key(**name)) {
        return Err(format!("Redrive policy does not contain mandatory attribute: {missing}."));
    }
    if policy.len() > 2 {
        return Err(format!("Only following attributes are supported: [{TARGET}, {COUNT}]."));
    }
    Ok(())
}

/// A whole number, which may come as a text.
fn whole(value: &Value) -> Option<u32> {
    match value {
        Value::String(text) => text.parse().ok(),
        number => number.as_u64().and_then(|number| number.try_into().ok()),
    }
}

impl RedriveAllow {
    /// Reads a redrive allow policy; an empty one is none.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, ApiError> {
        if text.is_empty() {
            return Ok(None);
        }
        let refused = |reason: &str| invalid_value(text, REDRIVE_ALLOW, reason);
        let policy: Value = serde_json::from_str(text).unwrap_or_default();
        let sources = policy["sourceQueueArns"].as_array();
        let read = match (policy["redrivePermission"].as_str(), sources) {
            (Some("allowAll"), None) => Some(Self::AllowAll),
            (Some("denyAll"), None) => Some(Self::DenyAll),
            (Some("byQueue"), Some(sources)) => by_queue(sources),
            _ => None,
        };
        // The documented sentence for whatever is wrong with one.
        let policy = read.ok_or_else(|| {
            refused("Amazon SQS can't create the redrive allow policy, as it's in an unsupported format.")
        })?;

        match &policy {
            Self::ByQueue(arns) if arns.len() > MAX_SOURCES => {
                // The limit is documented, the text is a guess.
                Err(refused(&format!("At most {MAX_SOURCES} sourceQueueArns can be specified.")))
            }
            _ => Ok(Some(policy)),
        }
    }

    /// As it is shown.
    pub(super) fn shown(&self) -> String {
        let policy = match self {
            Self::AllowAll => json!({ "redrivePermission": "allowAll" }),
            Self::DenyAll => json!({ "redrivePermission": "denyAll" }),
            Self::ByQueue(arns) => json!({ "redrivePermission": "byQueue", "sourceQueueArns": arns }),
        };
        policy.to_string()
    }
}

/// The queues that may; `None` if there is none, or something else among them.
fn by_queue(sources: &[Value]) -> Option<RedriveAllow> {
    let arns: Option<Vec<_>> =
        sources.iter().map(|arn| arn.as_str().and_then(QueueKey::of_arn).map(|key| key.arn())).collect();
    arns.filter(|arns| !arns.is_empty()).map(RedriveAllow::ByQueue)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Redrive::parse(text).expect_err("is refused").message.unwrap_or_default()
    }

    #[test]
    fn a_redrive_policy_is_read_and_shown() {
        let text = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":3}"#;
        let redrive = Redrive::parse(text).expect("is one").expect("is one");
        assert_eq!((redrive.max_receive_count, redrive.shown().as_str()), (3, text));
        let count_as_text = text.replace(":3}", ":\"3\"}");
        assert_eq!(Redrive::parse(&count_as_text), Ok(Some(redrive)));
        assert_eq!((Redrive::parse(""), Redrive::parse("{}")), (Ok(None), Ok(None)));
    }

    #[test]
    fn what_is_no_redrive_policy_is_told() {
        assert_eq!(
            refusal(r#"{"deadLetterTargetArn": "dummy", "maxReceiveCount": 42}"#),
            "Value {\"deadLetterTargetArn\": \"dummy\", \"maxReceiveCount\": 42} for parameter RedrivePolicy is invalid. \
             Reason: Invalid value for deadLetterTargetArn."
        );
        assert!(refusal("x").ends_with("Redrive policy is not a valid JSON map."));
        assert!(refusal(r#"{"maxReceiveCount": 1}"#).ends_with("mandatory attribute: deadLetterTargetArn."));
        let over = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":1001}"#;
        assert!(refusal(over).ends_with("maxReceiveCount: 1001, valid values are from 1 to 1000 both inclusive."));
    }

    #[test]
    fn redrive_allow_policies_are_read_and_shown() {
        let by_queue = r#"{"redrivePermission":"byQueue","sourceQueueArns":["arn:aws:sqs:us-east-1:000000000000:q"]}"#;
        for text in [r#"{"redrivePermission":"allowAll"}"#, r#"{"redrivePermission":"denyAll"}"#, by_queue] {
            let policy = RedriveAllow::parse(text).expect("is one").expect("is one");
            assert_eq!(policy.shown(), text);
        }
        for text in [
            "x",
            "{}",
            r#"{"redrivePermission":"byQueue"}"#,
            r#"{"redrivePermission":"allowAll","sourceQueueArns":[]}"#,
        ] {
            assert!(RedriveAllow::parse(text).is_err(), "{text}");
        }
    }
}
