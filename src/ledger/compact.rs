//! Compaction: history before an event is replaced by one event that holds everything there was after it.
//!
//! The new journal is written beside the old one and synced; two renames put it in the old one's place. Until
//! the second of them the old journal is the store's (a start puts it back); from then on the new one is, and
//! engine and checkpoints are brought up to it, at the next start if need be. The old journal goes last.

use std::fs::{self, File};
use std::path::Path;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::checkpoint::Folder;
use super::engine::Engine;
use super::journal::Journal;
use super::log::Log;
use super::{Attachment, Durability, LedgerError, codec, io_error, replay, writer};
use crate::model::blob::BlobId;
use crate::model::event::history::HistoryEvent;
use crate::model::event::uses::BlobUses;
use crate::model::event::{Event, Origin, Recorded};
use crate::model::state::State;
use crate::model::time::Timestamp;

/// Bytes of events or blobs that go into one record.
const RECORD: usize = 4 * 1024 * 1024;

/// What of history is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nothing before now.
    Nothing,
    /// The newest events: so many.
    Events(u64),
    /// The events of the last days.
    Days(u64),
}

/// What a compaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Compaction {
    /// Sequence at which history begins now.
    pub begins: u64,
    /// Events that were dropped.
    pub dropped: u64,
    /// Bytes of journal and checkpoints that were freed.
    pub freed_bytes: u64,
}

/// Drops the history that is not kept.
pub fn compact(log: &Log, checkpoints: &Folder, keep: Keep) -> Result<Compaction, LedgerError> {
    let _writing = log.writing();
    let (path, journal, engine) = log.parts();
    let (was, begins) = (log.begins(), begins(log, keep)?);
    if begins <= was {
        return Ok(Compaction { begins: was, dropped: 0, freed_bytes: 0 });
    }
    let state = replay::at(log, checkpoints, begins)?;
    let frame = stand_in(log, &state)?;
    let folder = path.join("journal");
    let old_size = size(&folder)?;
    let beside = path.join("journal.new");
    remove(&beside)?;
    let kept = write_beside(log, &beside, begins, &frame, &state)?;
    journal.switch(|| {
        fs::rename(&folder, path.join("journal.old")).map_err(io_error(&folder))?;
        fs::rename(&beside, &folder).map_err(io_error(&beside))?;
        sync_folder(path)
    })?;
    log.set_begins(begins);
    engine.begin_at(begins, frame)?;
    drop_blobs(engine, journal, &kept)?;
    let freed = checkpoints.remove_before(begins)?;
    remove(&path.join("journal.old"))?;
    let freed_bytes = (old_size + freed).saturating_sub(size(&folder)?);
    Ok(Compaction { begins, dropped: begins - was, freed_bytes })
}

/// Sequence of the event that will be the first.
fn begins(log: &Log, keep: Keep) -> Result<u64, LedgerError> {
    let last = log.parts().1.last();
    match keep {
        Keep::Nothing => Ok(last),
        Keep::Events(count) => Ok(last.saturating_sub(count)),
        Keep::Days(days) => {
            let now = writer::stamp(Timestamp::default()).time.0;
            let from = now.saturating_sub(days.saturating_mul(24 * 3_600_000));
            let mut begins = 0;
            for recorded in log.events_from(log.begins()) {
                let recorded = recorded?;
                if recorded.time.0 >= from {
                    break;
                }
                begins = recorded.sequence;
            }
            Ok(begins)
        }
    }
}

/// The frame of the event that stands for everything up to `state`.
fn stand_in(log: &Log, state: &State) -> Result<Vec<u8>, LedgerError> {
    let sequence = state.sequence;
    let at = log.events_from(sequence).next().transpose()?;
    // Times never run back: it has the time of the event whose place it takes.
    let time = at.map(|recorded| recorded.time).unwrap_or_default();
    let event = HistoryEvent::HistoryCompacted { resources: state.resources().collect(), marks: state.marks.clone() };
    let origin = Origin { request_id: "larder compact".to_owned(), ..Origin::default() };
    Ok(codec::encode(&Recorded { sequence, time, origin, event: Event::from(event) })?)
}

