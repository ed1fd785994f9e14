//! The log: the journal, which is the truth, and the index that follows it.
//!
//! A batch is stored when the journal has it. What is read by key may come from the index, which is checked against the
//! journal's sequence and against digests, and passed over where it is not right (`index.rs`). What is read in order
//! (replays, compaction, garbage collection, histories) comes from the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use sha2::{Digest as _, Sha256};

use super::engine::{self, Engine};
use super::events::Events;
use super::frame::FrameError;
use super::health::Health;
use super::index::{Index, SmallBlobs};
use super::journal::{self, Identity, Journal, Name, Record, switch};
use super::reindex::{self, Reindex, Reindexer};
use super::scrub::{self, Scrubber};
use super::{Durability, LedgerError, begins, codec, mend};
use crate::model::event::Recorded;
use crate::model::time::Timestamp;
use crate::runs::RunId;
use crate::runs::state::Runs;

/// Events that are copied between journal and engine at a time.
const COPY: usize = 1000;

/// The part of the store, for its health.
const PART: &str = "journal";

/// The open store.
pub struct Log {
    path: PathBuf,
    journal: Arc<Journal>,
    index: Arc<Index>,
    health: Arc<Health>,
    store_id: String,
    /// An engine that is not right, but may have what the journal lost.
    spare: Option<Engine>,
    /// The journal that the index is of, among those that took each other's place.
    generation: AtomicU64,
    /// Held by whoever appends or compacts.
    writing: Arc<Mutex<()>>,
    scrubber: Option<Scrubber>,
    reindexer: Option<Reindexer>,
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
        let journal_folder = path.join("journal");
        let engine_folder = path.join("sled");
        let mut switched = switch::settle(path)?;
        let written = match journal::identity(&journal_folder) {
            Err(error @ LedgerError::DamagedJournal { .. }) => Err(error),
            written => Ok(written?),
        };
        let had_engine = engine_folder.exists();
        let opened = open_engine(&engine_folder)?;
        let (identity, opened) = whose(written, opened, had_engine)?;
        let engine = opened.as_ref().ok();

        if let Some(problem) = mend::problem(&journal_folder)? {
            let Some(engine) = engine else { return Err(problem) };
            mend::write_anew(path, &identity, engine, &problem)?;
            switch::commit(path, switch::Why::Mending)?;
            switched = switch::redo(path)?;
        }

        let first = engine.map_or(Ok(None), Engine::first)?.unwrap_or(1);
        let journal = Arc::new(Journal::open(&journal_folder, durability, identity, first)?);
        if let Some(engine) = engine {
            extend(&journal, engine)?;
        }
        if let Some(why) = switched {
            switch::finish(path, why)?;
        }
        let log = Self::of(path, durability, journal)?;

