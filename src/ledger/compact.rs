//! Compaction: history before an event is replaced by one event that holds everything there was after it.
//!
//! The new journal is written beside the old one, from the old one, read again and proven: it gives the state that the
//! old one gives, and every blob that it needs is there. Then it is put in the old one's place (`journal/switch.rs`), and
//! index and checkpoints follow; where that does not come to its end, the marker says so to the next start.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};

use super::checkpoint::Folder;
use super::engine::Engine;
use super::index::Index;
use super::journal::{self, Journal, Name, Record, switch};
use super::log::Log;
use super::proof::{self, Proven, prove};
use super::{Attachment, Durability, LedgerError, codec, io_error, run_frame, writer};
use crate::disk;
use crate::model::blob::BlobId;
use crate::model::event::{Event, Origin, Recorded};
use crate::model::history::event::HistoryEvent;
use crate::model::state::State;
use crate::model::time::Timestamp;
use crate::model::uses::BlobUses;
use crate::runs::state::Runs;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compaction {
    /// Sequence at which history begins now.
    pub begins: u64,
    /// Events that were dropped.
    pub dropped: u64,
    /// Bytes of journal and checkpoints that were freed.
    pub freed_bytes: u64,
}

/// What is being done, for who is told why not.
const WHAT: &str = "the compaction";

/// Drops the history that is not kept. `has_file` says whether a blob is there as a file, whole.
pub fn compact(
    log: &Log,
    checkpoints: &Folder<State>,
    published: &ArcSwap<State>,
    keep: Keep,
    has_file: &dyn Fn(&BlobId) -> bool,
) -> Result<Compaction, LedgerError> {
    let _writing = log.writing();
    let (path, journal, index) = log.parts();
    let was = log.begins();
    let begins = begins(log, keep)?;
    if begins <= was {
        return Ok(Compaction { begins: was, dropped: 0, freed_bytes: 0 });
    }
    let folder = journal.folder();
    let old = prove(folder, journal.last(), || true)?;
    let published = published.load();
    if published.sequence == old.state.sequence && **published != old.state {
        return Err(not_proven("the journal does not make the state that is served".to_owned()));
    }
    let at = prove(folder, begins, || true)?.state;
    let old_size = size(folder)?;
    let beside = switch::new_folder(path)?;
    write_beside(log, &beside, &at, &old.runs)?;
    let mut new = proven(&beside, begins, &old, has_file)?;
    if let Some(engine) = switch_over(log, &beside, &old, &mut new)?
        && index.ask_of(&engine, |engine| drop_old(index, engine, journal, &new)).is_some()
    {
        index.resume(engine);
    }
    log.index_is_current();
    let freed = checkpoints.remove_before(begins)?;
    switch::finish(path, switch::Why::Compaction)?;
    let freed_bytes = (old_size + freed).saturating_sub(size(folder)?);

    Ok(Compaction { begins, dropped: begins - was, freed_bytes })
}

fn not_proven(problem: String) -> LedgerError {
    LedgerError::NotProven { what: WHAT, problem }
}

