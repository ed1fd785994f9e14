//! Looks after sealed segments of the journal in the background. Each is read once after a start: one that is damaged
//! is made anew from what the engine has of it, and a plain one is compressed. What was under way and is done leaves them
//! (`clean.rs`).

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use sha2::{Digest as _, Sha256};

use super::clean::Cleaner;
use super::engine::Engine;
use super::health::Health;
use super::index::Index;
use super::journal::{Journal, Record, sealed, segments, whole_records};
use super::patience::{self, PATIENCE};
use super::segment_files::SegmentFiles;
use super::{LedgerError, codec, io_error, proof, run_frame};
use crate::disk;
use crate::model::blob::BlobId;
use crate::model::uses::BlobUses;
use crate::runs::RunId;
use crate::runs::state::Runs;

/// How long a store is open before all of it is read: whoever starts a server waits for its answer.
const AFTER_START: Duration = Duration::from_secs(1);

/// The thread, which ends with this, at the next segment.
pub struct Scrubber {
    wake: Option<mpsc::Sender<()>>,
    stop: Arc<AtomicBool>,
    journal: Arc<Journal>,
    thread: Option<JoinHandle<()>>,
}

/// What it works on.
struct Scrub {
    journal: Arc<Journal>,
    files: SegmentFiles,
    index: Arc<Index>,
    health: Arc<Health>,
    stop: Arc<AtomicBool>,
}

/// What a scrubber works on, and what it asks.
pub struct Store {
    /// The truth.
    pub journal: Arc<Journal>,
    /// What damage is mended from.
    pub index: Arc<Index>,
    /// Where it says what cannot be mended.
    pub health: Arc<Health>,
    /// Held by whoever appends or compacts.
    pub writing: Arc<Mutex<()>>,
    /// What is under way.
    pub runs: Arc<ArcSwap<Runs>>,
}

impl Scrubber {
    /// Starts with all segments; then it looks for those that are sealed.
    pub fn start(store: Store) -> Self {
        let (wake, woken) = mpsc::channel();
        let Store { journal, index, health, writing, runs } = store;
        journal.tell_sealed(wake.clone());
        let stop = Arc::<AtomicBool>::default();
        let files = SegmentFiles { journal: Arc::clone(&journal), writing };
        let scrub = Scrub { journal: Arc::clone(&journal), files, index, health, stop: Arc::clone(&stop) };
        let run = move || {
            let mut cleaner = Cleaner::new(runs);
            // A start is over first. What is sealed, or the end, comes before.
            let _ = woken.recv_timeout(AFTER_START);
            scrub.all(true);
            cleaner.clean(&scrub.files, &scrub.stop);
            while let Ok(()) = woken.recv() {
                scrub.all(false);
                cleaner.clean(&scrub.files, &scrub.stop);
            }
        };

        // Without it the journal is as good, only larger.
        let thread = std::thread::Builder::new().name("scrub".into()).spawn(run).ok();
        Self { wake: Some(wake), stop, journal, thread }
    }
}

impl Drop for Scrubber {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.journal.tell_nobody();
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            patience::join(thread, PATIENCE);
        }
    }
}

impl Scrub {
    /// All sealed segments; without `check` only those that are not compressed.
    fn all(&self, check: bool) {
        let Ok(segments) = segments(self.journal.folder()) else { return };
        for pair in segments.windows(2) {
            let [(name, path), (next, _)] = pair else { continue };
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            if !check && sealed::is_compressed(path) {
                continue;
            }
            let part = format!("segment {name}");
            match self.one(name.first, path, next.first) {
                // A compaction took it away.
                Err(_) if !path.exists() && !sealed::compressed_name(path).exists() => self.health.clear(&part),
                Err(error) => {
                    self.health.report(&part, format!("{}: {error}", path.display()));
                    tracing::error!(%error, journal = %path.display(), "a sealed segment was left as it is; `larder verify` tells more");
                }
                Ok(()) => self.health.clear(&part),
            }
        }
    }

    fn one(&self, first: u64, path: &Path, next: u64) -> Result<(), LedgerError> {
        let Ok(found) = fs::metadata(path) else { return Ok(()) };
        let inode = found.ino();
        match sealed::damage(path, next)? {
            Some(damage) => {
                let bytes = self.engine_form(first, path, next).map_err(|error| {
                    tracing::error!(%error, "the index cannot mend a segment");
                    damage_of(&damage).unwrap_or(error)
                })?;
                self.files.replace(path, inode, &bytes, true)?;
                tracing::warn!(%damage, journal = %path.display(), "a sealed segment was damaged; it is mended from the engine");
            }
            None if !sealed::is_compressed(path) => {
                let bytes = disk::read(path).map_err(io_error(path))?;
                self.files.replace(path, inode, &bytes, false)?;
            }
            None => {
                // What a crash left between the two steps of an earlier compression.
                disk::remove_file(&path.with_extension("")).map_err(io_error(path))?;
            }
        }

        Ok(())
    }

