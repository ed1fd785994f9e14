//! Lines that an older Larder put into the engine, in a tree of their own, are moved once.
//!
//! ```text
//! line | 1 | group 16 | stream 16 | time in ms u64 | number u64 |  →  frame of when it came, and its text
//! ```
//! Numbers are big-endian; entries whose key begins with another byte were counters. The new segments get their name
//! when they are whole, and say that the tree can go until it is gone.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::store::Store;
use super::{Limits, Line, LinePosition, block, folder};
use crate::disk;
use crate::ledger::engine::Engine;
use crate::ledger::{Durability, LedgerError, frame, io_error};
use crate::model::logs::LogPlace;
use crate::model::time::Timestamp;

/// Kind and version of a line's frame in the tree.
const OLD_LINE: (u16, u16) = (1001, 1);

/// Bytes of a place in a key, with the byte before it.
const PLACE: usize = 33;

/// Lines that are moved at once, at most.
const AT_ONCE: usize = 5000;

/// Bytes of texts that are.
const BYTES_AT_ONCE: usize = 1 << 20;

/// The file that says that the tree was moved.
const MOVED: &str = "moved";

#[derive(Deserialize)]
struct OldLine {
    ingested_ms: u64,
    text: String,
}

fn unfinished(path: &Path) -> PathBuf {
    path.join("lines.new")
}

/// Removes what a migration left that did not come to its end.
pub fn settle(path: &Path) -> Result<(), LedgerError> {
    let unfinished = unfinished(path);
    disk::remove_folder(&unfinished).map_err(io_error(&unfinished))
}

/// Opens the segments of the store in `path`, and moves what the engine has, if there is one.
pub fn run(path: &Path, durability: Durability, engine: Option<&Engine>) -> Result<Store, LedgerError> {
    let folder = folder(path);
    let limits = Limits::default();
    let Some(engine) = engine else { return Store::open(&folder, durability, limits) };
    let moved = folder.join(MOVED);

    if engine.has_old_lines() && !moved.exists() {
        if folder.exists() {
            // Written by an older Larder after a newer one had the store.
            let mut store = Store::open(&folder, durability, limits)?;
            fill(&mut store, engine)?;
            store.sync()?;
            disk::write_whole(&moved, b"").map_err(io_error(&moved))?;
        } else {
            make(path, engine, limits)?;
        }
    }

    if moved.exists() {
        engine.drop_old_lines()?;
        disk::remove_file(&moved).map_err(io_error(&moved))?;
    }

    Store::open(&folder, durability, limits)
}

/// Makes the folder of the segments, with what the engine has.
fn make(path: &Path, engine: &Engine, limits: Limits) -> Result<(), LedgerError> {
    let folder = folder(path);
    let unfinished = unfinished(path);
    let mut store = Store::open(&unfinished, Durability::Always, limits)?;
    fill(&mut store, engine)?;
    store.roll();
    store.sync()?;
    drop(store);
    let moved = unfinished.join(MOVED);
    disk::write_whole(&moved, b"").map_err(io_error(&moved))?;
    disk::rename(&unfinished, &folder).map_err(io_error(&folder))?;

    disk::sync_folder(path).map_err(io_error(path))
}

/// Takes the lines of the engine.
fn fill(store: &mut Store, engine: &Engine) -> Result<(), LedgerError> {
    let mut batch = Vec::new();
    let mut bytes = 0;
    let mut last = None;
    let mut moved = 0_u64;
    let mut damaged = 0_u64;

    for entry in engine.old_lines()? {
        let Ok((key, frame)) = entry else {
            // What the engine cannot read any more is lost; what it gave is not.
            damaged += 1;
            break;
        };
        if key.first() != Some(&1) {
            continue;
        }
        let Some((place, line)) = read(&key, &frame) else {
            damaged += 1;
            continue;
        };
        let is_full = batch.len() >= AT_ONCE || bytes >= BYTES_AT_ONCE;
        if let Some(last) = last.filter(|last| *last != place || is_full) {
            store.import(last, std::mem::take(&mut batch))?;
            bytes = 0;
        }
        (last, bytes, moved) = (Some(place), bytes + line.text.len(), moved + 1);
        batch.push(line);
    }

    if let Some(place) = last {
        store.import(place, batch)?;
    }
    tracing::info!(moved, damaged, "log lines were moved from the engine to segments of their own");
    Ok(())
}

