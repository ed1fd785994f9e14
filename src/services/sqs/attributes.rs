//! Attributes of queues: asked for and set.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::shapes::{ATTRIBUTES, QUEUE_URL, TEXTS};
use super::{Sqs, named_queue, queue_urls};
use crate::messages::Counts;
use crate::model::error::ApiError;
use crate::model::queues::attributes::{shown, unknown};
use crate::model::queues::command::QueueCommand;
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::shape::Member;

/// The operations of this file.
pub const OPERATIONS: &[Operation<Sqs>] = &[
    operation!("GetQueueAttributes" &[QUEUE_URL, Member::body("AttributeNames", TEXTS).on_wire("AttributeName")] => get),
    operation!("SetQueueAttributes" &[QUEUE_URL, ATTRIBUTES.required()] => set),
];

/// What can be asked for (`QueueAttributeName`, botocore 1.44.5).
const NAMES: [&str; 22] = [
    ALL,
    "Policy",
    "VisibilityTimeout",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    VISIBLE,
    IN_FLIGHT,
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
    DELAYED,
    "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "FifoQueue",
    "ContentBasedDeduplication",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "DeduplicationScope",
    "FifoThroughputLimit",
    "RedriveAllowPolicy",
    "SqsManagedSseEnabled",
];

const ALL: &str = "All";
const VISIBLE: &str = "ApproximateNumberOfMessages";
const IN_FLIGHT: &str = "ApproximateNumberOfMessagesNotVisible";
const DELAYED: &str = "ApproximateNumberOfMessagesDelayed";

/// `GetQueueAttributes`.
async fn get(sqs: &Sqs, call: Call) -> Answer {
    let queue = named_queue(&sqs.state(), &call)?;
    let wanted = wanted(&call)?;
    let mut attributes: BTreeMap<&str, String> = shown(&queue);
    if [ALL, VISIBLE, IN_FLIGHT, DELAYED].iter().any(|name| wanted.contains(name)) {
        attributes.extend(counted(sqs.services.messages.counts(&queue.key)));
    }
    if !wanted.contains(&ALL) {
        attributes.retain(|name, _| wanted.contains(name));
    }

    // As the query protocol had it, there is nothing where there are none.
    let output = if attributes.is_empty() { json!({}) } else { json!({ "Attributes": attributes }) };
    call.answer(&output)
}

fn wanted(call: &Call) -> Result<Vec<&str>, ApiError> {
    let wanted = call.texts("AttributeNames").unwrap_or_default();
    match wanted.iter().find(|name| !NAMES.contains(name)) {
        None => Ok(wanted),
        Some(name) => Err(unknown(name)),
    }
}

fn counted(counts: Counts) -> [(&'static str, String); 3] {
    [(VISIBLE, counts.visible), (IN_FLIGHT, counts.in_flight), (DELAYED, counts.delayed)]
        .map(|(name, count)| (name, count.to_string()))
}

/// `SetQueueAttributes`.
async fn set(sqs: &Sqs, call: Call) -> Answer {
    let attributes = call.input.get("Attributes").and_then(Value::as_object);
    let is_empty = attributes.is_none_or(serde_json::Map::is_empty);
    if is_empty {
        named_queue(&sqs.state(), &call)?;
        return call.done();
    }
    let attributes = call.map("Attributes").unwrap_or_default();
    sqs.commit(&call, QueueCommand::SetAttributes(queue_urls::key(&call), attributes)).await?;

    call.done()
}
