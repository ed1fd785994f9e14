//! A segment: one file of the journal. A header, records, then zeros.
//!
//! ```text
//! header | magic 8 | schema u32 | store id 32 | secret 64 | first sequence u64 | crc32 u32 |
//! record | length u32 | crc32 u32 | first sequence u64 | events u32 | blobs u32 | events | blobs | runs |
//! event  | length u32 | frame |
//! blob   | digest 32 | length u32 | bytes |
//! runs   | length u32 | frame |, as many as there is room for
//! ```
//! Little-endian. A record's length is that of what follows its counts; its checksum is over all that
//! follows the checksum. A head of zeros ends a segment, if everything behind it is zeros too. What else lies there is
//! damage in a sealed segment. In the newest it may be the rest of one record that was being written when the power
//! went: it is cut if no whole record of a later event lies behind it, and is damage else, as only one record at a
//! time is written and not yet synced.

use bytes::Bytes;

use crate::ledger::{Attachment, SCHEMA};
use crate::model::blob::BlobId;

const MAGIC: &[u8; 8] = b"larder\0j";

/// Bytes of a segment's header.
pub const HEADER: usize = 120;

/// Bytes of a record before its events.
const RECORD: usize = 24;

/// Whose journal it is; the same in every segment.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// Id of the store, 32 bytes.
    pub store_id: Vec<u8>,
    /// Secret of the store, 64 bytes.
    pub secret: Vec<u8>,
}

/// One batch of events, with the blobs they need.
#[derive(Debug, Default, PartialEq)]
pub struct Record {
    /// Sequence of its first event.
    pub first: u64,
    /// The events' frames, in order.
    pub frames: Vec<Vec<u8>>,
    /// The blobs.
    pub blobs: Vec<Attachment>,
    /// The frames of what is under way, which have sequences of their own.
    pub runs: Vec<Vec<u8>>,
}

impl Record {
    /// Sequence of the event behind it.
    pub fn next(&self) -> u64 {
        self.first + self.frames.len() as u64
    }

    /// A record of events with their sequences, which follow each other.
    pub fn of_events(events: Vec<(u64, Vec<u8>)>) -> Self {
        let first = events.first().map_or(0, |(sequence, _)| *sequence);
        Self { first, frames: events.into_iter().map(|(_, frame)| frame).collect(), ..Self::default() }
    }

    /// Leaves out the events before `from`.
    pub fn leave_out_before(&mut self, from: u64) {
        let before = from.saturating_sub(self.first).min(self.frames.len() as u64);
        self.frames.drain(..usize::try_from(before).unwrap_or(usize::MAX));
        self.first += before;
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.blobs.is_empty() && self.runs.is_empty()
    }

    /// A record of blobs only, before the event `next`.
    pub fn of_blobs(next: u64, blobs: Vec<Attachment>) -> Self {
        Self { first: next, blobs, ..Self::default() }
    }
}

/// What lies at a place of a segment.
#[derive(Debug, PartialEq)]
pub enum Found {
    /// A record, and where the next begins.
    Record(Record, usize),
    /// Nothing more.
    End,
    /// Bytes that are no record, and why.
    Damage(&'static str),
}

/// Writes a header.
pub fn header(identity: &Identity, first: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&SCHEMA.to_le_bytes());
    bytes.extend_from_slice(&fixed(&identity.store_id, 32));
    bytes.extend_from_slice(&fixed(&identity.secret, 64));
    bytes.extend_from_slice(&first.to_le_bytes());
    let checksum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());

    bytes
}

fn fixed(bytes: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(length, 0);
    bytes
}

/// Reads a header: whose it is, its schema, its first sequence. `None` if it is none.
pub fn read_header(bytes: &[u8]) -> Option<(Identity, u32, u64)> {
    let mut rest = bytes.get(..HEADER)?;
    let checksum = u32::from_le_bytes(rest[HEADER - 4..].try_into().ok()?);
    if crc32fast::hash(&rest[..HEADER - 4]) != checksum || take(&mut rest, 8)? != MAGIC {
        return None;
    }
    let schema = number(&mut rest)?;
    let store_id = take(&mut rest, 32)?.to_vec();
    let secret = take(&mut rest, 64)?.to_vec();
    let first = take(&mut rest, 8)?.try_into().map(u64::from_le_bytes).ok()?;

    Some((Identity { store_id, secret }, schema, first))
}

/// Writes a record whose first event is `first`.
pub fn write(record: &Record, first: u64) -> Vec<u8> {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = vec![0; RECORD];
    for frame in &record.frames {
        bytes.extend_from_slice(&length(frame));
        bytes.extend_from_slice(frame);
    }

    for (id, blob) in &record.blobs {
        bytes.extend_from_slice(&id.0);
        bytes.extend_from_slice(&length(blob));
        bytes.extend_from_slice(blob);
    }

    for frame in &record.runs {
        bytes.extend_from_slice(&length(frame));
        bytes.extend_from_slice(frame);
    }

    let body = length(&bytes[RECORD..]);
    bytes[..4].copy_from_slice(&body);
    bytes[8..16].copy_from_slice(&first.to_le_bytes());
    bytes[16..20].copy_from_slice(&count(record.frames.len()));
    bytes[20..24].copy_from_slice(&count(record.blobs.len()));
    let checksum = crc32fast::hash(&bytes[8..]);
    bytes[4..8].copy_from_slice(&checksum.to_le_bytes());

    bytes
}

