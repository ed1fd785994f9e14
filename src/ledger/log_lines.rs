//! Log lines: data of the Logs neighbour. They are no events; they lie in a tree of their own in the same store.
//!
//! Keys begin with what they are, the group's id and the stream's id, so that a group and a stream are ranges:
//!
//! ```text
//! line      | 1 | group 16 | stream 16 | time in ms u64 | number u64 |  →  frame of when it came, and its text
//! counters  | 0 | group 16 | stream 16 |                             →  frame of what the stream holds
//! ```
//! Numbers are big-endian. A batch of lines and the counters after it are one batch of the engine's. Ids are never
//! given twice: lines of a stream that is gone are seen by nobody, and [`LogLines::tidy`] removes them.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use serde::{Deserialize, Serialize};
use sled::{Batch, Tree};
use uuid::Uuid;

use super::codec::{self, FrameError};
use super::log::Log;
use super::{Durability, LedgerError};
use crate::model::logs::{LogId, LogPlace};
use crate::model::state::State;
use crate::model::time::Timestamp;

/// Kind of a line's frame.
const LINE: u16 = 1001;

/// Kind of a stream's counters' frame.
const COUNTERS: u16 = 1002;

/// Version of both.
const VERSION: u16 = 1;

/// Bytes a line costs beside its text, as AWS counts.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>
pub const LINE_OVERHEAD: u64 = 26;

/// Lines that are removed in one batch: others may write between two.
const REMOVED_AT_ONCE: usize = 1000;

/// Bytes of a place in a key, with the byte before it.
const PLACE: usize = 33;

/// A line's place in its stream: its time, then the order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinePosition {
    /// When it was written, in milliseconds since the epoch.
    pub time_ms: u64,
    /// Running number, unique in the store, from 1.
    pub number: u64,
}

impl LinePosition {
    /// Before every line of a time.
    pub fn start_of(time_ms: u64) -> Self {
        Self { time_ms, number: 0 }
    }

    /// The next position after this one.
    pub fn next(self) -> Self {
        Self { number: self.number.saturating_add(1), ..self }
    }
}

/// A stored line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its place in the stream.
    pub position: LinePosition,
    /// When it came.
    pub ingested: Timestamp,
    /// Its text.
    pub text: String,
}

/// A line to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLine {
    /// When it was written, in milliseconds since the epoch.
    pub time_ms: u64,
    /// Its text.
    pub text: String,
}

/// What a stream holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Lines.
    pub lines: u64,
    /// Bytes of them, as AWS counts.
    pub bytes: u64,
    /// Time of the first line.
    pub first_ms: u64,
    /// Time of the last line.
    pub last_ms: u64,
    /// When the last batch came.
    pub ingested_ms: u64,
    /// Number of the line that came last.
    last_number: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredLine {
    ingested_ms: u64,
    text: String,
}

/// The log lines of a store.
#[derive(Clone)]
pub struct LogLines {
    log: Arc<Log>,
    tree: Tree,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    streams: BTreeMap<LogPlace, Counters>,
    /// Number of the newest line.
    last_number: u64,
}

impl std::fmt::Debug for LogLines {
    /// Leaves the engine out, which would print its pages.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogLines").finish_non_exhaustive()
    }
}

impl LogLines {
    /// The lines of an open store.
    pub(super) fn open(log: Arc<Log>) -> Result<Self, LedgerError> {
        let tree = log.log_lines();
        let mut inner = Inner::default();
        for entry in tree.scan_prefix([0]) {
            let (key, frame) = entry.map_err(|source| log.engine_error(source))?;
            let place = place_of(&key)?;
            let counters: Counters = decode(COUNTERS, &frame)?;
            inner.last_number = inner.last_number.max(counters.last_number);
            inner.streams.insert(place, counters);
        }
        Ok(Self { log, tree, inner: Arc::new(Mutex::new(inner)) })
    }

