//! What the ledger is asked for about what is under way.

use bytes::Bytes;

use super::{Attempts, RunId, WaitingEvent};
use crate::model::time::Timestamp;

/// A wish.
#[derive(Debug, Clone, PartialEq)]
pub enum RunCommand {
    /// Takes an event to be run as soon as it can be. Its times are set when that is decided. Refused where its
    /// function is not there any more.
    Accept {
        /// The event.
        event: Box<WaitingEvent>,
        /// Its payload.
        payload: Bytes,
    },
    /// An event is to be tried again. Nothing happens where it is not there any more.
    Delay {
        /// The event.
        id: RunId,
        /// When.
        due: Timestamp,
        /// How often it was tried.
        attempts: Attempts,
    },
    /// An entry is done: it is forgotten. Nothing happens where it is already.
    End(RunId),
    /// All events of functions that are not there any more are dropped, as they may be after a rewind.
    DropOrphans,
}
