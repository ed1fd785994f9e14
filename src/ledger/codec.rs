//! Events as frames. What an event looks like in a frame is in [`super::shapes`].

use super::frame::{FrameError, unframe};
use super::shapes;
use crate::model::event::Recorded;
use crate::model::time::Timestamp;
use crate::runs::event::RunEvent;

/// Encodes an event as it is stored under its sequence.
pub fn encode(recorded: &Recorded) -> Result<Vec<u8>, FrameError> {
    shapes::encode(recorded)
}

/// Decodes the event stored under `sequence`.
pub fn decode(sequence: u64, bytes: &[u8]) -> Result<Recorded, FrameError> {
    shapes::decode(sequence, &unframe(bytes)?)
}

/// When the event stored under a sequence was decided.
pub fn decided(bytes: &[u8]) -> Result<Timestamp, FrameError> {
    shapes::decided(&unframe(bytes)?)
}

/// Encodes an event of what is under way.
pub fn encode_run(sequence: u64, event: &RunEvent) -> Result<Vec<u8>, FrameError> {
    shapes::encode_run(sequence, event)
}

/// Decodes one: its sequence, and the event.
pub fn decode_run(bytes: &[u8]) -> Result<(u64, RunEvent), FrameError> {
    shapes::decode_run(bytes)
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

    /// Payloads of schema 4 of the kinds that no golden store has, byte for byte as bincode wrote them.
    #[test]
    fn events_in_bincode_are_read() {
        let head = || (5_u64, ("id", "AKIA", "agent"));
        let function = || (("000000000000", "us-east-1"), "f");
        let none = || Vec::<u8>::new();
        let rewind = (0_u32, (7_u64, Some("m"), Vec::<&str>::new()));
        let stored = [
            ("VersionDeleted", frame(7, 1, &(head(), function(), 3_u64))),
            ("AliasDeleted", frame(9, 1, &(head(), function(), "live"))),
            ("LayerPolicyDeleted", frame(33, 1, &(head(), function(), 1_u64))),
            ("EventInvokeDeleted", frame(46, 1, &(head(), function(), "live"))),
            ("ProvisionedConcurrencyDeleted", frame(53, 1, &(head(), function(), "live"))),
            ("FunctionScalingPut", frame(55, 1, &(head(), function(), "1", Some((Some(1_u32), None::<u32>))))),
            ("GroupDeleted", frame(109, 1, &(head(), ("000000000000", "g")))),
            ("StateRestored", frame(140, 2, &(head(), rewind, (none(), none())))),
            ("MarkPut", frame(141, 1, &(head(), "m", 6_u64))),
            ("MarkDeleted", frame(142, 1, &(head(), "m"))),
            ("HistoryCompacted", frame(143, 2, &(head(), none(), vec![("m", (4_u64, 6_u64))]))),
        ];

        for (name, bytes) in stored {
            let bytes = bytes.expect("encodes");
            let recorded = decode(9, &bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(
                (recorded.event.name(), recorded.time.0, recorded.origin.user_agent.as_str()),
                (name, 5, "agent")
            );
            assert_eq!(decided(&bytes).expect("decodes"), recorded.time, "{name}");
            // Written anew it says the same.
            let anew = encode(&recorded).expect("encodes");
            assert_eq!(decode(9, &anew).expect("decodes"), recorded, "{name}");
            assert_eq!(decided(&anew).expect("decodes"), recorded.time, "{name}");
        }

        assert!(decode(9, &frame(7, 1, &()).expect("encodes")).is_err());
        assert!(matches!(
            decode(9, &frame(7, 2, &(head(), function(), 3_u64)).expect("encodes")),
            Err(FrameError::UnknownVersion { kind: 7, version: 2 })
        ));
    }
}