    /// Stores lines of a stream. They are on disk after [`LogLines::settle`].
    pub fn append(&self, place: LogPlace, ingested: Timestamp, lines: Vec<NewLine>) -> Result<(), LedgerError> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut inner = self.inner();
        let (mut counters, mut number) = (inner.counters(place), inner.last_number);
        let mut batch = Batch::default();
        for line in lines {
            number += 1;
            counters.count(&line, number, ingested);
            let stored = StoredLine { ingested_ms: ingested.0, text: line.text };
            let position = LinePosition { time_ms: line.time_ms, number };
            batch.insert(&line_key(place, position)[..], encode(LINE, &stored)?);
        }
        self.apply(&mut inner, place, batch, counters)?;
        inner.last_number = number;
        Ok(())
    }

    /// Brings what was stored to disk, if the store's durability says that callers wait for it.
    pub fn settle(&self) -> Result<(), LedgerError> {
        match self.log.durability() {
            Durability::Always => self.log.flush(),
            Durability::Interval(_) | Durability::Never => Ok(()),
        }
    }

    /// Hands what was stored to the system, so that it outlives this process.
    pub fn write_out(&self) -> Result<(), LedgerError> {
        self.log.write_out()
    }

    /// The lines of a stream in a range of positions, in order from both ends.
    pub fn range(
        &self,
        place: LogPlace,
        range: Range<LinePosition>,
    ) -> impl DoubleEndedIterator<Item = Result<Line, LedgerError>> + Send + use<> {
        // The engine panics where a range begins behind its end.
        let end = range.end.max(range.start);
        let keys = line_key(place, range.start)..line_key(place, end);
        let log = Arc::clone(&self.log);
        self.tree.range(keys).map(move |entry| {
            let (key, frame) = entry.map_err(|source| log.engine_error(source))?;
            let stored: StoredLine = decode(LINE, &frame)?;
            let position = position_of(&key)?;
            Ok(Line { position, ingested: Timestamp(stored.ingested_ms), text: stored.text })
        })
    }

    /// What a stream holds; `None` if nothing was ever written to it.
    pub fn counters(&self, place: LogPlace) -> Option<Counters> {
        self.inner().streams.get(&place).copied()
    }

    /// Bytes of some streams.
    pub fn bytes(&self, places: impl Iterator<Item = LogPlace>) -> u64 {
        let inner = self.inner();
        places.map(|place| inner.counters(place).bytes).sum()
    }

    /// Removes the lines of a group that is gone.
    pub fn remove_group(&self, group: LogId) -> Result<(), LedgerError> {
        let first = LogPlace { group, stream: LogId(Uuid::nil()) };
        let places: Vec<_> = {
            let inner = self.inner();
            inner.streams.range(first..).map(|(place, _)| *place).take_while(|place| place.group == group).collect()
        };
        places.into_iter().try_for_each(|place| self.remove_stream(place))
    }

    /// Removes the lines of a stream that is gone.
    pub fn remove_stream(&self, place: LogPlace) -> Result<(), LedgerError> {
        loop {
            self.remove_before(place, u64::MAX)?;
            let mut inner = self.inner();
            // Somebody who saw the stream alive may have written meanwhile.
            if inner.counters(place).lines == 0 {
                self.tree.remove(place_key(0, place)).map_err(|source| self.log.engine_error(source))?;
                inner.streams.remove(&place);
                return Ok(());
            }
        }
    }

    /// Removes the lines of a stream that were written before a time.
    fn remove_before(&self, place: LogPlace, time_ms: u64) -> Result<(), LedgerError> {
        let end = LinePosition::start_of(time_ms);
        loop {
            let mut inner = self.inner();
            let mut counters = inner.counters(place);
            let mut batch = Batch::default();
            let mut removed = 0;
            for line in self.range(place, LinePosition::start_of(0)..end).take(REMOVED_AT_ONCE) {
                let line = line?;
                batch.remove(&line_key(place, line.position)[..]);
                counters.lines = counters.lines.saturating_sub(1);
                counters.bytes = counters.bytes.saturating_sub(cost(&line.text));
                removed += 1;
            }
            if removed == 0 {
                return Ok(());
            }
            counters.first_ms = counters.first_ms.max(time_ms.min(counters.last_ms));
            self.apply(&mut inner, place, batch, counters)?;
        }
    }

    /// Removes lines that are older than their group keeps them, and those of streams that are gone. `state` is
    /// asked after the streams are listed: each of them was in the state before it got its first line.
    pub fn tidy(&self, state: impl FnOnce() -> Arc<State>, now: Timestamp) -> Result<(), LedgerError> {
        let known: Vec<_> = self.inner().streams.iter().map(|(place, one)| (*place, one.first_ms)).collect();
        let expiries = expiries(&state(), now);
        for (place, first_ms) in known {
            match expiries.get(&place) {
                None => self.remove_stream(place)?,
                Some(expiry) if first_ms < *expiry => self.remove_before(place, *expiry)?,
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Stores a batch together with the counters after it.
    fn apply(
        &self,
        inner: &mut MutexGuard<'_, Inner>,
        place: LogPlace,
        mut batch: Batch,
        counters: Counters,
    ) -> Result<(), LedgerError> {
        batch.insert(&place_key(0, place)[..], encode(COUNTERS, &counters)?);
        self.tree.apply_batch(batch).map_err(|source| self.log.engine_error(source))?;
        inner.streams.insert(place, counters);
        Ok(())
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder of this lock panics")
    }
}

impl Inner {
    fn counters(&self, place: LogPlace) -> Counters {
        self.streams.get(&place).copied().unwrap_or_default()
    }
}

impl Counters {
    fn count(&mut self, line: &NewLine, number: u64, ingested: Timestamp) {
        self.first_ms = if self.lines == 0 { line.time_ms } else { self.first_ms.min(line.time_ms) };
        self.last_ms = self.last_ms.max(line.time_ms);
        self.ingested_ms = self.ingested_ms.max(ingested.0);
        self.last_number = number;
        self.lines += 1;
        self.bytes += cost(&line.text);
    }
}

/// Bytes of a line, as AWS counts.
fn cost(text: &str) -> u64 {
    text.len() as u64 + LINE_OVERHEAD
}

/// Of each stream there is, the time before which its lines are gone.
fn expiries(state: &State, now: Timestamp) -> HashMap<LogPlace, u64> {
    let streams = state.log_streams.values().filter_map(|stream| {
        let group = state.log_groups.get(&stream.key.group)?;
        Some((LogPlace { group: group.id, stream: stream.id }, group.expiry_ms(now)))
    });
    streams.collect()
}

fn place_key(kind: u8, place: LogPlace) -> [u8; PLACE] {
    let mut key = [kind; PLACE];
    key[1..17].copy_from_slice(place.group.0.as_bytes());
    key[17..].copy_from_slice(place.stream.0.as_bytes());
    key
}

fn line_key(place: LogPlace, position: LinePosition) -> [u8; PLACE + 16] {
    let mut key = [0; PLACE + 16];
    key[..PLACE].copy_from_slice(&place_key(1, place));
    key[PLACE..PLACE + 8].copy_from_slice(&position.time_ms.to_be_bytes());
    key[PLACE + 8..].copy_from_slice(&position.number.to_be_bytes());
    key
}

const DAMAGED: LedgerError = LedgerError::DamagedMeta("a log line lies under no key of ours");

fn place_of(key: &[u8]) -> Result<LogPlace, LedgerError> {
    let id = |range: Range<usize>| key.get(range).and_then(|bytes| Uuid::from_slice(bytes).ok()).map(LogId);
    id(1..17).zip(id(17..PLACE)).map(|(group, stream)| LogPlace { group, stream }).ok_or(DAMAGED)
}

fn position_of(key: &[u8]) -> Result<LinePosition, LedgerError> {
    let number = |at: usize| key.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
    number(PLACE).zip(number(PLACE + 8)).map(|(time_ms, number)| LinePosition { time_ms, number }).ok_or(DAMAGED)
}

fn encode(kind: u16, payload: &impl Serialize) -> Result<Vec<u8>, LedgerError> {
    codec::frame(kind, VERSION, payload).map_err(LedgerError::DamagedLine)
}

fn decode<T: serde::de::DeserializeOwned>(kind: u16, bytes: &[u8]) -> Result<T, LedgerError> {
    let decoded = codec::unframe(bytes).and_then(|frame| match (frame.kind, frame.version) {
        (found, VERSION) if found == kind => codec::payload(frame.payload),
        (found, VERSION) => Err(FrameError::UnknownKind(found)),
        (kind, version) => Err(FrameError::UnknownVersion { kind, version }),
    });
    decoded.map_err(LedgerError::DamagedLine)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(folder: &std::path::Path) -> LogLines {
        let log = Log::open(folder, Durability::Always).expect("opens");
        LogLines::open(Arc::new(log)).expect("opens")
    }

    fn place(stream: u128) -> LogPlace {
        LogPlace { group: LogId(Uuid::from_u128(1)), stream: LogId(Uuid::from_u128(stream)) }
    }

    fn add(lines: &LogLines, stream: u128, times: &[u64]) {
        let new = times.iter().map(|time_ms| NewLine { time_ms: *time_ms, text: format!("at {time_ms}") });
        lines.append(place(stream), Timestamp(100), new.collect()).expect("stored");
    }

    fn times(lines: &LogLines, stream: u128, range: Range<u64>) -> Vec<u64> {
        let range = LinePosition::start_of(range.start)..LinePosition::start_of(range.end);
        lines.range(place(stream), range).map(|line| line.expect("reads").position.time_ms).collect()
    }

    #[test]
    fn lines_come_back_by_time_and_arrival() {
        let folder = tempfile::tempdir().expect("a folder");
        let lines = lines(folder.path());
        add(&lines, 2, &[5, 7]);
        add(&lines, 2, &[6, 7]);
        add(&lines, 3, &[1]);
        assert_eq!(times(&lines, 2, 0..u64::MAX), [5, 6, 7, 7]);
        assert_eq!(times(&lines, 2, 6..7), [6]);
        assert_eq!(times(&lines, 2, Range { start: 7, end: 6 }), [0; 0]);
        let counters = lines.counters(place(2)).expect("counted");
        assert_eq!((counters.lines, counters.first_ms, counters.last_ms), (4, 5, 7));
        assert_eq!(lines.bytes([place(2), place(3)].into_iter()), 5 * (4 + LINE_OVERHEAD));
    }

    #[test]
    fn what_is_removed_is_gone_and_the_rest_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let lines = lines(folder.path());
        add(&lines, 2, &(0..2500).collect::<Vec<_>>());
        add(&lines, 3, &[1]);
        lines.remove_before(place(2), 2400).expect("removed");
        assert_eq!(times(&lines, 2, 0..u64::MAX).len(), 100);
        assert_eq!(lines.counters(place(2)).expect("counted").first_ms, 2400);
        lines.tidy(|| Arc::new(State::default()), Timestamp(0)).expect("tidied");
        assert_eq!(lines.tree.len(), 0);
        assert_eq!(lines.counters(place(3)), None);
    }

    #[test]
    fn counters_and_numbers_go_on_in_a_reopened_store() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = Arc::new(Log::open(folder.path(), Durability::Always).expect("opens"));
        let first = LogLines::open(Arc::clone(&log)).expect("opens");
        add(&first, 2, &[5, 7]);
        let again = LogLines::open(log).expect("opens");
        assert_eq!(again.counters(place(2)), first.counters(place(2)));
        add(&again, 2, &[7]);
        let numbers: Vec<_> = again
            .range(place(2), LinePosition::start_of(0)..LinePosition::start_of(u64::MAX))
            .map(|line| line.expect("reads").position.number)
            .collect();
        assert_eq!(numbers, [1, 2, 3]);
    }
}