fn count(items: usize) -> [u8; 4] {
    u32::try_from(items).unwrap_or(u32::MAX).to_le_bytes()
}

/// Reads what lies at `offset`.
pub fn read(bytes: &[u8], offset: usize) -> Found {
    let Some(head) = bytes.get(offset..offset + RECORD) else { return ended(&bytes[offset.min(bytes.len())..]) };
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    if word(0) == 0 {
        return ended(&bytes[offset..]);
    }
    let end = usize::try_from(word(0)).ok().and_then(|length| (offset + RECORD).checked_add(length));
    let Some(checked) = end.and_then(|end| bytes.get(offset + 8..end)) else {
        return Found::Damage("the record announces more bytes than there are");
    };
    if crc32fast::hash(checked) != word(4) {
        return Found::Damage("the checksum is not that of the bytes");
    }

    match parse(checked, word(16), word(20)) {
        Some(record) => Found::Record(record, offset + 8 + checked.len()),
        None => Found::Damage("the record's sequence or counts do not fit its bytes"),
    }
}

/// The newest sequence of the whole records that lie somewhere behind damage at `offset`, where the event
/// `next` should be; `None` if there are none.
pub fn last_behind(bytes: &[u8], offset: usize, next: u64) -> Option<u64> {
    let mut last = None;
    let mut at = offset + 1;
    while at + RECORD <= bytes.len() {
        let first = u64::from_le_bytes(bytes[at + 8..at + 16].try_into().ok()?);
        // A record's sequence is looked at before its checksum, which costs more.
        let plausible = first >= next && first - next <= bytes.len() as u64;
        match plausible.then(|| read(bytes, at)) {
            Some(Found::Record(record, after)) => {
                last = Some(record.next() - 1);
                at = after;
            }
            _ => at += 1,
        }
    }

    last
}

/// The whole records of a segment with the places where they begin, also those behind damage.
pub fn whole_records(bytes: &[u8], first: u64) -> impl Iterator<Item = (usize, Record)> + '_ {
    let mut offset = HEADER;
    let mut next = first;
    std::iter::from_fn(move || {
        while offset + RECORD <= bytes.len() {
            let sequence = u64::from_le_bytes(bytes[offset + 8..offset + 16].try_into().ok()?);
            let plausible = sequence >= next && sequence - next <= bytes.len() as u64;
            match plausible.then(|| read(bytes, offset)) {
                Some(Found::Record(record, after)) => {
                    let at = std::mem::replace(&mut offset, after);
                    next = record.next();
                    return Some((at, record));
                }
                _ => offset += 1,
            }
        }
        None
    })
}

/// Where each blob of a record that begins at `offset` lies.
pub fn places(record: &Record, offset: usize) -> impl Iterator<Item = (BlobId, usize, usize)> + '_ {
    let mut at = offset + RECORD + record.frames.iter().map(|frame| frame.len() + 4).sum::<usize>();
    record.blobs.iter().map(move |(id, bytes)| {
        let begin = at + 36;
        at = begin + bytes.len();
        (*id, begin, bytes.len())
    })
}

/// The end, if there is nothing but zeros.
fn ended(bytes: &[u8]) -> Found {
    if bytes.iter().all(|byte| *byte == 0) { Found::End } else { Found::Damage("bytes behind the end of the records") }
}

