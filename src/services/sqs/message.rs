//! A message on its way in: what it may be. Texts are recorded in `LocalStack`'s `test_sqs` (2023-11), but where said.

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::errors::{invalid, missing};
use super::message_attributes::{self, INVALID_CHARACTERS, TRACE_HEADER};
use crate::messages::NewMessage;
use crate::messages::digests;
use crate::model::blob::BlobId;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::queues::{Fifo, Queue, invalid_value, is_message_letter};
use crate::runs::messages::{AttributeValue, MessageAttribute};

/// Who sends, and in which trace.
#[derive(Debug)]
pub struct Sender {
    /// `SenderId`.
    pub id: String,
    /// The trace of the call.
    pub trace_header: Option<String>,
}

/// A message that was checked.
#[derive(Debug)]
pub struct Checked {
    /// The message.
    pub message: NewMessage,
    /// The MD5 of its system attributes.
    pub system_digest: Option<String>,
}

impl Checked {
    /// Reads and checks a message of a request or of an entry of a batch.
    pub fn read(members: &Map<String, Value>, queue: &Queue, sender: &Sender) -> Result<Self, ApiError> {
        let body = text(members, "MessageBody").unwrap_or_default();
        check_body(body, size(members), queue)?;
        let attributes = member(members, ATTRIBUTES).map(message_attributes::read).transpose()?.unwrap_or_default();
        let system = member(members, "MessageSystemAttributes");
        let trace = system.map(message_attributes::read_system).transpose()?.flatten();
        for parameter in [DEDUPLICATION, GROUP] {
            check_fifo_id(text(members, parameter), parameter)?;
        }

        let delay_s = delay(members, queue)?;
        let group = text(members, GROUP).map(str::to_owned);
        let deduplication = deduplication(members, queue.settings.fifo.as_ref(), body)?;
        let system_digest =
            trace.as_ref().and_then(|trace| digests::of_attributes(std::iter::once((TRACE_HEADER, trace))));
        let trace_header = trace.and_then(text_of).or_else(|| sender.trace_header.clone());
        let sender = sender.id.clone();
        let body = body.to_owned();

        let message = NewMessage { body, attributes, trace_header, delay_s, group, deduplication, sender };
        Ok(Self { message, system_digest })
    }
}

const ATTRIBUTES: &str = "MessageAttributes";
const DEDUPLICATION: &str = "MessageDeduplicationId";
const GROUP: &str = "MessageGroupId";
const DELAY: &str = "DelaySeconds";

/// Characters of the id of a message group, a deduplication or an attempt to receive at most.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
const MAX_FIFO_ID: usize = 128;

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str)
}

fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Map<String, Value>> {
    members.get(name).and_then(Value::as_object)
}

fn text_of(attribute: MessageAttribute) -> Option<String> {
    match attribute.value {
        AttributeValue::Text(text) => Some(text),
        AttributeValue::Binary(_) => None,
    }
}

/// Bytes of a message as its limit counts them: of its body, and of names, types and values of attributes.
pub fn size(members: &Map<String, Value>) -> usize {
    let of_value = |value: &Value| {
        let text = |name: &str| value[name].as_str().unwrap_or_default().len();
        // Four characters of base64 are three bytes.
        let padding =
            value["BinaryValue"].as_str().map_or(0, |text| text.bytes().rev().take_while(|it| *it == b'=').count());
        let binary = (text("BinaryValue") / 4 * 3).saturating_sub(padding);
        text("DataType") + text("StringValue") + binary
    };
    let attributes = member(members, ATTRIBUTES).into_iter().flatten();
    let attributes: usize = attributes.map(|(name, value)| name.len() + of_value(value)).sum();
    text(members, "MessageBody").unwrap_or_default().len() + attributes
}

fn check_body(body: &str, size: usize, queue: &Queue) -> Result<(), ApiError> {
    if body.is_empty() {
        return Err(missing("MessageBody"));
    }
    let most = queue.settings.max_message_bytes;
    if size > usize::try_from(most).unwrap_or(usize::MAX) {
        let reason = format!("Message must be shorter than {most} bytes.");
        return Err(invalid(format!("One or more parameters are invalid. Reason: {reason}")));
    }
    if !body.chars().all(is_message_letter) {
        return Err(ApiError::new(ErrorCode::InvalidMessageContents, INVALID_CHARACTERS));
    }
    Ok(())
}