fn read(key: &[u8], frame: &[u8]) -> Option<(LogPlace, Line)> {
    let place = block::place(key.get(1..PLACE)?.try_into().ok()?);
    let number = |at: usize| key.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
    let position = LinePosition { time_ms: number(PLACE)?, number: number(PLACE + 8)? };
    let frame = frame::unframe(frame).ok().filter(|frame| (frame.kind, frame.version) == OLD_LINE)?;
    let OldLine { ingested_ms, text } = frame::payload(frame.payload).ok()?;
    Some((place, Line { position, ingested: Timestamp(ingested_ms), text }))
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;
    use crate::ledger::log_lines::{LogLines, Order};
    use crate::model::logs::LogId;

    #[derive(Serialize)]
    struct Stored {
        ingested_ms: u64,
        text: String,
    }

    /// Writes lines as the engine had them, and a counter.
    fn write_old(path: &Path, numbers: std::ops::Range<u64>) {
        let tree = sled::open(path.join("sled")).expect("opens").open_tree("log_lines").expect("opens");
        tree.insert([&[0; 33][..], &[1]].concat(), &b"counters"[..]).expect("written");
        for number in numbers {
            let stored = Stored { ingested_ms: 7, text: format!("line {number}") };
            let frame = frame::frame(OLD_LINE.0, OLD_LINE.1, &stored).expect("a frame");
            let place = block::stored(place());
            let key = [&[1], &place[..], &number.to_be_bytes(), &number.to_be_bytes()].concat();
            tree.insert(key, frame).expect("written");
        }

        tree.flush().expect("flushed");
    }

    fn place() -> LogPlace {
        LogPlace { group: LogId(uuid::Uuid::from_u128(1)), stream: LogId(uuid::Uuid::from_u128(2)) }
    }

    /// The engine, once the one before let go of its files.
    fn engine(path: &Path) -> Engine {
        loop {
            match Engine::open(&path.join("sled")) {
                Err(error) if error.is_held() => std::thread::yield_now(),
                engine => return engine.expect("opens"),
            }
        }
    }

    fn texts(path: &Path) -> Vec<String> {
        let lines = LogLines::open(path, Durability::Always, Some(&engine(path))).expect("opens");
        let all = LinePosition::start_of(0)..LinePosition::start_of(u64::MAX);
        lines.range(place(), all, Order::OldestFirst).map(|line| line.expect("reads").text).collect()
    }

    fn expected(numbers: std::ops::Range<u64>) -> Vec<String> {
        numbers.map(|number| format!("line {number}")).collect()
    }

    #[test]
    fn lines_of_an_old_store_are_moved_once() {
        let folder = tempfile::tempdir().expect("a folder");
        write_old(folder.path(), 1..12_000);
        for _ in 0..2 {
            assert_eq!(texts(folder.path()), expected(1..12_000));
        }
        assert!(!engine(folder.path()).has_old_lines());
        // An older Larder had the store once more.
        write_old(folder.path(), 12_000..12_010);
        for _ in 0..2 {
            assert_eq!(texts(folder.path()), expected(1..12_010));
        }
    }

    #[test]
    fn a_migration_that_was_killed_begins_anew_or_is_brought_to_its_end() {
        let folder = tempfile::tempdir().expect("a folder");
        write_old(folder.path(), 1..10);
        // Killed before the segments got their name.
        let mut store = Store::open(&unfinished(folder.path()), Durability::Always, Limits::default()).expect("opens");
        fill(&mut store, &engine(folder.path())).expect("filled");
        drop(store);
        assert_eq!(texts(folder.path()), expected(1..10));
        // Killed before the tree was gone.
        write_old(folder.path(), 1..10);
        disk::write_whole(&super::folder(folder.path()).join(MOVED), b"").expect("written");
        assert_eq!(texts(folder.path()), expected(1..10));
    }
}