        Ok(log.with_index(opened, switched))
    }

    fn of(path: &Path, durability: Durability, journal: Arc<Journal>) -> Result<Self, LedgerError> {
        let store_id = String::from_utf8(journal.identity().store_id.clone());
        let store_id = store_id.map_err(|_| LedgerError::DamagedMeta("the store id is not text"))?;
        let syncer = match durability {
            Durability::Always | Durability::Never => None,
            Durability::Interval(interval) => Some(Syncer::start(Arc::clone(&journal), interval)),
        };
        let health = Arc::<Health>::default();

        Ok(Self {
            path: path.to_owned(),
            index: Arc::new(Index::new(Arc::clone(&journal), Arc::clone(&health))),
            generation: AtomicU64::new(0),
            journal,
            health,
            store_id,
            spare: None,
            writing: Arc::default(),
            scrubber: None,
            reindexer: None,
            _syncer: syncer,
        })
    }

    /// Brings the engine up to the journal; one that is not right is not used.
    fn with_index(mut self, opened: Result<Engine, LedgerError>, switched: Option<switch::Why>) -> Self {
        let engine = match opened {
            Ok(engine) => engine,
            Err(error) => {
                self.index.give_up(&error);
                return self;
            }
        };
        let journal = Arc::clone(&self.journal);
        // An index that needs longer is made anew while the server runs.
        let followed = engine::within(move || {
            let followed = follow(&journal, &engine, switched.is_some());
            (engine, followed)
        });
        match followed {
            Some((engine, Ok(()))) => self.index.install(engine, self.journal.last()),
            Some((engine, Err(error))) => {
                self.index.give_up(&error);
                self.spare = Some(engine);
            }
            None => self.give_up_unanswered(),
        }
        self
    }

    /// The engine waits for itself for ever: nobody waits with it, and the next start does not get its files.
    fn give_up_unanswered(&self) {
        self.index.give_up(&LedgerError::Unanswered);
        engine::set_aside(&self.path.join("sled"));
    }

    /// Starts what looks after journal and index in the background.
    pub fn start_upkeep(&mut self, runs: Arc<ArcSwap<Runs>>) {
        self.spare = None;
        self.reindexer = Some(Reindexer::start(Reindex {
            store: self.path.clone(),
            journal: Arc::clone(&self.journal),
            index: Arc::clone(&self.index),
            health: Arc::clone(&self.health),
            writing: Arc::clone(&self.writing),
            stop: Arc::default(),
            set_aside: AtomicBool::new(false),
        }));

        self.scrubber = Some(Scrubber::start(scrub::Store {
            journal: Arc::clone(&self.journal),
            index: Arc::clone(&self.index),
            health: Arc::clone(&self.health),
            writing: Arc::clone(&self.writing),
            runs,
        }));
    }

    /// Makes the journal whole from the engine, after a replay met `problem`.
    pub fn mend(&mut self, problem: &LedgerError) -> Result<(), LedgerError> {
        let engine = self.index.engine();
        let Some(engine) = engine.as_deref().or(self.spare.as_ref()) else {
            tracing::error!(%problem, "there is no index to mend the journal from");
            return Err(LedgerError::NotProven { what: "mending the journal", problem: problem.to_string() });
        };
        mend::write_anew(&self.path, self.journal.identity(), engine, problem)?;
        self.journal.switch(&self.path, switch::Why::Mending)?;
        switch::finish(&self.path, switch::Why::Mending)?;
        self.index_is_current();

        Ok(())
    }

    /// Id of the store.
    pub fn store_id(&self) -> &str {
        &self.store_id
    }

    /// What is wrong with the store.
    pub fn health(&self) -> &Arc<Health> {
        &self.health
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
        SmallBlobs(Arc::clone(&self.index))
    }

    /// The engine as the store opens: right, or not.
    pub fn engine(&self) -> (Option<Arc<Engine>>, Option<&Engine>) {
        (self.index.engine(), self.spare.as_ref())
    }

    /// Stores events (all or nothing) with the blobs they need; on disk when it returns, if durability is `Always`.
    /// Says how many bytes that took.
    pub fn append(&self, record: Record) -> Result<u64, LedgerError> {
        if record.is_empty() {
            return Ok(0);
        }
        let _writing = self.writing();
        let stored = self.journal.append(&record);
        self.health.note(PART, &stored);
        let bytes = stored?;

        if self.generation.swap(self.journal.generation(), Ordering::AcqRel) != self.journal.generation() {
            // The index has blobs that this journal has not.
            self.index.give_up(&LedgerError::DamagedMeta("another journal took the place of the one it is of"));
        }
        self.index.insert(record);
        Ok(bytes)
    }

    /// The segment that is written to, and the inode of its folder; 0 where that is gone.
    pub fn newest_segment(&self) -> (Name, u64) {
        let _writing = self.writing();
        (self.journal.newest_segment(), self.journal.inode())
    }

    /// Brings the index up to what is under way: events behind the event `covered` lie from the segment `since` on.
    pub fn follow_runs(&self, runs: &Runs, covered: u64, since: Name) {
        let index = Arc::clone(&self.index);
        let journal = Arc::clone(&self.journal);
        let newest = runs.sequence;
        if engine::within(move || index.follow_runs(&journal, newest, covered, since)).is_none() {
            self.give_up_unanswered();
        }
    }

    /// The frame that began an entry of what is under way, as long as that is there.
    pub fn begin_of(&self, id: RunId) -> Result<Option<Vec<u8>>, LedgerError> {
        match self.indexed_begin_of(id) {
            Some(frame) => Ok(Some(frame)),
            None => Ok(self.begins_in_journal(&BTreeSet::from([id]))?.remove(&id)),
        }
    }

    /// The same as far as the index has it.
    pub fn indexed_begin_of(&self, id: RunId) -> Option<Vec<u8>> {
        self.index.begin_of(id)
    }

    /// The frames that began these entries, of those that have not ended, by one way through the journal.
    pub fn begins_in_journal(&self, ids: &BTreeSet<RunId>) -> Result<BTreeMap<RunId, Vec<u8>>, LedgerError> {
        begins::in_journal(&self.journal, ids)
    }

    /// Notes whether the store is still where it was opened.
    pub fn look_after_place(&self) {
        self.health.note("data dir", &self.journal.must_be_in_place());
    }

    /// Sequence of the oldest event: history before it was dropped.
    pub fn begins(&self) -> u64 {
        self.journal.begins()
    }

    /// Sequence of the newest event.
    pub fn last(&self) -> u64 {
        self.journal.last()
    }

    /// Notes that the index is of the journal there is now.
    pub(super) fn index_is_current(&self) {
        self.generation.store(self.journal.generation(), Ordering::Release);
    }

    /// Keeps all others from appending.
    pub(super) fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The store's folder, its journal and its index.
    pub(super) fn parts(&self) -> (&Path, &Journal, &Index) {
        (&self.path, &self.journal, &self.index)
    }

    /// Brings the journal to disk.
    pub fn sync_journal(&self) -> Result<(), LedgerError> {
        self.journal.sync()
    }

    /// The same, as nothing more will come.
    pub fn close(&self) -> Result<(), LedgerError> {
        self.journal.sync()?;
        let Some(engine) = self.index.engine() else { return Ok(()) };
        let completed = engine::within(move || engine.complete()).unwrap_or(Err(LedgerError::Unanswered));
        if let Err(error) = completed {
            tracing::warn!(%error, "the index could not be brought to disk; the next start brings it up to the journal");
        }
        Ok(())
    }

    /// The events from `from` on up to the newest there is now, each decoded and checked, in order and without gaps,
    /// as the journal has them.
    pub fn events_from(&self, from: u64) -> Events {
        Events::of(&self.journal, from)
    }

    /// Up to `limit` events from `from` on: from the index, where it is right.
    pub fn page(&self, from: u64, limit: usize) -> Result<Vec<Recorded>, LedgerError> {
        let from = from.max(1);
        let last = self.journal.last();
        let to = last.min(from.saturating_add(limit as u64).saturating_sub(1));
        if from > to {
            return Ok(Vec::new());
        }

        match self.index.events(from, to) {
            Some(events) => Ok(events),
            None => self.events_from(from).take(limit).collect(),
        }
    }

    fn event(&self, sequence: u64) -> Result<Option<Recorded>, LedgerError> {
        Ok(self.page(sequence, 1)?.pop())
    }

    /// Sequence of the newest event not later than `time`; 0 if all are later. Times never run back, so that
    /// some reads find it.
    pub fn sequence_at(&self, time: Timestamp) -> Result<u64, LedgerError> {
        let mut low = self.begins();
        let mut high = self.journal.last() + 1;
        let first = low;
        while low < high {
            let middle = low + (high - low) / 2;
            match self.event(middle)? {
                Some(recorded) if recorded.time <= time => low = middle + 1,
                _ => high = middle,
            }
        }

        Ok(if low == first { 0 } else { low - 1 })
    }

    /// Time of the newest event.
    pub fn last_time(&self) -> Result<Timestamp, LedgerError> {
        let last = self.journal.last();
        let recorded = if last < self.begins() { None } else { self.events_from(last).next().transpose()? };
        Ok(recorded.map(|recorded| recorded.time).unwrap_or_default())
    }
}