    /// The segment as the engine has it: its events, and the small blobs that are in no other segment.
    fn engine_form(&self, first: u64, path: &Path, next: u64) -> Result<Vec<u8>, LedgerError> {
        let unusable = LedgerError::DamagedMeta("there is no index to mend it from");
        let engine = self.index.engine().ok_or(unusable)?;
        let mut records: Vec<Record> = Vec::new();
        let mut uses = BlobUses::default();

        for (expected, entry) in (first..next).zip(engine.frames_from(first)) {
            let (found, frame) = entry?;
            if found != expected {
                return Err(LedgerError::MissingEvent { expected, found });
            }
            let recorded = codec::decode(found, &frame);
            let recorded = recorded.map_err(|source| LedgerError::DamagedEvent { sequence: found, source })?;
            uses.add_event(&recorded.event);
            records.push(Record { first: found, frames: vec![frame], ..Record::default() });
        }

        if let Some(missing) = (first + records.len() as u64..next).next() {
            return Err(LedgerError::MissingEvent { expected: missing, found: next });
        }
        let mut there = self.blobs_elsewhere(path)?;
        for entry in engine.all_blobs() {
            let (id, bytes) = entry?;
            // A blob that the engine garbled must not get a checksum that fits.
            if !there.contains(&id) && Sha256::digest(&bytes)[..] == id.0 {
                records.push(Record::of_blobs(next, vec![(id, bytes)]));
                there.insert(id);
            }
        }

        let store = self.journal.folder().parent().unwrap_or(path);
        let is_file = |id: &&BlobId| proof::blob_file(store, id).is_file();
        let missing: Vec<_> = uses.blobs.iter().filter(|id| !there.contains(id) && !is_file(id)).copied().collect();
        if !missing.is_empty() {
            let problem = format!("the blobs {} are gone", proof::named(&missing));
            return Err(LedgerError::NotProven { what: "mending a segment", problem });
        }

        let runs = self.runs_of(path, &engine)?;
        if !runs.is_empty() {
            records.push(Record { first: next, runs, ..Record::default() });
        }
        Ok(sealed::assemble(self.journal.identity(), first, &records))
    }

    /// What is whole of a segment's events of what is under way, and what the engine has that is in no other.
    fn runs_of(&self, path: &Path, engine: &Engine) -> Result<Vec<Vec<u8>>, LedgerError> {
        let segments = segments(self.journal.folder())?;
        let others = segments.iter().filter(|(_, other)| other != path);
        let others = others.flat_map(|(_, other)| super::journal::records(other).map_while(Result::ok));
        let mut known: HashSet<_> = others.flat_map(|record| record.runs).filter_map(|frame| id_of(&frame)).collect();
        let mut runs = Vec::new();

        for segment in segments.iter().filter(|(_, other)| other == path) {
            for (_, record) in whole_records(segment)? {
                known.extend(record.runs.iter().filter_map(|frame| id_of(frame)));
                runs.extend(record.runs);
            }
        }

        for frame in engine.all_begins() {
            let frame = frame?;
            if id_of(&frame).is_some_and(|id| known.insert(id)) {
                runs.push(frame);
            }
        }

        Ok(runs)
    }

    fn blobs_elsewhere(&self, path: &Path) -> Result<HashSet<BlobId>, LedgerError> {
        let mut found = HashSet::new();
        let others: Vec<PathBuf> = segments(self.journal.folder())?.into_iter().map(|(_, path)| path).collect();
        for other in others.iter().filter(|other| *other != path) {
            for record in super::journal::records(other).map_while(Result::ok) {
                found.extend(record.blobs.into_iter().map(|(id, _)| id));
            }
        }
        Ok(found)
    }
}

/// The entry of what is under way whose beginning or end a frame tells.
fn id_of(frame: &[u8]) -> Option<RunId> {
    let (head, _) = run_frame::read(frame).ok()?;
    head.is_fate().then_some(head.id)
}

/// The damage as an error of its own.
fn damage_of(damage: &LedgerError) -> Option<LedgerError> {
    match damage {
        LedgerError::DamagedJournal { path, offset, sequence, reason } => {
            Some(LedgerError::DamagedJournal { path: path.clone(), offset: *offset, sequence: *sequence, reason })
        }
        LedgerError::MissingEvent { expected, found } => {
            Some(LedgerError::MissingEvent { expected: *expected, found: *found })
        }
        _ => None,
    }
}
