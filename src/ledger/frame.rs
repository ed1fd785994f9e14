//! Frames: how one event (or a checkpoint) lies on disk.
//!
//! ```text
//! | length u32 | crc32 u32 | version u16 | kind u16 | payload (bincode), length bytes |
//! ```
//! Little-endian. The header is checked before the payload is decoded: length against the bytes
//! that are there, the checksum over version, kind and payload, then kind and version.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes before the payload.
const HEADER: usize = 12;

/// Why bytes are not a frame, or not one that this build can read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Fewer bytes than a header.
    #[error("a frame of {0} bytes has no header")]
    NoHeader(usize),
    /// The header announces another length.
    #[error("the frame announces {announced} bytes but has {found}")]
    Length {
        /// In the header.
        announced: usize,
        /// There.
        found: usize,
    },
    /// The bytes changed since they were written.
    #[error("the checksum is {found:08x} where {expected:08x} was written")]
    Checksum {
        /// In the header.
        expected: u32,
        /// Of the bytes.
        found: u32,
    },
    /// A kind of a later Larder.
    #[error("kind {0} is unknown to this larder")]
    UnknownKind(u16),
    /// A version of a later Larder.
    #[error("version {version} of kind {kind} is unknown to this larder")]
    UnknownVersion {
        /// The kind.
        kind: u16,
        /// Its version.
        version: u16,
    },
    /// The payload does not have the shape of its kind and version.
    #[error("the payload cannot be decoded: {0}")]
    Payload(#[from] bincode::Error),
}

/// A frame whose header was checked.
#[derive(Debug)]
pub struct Frame<'a> {
    /// What the payload is.
    pub kind: u16,
    /// Which shape it has.
    pub version: u16,
    /// The payload.
    pub payload: &'a [u8],
}

/// Writes a frame.
pub fn frame(kind: u16, version: u16, payload: &impl Serialize) -> Result<Vec<u8>, FrameError> {
    let mut bytes = vec![0; HEADER];
    bytes[8..10].copy_from_slice(&version.to_le_bytes());
    bytes[10..12].copy_from_slice(&kind.to_le_bytes());
    bincode::serialize_into(&mut bytes, payload)?;
    let length = bytes.len() - HEADER;
    let announced = u32::try_from(length).map_err(|_| FrameError::Length { announced: 0, found: length })?;
    let checksum = crc32fast::hash(&bytes[8..]);
    bytes[..4].copy_from_slice(&announced.to_le_bytes());
    bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
    Ok(bytes)
}

/// Checks a frame's header.
pub fn unframe(bytes: &[u8]) -> Result<Frame<'_>, FrameError> {
    let header: &[u8; HEADER] = bytes.first_chunk().ok_or(FrameError::NoHeader(bytes.len()))?;
    let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let short = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let payload = &bytes[HEADER..];
    let announced = usize::try_from(word(0)).unwrap_or(usize::MAX);
    if announced != payload.len() {
        return Err(FrameError::Length { announced, found: payload.len() });
    }
    let found = crc32fast::hash(&bytes[8..]);
    if found != word(4) {
        return Err(FrameError::Checksum { expected: word(4), found });
    }
    Ok(Frame { kind: short(10), version: short(8), payload })
}

/// Decodes a payload, refusing bytes left over.
pub fn payload<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FrameError> {
    use bincode::Options as _;
    Ok(bincode::options().with_fixint_encoding().deserialize(bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back() {
        let bytes = frame(7, 1, &"hello").expect("encodes");
        let frame = unframe(&bytes).expect("checks");
        assert_eq!((frame.kind, frame.version), (7, 1));
        assert_eq!(payload::<String>(frame.payload).expect("decodes"), "hello");
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let bytes = frame(7, 1, &"hello").expect("encodes");
        for at in 0..bytes.len() {
            assert!(unframe(&bytes[..at]).is_err(), "cut at {at}");
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            assert!(unframe(&flipped).is_err(), "flip at {at}");
        }
    }

    #[test]
    fn bytes_behind_a_payload_are_refused() {
        let bytes = frame(7, 1, &("hello", 1_u8)).expect("encodes");
        assert!(payload::<String>(unframe(&bytes).expect("checks").payload).is_err());
    }
}
