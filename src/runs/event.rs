//! What happened to what is under way.

use bytes::Bytes;

use super::{Attempts, RunId, WaitingEvent};
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
    /// An event is to be tried again.
    Delayed {
        /// The event.
        id: RunId,
        /// When.
        due: Timestamp,
        /// How often it was tried.
        attempts: Attempts,
    },
    /// An entry is done.
    Ended(RunId),
    /// What was done up to the event of this sequence is not told any more.
    Cleaned(u64),
}

impl RunEvent {
    /// The entry that it is about, where `sequence` is its own.
    pub fn id(&self, sequence: u64) -> RunId {
        match self {
            Self::Accepted { .. } => RunId(sequence),
            Self::Delayed { id, .. } | Self::Ended(id) => *id,
            Self::Cleaned(_) => RunId(0),
        }
    }
}