/// Reads the new journal again: it must give what the old one gives.
fn proven(beside: &Path, begins: u64, old: &Proven, has_file: &dyn Fn(&BlobId) -> bool) -> Result<Proven, LedgerError> {
    let new = prove(beside, old.state.sequence, || true)?;
    if new.begins != begins || new.state != old.state || new.runs != old.runs {
        return Err(not_proven("the new journal does not give the state that the old one gives".to_owned()));
    }
    let missing = new.missing(has_file);
    if missing.is_empty() {
        return Ok(new);
    }

    Err(not_proven(format!(
        "the blobs {} are missing or damaged, and something that is kept needs them: `larder verify --deep` names          them; delete or update what needs them, or load a pod that has them",
        proof::named(&missing)
    )))
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
pub fn stand_in(state: &State, time: Timestamp) -> Result<Vec<u8>, LedgerError> {
    let event = HistoryEvent::HistoryCompacted { resources: state.resources().collect(), marks: state.marks.clone() };
    let origin = Origin { request_id: "larder compact".to_owned(), ..Origin::default() };
    Ok(codec::encode(&Recorded { sequence: state.sequence, time, origin, event: Event::from(event) })?)
}

/// Puts the new journal in the old one's place. Blobs that requests began to hold since it was written are taken along,
/// and nobody can begin to hold one meanwhile: whoever does so before finds it in the new journal, whoever does so after
/// finds what the new journal has. So the engine, which has all of the old one, is out of use from there on.
fn switch_over(log: &Log, beside: &Path, old: &Proven, new: &mut Proven) -> Result<Option<Arc<Engine>>, LedgerError> {
    let (path, journal, index) = log.parts();
    let held = index.held().frozen();
    let late: HashSet<_> = held.all().filter(|id| old.small.contains(id) && !new.small.contains(id)).collect();
    if !late.is_empty() {
        let beside = open_beside(log, beside, new.begins)?;
        copy_blobs(journal.folder(), &beside, |id| late.contains(id))?;
        beside.sync()?;
        new.small.extend(late);
    }

    match journal.switch(path, switch::Why::Compaction) {
        Ok(()) => Ok(index.suspend()),
        Err(error) => {
            if journal.is_moved() {
                index.give_up(&error);
            }
            Err(error)
        }
    }
}

/// The new journal, which is synced as a whole, at the end.
fn open_beside(log: &Log, folder: &Path, begins: u64) -> Result<Journal, LedgerError> {
    let whenever = Durability::Interval(std::time::Duration::MAX);
    Journal::open(folder, whenever, log.identity().clone(), begins)
}

/// Writes the journal that history begins at with the state `at`, from the one there is, in which `runs` is under way.
fn write_beside(log: &Log, folder: &Path, at: &State, runs: &Runs) -> Result<(), LedgerError> {
    let (_, journal, index) = log.parts();
    let begins = at.sequence;
    let last = journal.last();
    let beside = open_beside(log, folder, begins)?;
    let mut kept = BlobUses::default();
    at.resources().for_each(|resource| kept.add_resource(&resource));
    for recorded in log.events_from(begins + 1) {
        kept.add_event(&recorded?.event);
    }

    // Times never run back: it has the time of the event whose place it takes.
    let time = log.events_from(begins).next().transpose()?.map(|recorded| recorded.time).unwrap_or_default();
    beside.append(&Record::of_events(vec![(begins, stand_in(at, time)?)]))?;
    kept.blobs.extend(index.held().frozen().all());
    copy_blobs(journal.folder(), &beside, |id| kept.blobs.contains(id))?;
    copy_runs(journal, &beside, runs)?;
    copy_events(journal, &beside, begins + 1..=last)?;

    beside.sync()
}

/// Copies events.
fn copy_events(from: &Journal, to: &Journal, wanted: RangeInclusive<u64>) -> Result<(), LedgerError> {
    let mut batch = Vec::new();
    let mut bytes = 0;
    for record in from.records_from(*wanted.start())? {
        // Behind the last event is nothing that counts.
        let Ok(record) = record else { break };
        for (sequence, frame) in (record.first..).zip(record.frames) {
            if wanted.contains(&sequence) {
                bytes += frame.len();
                batch.push((sequence, frame));
            }
        }
        if bytes >= RECORD {
            to.append(&Record::of_events(std::mem::take(&mut batch)))?;
            bytes = 0;
        }
    }

    to.append(&Record::of_events(batch)).map(drop)
}

/// Copies what began what is under way, and the newest event in any case: no sequence is given twice.
pub fn copy_runs(from: &Journal, to: &Journal, runs: &Runs) -> Result<(), LedgerError> {
    let mut batch = Record::default();
    let mut bytes = 0;
    for record in from.records_since(Name::default(), u64::MAX)? {
        for frame in record?.runs {
            let (head, _) = run_frame::read(&frame).map_err(|source| LedgerError::DamagedRun { source })?;
            if head.goes_on(runs) || head.sequence == runs.sequence {
                bytes += frame.len();
                batch.runs.push(frame);
            }
        }
        if bytes >= RECORD {
            to.append(&std::mem::take(&mut batch))?;
            bytes = 0;
        }
    }

    to.append(&batch).map(drop)
}

/// Copies small blobs of the journal in `from`, each once.
fn copy_blobs(from: &Path, to: &Journal, is_wanted: impl Fn(&BlobId) -> bool) -> Result<(), LedgerError> {
    let mut seen = HashSet::new();
    let (mut batch, mut bytes): (Vec<Attachment>, usize) = (Vec::new(), 0);
    // What cannot be read is missed by the proof.
    for (id, blob) in journal::scan(from)?.filter_map(|(_, record)| record.ok()).flat_map(|record| record.blobs) {
        if is_wanted(&id) && seen.insert(id) {
            bytes += blob.len();
            batch.push((id, blob));
        }
        if bytes >= RECORD {
            to.append_blobs(std::mem::take(&mut batch))?;
            bytes = 0;
        }
    }

    to.append_blobs(batch)
}

/// Drops from the engine what the journal no longer has, but for blobs that are held.
fn drop_old(index: &Index, engine: &Engine, journal: &Journal, new: &Proven) -> Result<(), LedgerError> {
    let first = journal
        .records_from(new.begins)?
        .find(|record| record.as_ref().map_or(true, |record| record.first == new.begins && !record.frames.is_empty()));
    let frame = first.transpose()?.and_then(|record| record.frames.into_iter().next());
    engine.begin_at(new.begins, frame.ok_or(LedgerError::MissingEvent { expected: new.begins, found: 0 })?)?;
    let unused = engine.all_blobs().filter_map(|entry| match entry {
        Ok((id, _)) => (!new.small.contains(&id)).then_some(Ok(id)),
        Err(error) => Some(Err(error)),
    });
    for id in unused.collect::<Result<Vec<_>, _>>()? {
        index.held().unless_held(&id, || engine.remove_blob(&id))?;
    }

    engine.sync()
}

/// Bytes of the files in a folder.
fn size(folder: &Path) -> Result<u64, LedgerError> {
    let paths = disk::list(folder).map_err(io_error(folder))?;
    // One may be compressed meanwhile.
    Ok(paths.iter().filter_map(|path| path.metadata().ok()).map(|found| found.len()).sum())
}
