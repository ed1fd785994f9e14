//! Commands about log groups and streams of the Logs neighbour.

use std::collections::BTreeMap;

use crate::model::logs::{LogGroupKey, LogStreamKey};

/// A wish to change log groups and streams of the Logs neighbour.
#[derive(Debug, Clone, PartialEq)]
pub enum LogsCommand {
    /// Makes a group that is not there yet.
    CreateGroup(CreateLogGroup),
    /// Removes a group that is there and not protected, with its streams.
    DeleteGroup(LogGroupKey),
    /// Makes a stream that is not there yet, in a group that is.
    CreateStream(LogStreamKey),
    /// Makes a stream, and its group, where they are missing: for what functions write.
    EnsureStream(LogStreamKey),
    /// Removes a stream that is there.
    DeleteStream(LogStreamKey),
    /// Changes a group that is there.
    ChangeGroup(LogGroupKey, GroupChange),
}

/// `CreateLogGroup`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateLogGroup {
    /// The group.
    pub key: LogGroupKey,
    /// Its class.
    pub class: String,
    /// Its key.
    pub kms_key: Option<String>,
    /// Whether it cannot be deleted.
    pub protected: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// One change of a group.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupChange {
    /// Lines are kept for so many days, or for ever.
    Retention(Option<u32>),
    /// The key is this, or none.
    KmsKey(Option<String>),
    /// It cannot be deleted, or can.
    Protection(bool),
    /// These tags are added or replaced.
    Tag(BTreeMap<String, String>),
    /// These tags are removed, as far as they are there.
    Untag(Vec<String>),
}
