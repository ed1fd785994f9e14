//! Looks after sealed segments of the journal in the background. Each is read once after a start: one that is damaged
//! is made anew from what the engine has of it, and a plain one is compressed.

use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use sha2::{Digest as _, Sha256};

use super::engine::EventFrames;
use super::journal::{Journal, Record, sealed, segments};
use super::{LedgerError, codec, io_error};
use crate::model::blob::BlobId;

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
    engine: EventFrames,
    /// Held by whoever appends or compacts: the folder is another one after a compaction.
    writing: Arc<Mutex<()>>,
    stop: Arc<AtomicBool>,
}

/// Looks after all segments, here and now.
pub fn now(journal: &Arc<Journal>, engine: EventFrames, writing: &Arc<Mutex<()>>) {
    Scrub { journal: Arc::clone(journal), engine, writing: Arc::clone(writing), stop: Arc::default() }.all(true);
}

impl Scrubber {
    /// Starts with all segments; then it looks for those that are sealed.
    pub fn start(journal: Arc<Journal>, engine: EventFrames, writing: Arc<Mutex<()>>) -> Self {
        let (wake, woken) = mpsc::channel();
        journal.tell_sealed(wake.clone());
        let stop = Arc::<AtomicBool>::default();
        let scrub = Scrub { journal: Arc::clone(&journal), engine, writing, stop: Arc::clone(&stop) };
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
            let _ = thread.join();
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
            if (check || !sealed::is_compressed(path))
                && let Err(error) = self.one(*first, path, *next)
            {
                tracing::error!(%error, journal = %path.display(), "a sealed segment was left as it is; `larder verify` tells more");
            }
        }
    }

    fn one(&self, first: u64, path: &Path, next: u64) -> Result<(), LedgerError> {
        let Ok(file) = File::open(path) else { return Ok(()) };
        let inode = file.metadata().map_err(io_error(path))?.ino();
        match sealed::damage(path, next)? {
            Some(damage) => {
                let bytes = self.engine_form(first, path, next)?;
                self.replace(path, inode, &bytes, true)?;
                tracing::warn!(%damage, journal = %path.display(), "a sealed segment was damaged; it is mended from the engine");
            }
            None if !sealed::is_compressed(path) => {
                let bytes = fs::read(path).map_err(io_error(path))?;
                self.replace(path, inode, &bytes, false)?;
            }
            None => {
                // What a crash left between the two steps of an earlier compression.
                let _ = fs::remove_file(path.with_extension(""));
            }
        }
        Ok(())
    }

    /// Puts a compressed segment in the place of one, unless a compaction took that away meanwhile.
    fn replace(&self, path: &Path, inode: u64, bytes: &[u8], keep_aside: bool) -> Result<(), LedgerError> {
        let (new, compressed) = (sealed::write_beside(path, bytes)?, sealed::compressed_name(path));
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if fs::metadata(path).is_ok_and(|now| now.ino() == inode) {
            if keep_aside {
                let aside = path.with_extension("damaged");
                fs::copy(path, &aside).map_err(io_error(&aside))?;
            }
            fs::rename(&new, &compressed).map_err(io_error(&compressed))?;
            let folder = self.journal.folder();
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(io_error(folder))?;
            if compressed != path {
                fs::remove_file(path).map_err(io_error(path))?;
            }
        } else {
            let _ = fs::remove_file(&new);
        }
        Ok(())
    }

    /// The segment as the engine has it: its events, and the small blobs that are in no other segment.
    fn engine_form(&self, first: u64, path: &Path, next: u64) -> Result<Vec<u8>, LedgerError> {
        let mut records: Vec<Record> = Vec::new();
        for (expected, entry) in (first..next).zip(self.engine.frames_from(first)) {
            let (found, frame) = entry?;
            if found != expected {
                return Err(LedgerError::MissingEvent { expected, found });
            }
            codec::decode(found, &frame).map_err(|source| LedgerError::DamagedEvent { sequence: found, source })?;
            records.push(Record { first: found, frames: vec![frame], blobs: Vec::new() });
        }
        if let Some(missing) = (first + records.len() as u64..next).next() {
            return Err(LedgerError::MissingEvent { expected: missing, found: next });
        }
        let elsewhere = self.blobs_elsewhere(path)?;
        for entry in self.engine.all_blobs() {
            let (id, bytes) = entry?;
            // A blob that the engine garbled must not get a checksum that fits.
            if !elsewhere.contains(&id) && Sha256::digest(&bytes)[..] == id.0 {
                records.push(Record { first: next, frames: Vec::new(), blobs: vec![(id, bytes)] });
            }
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
