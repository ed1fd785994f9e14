//! Tags of queues.

use serde_json::json;

use super::errors::{invalid, missing};
use super::shapes::{QUEUE_URL, TEXTS, TEXTS_BY_NAME};
use super::{Sqs, named_queue, queue_urls};
use crate::model::queues::command::QueueCommand;
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::shape::Member;

/// The operations of this file.
pub const OPERATIONS: &[Operation<Sqs>] = &[
    operation!("ListQueueTags" &[QUEUE_URL] => list),
    operation!("TagQueue" &[QUEUE_URL, Member::body("Tags", TEXTS_BY_NAME).on_wire("Tag").required()] => tag),
    operation!("UntagQueue" &[QUEUE_URL, Member::body("TagKeys", TEXTS).on_wire("TagKey").required()] => untag),
];

/// `TagQueue`.
async fn tag(sqs: &Sqs, call: Call) -> Answer {
    let tags = call.map("Tags").unwrap_or_default();
    if tags.is_empty() {
        return Err(missing("Tags"));
    }
    sqs.commit(&call, QueueCommand::Tag(queue_urls::key(&call), tags)).await?;
    call.done()
}

/// `UntagQueue`.
async fn untag(sqs: &Sqs, call: Call) -> Answer {
    let names: Vec<_> = call.texts("TagKeys").unwrap_or_default().into_iter().map(str::to_owned).collect();
    if names.is_empty() {
        // moto's text, which follows AWS's.
        return Err(invalid("Tag keys must be between 1 and 128 characters in length."));
    }
    sqs.commit(&call, QueueCommand::Untag(queue_urls::key(&call), names)).await?;
    call.done()
}

/// `ListQueueTags`.
async fn list(sqs: &Sqs, call: Call) -> Answer {
    let queue = named_queue(&sqs.state(), &call)?;
    let output = if queue.tags.is_empty() { json!({}) } else { json!({ "Tags": queue.tags }) };
    call.answer(&output)
}