/// Reads a record from its first sequence on.
fn parse(bytes: &[u8], events: u32, blobs: u32) -> Option<Record> {
    let first = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
    // Sequences begin at 1, and those of all its events are numbers, as is that of the event behind them and one more,
    // which who counts them comes to.
    if first == 0 || first.checked_add(u64::from(events) + 1).is_none() {
        return None;
    }
    let mut rest = &bytes[16..];
    let mut record = Record { first, ..Record::default() };

    for _ in 0..events {
        let length = usize::try_from(number(&mut rest)?).ok()?;
        record.frames.push(take(&mut rest, length)?.to_vec());
    }

    for _ in 0..blobs {
        let digest = take(&mut rest, 32)?.try_into().ok()?;
        let length = usize::try_from(number(&mut rest)?).ok()?;
        record.blobs.push((BlobId(digest), Bytes::copy_from_slice(take(&mut rest, length)?)));
    }

    while !rest.is_empty() {
        let length = usize::try_from(number(&mut rest)?).ok()?;
        record.runs.push(take(&mut rest, length)?.to_vec());
    }

    Some(record)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    take(rest, 4)?.try_into().map(u32::from_le_bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let record = Record {
            first: 7,
            frames: vec![b"one".to_vec(), b"two!".to_vec()],
            blobs: vec![(BlobId([3; 32]), Bytes::from_static(b"zip"))],
            runs: vec![b"waits".to_vec()],
        };
        write(&record, record.first)
    }

    /// A record of one event.
    fn event(first: u64, frame: &[u8], blobs: &[Attachment]) -> Vec<u8> {
        write(&Record { frames: vec![frame.to_vec()], blobs: blobs.to_vec(), ..Record::default() }, first)
    }

    #[test]
    fn a_record_comes_back_and_zeros_end_a_segment() {
        let mut bytes = sample();
        let length = bytes.len();
        bytes.extend_from_slice(&[0; 100]);
        let Found::Record(record, next) = read(&bytes, 0) else { panic!("a record") };
        assert_eq!((record.first, record.frames.len(), record.blobs.len(), next), (7, 2, 1, length));
        assert_eq!(record.runs, [b"waits"]);
        assert_eq!(read(&bytes, next), Found::End);
    }

    #[test]
    fn a_head_of_zeros_before_other_bytes_is_no_end() {
        let mut bytes = [sample(), event(9, b"three", &[])].concat();
        bytes.extend_from_slice(&[0; 100]);
        bytes[..24].fill(0);
        assert!(matches!(read(&bytes, 0), Found::Damage(_)));
        assert_eq!(last_behind(&bytes, 0, 7), Some(9));
    }

    #[test]
    fn whole_records_are_found_with_the_places_of_their_blobs() {
        let identity = Identity { store_id: vec![b'a'; 32], secret: vec![b'b'; 64] };
        let mut bytes = header(&identity, 7);
        bytes.extend(sample());
        let second = bytes.len();
        bytes.extend(event(9, b"three", &[(BlobId([4; 32]), Bytes::from_static(b"layer"))]));
        bytes[HEADER + 2] ^= 1;
        let found: Vec<_> = whole_records(&bytes, 7).collect();
        assert_eq!(found.len(), 1);
        let (at, record) = &found[0];
        assert_eq!((*at, record.first), (second, 9));
        for (id, begin, length) in places(record, *at) {
            assert_eq!((id, &bytes[begin..begin + length]), (BlobId([4; 32]), &b"layer"[..]));
        }
    }

    /// Found by fuzzing: who numbers the events counts one further than there are.
    #[test]
    fn sequences_that_are_no_numbers_are_damage() {
        for (first, is_record) in [(u64::MAX, false), (u64::MAX - 1, false), (u64::MAX - 2, true)] {
            let bytes = event(first, b"last", &[]);
            let found = read(&bytes, 0);
            assert_eq!(matches!(found, Found::Record(..)), is_record, "{first}");
            if let Found::Record(record, _) = found {
                assert_eq!((record.first..).zip(record.frames).count(), 1);
            }
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let bytes = sample();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            assert!(!matches!(read(&flipped, 0), Found::Record(..)), "flip at {at}");
            assert!(!matches!(read(&bytes[..at], 0), Found::Record(..)), "cut at {at}");
        }
    }

    proptest::proptest! {
        /// Whatever bytes there are, real ones among them: no panic, no record that reaches beyond them.
        #[test]
        fn any_bytes_are_read_without_harm(
            before in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
            edits in proptest::collection::vec((0..400_usize, proptest::prelude::any::<u8>()), 0..8),
            at in 0..400_usize,
        ) {
            let mut bytes = [before, sample(), sample()].concat();
            for (place, byte) in edits {
                let length = bytes.len();
                bytes[place % length] = byte;
            }

            if let Found::Record(record, next) = read(&bytes, at) {
                assert!(next <= bytes.len() && record.frames.iter().map(Vec::len).sum::<usize>() <= bytes.len());
            }
            last_behind(&bytes, at.min(bytes.len()), 0);
            read_header(&bytes);
        }
    }

    #[test]
    fn records_behind_damage_are_found() {
        let mut bytes = sample();
        let length = bytes.len();
        bytes.extend_from_slice(&event(9, b"three", &[]));
        bytes.extend_from_slice(&[0; 100]);

        for at in 0..length {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert_eq!(last_behind(&damaged, 0, 7), Some(9), "flip at {at}");
        }

        assert_eq!(last_behind(&bytes, length, 9), None, "nothing follows the last");
    }

    #[test]
    fn a_header_comes_back_and_a_damaged_one_does_not() {
        let identity = Identity { store_id: vec![b'a'; 32], secret: vec![b'b'; 64] };
        let bytes = header(&identity, 5);
        let (read, schema, first) = read_header(&bytes).expect("a header");
        assert!(read == identity && schema == SCHEMA && first == 5);
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert!(read_header(&flipped).is_none(), "flip at {at}");
        }
    }
}
