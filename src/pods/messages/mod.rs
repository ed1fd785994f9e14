//! Messages of queues, in pods: written into one (`write`), read from one, which believes nothing (`read`), and taken into
//! a store (`bring`).

pub mod bring;
pub mod read;
pub mod write;

use super::lines::LinesPart;
use super::{MAX_LINES, MESSAGES};
use crate::model::queues::QueueKey;
use crate::runs::messages::BroughtMessage;

/// The part.
const PART: LinesPart =
    LinesPart { path: MESSAGES, most: 128 * 1024 * 1024, most_of_line: 8 * 1024 * 1024, most_lines: MAX_LINES };

/// A message that was in a queue of the store that a pod is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodMessage {
    /// The queue.
    pub queue: QueueKey,
    /// The message.
    pub message: BroughtMessage,
}
