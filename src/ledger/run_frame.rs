//! Frames of what is under way. Their heads say of which entry they are, so that what looks after files knows which of
//! them can go without knowing what they say.
//!
//! ```text
//! payload | sequence u64 | entry u64 | members, self-describing |
//! ```

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::frame::{self, FrameError, NAMED};
use crate::runs::RunId;
use crate::runs::state::Runs;

/// Bytes before the members.
const HEAD: usize = 16;

/// The kind of the frame that begins an event of a function that waits.
pub const EVENT: u16 = 2000;

/// The kind of the frame that ends one.
pub const ENDS: u16 = 2001;

/// The kind of the frame that says that others left its segment: those of entries that were done at its sequence.
pub const CLEANED: u16 = 2002;

/// The kind of the frame that puts an entry off.
pub const DELAYS: u16 = 2003;

/// The kind of the frame that begins a delivery.
pub const DELIVERY: u16 = 2004;

/// The kind of the frame that begins a message of a queue.
pub const MESSAGE: u16 = 2005;

/// The kind of the frame that hides a message for a while.
pub const HIDES: u16 = 2006;

/// The kind of the frame that puts a message into another queue.
pub const MOVES: u16 = 2007;

/// The kind of the frame that deletes a message which its queue still knows.
pub const DELETES: u16 = 2008;

/// The kind of the frame that says how far a stream is read.
pub const CURSOR: u16 = 2009;

/// The kind of the frame that says how far a message move task is.
pub const MOVE_TASK: u16 = 2020;

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// What the frame is.
    pub kind: u16,
    /// Sequence of the event.
    pub sequence: u64,
    /// The entry that it is about.
    pub id: RunId,
}

impl Head {
    /// Whether it begins an entry.
    pub fn begins(&self) -> bool {
        matches!(self.kind, EVENT | DELIVERY | MESSAGE | CURSOR | MOVE_TASK)
    }

    /// Whether it is about one entry, and neither begins nor ends it.
    pub fn changes(&self) -> bool {
        matches!(self.kind, DELAYS | HIDES | MOVES | DELETES)
    }

    /// Whether it tells of an entry that goes on in `runs`.
    pub fn goes_on(&self, runs: &Runs) -> bool {
        (self.begins() || self.changes()) && runs.contains(&self.id)
    }

    /// Whether it says what became of an entry: that it began, or ended. What only changes it says neither.
    pub fn is_fate(&self) -> bool {
        self.begins() || self.kind == ENDS
    }
}

/// Writes a frame.
pub fn write(head: Head, members: &impl Serialize) -> Result<Vec<u8>, FrameError> {
    frame::framed(head.kind, NAMED, |bytes| {
        bytes.extend_from_slice(&head.sequence.to_le_bytes());
        bytes.extend_from_slice(&head.id.0.to_le_bytes());
        frame::write_named(bytes, members)
    })
}

/// Checks a frame, and reads its head and the bytes of its members.
pub fn read(bytes: &[u8]) -> Result<(Head, &[u8]), FrameError> {
    let frame = frame::unframe(bytes)?;
    match frame.kind {
        EVENT..=CURSOR | MOVE_TASK if frame.version == NAMED => {}
        EVENT..=CURSOR | MOVE_TASK => {
            return Err(FrameError::UnknownVersion { kind: frame.kind, version: frame.version });
        }
        kind => return Err(FrameError::UnknownKind(kind)),
    }

    let number = |at: usize| frame.payload.get(at..at + 8)?.try_into().map(u64::from_le_bytes).ok();
    let (sequence, id) = number(0).zip(number(8)).ok_or(FrameError::NoHeader(frame.payload.len()))?;
    let members = &frame.payload[HEAD..];
    Ok((Head { kind: frame.kind, sequence, id: RunId(id) }, members))
}

/// The members of a frame.
pub fn members<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FrameError> {
    frame::named_payload(bytes)
}
