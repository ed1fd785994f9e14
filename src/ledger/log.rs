//! The log: the journal, and the engine that follows it.
//!
//! A batch is on disk when the journal has it. The engine learns of it then, flushes in its own time, and
//! is brought up to the journal when the store opens. What one of the two lost, the other puts back.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use super::codec::FrameError;
use super::engine::{Engine, SmallBlobs};
use super::journal::{self, Identity, Journal};
use super::scrub::{self, Scrubber};
use super::{Attachment, Durability, LedgerError, compact, io_error};
use crate::model::event::Recorded;
use crate::model::time::Timestamp;

/// Events that are copied between journal and engine at a time.
const COPY: usize = 1000;

/// The open store.
pub struct Log {
    path: PathBuf,
    journal: Arc<Journal>,
    engine: Engine,
    store_id: String,
    /// Sequence of the oldest event.
    begins: AtomicU64,
    /// Held by whoever appends or compacts.
    writing: Arc<Mutex<()>>,
    scrubber: Option<Scrubber>,
    _syncer: Option<Syncer>,
}

impl std::fmt::Debug for Log {
    /// Leaves the secret out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("path", &self.path).field("store_id", &self.store_id).finish_non_exhaustive()
    }
}

impl Log {
    /// Opens or makes the store in the folder `path`.
    pub fn open(path: &Path, durability: Durability) -> Result<Self, LedgerError> {
        let (journal_folder, engine_folder) = (path.join("journal"), path.join("sled"));
        compact::settle(path)?;
        let (written, header_damage) = match journal::identity(&journal_folder) {
            Err(error @ LedgerError::DamagedJournal { .. }) => (None, Some(error)),
            written => (written?, None),
        };
        let engine = match Engine::open(&engine_folder) {
            Ok(engine) => engine,
            Err(error @ LedgerError::Engine { .. }) if written.is_some() && !error.is_held() => {
                tracing::warn!(%error, "the engine cannot open its files; they are made anew from the journal");
                fresh_engine(&engine_folder)?
            }
            Err(error) => return Err(error),
        };
        let stored = engine.identity()?;
        if let (Some(error), None) = (header_damage, &stored) {
            // Neither says whose store it is: no new one may take its place.
            return Err(error);
        }
        let identity = written.or_else(|| stored.clone()).unwrap_or_else(new_identity);
        let engine = match &stored {
            Some(other) if *other != identity => {
                tracing::warn!("the engine's files are of another store than the journal; they are made anew");
                fresh_engine(&engine_folder)?
            }
            _ => engine,
        };
        engine.set_identity(&identity)?;
        let store_id = String::from_utf8(identity.store_id.clone());
        let store_id = store_id.map_err(|_| LedgerError::DamagedMeta("the store id is not text"))?;
        let journal = Arc::new(Journal::open(
            &journal_folder,
            durability,
            identity,
            engine.first()?.unwrap_or(1),
            engine.last()?,
        )?);
        let syncer = match durability {
            Durability::Always | Durability::Never => None,
            Durability::Interval(interval) => Some(Syncer::start(Arc::clone(&journal), interval)),
        };
        let begins = AtomicU64::new(journal.begins()?);
        let writing = Arc::default();
        let path = path.to_owned();
        let mut log = Self { path, journal, engine, store_id, begins, writing, scrubber: None, _syncer: syncer };
        log.extend_journal()?;
        log.follow()?;
        compact::finish(&log)?;
        log.start_scrubber();
        Ok(log)
    }

    fn start_scrubber(&mut self) {
        let (journal, writing) = (Arc::clone(&self.journal), Arc::clone(&self.writing));
        self.scrubber = Some(Scrubber::start(journal, self.engine.event_frames(), writing));
    }

    /// Id of the store.
    pub fn store_id(&self) -> &str {
        &self.store_id
    }

    /// Whose store it is.
    pub fn identity(&self) -> &Identity {
        self.journal.identity()
    }

    /// Secret of the store.
    pub fn secret(&self) -> &[u8] {
        &self.identity().secret
    }

    /// The small blobs.
    pub fn small_blobs(&self) -> SmallBlobs {
        self.engine.small_blobs()
    }

    /// Stores events (sequence and frame, all or nothing) with the blobs they need; on disk when it
    /// returns, if durability is `Always`.
    pub fn append(&self, frames: Vec<(u64, Vec<u8>)>, blobs: &[Attachment]) -> Result<(), LedgerError> {
        let _writing = self.writing();
        self.journal.append(&frames, blobs)?;
        // The change is stored; an engine that fails is brought up to it at the next start.
        if let Err(error) = self.engine.insert(frames, blobs) {
            tracing::error!(%error, "the engine did not take events that are in the journal; restart the server to mend it");
        }
        Ok(())
    }

