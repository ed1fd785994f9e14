//! Frames: how one event (or a checkpoint) lies on disk.
//!
//! ```text
//! | length u32 | crc32 u32 | version u16 | kind u16 | payload, length bytes |
//! ```
//! Little-endian. The header is checked before the payload is decoded: length against the bytes
//! that are there, the checksum over version, kind and payload, then kind and version.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Bytes before the payload.
const HEADER: usize = 12;

/// The header of a frame. It has the checksum of all behind it: two frames with the same are the same.
pub type Head = [u8; HEADER];

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
    /// The same of a self-describing one.
    #[error("the payload cannot be decoded: {0}")]
    Named(#[from] rmp_serde::decode::Error),
    /// A payload cannot be written.
    #[error("the payload cannot be encoded: {0}")]
    Unwritable(#[from] rmp_serde::encode::Error),
    /// There is something behind the payload.
    #[error("there are {0} bytes behind the payload")]
    LeftOver(usize),
    /// It cannot be compressed, or not be unpacked.
    #[error("the payload cannot be compressed or unpacked: {0}")]
    Compressed(std::io::Error),
    /// What decodes it ended early.
    #[error("a thread that decodes it ended early")]
    Thread,
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

/// The version of a frame whose payload is self-describing: it has the names of its members, so that one that is
/// optional may be added with no step between versions. Lower versions are bincode.
pub const NAMED: u16 = 100;

/// Writes a frame with a payload in bincode.
pub fn frame(kind: u16, version: u16, payload: &impl Serialize) -> Result<Vec<u8>, FrameError> {
    framed(kind, version, |bytes| Ok(bincode::serialize_into(bytes, payload)?))
}

/// Writes a frame with a self-describing payload.
pub fn frame_named(kind: u16, payload: &impl Serialize) -> Result<Vec<u8>, FrameError> {
    framed(kind, NAMED, |bytes| write_named(bytes, payload))
}

/// Writes a frame whose payload `write` appends.
pub fn framed(
    kind: u16,
    version: u16,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), FrameError>,
) -> Result<Vec<u8>, FrameError> {
    let mut bytes = vec![0; HEADER];
    bytes[8..10].copy_from_slice(&version.to_le_bytes());
    bytes[10..12].copy_from_slice(&kind.to_le_bytes());
    write(&mut bytes)?;
    let length = bytes.len() - HEADER;
    let announced = u32::try_from(length).map_err(|_| FrameError::Length { announced: 0, found: length })?;
    let checksum = crc32fast::hash(&bytes[8..]);
    bytes[..4].copy_from_slice(&announced.to_le_bytes());
    bytes[4..8].copy_from_slice(&checksum.to_le_bytes());

    Ok(bytes)
}

/// The header of a frame, unchecked; `None` where there is none.
pub fn head(bytes: &[u8]) -> Option<Head> {
    bytes.first_chunk().copied()
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

/// A payload in bincode.
pub fn encoded(payload: &impl Serialize) -> Result<Vec<u8>, FrameError> {
    Ok(bincode::serialize(payload)?)
}

/// Decodes a payload, refusing bytes left over.
pub fn payload<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, FrameError> {
    use bincode::Options as _;
    Ok(bincode::options().with_fixint_encoding().deserialize(bytes)?)
}

/// Decodes what a payload begins with; the rest of it.
pub fn leading_payload<T: DeserializeOwned>(mut bytes: &[u8]) -> Result<(T, &[u8]), FrameError> {
    let leading = bincode::deserialize_from(&mut bytes)?;
    Ok((leading, bytes))
}

/// A payload in bincode whose numbers take the bytes that they need.
pub fn compact(payload: &impl Serialize) -> Result<Vec<u8>, FrameError> {
    use bincode::Options as _;
    Ok(bincode::options().serialize(payload)?)
}

/// Decodes a compact payload, refusing bytes left over.
pub fn compact_payload<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FrameError> {
    use bincode::Options as _;
    Ok(bincode::options().deserialize(bytes)?)
}

/// A self-describing payload: `MessagePack`, with names for members and texts for digests, ids and keys, as in JSON.
pub fn named(payload: &impl Serialize) -> Result<Vec<u8>, FrameError> {
    let mut bytes = Vec::new();
    write_named(&mut bytes, payload)?;
    Ok(bytes)
}

/// Appends a self-describing payload.
pub fn write_named(bytes: &mut Vec<u8>, payload: &impl Serialize) -> Result<(), FrameError> {
    let mut serializer = rmp_serde::Serializer::new(bytes).with_struct_map().with_human_readable();
    Ok(payload.serialize(&mut serializer)?)
}

/// Decodes a self-describing payload, refusing bytes left over.
pub fn named_payload<T: DeserializeOwned>(mut bytes: &[u8]) -> Result<T, FrameError> {
    let mut deserializer = rmp_serde::Deserializer::new(&mut bytes).with_human_readable();
    let value = T::deserialize(&mut deserializer)?;
    if bytes.is_empty() { Ok(value) } else { Err(FrameError::LeftOver(bytes.len())) }
}

/// Decodes a large self-describing payload, without a look behind it: its texts are read where they lie.
pub fn large_named_payload<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FrameError> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes).with_human_readable();
    Ok(T::deserialize(&mut deserializer)?)
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

    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Before {
        name: String,
    }

    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct After {
        name: String,
        later: Option<u32>,
    }

    #[test]
    fn an_optional_member_needs_no_step() {
        let old = named(&Before { name: "n".into() }).expect("encodes");
        assert_eq!(named_payload::<After>(&old).expect("decodes"), After { name: "n".into(), later: None });
        let new = named(&After { name: "n".into(), later: Some(1) }).expect("encodes");
        assert_eq!(named_payload::<After>(&new).expect("decodes").later, Some(1));
    }

    #[test]
    fn a_member_that_is_not_known_is_refused_and_not_lost() {
        let new = named(&After { name: "n".into(), later: Some(1) }).expect("encodes");
        let refused = named_payload::<Before>(&new).expect_err("is refused").to_string();
        assert!(refused.contains("later"), "{refused}");
    }

    #[test]
    fn bytes_behind_a_payload_are_refused() {
        let bytes = frame(7, 1, &("hello", 1_u8)).expect("encodes");
        assert!(payload::<String>(unframe(&bytes).expect("checks").payload).is_err());
        let named = [named(&"hello").expect("encodes"), vec![1]].concat();
        assert!(matches!(named_payload::<String>(&named), Err(FrameError::LeftOver(1))));
    }
}
