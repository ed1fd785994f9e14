//! What is done with messages that were received: deleted, or hidden for longer or shorter.

use serde_json::Value;

use super::batches::{self, BatchResult, Done};
use super::errors::{self, invalid};
use super::shapes::{ENTRY_ID, QUEUE_URL, RECEIPT_HANDLE, VISIBILITY};
use super::{Sqs, named_queue};
use crate::messages::ReceiptError;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::queues::{QueueKey, invalid_value};
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::shape::{Kind, Member};
use crate::runs::messages::MAX_VISIBILITY_S;

/// The operations of this file.
pub const OPERATIONS: &[Operation<Sqs>] = &[
    operation!("ChangeMessageVisibility" &[QUEUE_URL, RECEIPT_HANDLE, VISIBILITY.required()] => change),
    operation!("ChangeMessageVisibilityBatch" CHANGE_BATCH => change_batch),
    operation!("DeleteMessage" &[QUEUE_URL, RECEIPT_HANDLE] => delete),
    operation!("DeleteMessageBatch" DELETE_BATCH => delete_batch),
];

const CHANGE_BATCH: &[Member] = &[
    QUEUE_URL,
    Member::body(
        "Entries",
        Kind::List { length: None, item: &Kind::Structure(&[ENTRY_ID, RECEIPT_HANDLE, VISIBILITY]) },
    )
    .on_wire(CHANGE_ENTRY),
];

const DELETE_BATCH: &[Member] = &[
    QUEUE_URL,
    Member::body("Entries", Kind::List { length: None, item: &Kind::Structure(&[ENTRY_ID, RECEIPT_HANDLE]) })
        .on_wire(DELETE_ENTRY),
];

/// How the entries of batches are called.
const CHANGE_ENTRY: &str = "ChangeMessageVisibilityBatchRequestEntry";
const DELETE_ENTRY: &str = "DeleteMessageBatchRequestEntry";

/// `DeleteMessage`.
async fn delete(sqs: &Sqs, call: Call) -> Answer {
    let queue = named_queue(&sqs.state(), &call)?;
    let receipts = vec![call.text_or_empty(RECEIPT_HANDLE.name).to_owned()];
    delete_all(sqs, &call, &queue.key, receipts).await?.into_iter().collect::<Result<(), _>>()?;
    call.done()
}

/// `DeleteMessageBatch`.
async fn delete_batch(sqs: &Sqs, mut call: Call) -> Answer {
    let entries = call.take_list("Entries");
    let queue = named_queue(&sqs.state(), &call)?;
    batches::check(&entries, DELETE_ENTRY)?;
    let receipts = entries.iter().map(|entry| receipt(entry).to_owned()).collect();
    let deleted = delete_all(sqs, &call, &queue.key, receipts).await?;

    call.answer(&result(&entries, deleted))
}

async fn delete_all(
    sqs: &Sqs,
    call: &Call,
    queue: &QueueKey,
    receipts: Vec<String>,
) -> Result<Vec<Result<(), ApiError>>, ApiError> {
    let deleted = sqs.services.messages.delete(queue, &receipts).await;
    let deleted = deleted.map_err(|error| errors::of_messages(call, error))?;
    // Recorded in `LocalStack`'s `test_fifo_delete_message_with_expired_receipt_handle` (2023-11).
    let expired = "The receipt handle has expired.";
    let deleted = deleted.into_iter().zip(&receipts);
    Ok(deleted.map(|(deleted, receipt)| deleted.map_err(|error| refusal(&error, receipt, expired))).collect())
}

/// `ChangeMessageVisibility`.
async fn change(sqs: &Sqs, call: Call) -> Answer {
    let queue = named_queue(&sqs.state(), &call)?;
    let seconds = seconds(call.input.get(VISIBILITY.name))?;
    let changes = vec![(call.text_or_empty(RECEIPT_HANDLE.name).to_owned(), seconds)];
    change_all(sqs, &call, &queue.key, &changes).await?.into_iter().collect::<Result<(), _>>()?;
    call.done()
}

/// `ChangeMessageVisibilityBatch`. Entries that are wrong are told; the others are done.
async fn change_batch(sqs: &Sqs, mut call: Call) -> Answer {
    let entries = call.take_list("Entries");
    let queue = named_queue(&sqs.state(), &call)?;
    batches::check(&entries, CHANGE_ENTRY)?;
    let read: Vec<_> = entries.iter().map(|entry| seconds(entry.get(VISIBILITY.name))).collect();
    let good = entries
        .iter()
        .zip(&read)
        .filter_map(|(entry, seconds)| seconds.as_ref().ok().map(|seconds| (receipt(entry).to_owned(), *seconds)));
    let wishes: Vec<_> = good.collect();

    let mut changed = change_all(sqs, &call, &queue.key, &wishes).await?.into_iter();
    let outcomes = read.into_iter().map(|seconds| seconds.and_then(|_| changed.next().unwrap_or(Ok(()))));
    call.answer(&result(&entries, outcomes))
}

async fn change_all(
    sqs: &Sqs,
    call: &Call,
    queue: &QueueKey,
    wishes: &[(String, u32)],
) -> Result<Vec<Result<(), ApiError>>, ApiError> {
    let changed = sqs.services.messages.change_visibility(queue, wishes).await;
    let changed = changed.map_err(|error| errors::of_messages(call, error))?;
    // As AWS's users report it, and as `LocalStack` has it.
    let expired = "Message does not exist or is not available for visibility timeout change.";
    let refused = |error: &ReceiptError, receipt: &str, seconds: u32| match error {
        // As `LocalStack`'s issue 3956 has it from AWS (2021-05).
        ReceiptError::HiddenTooLong => {
            let reason = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]";
            invalid_value(&seconds.to_string(), VISIBILITY.name, reason)
        }
        error => refusal(error, receipt, expired),
    };
    let changed = changed.into_iter().zip(wishes);
    Ok(changed
        .map(|(changed, (receipt, seconds))| changed.map_err(|error| refused(&error, receipt, *seconds)))
        .collect())
}

fn receipt(entry: &Value) -> &str {
    entry[RECEIPT_HANDLE.name].as_str().unwrap_or_default()
}

fn seconds(value: Option<&Value>) -> Result<u32, ApiError> {
    let Some(value) = value else { return Err(errors::missing(VISIBILITY.name)) };
    let seconds = value.as_u64().and_then(|seconds| u32::try_from(seconds).ok());
    // The range is documented, the text is that of `ReceiveMessage`.
    seconds
        .filter(|seconds| *seconds <= MAX_VISIBILITY_S)
        .ok_or_else(|| invalid_value(&value.to_string(), VISIBILITY.name, "Must be >= 0 and <= 43200, if provided."))
}

fn refusal(error: &ReceiptError, receipt: &str, expired: &str) -> ApiError {
    match error {
        ReceiptError::Invalid => {
            let message = format!("The input receipt handle \"{receipt}\" is not a valid receipt handle.");
            ApiError::new(ErrorCode::ReceiptHandleIsInvalid, message)
        }
        ReceiptError::Expired | ReceiptError::HiddenTooLong => {
            invalid(format!("Value {receipt} for parameter ReceiptHandle is invalid. Reason: {expired}"))
        }
    }
}

fn result(entries: &[Value], outcomes: impl IntoIterator<Item = Result<(), ApiError>>) -> BatchResult<Done> {
    let ids = entries.iter().map(|entry| batches::id(entry).to_owned());
    ids.zip(outcomes).map(|(id, outcome)| (id.clone(), outcome.map(|()| Done { id }))).collect()
}
