//! Looks after sealed segments of the journal in the background. Each is read once after a start: one that is damaged
//! is made anew from what the engine has of it, and a plain one is compressed.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use sha2::{Digest as _, Sha256};

use super::health::Health;
use super::index::Index;
use super::journal::{Journal, Record, sealed, segments};
use super::patience::{self, PATIENCE};
use super::{LedgerError, codec, io_error, proof};
use crate::disk;
use crate::model::blob::BlobId;
use crate::model::uses::BlobUses;

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
    index: Arc<Index>,
    health: Arc<Health>,
    /// Held by whoever appends or compacts: the folder is another one after a compaction.
    writing: Arc<Mutex<()>>,
    stop: Arc<AtomicBool>,
}

impl Scrubber {
    /// Starts with all segments; then it looks for those that are sealed.
    pub fn start(journal: Arc<Journal>, index: Arc<Index>, health: Arc<Health>, writing: Arc<Mutex<()>>) -> Self {
        let (wake, woken) = mpsc::channel();
        journal.tell_sealed(wake.clone());
        let stop = Arc::<AtomicBool>::default();
        let scrub = Scrub { journal: Arc::clone(&journal), index, health, writing, stop: Arc::clone(&stop) };
        let run = move || {
            scrub.all(true);
            while let Ok(()) = woken.recv() {
                scrub.all(false);
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
            let [(first, path), (next, _)] = pair else { continue };
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            if !check && sealed::is_compressed(path) {
                continue;
            }
            let part = format!("segment {first}");
            match self.one(*first, path, *next) {
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
                self.replace(path, inode, &bytes, true)?;
                tracing::warn!(%damage, journal = %path.display(), "a sealed segment was damaged; it is mended from the engine");
            }
            None if !sealed::is_compressed(path) => {
                let bytes = disk::read(path).map_err(io_error(path))?;
                self.replace(path, inode, &bytes, false)?;
            }
            None => {
                // What a crash left between the two steps of an earlier compression.
                disk::remove_file(&path.with_extension("")).map_err(io_error(path))?;
            }
        }
        Ok(())
    }

    /// Puts a compressed segment in the place of one, unless a compaction took that away meanwhile.
    fn replace(&self, path: &Path, inode: u64, bytes: &[u8], keep_aside: bool) -> Result<(), LedgerError> {
        let (new, compressed) = (sealed::write_beside(path, bytes)?, sealed::compressed_name(path));
        // What is to take its place is what was meant.
        if sealed::unpacked(&new)? != bytes {
            disk::remove_file(&new).map_err(io_error(&new))?;
            let problem = format!("{} reads otherwise than it was written", new.display());
            return Err(LedgerError::NotProven { what: "compressing a segment", problem });
        }
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if fs::metadata(path).is_ok_and(|now| now.ino() == inode) {
            if keep_aside {
                let aside = path.with_extension("damaged");
                disk::copy(path, &aside).map_err(io_error(&aside))?;
            }
            disk::rename(&new, &compressed).map_err(io_error(&compressed))?;
            let folder = self.journal.folder();
            disk::sync_folder(folder).map_err(io_error(folder))?;
            if compressed != path {
                disk::remove_file(path).map_err(io_error(path))?;
            }
        } else {
            disk::remove_file(&new).map_err(io_error(&new))?;
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
            records.push(Record { first: found, frames: vec![frame], blobs: Vec::new() });
        }
        if let Some(missing) = (first + records.len() as u64..next).next() {
            return Err(LedgerError::MissingEvent { expected: missing, found: next });
        }
        let mut there = self.blobs_elsewhere(path)?;
        for entry in engine.all_blobs() {
            let (id, bytes) = entry?;
            // A blob that the engine garbled must not get a checksum that fits.
            if !there.contains(&id) && Sha256::digest(&bytes)[..] == id.0 {
                records.push(Record { first: next, frames: Vec::new(), blobs: vec![(id, bytes)] });
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
        Ok(sealed::assemble(self.journal.identity(), first, &records))
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
