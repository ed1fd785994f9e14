//! Permissions: statements of a queue's policy.

use super::shapes::{QUEUE_URL, TEXTS};
use super::{Sqs, queue_urls};
use crate::model::queues::command::{Permission, QueueCommand};
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::shape::{Member, TEXT};

/// The operations of this file.
pub const OPERATIONS: &[Operation<Sqs>] =
    &[operation!("AddPermission" ADD => add), operation!("RemovePermission" &[QUEUE_URL, LABEL] => remove)];

const LABEL: Member = Member::body("Label", TEXT).required();

const ADD: &[Member] = &[
    QUEUE_URL,
    LABEL,
    Member::body("AWSAccountIds", TEXTS).on_wire("AWSAccountId").required(),
    Member::body("Actions", TEXTS).on_wire("ActionName").required(),
];

/// `AddPermission`.
async fn add(sqs: &Sqs, call: Call) -> Answer {
    let texts = |name: &str| call.texts(name).unwrap_or_default().into_iter().map(str::to_owned).collect();
    let permission = Permission {
        label: call.text_or_empty("Label").to_owned(),
        accounts: texts("AWSAccountIds"),
        actions: texts("Actions"),
    };
    sqs.commit(&call, QueueCommand::AddPermission(queue_urls::key(&call), permission)).await?;

    call.done()
}

/// `RemovePermission`.
async fn remove(sqs: &Sqs, call: Call) -> Answer {
    let label = call.text_or_empty("Label").to_owned();
    sqs.commit(&call, QueueCommand::RemovePermission(queue_urls::key(&call), label)).await?;
    call.done()
}