/// Brings an engine up to the journal that it is of.
fn follow(journal: &Journal, engine: &Engine, was_switched: bool) -> Result<(), LedgerError> {
    let begins = journal.begins();
    if was_switched || engine.first()?.is_some_and(|first| first < begins) {
        return Err(LedgerError::DamagedMeta("it is of the journal that was before"));
    }
    engine.set_identity(journal.identity())?;
    engine.reopen()?;
    let from = (engine.last()? + 1).max(begins);

    if from <= journal.last() {
        tracing::info!(from, to = journal.last(), "the index follows the journal");
        reindex::follow(journal, engine, from, || true)?;
        engine.flush()?;
    }

    Ok(())
}

/// Opens the engine. That it fails is no reason not to start, unless somebody else has it or a later schema wrote it.
fn open_engine(folder: &Path) -> Result<Result<Engine, LedgerError>, LedgerError> {
    match Engine::open(folder) {
        Err(error) if error.is_held() => Err(error),
        Err(error @ LedgerError::NewerSchema { .. }) => Err(error),
        opened => Ok(opened),
    }
}

/// Whose store it is, and its engine, if it is of this store.
fn whose(
    written: Result<Option<Identity>, LedgerError>,
    opened: Result<Engine, LedgerError>,
    had_engine: bool,
) -> Result<(Identity, Result<Engine, LedgerError>), LedgerError> {
    let (written, damage) = match written {
        Ok(written) => (written, None),
        Err(damage) => (None, Some(damage)),
    };
    let (stored, opened) = match opened.and_then(|engine| Ok((engine.identity()?, engine))) {
        Ok((stored, engine)) => (stored, Ok(engine)),
        Err(error) => (None, Err(error)),
    };
    match (written, stored) {
        (Some(written), Some(stored)) if written != stored => {
            Ok((written, Err(LedgerError::DamagedMeta("its files are of another store than the journal"))))
        }
        (Some(identity), _) | (None, Some(identity)) => Ok((identity, opened)),
        // Nobody says whose store it is: no new one may take its place.
        (None, None) => match (damage, opened) {
            (Some(damage), _) => Err(damage),
            (None, Err(error)) if had_engine => Err(error),
            (None, opened) => Ok((new_identity(), opened)),
        },
    }
}