    /// Writes what only the engine has into the journal: a store from before the journal, or one whose
    /// journal lost its end.
    fn extend_journal(&self) -> Result<(), LedgerError> {
        // A log that was compacted begins later than with its first event.
        let (from, last) = (self.journal.last() + 1, self.engine.last()?);
        if from > last {
            return Ok(());
        }
        tracing::warn!(from, last, "events that only the engine has are written to the journal");
        let mut blobs = self.engine.all_blobs().collect::<Result<Vec<_>, _>>()?;
        let mut batch = Vec::with_capacity(COPY);
        for (expected, entry) in (from..).zip(self.engine.frames_from(from)) {
            let (found, frame) = entry?;
            if found != expected {
                return Err(LedgerError::MissingEvent { expected, found });
            }
            batch.push((found, frame));
            if batch.len() == COPY || found == last {
                self.journal.append(&std::mem::take(&mut batch), &std::mem::take(&mut blobs))?;
            }
        }
        Ok(())
    }

    /// Brings the engine up to the journal.
    fn follow(&self) -> Result<(), LedgerError> {
        let from = (self.engine.last()? + 1).max(self.begins());
        if from > self.journal.last() {
            return Ok(());
        }
        tracing::info!(from, to = self.journal.last(), "the engine follows the journal");
        // A compacted log begins later than with its first event.
        let mut expected = from.max(self.journal.begins()?);
        for record in self.journal.records_from(from)? {
            let record = record?;
            let frames: Vec<_> =
                (record.first..).zip(record.frames).filter(|(sequence, _)| *sequence >= expected).collect();
            match frames.first() {
                Some((found, _)) if *found != expected => {
                    return Err(LedgerError::MissingEvent { expected, found: *found });
                }
                _ => expected += frames.len() as u64,
            }
            self.engine.insert(frames, &record.blobs)?;
        }
        self.engine.flush()
    }

    /// Sequence of the oldest event: history before it was dropped.
    pub fn begins(&self) -> u64 {
        self.begins.load(Ordering::Acquire)
    }

    /// Notes that history begins later now.
    pub(super) fn set_begins(&self, begins: u64) {
        self.begins.store(begins, Ordering::Release);
    }

    /// Keeps all others from appending.
    pub(super) fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The store's folder, its journal and its engine.
    pub(super) fn parts(&self) -> (&Path, &Journal, &Engine) {
        (&self.path, &self.journal, &self.engine)
    }

    /// Makes the engine's files anew from the journal, after the engine gave an event that is damaged.
    pub fn rebuild(&mut self) -> Result<(), LedgerError> {
        // It has the engine's files open.
        self.scrubber = None;
        // What the journal lost in other places than the engine is still to be had from it.
        scrub::now(&self.journal, self.engine.event_frames(), &self.writing);
        let engine = fresh_engine(&self.path.join("sled"))?;
        engine.set_identity(self.journal.identity())?;
        self.engine = engine;
        self.follow()?;
        self.start_scrubber();
        Ok(())
    }

    /// Brings everything written to disk.
    pub fn flush(&self) -> Result<(), LedgerError> {
        self.journal.sync()?;
        self.engine.sync()
    }

    /// The events from `from` on, each decoded and checked, in order and without gaps.
    pub fn events_from(&self, from: u64) -> impl Iterator<Item = Result<Recorded, LedgerError>> + '_ {
        self.engine.events_from(from)
    }

    /// Sequence of the newest event not later than `time`; 0 if all are later. Times never run back, so that
    /// some reads find it.
    pub fn sequence_at(&self, time: Timestamp) -> Result<u64, LedgerError> {
        let (mut low, mut high) = (self.begins(), self.engine.last()? + 1);
        let first = low;
        while low < high {
            let middle = low + (high - low) / 2;
            match self.events_from(middle).next().transpose()? {
                Some(recorded) if recorded.time <= time => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(if low == first { 0 } else { low - 1 })
    }

    /// Time of the newest event.
    pub fn last_time(&self) -> Result<Timestamp, LedgerError> {
        let last = self.engine.last()?;
        let recorded = if last == 0 { None } else { self.events_from(last).next().transpose()? };
        Ok(recorded.map(|recorded| recorded.time).unwrap_or_default())
    }
}

/// A new engine; the old one's files stay beside it, for a look at what happened.
fn fresh_engine(folder: &Path) -> Result<Engine, LedgerError> {
    let aside = folder.with_extension("damaged");
    match fs::remove_dir_all(&aside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io_error(&aside)(error)),
        _ => fs::rename(folder, &aside).map_err(io_error(folder))?,
    }
    Engine::open(folder)
}

fn new_identity() -> Identity {
    let id = || uuid::Uuid::new_v4().simple().to_string();
    Identity { store_id: id().into_bytes(), secret: [id(), id()].concat().into_bytes() }
}

/// Syncs the journal every so often, where callers do not wait for the disk.
struct Syncer {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    fn start(journal: Arc<Journal>, interval: Duration) -> Self {
        let (stop, stopped) = mpsc::channel();
        let run = move || {
            while stopped.recv_timeout(interval) == Err(mpsc::RecvTimeoutError::Timeout) {
                if let Err(error) = journal.sync() {
                    tracing::error!(%error, "the journal could not be synced");
                }
            }
        };
        let thread = std::thread::Builder::new().name("journal".into()).spawn(run).ok();
        Self { stop: Some(stop), thread }
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl From<FrameError> for LedgerError {
    /// A frame that cannot be written: the event does not exist yet, so it has no sequence.
    fn from(source: FrameError) -> Self {
        Self::DamagedEvent { sequence: 0, source }
    }
}