/// Checks an id that only FIFO queues look at. The text is `LocalStack`'s.
pub fn check_fifo_id(id: Option<&str>, parameter: &str) -> Result<(), ApiError> {
    let Some(id) = id else { return Ok(()) };
    if (1..=MAX_FIFO_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    let reason = format!("{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length.");
    Err(invalid_value(id, parameter, &reason))
}

/// Seconds before a message is seen, where they are not the queue's: a FIFO queue has the same for all.
fn delay(members: &Map<String, Value>, queue: &Queue) -> Result<Option<u32>, ApiError> {
    let Some(value) = members.get(DELAY).filter(|value| !value.is_null()) else { return Ok(None) };
    let refused = |reason| invalid_value(&value.to_string(), DELAY, reason);
    let seconds = value.as_u64().and_then(|seconds| u32::try_from(seconds).ok()).filter(|seconds| *seconds <= 900);
    // The range is documented, its text is as AWS's users report it.
    let seconds = seconds.ok_or_else(|| refused("DelaySeconds must be >= 0 and <= 900."))?;

    match queue.settings.fifo {
        None => Ok(Some(seconds)),
        Some(_) if seconds == 0 => Ok(None),
        Some(_) => Err(refused("The request include parameter that is not valid for this queue type.")),
    }
}

/// What tells a message from others: of a FIFO queue only.
fn deduplication(members: &Map<String, Value>, fifo: Option<&Fifo>, body: &str) -> Result<Option<String>, ApiError> {
    let given = text(members, DEDUPLICATION);
    match (fifo, given) {
        (None, None) => Ok(None),
        (None, Some(id)) => {
            // `LocalStack`'s text.
            let reason = "The request includes a parameter that is not valid for this queue type.";
            Err(invalid_value(id, DEDUPLICATION, reason))
        }
        (Some(_), _) if text(members, GROUP).is_none() => Err(missing(GROUP)),
        (Some(_), Some(id)) => Ok(Some(id.to_owned())),
        (Some(fifo), None) if fifo.content_based_deduplication => {
            Ok(Some(BlobId(Sha256::digest(body.as_bytes()).into()).hex()))
        }
        (Some(_), None) => Err(invalid(
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::model::names::Scope;
    use crate::model::queues::{QueueKey, QueueSettings};
    use crate::model::time::Timestamp;

    fn queue(name: &str) -> Queue {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        let key = QueueKey { scope, name: name.into() };
        let settings = QueueSettings::new(key.is_fifo());
        Queue { key, created: Timestamp(0), modified: Timestamp(0), settings, tags: BTreeMap::new() }
    }

    fn read(queue: &Queue, members: &Value) -> Result<Checked, (ErrorCode, String)> {
        let sender = Sender { id: "me".into(), trace_header: None };
        let read = Checked::read(members.as_object().expect("an object"), queue, &sender);
        read.map_err(|error| (error.code, error.message.unwrap_or_default()))
    }

    fn refused(queue: &Queue, members: &Value) -> (ErrorCode, String) {
        read(queue, members).map(|checked| checked.message).expect_err("is refused")
    }

    #[test]
    fn bodies_are_checked() {
        let mut queue = queue("q");
        queue.settings.max_message_bytes = 1024;
        let attribute = json!({ "ab": { "DataType": "Binary", "BinaryValue": "AAEC" } });
        let fits = json!({ "MessageBody": "x".repeat(1024 - 11), "MessageAttributes": attribute });
        assert!(read(&queue, &fits).is_ok());
        let over = json!({ "MessageBody": "x".repeat(1024 - 10), "MessageAttributes": attribute });
        let text = "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.";
        assert_eq!(refused(&queue, &over), (ErrorCode::InvalidQueryValue, text.into()));

        assert_eq!(refused(&queue, &json!({ "MessageBody": "" })).0, ErrorCode::MissingParameter);
        assert_eq!(refused(&queue, &json!({ "MessageBody": "a\u{1}" })).0, ErrorCode::InvalidMessageContents);
    }

    #[test]
    fn delays_are_of_standard_queues() {
        let standard = read(&queue("q"), &json!({ "MessageBody": "x", "DelaySeconds": 900 })).expect("is read");
        assert_eq!(standard.message.delay_s, Some(900));
        for delay in [-1, 901] {
            assert!(read(&queue("q"), &json!({ "MessageBody": "x", "DelaySeconds": delay })).is_err());
        }
        let fifo = |delay| {
            let id = "d";
            json!({ "MessageBody": "x", "DelaySeconds": delay, "MessageGroupId": "g", "MessageDeduplicationId": id })
        };
        assert_eq!(read(&queue("q.fifo"), &fifo(0)).expect("is read").message.delay_s, None);
        let text = "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not \
                    valid for this queue type.";
        assert_eq!(refused(&queue("q.fifo"), &fifo(2)), (ErrorCode::InvalidQueryValue, text.into()));
    }

    #[test]
    fn ids_are_of_fifo_queues() {
        let mut fifo = queue("q.fifo");
        let group = json!({ "MessageBody": "x", "MessageGroupId": "g" });
        let both = json!({ "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "d" });
        assert!(refused(&fifo, &group).1.starts_with("The queue should either have ContentBasedDeduplication"));
        let lacks_group = json!({ "MessageBody": "x", "MessageDeduplicationId": "d" });
        assert_eq!(refused(&fifo, &lacks_group).0, ErrorCode::MissingParameter);
        assert_eq!(read(&fifo, &both).expect("is read").message.deduplication.as_deref(), Some("d"));

        fifo.settings.fifo = Some(Fifo { content_based_deduplication: true, ..Fifo::default() });
        let of_body = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
        assert_eq!(read(&fifo, &group).expect("is read").message.deduplication.as_deref(), Some(of_body));
        assert_eq!(read(&queue("q"), &group).expect("is read").message.group.as_deref(), Some("g"));
        assert!(read(&queue("q"), &both).is_err());
        let blank = json!({ "MessageBody": "x", "MessageGroupId": "a b" });
        assert!(read(&queue("q"), &blank).is_err());
    }
}
