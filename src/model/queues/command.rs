//! Commands about queues of the SQS neighbour.

use std::collections::BTreeMap;

use crate::model::queues::QueueKey;

/// A wish to change queues of the SQS neighbour.
#[derive(Debug, Clone, PartialEq)]
pub enum QueueCommand {
    /// Makes a queue. Nothing happens where it is there with the given attributes already.
    Create(CreateQueue),
    /// Changes attributes, by their names, of a queue that is there.
    SetAttributes(QueueKey, BTreeMap<String, String>),
    /// Removes a queue that is there.
    Delete(QueueKey),
    /// Adds or replaces tags of a queue that is there.
    Tag(QueueKey, BTreeMap<String, String>),
    /// Removes tags of a queue that is there, as far as it has them.
    Untag(QueueKey, Vec<String>),
    /// Adds a statement to the policy of a queue that is there.
    AddPermission(QueueKey, Permission),
    /// Removes the statement with this label from it.
    RemovePermission(QueueKey, String),
}

/// `CreateQueue`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateQueue {
    /// The queue.
    pub key: QueueKey,
    /// Its attributes, by their names.
    pub attributes: BTreeMap<String, String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// `AddPermission`.
#[derive(Debug, Clone, PartialEq)]
pub struct Permission {
    /// Names the statement.
    pub label: String,
    /// Ids of the accounts that may.
    pub accounts: Vec<String>,
    /// What they may do, without `SQS:`.
    pub actions: Vec<String>,
}
