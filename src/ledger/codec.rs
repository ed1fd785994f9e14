//! Events as frames. What an event looks like in a frame is in [`super::shapes`].

use super::frame::{FrameError, unframe};
use super::shapes;
use crate::model::event::Recorded;

/// Encodes an event as it is stored under its sequence.
pub fn encode(recorded: &Recorded) -> Result<Vec<u8>, FrameError> {
    shapes::encode(recorded)
}

/// Decodes the event stored under `sequence`.
pub fn decode(sequence: u64, bytes: &[u8]) -> Result<Recorded, FrameError> {
    shapes::decode(sequence, &unframe(bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::frame::frame;

    proptest::proptest! {
        /// Whatever bytes there are, with the checksum that they should have: no panic, and only events come out.
        #[test]
        fn any_bytes_are_decoded_without_harm(
            kind in 0..200_u16,
            version in proptest::prop_oneof![0..6_u16, 99..102_u16],
            payload in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
        ) {
            let mut bytes = frame(kind, version, &()).expect("encodes");
            bytes.extend_from_slice(&payload);
            bytes[..4].copy_from_slice(&u32::try_from(payload.len()).expect("fits").to_le_bytes());
            let checksum = crc32fast::hash(&bytes[8..]);
            bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
            proptest::prop_assert_eq!(unframe(&bytes).expect("checks").payload, &payload[..]);
            let _ = decode(1, &bytes);
            let _ = decode(1, &payload);
        }
    }
}
