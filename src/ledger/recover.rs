//! A store written anew, as far as it can be had: from the journal, also from behind damage; from the index, where that
//! has events or blobs that the journal lost; from a checkpoint, where events are in neither. The old store is only read.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::engine::Engine;
use super::inspect::{Damage, journal_folder};
use super::journal::{self, Identity, Journal, Record, list};
use super::run_frame::{self, Head};
use super::{Durability, LedgerError, checkpoint, codec, compact, io_error};
use crate::disk;
use crate::model::blob::BlobId;
use crate::model::state::State;
use crate::model::time::Timestamp;
use crate::model::uses::BlobUses;
use crate::runs::state::Runs;

/// What was written anew.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Sequence of the oldest event; 0 if there is none.
    pub begins: u64,
    /// Sequence of the newest.
    pub last: u64,
    /// The state after it.
    pub state: State,
    /// The blobs that the events refer to.
    pub uses: BlobUses,
    /// Those that lie in the new journal.
    pub small: HashSet<BlobId>,
    /// Events that only the index had.
    pub from_index: u64,
    /// What could not be had: events that are gone, and why it ended where it did.
    pub lost: Vec<Damage>,
}

/// Writes the events of `store` up to `to` into a new store in the folder `into`.
///
/// # Errors
/// The files cannot be read or written, or nothing says whose store it is.
pub fn recover(store: &Path, to: u64, into: &Path) -> Result<Recovered, LedgerError> {
    let scratch = into.join("engine-copy");
    let engine = copy_of_engine(&store.join("sled"), &scratch);
    let recovered = recover_with(store, to, into, engine.as_ref());
    drop(engine);
    disk::remove_folder(&scratch).map_err(io_error(&scratch))?;
    recovered
}

fn recover_with(store: &Path, to: u64, into: &Path, engine: Option<&Engine>) -> Result<Recovered, LedgerError> {
    let folder = journal_folder(store);
    let stored = engine.and_then(|engine| engine.identity().ok().flatten());
    let written = journal::identity(&folder);
    let identity = match (written, stored) {
        (Ok(Some(identity)), _) | (_, Some(identity)) => identity,
        (Ok(None), None) => return Err(LedgerError::DamagedMeta("there is no journal")),
        (Err(error), None) => return Err(error),
    };
    let engine = engine.filter(|engine| engine.identity().is_ok_and(|of| of.as_ref() == Some(&identity)));
    let checkpoints = checkpoint::scan::<State>(&store.join("checkpoints"))?;
    let checkpoints = checkpoints.into_iter().filter_map(|(sequence, _, state)| Some((sequence, state.ok()?)));
    let segments = journal::segments(&folder)?;
    let mut work = Work {
        new: into.join("store").join("journal"),
        identity,
        engine,
        checkpoints: checkpoints.filter(|(sequence, state)| *sequence == state.sequence && *sequence <= to).collect(),
        to,
        journal: None,
        time: Timestamp::default(),
        found: Recovered::default(),
    };
    work.events(&segments)?;
    work.tell_of_losses(&folder)?;
    work.tell_of_the_end(&segments);
    work.blobs(&segments)?;
    work.runs(&segments)?;
    if let Some(journal) = &work.journal {
        journal.sync()?;
    }

    Ok(work.found)
}

/// What is written, and from what.
struct Work<'a> {
    new: PathBuf,
    identity: Identity,
    engine: Option<&'a Engine>,
    checkpoints: Vec<(u64, State)>,
    to: u64,
    journal: Option<Journal>,
    /// Of the newest event.
    time: Timestamp,
    found: Recovered,
}

