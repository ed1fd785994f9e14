//! `ReceiveMessage`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::message::check_fifo_id;
use super::message_attributes::{TRACE_HEADER, shown};
use super::shapes::{NUMBER, QUEUE_URL, TEXTS, VISIBILITY};
use super::{Sqs, errors, named_queue};
use crate::messages::digests;
use crate::messages::{Received, Wanted};
use crate::model::error::ApiError;
use crate::model::queues::Queue;
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::shape::{Member, TEXT};
use crate::runs::messages::MessageAttribute;

/// The operations of this file.
pub const OPERATIONS: &[Operation<Sqs>] = &[operation!("ReceiveMessage" RECEIVE => receive)];

const RECEIVE: &[Member] = &[
    QUEUE_URL,
    Member::body(OLD_SYSTEM_NAMES, TEXTS).on_wire("AttributeName"),
    Member::body(SYSTEM_NAMES, TEXTS).on_wire("MessageSystemAttributeName"),
    Member::body(NAMES, TEXTS).on_wire("MessageAttributeName"),
    Member::body(MOST, NUMBER),
    VISIBILITY,
    Member::body(WAIT, NUMBER),
    Member::body(ATTEMPT, TEXT),
];

const OLD_SYSTEM_NAMES: &str = "AttributeNames";
const SYSTEM_NAMES: &str = "MessageSystemAttributeNames";
const NAMES: &str = "MessageAttributeNames";
const MOST: &str = "MaxNumberOfMessages";
const WAIT: &str = "WaitTimeSeconds";
const ATTEMPT: &str = "ReceiveRequestAttemptId";

/// A message as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(rename = "MessageId")]
    message_id: String,
    #[serde(rename = "ReceiptHandle")]
    receipt_handle: String,
    #[serde(rename = "MD5OfBody")]
    body_digest: String,
    #[serde(rename = "Body")]
    body: String,
    #[serde(rename = "Attributes", skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<&'static str, String>,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    attributes_digest: Option<String>,
    #[serde(rename = "MessageAttributes", skip_serializing_if = "BTreeMap::is_empty")]
    message_attributes: BTreeMap<String, Value>,
}

/// `ReceiveMessage`. Recorded in `LocalStack`'s `test_receive_message_message_attribute_names_filters` and
/// `test_receive_message_attribute_names_filters` (2023-11).
async fn receive(sqs: &Sqs, call: Call) -> Answer {
    #[derive(Debug, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Output {
        #[serde(skip_serializing_if = "Vec::is_empty")]
        messages: Vec<Shown>,
    }

    let queue = named_queue(&sqs.state(), &call)?;
    let wanted = wanted(&call, &queue)?;
    let received = tokio::select! {
        biased;
        received = sqs.services.messages.receive(&queue.key, &wanted) => received,
        // What was there would have been received at once.
        () = sqs.ending.cancelled() => Ok(Vec::new()),
    };
    let received = received.map_err(|error| errors::of_messages(&call, error))?;

    let names = |member: &str| call.texts(member).unwrap_or_default();
    let system_names = [names(OLD_SYSTEM_NAMES), names(SYSTEM_NAMES)].concat();
    let names = names(NAMES);
    let messages = received.into_iter().map(|received| message(received, &system_names, &names)).collect();
    call.answer(&Output { messages })
}

fn wanted(call: &Call, queue: &Queue) -> Result<Wanted, ApiError> {
    let most = number(call, MOST, (1, 10), "Must be between 1 and 10, if provided.")?.unwrap_or(1);
    let wait = number(call, WAIT, (0, 20), "Must be >= 0 and <= 20, if provided.")?;
    let visibility = number(call, VISIBILITY.name, (0, 43_200), "Must be >= 0 and <= 43200, if provided.")?;
    let wait = Duration::from_secs(wait.unwrap_or(queue.settings.wait_s).into());
    let attempt = call.text(ATTEMPT).map(str::to_owned);
    check_fifo_id(attempt.as_deref(), ATTEMPT)?;

    Ok(Wanted { most: most.try_into().unwrap_or(1), wait, visibility_s: visibility, attempt })
}

/// A number in a range, if it is given.
fn number(call: &Call, name: &str, (least, most): (u32, u32), reason: &str) -> Result<Option<u32>, ApiError> {
    if !call.input.contains_key(name) {
        return Ok(None);
    }
    let given = call.number(name).and_then(|given| u32::try_from(given).ok());
    let fits = given.filter(|given| (least..=most).contains(given));
    fits.map(Some).ok_or_else(|| errors::out_of_range(call, name, reason))
}

fn message(received: Received, system_names: &[&str], names: &[&str]) -> Shown {
    let attributes = system_attributes(&received, system_names);
    let Received { message, receipt, .. } = received;
    let wanted: BTreeMap<String, MessageAttribute> =
        message.attributes.into_iter().filter(|(name, _)| names.iter().any(|asked| asks_for(asked, name))).collect();

    Shown {
        message_id: message.message_id,
        receipt_handle: receipt,
        body_digest: digests::of_body(&message.body),
        body: message.body,
        attributes,
        attributes_digest: digests::of_attributes(wanted.iter().map(|(name, it)| (name.as_str(), it))),
        message_attributes: wanted.iter().map(|(name, attribute)| (name.clone(), shown(attribute))).collect(),
    }
}

/// The system attributes of a message that were asked for.
fn system_attributes(received: &Received, names: &[&str]) -> BTreeMap<&'static str, String> {
    let message = &received.message;
    let all = [
        ("SenderId", Some(message.sender.clone())),
        ("SentTimestamp", Some(received.sent.0.to_string())),
        ("ApproximateReceiveCount", Some(received.receive_count.to_string())),
        ("ApproximateFirstReceiveTimestamp", Some(received.first_receive.0.to_string())),
        ("SequenceNumber", received.sequence_number.clone()),
        ("MessageDeduplicationId", message.deduplication.clone()),
        ("MessageGroupId", message.group.clone()),
        (TRACE_HEADER, message.trace_header.clone()),
        ("DeadLetterQueueSourceArn", received.dead_letter_source.clone()),
    ];
    let is_wanted = |name: &str| names.iter().any(|asked| *asked == "All" || *asked == name);
    all.into_iter().filter(|(name, _)| is_wanted(name)).filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Whether a name that was asked for stands for an attribute: all of them, those with a prefix, or this one.
fn asks_for(asked: &str, name: &str) -> bool {
    match asked {
        "All" | ".*" | "*" => true,
        asked => asked == name || asked.strip_suffix(".*").is_some_and(|prefix| name.starts_with(prefix)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_attributes() {
        for (asked, stands) in [
            ("All", true),
            (".*", true),
            ("*", true),
            ("Help.Me", true),
            ("Help.*", true),
            ("Hel.*", true),
            ("Help", false),
            ("Me.*", false),
            ("", false),
        ] {
            assert_eq!(asks_for(asked, "Help.Me"), stands, "{asked}");
        }
    }
}
