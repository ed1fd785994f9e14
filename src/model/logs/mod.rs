//! Log groups and log streams: what holds log lines. The lines themselves are data, and no part of the state.

pub mod command;
pub mod decide;
pub mod event;

use std::collections::BTreeMap;

use uuid::Uuid;

use super::arn;
use super::names::{LogGroupName, LogStreamName, Scope};
use super::time::Timestamp;

/// The class of a group that names none.
pub const STANDARD: &str = "STANDARD";

/// Tags of a group at most.
pub const MAX_TAGS: usize = 50;

/// The days that a retention may have.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
pub const RETENTION_DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// Names the lines of a group or a stream in the store. A name that is used again gets another id, so that
/// lines of a deleted stream never come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogId(pub Uuid);

/// A group's place in the state. Sorted by scope, then name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogGroupKey {
    /// Account and region.
    pub scope: Scope,
    /// The group's name.
    pub name: LogGroupName,
}

/// A stream's place in the state. Sorted by group, then name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogStreamKey {
    /// The group.
    pub group: LogGroupKey,
    /// The stream's name.
    pub name: LogStreamName,
}

/// A log group.
#[derive(Debug, Clone, PartialEq)]
pub struct LogGroup {
    /// Its place.
    pub key: LogGroupKey,
    /// Names its lines.
    pub id: LogId,
    /// When it was made.
    pub created: Timestamp,
    /// `STANDARD`, `INFREQUENT_ACCESS`, `DELIVERY` or `ESSENTIALS`.
    pub class: String,
    /// Key that AWS would encrypt it with.
    pub kms_key: Option<String>,
    /// Days after which a line is gone; `None`: never.
    pub retention_days: Option<u32>,
    /// Whether it cannot be deleted.
    pub protected: bool,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A log stream.
#[derive(Debug, Clone, PartialEq)]
pub struct LogStream {
    /// Its place.
    pub key: LogStreamKey,
    /// Names its lines.
    pub id: LogId,
    /// When it was made.
    pub created: Timestamp,
}

/// Where the lines of a stream lie in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogPlace {
    /// The group's id.
    pub group: LogId,
    /// The stream's id.
    pub stream: LogId,
}

impl LogGroupKey {
    /// The group's ARN, without the `:*` that stands for its streams.
    pub fn arn(&self) -> String {
        let Scope { account, region } = &self.scope;
        format!("arn:{}:logs:{region}:{account}:log-group:{}", arn::partition(region), self.name)
    }
}

impl LogStreamKey {
    /// The stream's ARN.
    pub fn arn(&self) -> String {
        format!("{}:log-stream:{}", self.group.arn(), self.name)
    }
}

impl LogGroup {
    /// The time before which lines are gone at `now`, in milliseconds since the epoch; 0 if none are.
    pub fn expiry_ms(&self, now: Timestamp) -> u64 {
        self.retention_days.map_or(0, |days| now.0.saturating_sub(u64::from(days) * 86_400_000))
    }
}
