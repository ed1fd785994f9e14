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

/// Bytes before the members.
const HEAD: usize = 16;

/// The kind of the frame that begins an entry: what the entry is.
pub const BEGINS: u16 = 2000;

/// The kind of the frame that ends one.
pub const ENDS: u16 = 2001;

/// The kind of the frame that says that others left its segment: those of entries that were done at its sequence.
pub const CLEANED: u16 = 2002;

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
        BEGINS | ENDS | CLEANED if frame.version == NAMED => {}
        BEGINS | ENDS | CLEANED => return Err(FrameError::UnknownVersion { kind: frame.kind, version: frame.version }),
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