/// Writes the journal that history begins at `begins`; returns the small blobs that are in it.
fn write_beside(log: &Log, folder: &Path, begins: u64, frame: &[u8], state: &State) -> Result<BlobUses, LedgerError> {
    let (_, journal, engine) = log.parts();
    fs::create_dir_all(folder).map_err(io_error(folder))?;
    // Synced as a whole, at the end.
    let whenever = Durability::Interval(std::time::Duration::MAX);
    let beside = Journal::open(folder, whenever, journal.identity().clone(), begins, 0)?;
    let mut kept = BlobUses::default();
    state.resources().for_each(|resource| kept.add_resource(&resource));
    for recorded in log.events_from(begins + 1) {
        kept.add_event(&recorded?.event);
    }
    beside.append(&[(begins, frame.to_vec())], &[])?;
    write_blobs(engine, &beside, &kept)?;
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for entry in engine.frames_from(begins + 1) {
        let (sequence, frame) = entry?;
        bytes += frame.len();
        batch.push((sequence, frame));
        if bytes >= RECORD {
            beside.append(&std::mem::take(&mut batch), &[])?;
            bytes = 0;
        }
    }
    beside.append(&batch, &[])?;
    beside.sync()?;
    sync_folder(folder)?;
    Ok(kept)
}

/// Writes the small blobs that are used or held.
fn write_blobs(engine: &Engine, journal: &Journal, kept: &BlobUses) -> Result<(), LedgerError> {
    let small = engine.small_blobs();
    let (mut batch, mut bytes): (Vec<Attachment>, usize) = (Vec::new(), 0);
    for entry in engine.all_blobs() {
        let (id, blob) = entry?;
        if !kept.blobs.contains(&id) && !small.held().contains(&id) {
            continue;
        }
        if Sha256::digest(&blob)[..] != id.0 {
            return Err(LedgerError::DamagedMeta("a small blob of the engine is damaged; see `larder verify`"));
        }
        bytes += blob.len();
        batch.push((id, blob));
        if bytes >= RECORD {
            journal.append_blobs(&std::mem::take(&mut batch))?;
            bytes = 0;
        }
    }
    journal.append_blobs(&batch)
}

/// Drops the engine's small blobs that the journal no longer has; one that a request began to hold goes into
/// the journal.
fn drop_blobs(engine: &Engine, journal: &Journal, kept: &BlobUses) -> Result<(), LedgerError> {
    let small = engine.small_blobs();
    let unused: Vec<BlobId> = small
        .list()
        .filter_map(|entry| entry.map(|(id, _)| (!kept.blobs.contains(&id)).then_some(id)).transpose())
        .collect::<Result<_, _>>()?;
    for id in unused {
        if !small.held().unless_held(&id, || small.remove(&id))?
            && let Some(bytes) = small.get(&id)?
        {
            journal.append_blobs(&[(id, bytes.into())])?;
        }
    }
    engine.sync()
}

/// Puts the folders right after a compaction that did not come to its end: before anything is opened.
pub fn settle(path: &Path) -> Result<(), LedgerError> {
    let (folder, old) = (path.join("journal"), path.join("journal.old"));
    if old.exists() && !folder.exists() {
        tracing::info!("a compaction did not come to its end: the former journal goes on");
        fs::rename(&old, &folder).map_err(io_error(&old))?;
        sync_folder(path)?;
    }
    remove(&path.join("journal.new"))
}

/// Brings the engine up to a compacted journal, where a compaction did not come that far.
pub fn finish(log: &Log) -> Result<(), LedgerError> {
    let (path, journal, engine) = log.parts();
    let (old, begins) = (path.join("journal.old"), log.begins());
    if !old.exists() && engine.first()?.is_none_or(|first| first >= begins) {
        return Ok(());
    }
    tracing::info!(begins, "a compaction is brought to its end");
    let record = journal.records_from(begins)?.next().transpose()?;
    let frame = record.filter(|record| record.first == begins).and_then(|record| record.frames.into_iter().next());
    let frame = frame.ok_or(LedgerError::MissingEvent { expected: begins, found: journal.last() })?;
    engine.begin_at(begins, frame)?;
    let mut kept = BlobUses::default();
    for recorded in log.events_from(begins) {
        kept.add_event(&recorded?.event);
    }
    drop_blobs(engine, journal, &kept)?;
    remove(&old)
}

fn remove(folder: &Path) -> Result<(), LedgerError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io_error(folder)(error)),
        _ => Ok(()),
    }
}

fn sync_folder(folder: &Path) -> Result<(), LedgerError> {
    File::open(folder).and_then(|open| open.sync_all()).map_err(io_error(folder))
}

/// Bytes of the files in a folder.
fn size(folder: &Path) -> Result<u64, LedgerError> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).map_err(io_error(folder))? {
        bytes += entry.and_then(|entry| entry.metadata()).map_err(io_error(folder))?.len();
    }
    Ok(bytes)
}
