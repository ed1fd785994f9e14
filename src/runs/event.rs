//! What happened to what is under way.

use bytes::Bytes;

use super::cursors::Cursor;
use super::deliveries::Delivery;
use super::messages::{FifoIds, QueuedMessage, Receiving};
use super::move_tasks::MoveTask;
use super::{Attempts, RunId, WaitingEvent};
use crate::model::queues::QueueKey;
use crate::model::time::Timestamp;

/// The one thing that changes the state.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEvent {
    /// An event was accepted, under this event's own sequence as its id.
    Accepted {
        /// The event.
        event: Box<WaitingEvent>,
        /// Its payload.
        payload: Bytes,
    },
    /// Something is to be delivered, under this event's own sequence as its id.
    Delivering {
        /// The delivery.
        delivery: Box<Delivery>,
        /// What is delivered.
        payload: Bytes,
    },
    /// An event or a delivery is to be tried again.
    Delayed {
        /// The entry.
        id: RunId,
        /// When.
        due: Timestamp,
        /// How often it was tried.
        attempts: Attempts,
    },
    /// A message was sent, under this event's own sequence as its id.
    Sent {
        /// The queue.
        queue: QueueKey,
        /// The message.
        message: Box<QueuedMessage>,
        /// What a FIFO queue knows it by.
        fifo: Option<FifoIds>,
        /// When.
        sent: Timestamp,
        /// When it can be received.
        visible: Timestamp,
    },
    /// A message is hidden until then: it was received, or whoever received it asks for another time.
    Hidden {
        /// The message.
        id: RunId,
        /// Until when.
        until: Timestamp,
        /// How often it was received by then.
        receives: u32,
        /// When it was.
        receiving: Receiving,
    },
    /// A message is in another queue now, as if it had just come.
    Moved {
        /// The message.
        id: RunId,
        /// The queue.
        queue: QueueKey,
        /// The queue in which it was received too often.
        dead_letter_source: Option<QueueKey>,
        /// When.
        time: Timestamp,
    },
    /// A stream is read up to a place, under this event's own sequence as its id.
    Reached(Box<Cursor>),
    /// A move task began, or is further, under this event's own sequence as its id.
    MoveTaskNoted(Box<MoveTask>),
    /// A message was deleted, and the queue still knows it for a while.
    Deleted(RunId),
    /// An entry is done.
    Ended(RunId),
    /// What was done up to the event of this sequence is not told any more.
    Cleaned(u64),
}

impl RunEvent {
    /// The entry that it is about, where `sequence` is its own.
    pub fn id(&self, sequence: u64) -> RunId {
        match self {
            Self::Accepted { .. }
            | Self::Delivering { .. }
            | Self::Sent { .. }
            | Self::Reached(_)
            | Self::MoveTaskNoted(_) => RunId(sequence),
            Self::Delayed { id, .. }
            | Self::Hidden { id, .. }
            | Self::Moved { id, .. }
            | Self::Deleted(id)
            | Self::Ended(id) => *id,
            Self::Cleaned(_) => RunId(0),
        }
    }

    /// The entry that an answer shows, where `sequence` is the event's own: one that began, or was received.
    pub fn shows(&self, sequence: u64) -> Option<RunId> {
        match self {
            Self::Accepted { .. } | Self::Delivering { .. } | Self::Sent { .. } | Self::Hidden { .. } => {
                Some(self.id(sequence))
            }
            _ => None,
        }
    }
}
