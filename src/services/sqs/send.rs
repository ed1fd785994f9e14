//! Messages on their way in: `SendMessage`, `SendMessageBatch`.

use serde::Serialize;
use serde_json::{Map, Value};

use super::batches::{self, BatchResult};
use super::errors::{self, invalid};
use super::message::{Checked, Sender, size};
use super::shapes::{ENTRY_ID, MESSAGE_ATTRIBUTES, NUMBER, QUEUE_URL};
use super::{Sqs, named_queue};
use crate::messages::digests;
use crate::messages::{NewMessage, Sent};
use crate::model::credentials::session::RoleSession;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::queues::{MAX_MESSAGE_BYTES, Queue};
use crate::model::state::State;
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::shape::{Kind, Member, TEXT};

/// The operations of this file.
pub const OPERATIONS: &[Operation<Sqs>] =
    &[operation!("SendMessage" SEND => send), operation!("SendMessageBatch" SEND_BATCH => send_batch)];

const BODY: Member = Member::body("MessageBody", TEXT).required();
const DELAY: Member = Member::body("DelaySeconds", NUMBER);
const ATTRIBUTES: Member = Member::body("MessageAttributes", MESSAGE_ATTRIBUTES).on_wire("MessageAttribute");
const SYSTEM: Member = Member::body("MessageSystemAttributes", MESSAGE_ATTRIBUTES).on_wire("MessageSystemAttribute");
const DEDUPLICATION: Member = Member::body("MessageDeduplicationId", TEXT);
const GROUP: Member = Member::body("MessageGroupId", TEXT);

const SEND: &[Member] = &[QUEUE_URL, BODY, DELAY, ATTRIBUTES, SYSTEM, DEDUPLICATION, GROUP];

const SEND_BATCH: &[Member] = &[
    QUEUE_URL,
    Member::body(
        "Entries",
        Kind::List {
            length: None,
            item: &Kind::Structure(&[ENTRY_ID, BODY, DELAY, ATTRIBUTES, SYSTEM, DEDUPLICATION, GROUP]),
        },
    )
    .on_wire(ENTRY),
];

/// How the entries of a batch are called.
const ENTRY: &str = "SendMessageBatchRequestEntry";

/// What is told of a message that was sent.
#[derive(Debug, Serialize)]
struct Output {
    #[serde(rename = "Id", skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(rename = "MD5OfMessageBody")]
    body_digest: String,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    attributes_digest: Option<String>,
    #[serde(rename = "MD5OfMessageSystemAttributes", skip_serializing_if = "Option::is_none")]
    system_digest: Option<String>,
    #[serde(rename = "MessageId")]
    message_id: String,
    #[serde(rename = "SequenceNumber", skip_serializing_if = "Option::is_none")]
    sequence_number: Option<String>,
}

impl Output {
    /// Of a message that is to be sent, without what comes of that.
    fn of(id: Option<String>, Checked { message, system_digest }: &Checked) -> Self {
        let NewMessage { body, attributes, .. } = message;
        let attributes = attributes.iter().map(|(name, attribute)| (name.as_str(), attribute));
        Self {
            id,
            body_digest: digests::of_body(body),
            attributes_digest: digests::of_attributes(attributes),
            system_digest: system_digest.clone(),
            message_id: String::new(),
            sequence_number: None,
        }
    }

    fn sent(self, Sent { message_id, sequence_number }: Sent) -> Self {
        Self { message_id, sequence_number, ..self }
    }
}

/// `SendMessage`.
async fn send(sqs: &Sqs, call: Call) -> Answer {
    let state = sqs.state();
    let queue = named_queue(&state, &call)?;
    let checked = Checked::read(&call.input, &queue, &sender(&state, &call))?;
    let output = Output::of(None, &checked);

    let sent = sqs.services.messages.send(&queue.key, vec![checked.message]).await;
    let sent = sent.map_err(|error| errors::of_messages(&call, error))?.pop();
    let sent = sent.ok_or_else(|| errors::no_queue(&call))?;
    call.answer(&output.sent(sent))
}

/// `SendMessageBatch`. Entries that are wrong are told; the others are sent, all or none.
async fn send_batch(sqs: &Sqs, mut call: Call) -> Answer {
    let entries = call.take_list("Entries");
    let state = sqs.state();
    let queue = named_queue(&state, &call)?;
    batches::check(&entries, ENTRY)?;
    check_ids(&entries, &queue)?;
    check_size(&entries)?;

    let sender = sender(&state, &call);
    let mut messages = Vec::new();
    let mut outcomes: Vec<(String, Result<Output, ApiError>)> = Vec::new();
    for entry in &entries {
        let id = batches::id(entry).to_owned();
        let checked = entry.as_object().map_or_else(
            || Checked::read(&Map::new(), &queue, &sender),
            |members| Checked::read(members, &queue, &sender),
        );
        let outcome = checked.map(|checked| {
            let output = Output::of(Some(id.clone()), &checked);
            messages.push(checked.message);
            output
        });
        outcomes.push((id, outcome));
    }

    let sent =
        if messages.is_empty() { Ok(Vec::new()) } else { sqs.services.messages.send(&queue.key, messages).await };
    let mut sent = sent.map_err(|error| errors::of_messages(&call, error))?.into_iter();
    let mut told = |output: Output| sent.next().map(|sent| output.sent(sent)).ok_or_else(|| errors::no_queue(&call));
    let outcomes = outcomes.into_iter().map(|(id, outcome)| (id, outcome.and_then(&mut told)));
    call.answer(&outcomes.collect::<BatchResult<_>>())
}

/// Of a FIFO queue's batch the ids are checked before anything else is done. Recorded in `LocalStack`'s
/// `test_send_batch_missing_message_group_id_for_fifo_queue` and `…_deduplication_id_…` (2023-11).
fn check_ids(entries: &[Value], queue: &Queue) -> Result<(), ApiError> {
    let Some(fifo) = &queue.settings.fifo else { return Ok(()) };
    let lacks = |entry: &Value, name: &str| entry[name].as_str().is_none_or(str::is_empty);
    for entry in entries {
        if !fifo.content_based_deduplication && lacks(entry, DEDUPLICATION.name) {
            return Err(invalid(
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided \
                 explicitly",
            ));
        }
        if lacks(entry, GROUP.name) {
            return Err(invalid("The request must contain the parameter MessageGroupId."));
        }
    }
    Ok(())
}

/// Recorded in `LocalStack`'s `test_send_message_batch_with_oversized_contents` (2023-11), when it was 256 KiB.
fn check_size(entries: &[Value]) -> Result<(), ApiError> {
    let sent: usize = entries.iter().filter_map(Value::as_object).map(size).sum();
    if sent > usize::try_from(MAX_MESSAGE_BYTES).unwrap_or(usize::MAX) {
        let message =
            format!("Batch requests cannot be longer than {MAX_MESSAGE_BYTES} bytes. You have sent {sent} bytes.");
        return Err(ApiError::new(ErrorCode::BatchRequestTooLong, message));
    }
    Ok(())
}

/// Who sends: a user or a role's session by its id, or the account. A trace that the call has goes with its messages.
fn sender(state: &State, call: &Call) -> Sender {
    let user = call.user(state).map(|user| user.id.clone());
    let session = || call.role_session().map(RoleSession::user_id);
    let id = user.or_else(session).unwrap_or_else(|| call.account().to_string());
    let trace_header = Some(call.header("x-amzn-trace-id").to_owned()).filter(|trace| !trace.is_empty());
    Sender { id, trace_header }
}
