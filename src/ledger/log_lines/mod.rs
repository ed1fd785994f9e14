//! Log lines: data of the Logs neighbour. They are no events; they lie in segments of their own (`store/lines`).
//!
//! Lines of a stream are compressed together in **blocks** (`block.rs`), which are appended to a **segment**
//! (`segment.rs`); a full segment is written anew, so that a stream's blocks lie together (`rewrite.rs`). In memory is only
//! the **index** (`index.rs`): where a stream's lines lie, a few words for each segment. `read.rs` brings lines in order.
//!
//! A line is with the system when [`LogLines::append`] returns, and on disk after [`LogLines::settle`]. Damage costs the
//! lines of the damaged block, and is told with its place. Ids of streams are never given twice: lines of a stream that
//! is gone are seen by nobody, and [`LogLines::tidy`] removes them.

mod block;
mod budget;
#[cfg(test)]
mod faults;
mod index;
pub mod inspect;
mod migration;
mod number;
mod read;
mod rewrite;
mod run;
mod run_blocks;
mod segment;
mod store;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use store::Store;

use super::engine::Engine;
use super::{Durability, LedgerError};
use crate::model::logs::{LogId, LogPlace};
use crate::model::state::State;
use crate::model::time::Timestamp;

/// Bytes a line costs beside its text, as AWS counts.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>
pub const LINE_OVERHEAD: u64 = 26;

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

    /// Reads what `to_string` wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (time, number) = text.split_once('.')?;
        Some(Self { time_ms: time.parse().ok()?, number: number.parse().ok()? })
    }
}

impl std::fmt::Display for LinePosition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.time_ms, self.number)
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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
}

/// From which end lines are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The oldest first.
    OldestFirst,
    /// The newest first.
    NewestFirst,
}

/// Bytes of disk, and the option that says how many.
#[derive(Debug, Clone, Copy)]
struct Budget {
    /// Bytes.
    bytes: u64,
    /// The option of the server.
    option: &'static str,
}

/// Sizes of what lines lie in.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Bytes of the open segment, above which it is sealed.
    open: u64,
    /// Bytes of a sealed segment that others are put together to.
    sealed: u64,
    /// Bytes of the texts of a block: what must be read for one line, and kept in memory for one stream that is read.
    block: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { open: 4 << 20, sealed: 16 << 20, block: 64 << 10 }
    }
}

impl Limits {
    /// Sizes that leave a budget of disk some segments, as it is kept to by segments.
    fn within(budget: u64) -> Self {
        let open = (budget / 16).clamp(64 << 10, 4 << 20);
        Self { open, sealed: 4 * open, ..Self::default() }
    }
}

/// The log lines of a store.
#[derive(Clone)]
pub struct LogLines {
    store: Arc<Mutex<Store>>,
}

impl std::fmt::Debug for LogLines {
    /// Leaves the lines' places out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogLines").finish_non_exhaustive()
    }
}

impl LogLines {
    /// The lines of the store in the folder `path`. Those that an older Larder put into the engine are moved.
    pub(super) fn open(path: &Path, durability: Durability, engine: Option<&Engine>) -> Result<Self, LedgerError> {
        migration::settle(path)?;
        let store = migration::run(path, durability, engine)?;
        Ok(Self { store: Arc::new(Mutex::new(store)) })
    }

    /// Other lines, in segments of their own in the folder `folder`: who knows their streams says when they go.
    pub(super) fn open_others(folder: &Path, durability: Durability) -> Result<Self, LedgerError> {
        let store = Store::open(folder, durability, Limits::default())?;
        Ok(Self { store: Arc::new(Mutex::new(store)) })
    }

    /// Keeps lines within so many bytes of disk, as `option` says: those of the streams that wrote least recently go
    /// first.
    pub fn set_budget(&self, bytes: u64, option: &'static str) {
        self.store().set_budget(Budget { bytes, option });
    }

    /// Stores lines of a stream. They outlive this process, and are on disk after [`LogLines::settle`].
    pub fn append(&self, place: LogPlace, ingested: Timestamp, lines: Vec<NewLine>) -> Result<(), LedgerError> {
        if lines.is_empty() { Ok(()) } else { self.store().append(place, ingested, lines) }
    }

    /// Brings what was stored to disk, if the store's durability says that callers wait for it.
    pub fn settle(&self) -> Result<(), LedgerError> {
        let store = self.store();
        if store.durability == Durability::Always { store.sync() } else { Ok(()) }
    }

    /// The lines of a stream in a range of positions.
    pub fn range(
        &self,
        place: LogPlace,
        range: Range<LinePosition>,
        order: Order,
    ) -> impl Iterator<Item = Result<Line, LedgerError>> + use<> {
        self.search(&[place], range, order).map(|found| found.map(|(_, line)| line))
    }

    /// The lines of some streams in a range of positions, each with its stream's place in `places`.
    pub fn search(
        &self,
        places: &[LogPlace],
        range: Range<LinePosition>,
        order: Order,
    ) -> impl Iterator<Item = Result<(usize, Line), LedgerError>> + use<> {
        read::Lines::of(&self.store().index, places, range, order)
    }

    /// What a stream holds; `None` if it holds nothing.
    pub fn counters(&self, place: LogPlace) -> Option<Counters> {
        self.store().index.counters(place)
    }

    /// Bytes of some streams.
    pub fn bytes(&self, places: impl Iterator<Item = LogPlace>) -> u64 {
        let store = self.store();
        places.filter_map(|place| store.index.counters(place)).map(|counters| counters.bytes).sum()
    }

    /// Removes the lines of a group that is gone.
    pub fn remove_group(&self, group: LogId) {
        let mut store = self.store();
        for place in store.index.streams_of(group) {
            store.index.drop_before(place, u64::MAX);
        }
        store.roll_dead();
    }

    /// Removes the lines of a stream that is gone.
    pub fn remove_stream(&self, place: LogPlace) {
        let mut store = self.store();
        store.index.drop_before(place, u64::MAX);
        store.roll_dead();
    }

    /// The streams that have lines.
    pub(super) fn places(&self) -> Vec<LogPlace> {
        self.store().index.streams.keys().copied().collect()
    }

    /// Removes all lines before a time.
    pub(super) fn drop_before(&self, before_ms: u64) -> Result<(), LedgerError> {
        let mut store = self.store();
        for place in store.index.streams.keys().copied().collect::<Vec<_>>() {
            if store.index.counters(place).is_some_and(|counters| counters.first_ms < before_ms) {
                store.cut(place, before_ms)?;
            }
        }

        store.roll_dead();
        store.keep_budget();
        Ok(())
    }

    /// Removes lines that are older than their group keeps them, and those of streams that are gone. `state` is
    /// asked after the streams are listed: each of them was in the state before it got its first line.
    pub fn tidy(&self, state: impl FnOnce() -> Arc<State>, now: Timestamp) -> Result<(), LedgerError> {
        let known: Vec<_> = self.store().index.streams.keys().copied().collect();
        let expiries = expiries(&state(), now);
        let mut store = self.store();
        for place in known {
            match (expiries.get(&place), store.index.counters(place)) {
                (None, _) => store.index.drop_before(place, u64::MAX),
                (Some(expiry), Some(counters)) if counters.first_ms < *expiry => store.cut(place, *expiry)?,
                _ => {}
            }
        }

        store.roll_dead();
        store.keep_budget();
        Ok(())
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().expect("no holder of this lock panics")
    }
}

/// Where the lines of a store lie.
fn folder(store: &Path) -> PathBuf {
    store.join("lines")
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