/// Writes what only the engine has into the journal: a store from before the journal, or one whose journal lost an end
/// that was not on disk.
fn extend(journal: &Journal, engine: &Engine) -> Result<(), LedgerError> {
    // A log that was compacted begins later than with its first event.
    let from = journal.last() + 1;
    let last = engine.last()?;
    if from > last {
        return Ok(());
    }
    tracing::warn!(from, last, "events that only the index has are written to the journal");

    // All of them or none.
    for (expected, entry) in (from..=last).zip(engine.frames_from(from)) {
        let (found, frame) = entry?;
        if found != expected {
            return Err(LedgerError::MissingEvent { expected, found });
        }
        codec::decode(found, &frame).map_err(|source| LedgerError::DamagedEvent { sequence: found, source })?;
    }

    let mut blobs = engine.all_blobs().collect::<Result<Vec<_>, _>>()?;
    blobs.retain(|(id, bytes)| Sha256::digest(bytes)[..] == id.0);
    let mut batch = Vec::with_capacity(COPY);
    for entry in engine.frames_from(from) {
        let (sequence, frame) = entry?;
        batch.push((sequence, frame));
        if batch.len() == COPY || sequence == last {
            let record = Record { blobs: std::mem::take(&mut blobs), ..Record::of_events(std::mem::take(&mut batch)) };
            journal.append(&record)?;
        }
    }

    journal.sync()
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
