//! A block: lines of one stream, in order, compressed together.
//!
//! ```text
//! head | frame of `codec.rs`: whose lines, how many, of which times; length and checksum of the body |
//! body | zstd of columns: times, numbers, arrivals, lengths of texts (variable-length numbers), then the texts |
//! ```
//! A head is as long as any other, so that blocks can be skipped by their heads alone.

use std::io;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::number::{put, signed, take, unsigned};
use super::{Line, LinePosition, cost};
use crate::ledger::frame;
use crate::model::logs::{LogId, LogPlace};
use crate::model::time::Timestamp;

/// Kind of a head's frame.
pub const LINES: u16 = 1003;

/// Version of the frames of this folder.
pub const VERSION: u16 = 1;

/// Bytes of a head.
pub const HEAD: usize = 100;

/// How hard lines are compressed: it happens on the way of functions' lines, beside their work.
const LEVEL: i32 = 3;

/// Bytes of a body before it was compressed, at most: more than the largest request has.
const LARGEST: usize = 64 * 1024 * 1024;

/// A place, as stored.
pub type StoredPlace = [u8; 32];

/// What a block says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Whose lines.
    pub place: StoredPlace,
    /// How many.
    pub lines: u32,
    /// Bytes of the body before it was compressed.
    raw: u32,
    /// Bytes of the body.
    pub body: u32,
    checksum: u32,
    /// Time of the first line.
    pub first_ms: u64,
    /// Time of the last line.
    pub last_ms: u64,
    /// Highest number of a line.
    pub newest: u64,
    /// Bytes of the lines, as AWS counts.
    pub bytes: u64,
    /// When the last of them came.
    pub ingested_ms: u64,
}

impl Head {
    /// Bytes of the whole block.
    pub fn length(&self) -> usize {
        HEAD + self.body as usize
    }

    /// Whether these are the bytes of its body.
    pub fn fits(&self, body: &[u8]) -> bool {
        crc32fast::hash(body) == self.checksum
    }
}

/// Reads the head that `bytes` begin with.
pub fn head(bytes: &[u8]) -> Option<Head> {
    let frame = frame::unframe(bytes.get(..HEAD)?).ok()?;
    let is_ours = (frame.kind, frame.version) == (LINES, VERSION);
    is_ours.then(|| frame::payload(frame.payload).ok()).flatten()
}

/// Makes blocks; it keeps the compressor's memory.
pub struct Packer(zstd::bulk::Compressor<'static>);

impl Packer {
    /// A packer.
    pub fn new() -> io::Result<Self> {
        zstd::bulk::Compressor::new(LEVEL).map(Self)
    }

    /// The block of some lines, which are in order and at least one.
    pub fn pack(&mut self, place: LogPlace, lines: &[Line]) -> io::Result<(Head, Vec<u8>)> {
        let raw = columns(lines);
        let body = self.0.compress(&raw)?;
        let size = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        let head = Head {
            place: stored(place),
            lines: size(lines.len()),
            raw: size(raw.len()),
            body: size(body.len()),
            checksum: crc32fast::hash(&body),
            first_ms: lines.first().map_or(0, |line| line.position.time_ms),
            last_ms: lines.last().map_or(0, |line| line.position.time_ms),
            newest: lines.iter().map(|line| line.position.number).max().unwrap_or(0),
            bytes: lines.iter().map(|line| cost(&line.text)).sum(),
            ingested_ms: lines.iter().map(|line| line.ingested.0).max().unwrap_or(0),
        };
        let mut bytes = frame::frame(LINES, VERSION, &head).map_err(io::Error::other)?;
        bytes.extend_from_slice(&body);

        Ok((head, bytes))
    }
}

/// The lines of a body; else what is wrong with it.
pub fn unpack(head: &Head, body: &[u8]) -> Result<Vec<Line>, &'static str> {
    if !head.fits(body) {
        return Err("the checksum is not that of the bytes");
    }
    let raw = usize::try_from(head.raw).unwrap_or(usize::MAX).min(LARGEST);
    let raw = zstd::bulk::decompress(body, raw).map_err(|_| "the bytes cannot be decompressed")?;
    read_columns(head, &raw).ok_or("the lines do not fit the block's head")
}

/// Pieces of `lines` whose texts have about `size` bytes.
pub fn pieces(mut lines: &[Line], size: usize) -> impl Iterator<Item = &[Line]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let more = lines.iter().take_while(|line| {
            let fits = bytes < size;
            bytes += line.text.len();
            fits
        });
        let (piece, rest) = lines.split_at(more.count());
        lines = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