impl Work<'_> {
    /// Segments that left nothing but their place in the list of segments.
    fn tell_of_losses(&mut self, folder: &Path) -> Result<(), LedgerError> {
        for loss in list::losses(folder)? {
            let is_told = !self.found.lost.is_empty();
            if !is_told && loss.from > self.found.last && loss.from <= self.to {
                let problem = loss.refusal("nothing else has them").to_string();
                self.lose(&loss.file, loss.from, &problem);
            }
        }
        Ok(())
    }

    /// Where the newest segment ends in bytes that are no record: an event that was being written, of which nobody was
    /// told, or one that was damaged.
    fn tell_of_the_end(&mut self, segments: &[journal::Segment]) {
        let Some((_, path)) = segments.last() else { return };
        if let Some(LedgerError::DamagedJournal { sequence, reason, .. }) = journal::records(path).find_map(Result::err)
            && sequence == self.found.last + 1
            && sequence <= self.to
            && self.found.lost.is_empty()
        {
            self.lose(path, sequence, reason);
        }
    }

    fn events(&mut self, segments: &[journal::Segment]) -> Result<(), LedgerError> {
        let begins = match segments.first() {
            Some((name, path)) if journal::begins_by_compaction(path)? == Some(true) => name.first,
            _ => self.engine.and_then(|engine| engine.first().ok().flatten()).unwrap_or(1),
        };
        self.found.last = begins - 1;
        for (path, record) in whole_records(segments) {
            if record.first > self.found.last + 1 && !record.frames.is_empty() {
                self.bridge(record.first - 1, &path)?;
            }
            if record.first > self.found.last + 1 {
                // Nothing can follow what is missing.
                return Ok(());
            }
            let frames = (record.first..).zip(record.frames);
            if !self.take(frames, &path)? {
                return Ok(());
            }
        }

        let last = self.engine.and_then(|engine| engine.last().ok()).unwrap_or(0);
        let newest = self.checkpoints.last().map_or(0, |(sequence, _)| *sequence);
        let path = segments.last().map_or_else(|| self.new.clone(), |(_, path)| path.clone());
        if last.max(newest).min(self.to) > self.found.last {
            self.bridge(last.max(newest), &path)?;
        }

        Ok(())
    }

    /// Gets the events up to `last` from the index, or the state after them from a checkpoint; notes what is lost.
    fn bridge(&mut self, last: u64, path: &Path) -> Result<(), LedgerError> {
        let from = self.found.last + 1;
        let last = last.min(self.to);
        if let Some(engine) = self.engine {
            let before = self.found.last;
            // What cannot be read is what is not there.
            let frames = engine.frames_from(from).map_while(Result::ok).take_while(|(sequence, _)| *sequence <= last);
            self.take(frames, path)?;
            self.found.from_index += self.found.last - before;
        }

        if self.found.last >= last {
            return Ok(());
        }
        let from = self.found.last + 1;
        let Some((sequence, state)) = self.checkpoints.iter().rev().find(|(sequence, _)| *sequence >= last).cloned()
        else {
            self.lose(path, from, &format!("the events {from} to {last} are gone; what is behind them needs them"));
            return Ok(());
        };

        let problem = format!(
            "the events {from} to {last} are gone: what they made was taken from the checkpoint of event {sequence}, \
             history begins there"
        );
        self.lose(path, from, &problem);
        self.begin_with(sequence, &state)
    }

    fn lose(&mut self, file: &Path, sequence: u64, problem: &str) {
        let damage =
            Damage { file: file.to_owned(), offset: None, sequence: Some(sequence), problem: problem.to_owned() };
        self.found.lost.push(damage);
    }

    /// Begins anew with an event that stands for all before it.
    fn begin_with(&mut self, sequence: u64, state: &State) -> Result<(), LedgerError> {
        let frame = compact::stand_in(state, self.time)?;
        self.journal = None;
        disk::remove_folder(&self.new).map_err(io_error(&self.new))?;
        self.found = Recovered {
            last: sequence - 1,
            from_index: self.found.from_index,
            lost: std::mem::take(&mut self.found.lost),
            ..Recovered::default()
        };

        self.take([(sequence, frame)].into_iter(), &self.new.clone()).map(drop)
    }

    /// Writes events that follow; whether all of them do, and more are wanted.
    fn take(&mut self, frames: impl Iterator<Item = (u64, Vec<u8>)>, path: &Path) -> Result<bool, LedgerError> {
        let mut batch = Vec::new();
        let mut goes_on = true;
        for (sequence, frame) in frames {
            if sequence <= self.found.last {
                continue;
            }
            if sequence > self.to || sequence != self.found.last + 1 {
                goes_on = false;
                break;
            }
            match codec::decode(sequence, &frame) {
                Ok(recorded) => {
                    self.found.uses.add_event(&recorded.event);
                    self.found.state.sequence = sequence - 1;
                    self.found.state.apply(&recorded.event);
                    self.time = recorded.time;
                }
                Err(error) => {
                    self.lose(path, sequence, &error.to_string());
                    goes_on = false;
                    break;
                }
            }
            if self.found.begins == 0 {
                self.found.begins = sequence;
            }
            self.found.last = sequence;
            batch.push((sequence, frame));
        }

        if !batch.is_empty() {
            self.journal()?.append(&Record::of_events(batch))?;
        }
        Ok(goes_on)
    }

    fn journal(&mut self) -> Result<&Journal, LedgerError> {
        if self.journal.is_none() {
            // Synced as a whole, at the end.
            let whenever = Durability::Interval(std::time::Duration::MAX);
            let begins = self.found.begins.max(1);
            self.journal = Some(Journal::open(&self.new, whenever, self.identity.clone(), begins)?);
        }
        Ok(self.journal.as_ref().expect("was just opened"))
    }

    /// Takes along what is under way: from the journal, and what only the index has.
    fn runs(&mut self, segments: &[journal::Segment]) -> Result<(), LedgerError> {
        let mut runs = Runs::default();
        let frames = || whole_records(segments).flat_map(|(_, record)| record.runs);
        for frame in frames() {
            // What cannot be read is what is not there.
            if let Ok((sequence, event)) = codec::decode_run(&frame) {
                runs.apply(sequence, &event);
            }
        }

        let fates = frames().filter_map(|frame| Some(run_frame::read(&frame).ok()?.0)).filter(Head::is_fate);
        let known: HashSet<_> = fates.map(|head| head.id).collect();
        let of_engine = self.engine.into_iter().flat_map(|engine| engine.all_begins().map_while(Result::ok));
        let is_lost = |frame: &Vec<u8>| run_frame::read(frame).is_ok_and(|(head, _)| !known.contains(&head.id));
        let is_needed = |frame: &Vec<u8>| {
            run_frame::read(frame).is_ok_and(|(head, _)| head.goes_on(&runs) || head.sequence == runs.sequence)
        };
        for frame in frames().filter(is_needed).chain(of_engine.filter(is_lost)) {
            self.journal()?.append(&Record { runs: vec![frame], ..Record::default() })?;
        }

        Ok(())
    }

    /// Takes the small blobs along that the events need, from journal and index.
    fn blobs(&mut self, segments: &[journal::Segment]) -> Result<(), LedgerError> {
        let needed = self.found.uses.blobs.clone();
        let mut found: HashMap<BlobId, Bytes> = HashMap::new();
        let of_journal = whole_records(segments).flat_map(|(_, record)| record.blobs);
        let of_engine = self.engine.into_iter().flat_map(|engine| engine.all_blobs().map_while(Result::ok));

        for (id, bytes) in of_journal.chain(of_engine) {
            if needed.contains(&id) && Sha256::digest(&bytes)[..] == id.0 {
                found.insert(id, bytes);
            }
        }

        for (id, bytes) in found {
            self.journal()?.append_blobs(vec![(id, bytes)])?;
            self.found.small.insert(id);
        }

        Ok(())
    }
}

/// What is whole of the segments that can be read: a disk that is going lets others be.
fn whole_records(segments: &[journal::Segment]) -> impl Iterator<Item = (PathBuf, Record)> + '_ {
    segments.iter().flat_map(|segment| {
        let records = journal::whole_records(segment);
        let unread = |error: &LedgerError| tracing::warn!(%error, "a segment cannot be read; nothing is taken from it");
        records.inspect_err(unread).unwrap_or_default()
    })
}

/// The index, read from a copy: opening it would change it.
fn copy_of_engine(folder: &Path, scratch: &Path) -> Option<Engine> {
    if !folder.is_dir() {
        return None;
    }
    let copied = copy_folder(folder, scratch).map_err(io_error(scratch)).and_then(|()| Engine::open(scratch));
    copied.inspect_err(|error| tracing::warn!(%error, "the index cannot be read; nothing is taken from it")).ok()
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    disk::create_folder(to)?;
    for path in disk::list(from)? {
        let to = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() { copy_folder(&path, &to)? } else { disk::copy(&path, &to)? }
    }
    Ok(())
}