fn columns(lines: &[Line]) -> Vec<u8> {
    let mut raw = Vec::with_capacity(lines.iter().map(|line| line.text.len() + 8).sum());
    let mut before = lines.first().map_or(0, |line| line.position.time_ms);
    for line in lines {
        put(&mut raw, line.position.time_ms.wrapping_sub(before));
        before = line.position.time_ms;
    }

    differences(&mut raw, lines.iter().map(|line| line.position.number));
    differences(&mut raw, lines.iter().map(|line| line.ingested.0));
    for line in lines {
        put(&mut raw, line.text.len() as u64);
    }
    for line in lines {
        raw.extend_from_slice(line.text.as_bytes());
    }

    raw
}

fn differences(raw: &mut Vec<u8>, numbers: impl Iterator<Item = u64>) {
    let mut before = 0;
    for number in numbers {
        put(raw, unsigned(number.wrapping_sub(before)));
        before = number;
    }
}

fn read_columns(head: &Head, mut raw: &[u8]) -> Option<Vec<Line>> {
    let count = usize::try_from(head.lines).ok()?;
    let mut time_ms = head.first_ms;
    let mut number = 0_u64;
    let mut arrival = 0_u64;

    // A line has at least four numbers of a byte each.
    let mut lines = Vec::with_capacity(count.min(raw.len() / 4));
    let empty = Line { position: LinePosition::start_of(0), ingested: Timestamp(0), text: String::new() };
    for _ in 0..count {
        time_ms = time_ms.wrapping_add(take(&mut raw)?);
        lines.push(Line { position: LinePosition { time_ms, number: 0 }, ..empty.clone() });
    }

    for line in &mut lines {
        number = number.wrapping_add(signed(take(&mut raw)?));
        line.position.number = number;
    }

    for line in &mut lines {
        arrival = arrival.wrapping_add(signed(take(&mut raw)?));
        line.ingested = Timestamp(arrival);
    }

    let lengths = (0..count).map(|_| take(&mut raw).and_then(|length| usize::try_from(length).ok()));
    let lengths = lengths.collect::<Option<Vec<_>>>()?;
    for (line, length) in lines.iter_mut().zip(lengths) {
        let (text, rest) = raw.split_at_checked(length)?;
        str::from_utf8(text).ok()?.clone_into(&mut line.text);
        raw = rest;
    }

    raw.is_empty().then_some(lines)
}

/// A place in its stored form.
pub fn stored(place: LogPlace) -> StoredPlace {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(place.group.0.as_bytes());
    bytes[16..].copy_from_slice(place.stream.0.as_bytes());
    bytes
}

/// The place of a stored form.
pub fn place(stored: StoredPlace) -> LogPlace {
    let [group, stream] = [&stored[..16], &stored[16..]].map(|id| LogId(Uuid::from_slice(id).unwrap_or_default()));
    LogPlace { group, stream }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(count: u64) -> Vec<Line> {
        let line = |number: u64| Line {
            position: LinePosition { time_ms: 1_764_000_000_000 + number / 3, number: (number * 7) % count + 5 },
            ingested: Timestamp(1_764_000_000_500 - number),
            text: format!("START RequestId: {number} häß\n"),
        };
        (0..count).map(line).collect()
    }

    const PLACE: LogPlace = LogPlace { group: LogId(Uuid::from_u128(1)), stream: LogId(Uuid::from_u128(2)) };

    #[test]
    fn lines_come_back_and_are_small() {
        let lines = sample(1000);
        let (head, bytes) = Packer::new().expect("a packer").pack(PLACE, &lines).expect("packed");
        assert_eq!(super::head(&bytes), Some(head));
        assert_eq!(bytes.len(), head.length());
        assert_eq!(place(head.place), PLACE);
        assert_eq!(unpack(&head, &bytes[HEAD..]), Ok(lines.clone()));
        assert_eq!(head.bytes, lines.iter().map(|line| cost(&line.text)).sum::<u64>());
        assert!(bytes.len() < 6000, "{}", bytes.len());
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let lines = sample(3);
        let (head, bytes) = Packer::new().expect("a packer").pack(PLACE, &lines).expect("packed");
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            let read = super::head(&flipped).map(|head| unpack(&head, &flipped[HEAD..]));
            assert!(!matches!(read, Some(Ok(_))), "flip at {at}");
        }
        for at in HEAD..bytes.len() {
            assert!(unpack(&head, &bytes[HEAD..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn pieces_hold_all_lines() {
        let lines = sample(50);
        let pieces: Vec<_> = pieces(&lines, 100).collect();
        assert!(pieces.len() > 5, "{}", pieces.len());
        assert_eq!(pieces.concat(), lines);
        assert_eq!(super::pieces(&lines[..2], 1).count(), 2, "a line is never cut");
    }

    proptest::proptest! {
        /// Columns that a head with a right checksum announces, whatever they are: no panic.
        #[test]
        fn any_columns_are_read_without_harm(
            lines in 0..u32::MAX,
            raw in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
        ) {
            let (head, _) = Packer::new().expect("a packer").pack(PLACE, &sample(2)).expect("packed");
            read_columns(&Head { lines, ..head }, &raw);
        }
    }
}
