//! The index: the engine, as long as it is right, for reads by key. The journal is the truth: what the engine fails at,
//! does not have or has garbled is read from there, and nobody who asks hears of it. An engine that failed is not
//! asked again; `reindex.rs` makes another while the server runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use sha2::{Digest as _, Sha256};

use super::catalog::Catalog;
use super::engine::Engine;
use super::health::Health;
use super::held::Held;
use super::journal::{Journal, Name, Record};
use super::{LedgerError, codec};
use crate::model::blob::BlobId;
use crate::model::event::Recorded;
use crate::runs::RunId;

/// The part of the store, for its health.
pub const PART: &str = "index";

/// The index of a store.
pub struct Index {
    catalog: Catalog,
    health: Arc<Health>,
    held: Held,
    /// Right up to the journal's end; `None`: it is behind or broken.
    engine: Mutex<Option<Arc<Engine>>>,
    /// Up to where it was right.
    right_to: AtomicU64,
    /// Sequence of the newest event of what is under way.
    newest_run: AtomicU64,
    /// Whether its files may be at fault, and not only what the system did with them.
    damaged: Mutex<bool>,
    /// Whether its files cannot even be opened.
    unreadable: Mutex<bool>,
    /// Is told when there is no engine any more.
    on_failure: Mutex<Option<mpsc::Sender<()>>>,
}

impl Index {
    /// An index of a journal, without an engine yet.
    pub fn new(journal: Arc<Journal>, health: Arc<Health>) -> Self {
        Self {
            catalog: Catalog::new(journal),
            health,
            held: Held::default(),
            engine: Mutex::default(),
            right_to: AtomicU64::new(0),
            newest_run: AtomicU64::new(0),
            damaged: Mutex::default(),
            unreadable: Mutex::default(),
            on_failure: Mutex::default(),
        }
    }

    /// Takes an engine that is right up to the event `last`, the journal's newest. Nobody may append meanwhile.
    pub fn install(&self, engine: Engine, last: u64) {
        *lock(&self.engine) = Some(Arc::new(engine));
        *lock(&self.damaged) = false;
        self.right_to.store(last, Ordering::Release);
        self.catalog.clear();
        self.health.clear(PART);
    }

    /// The engine, if it is right.
    pub fn engine(&self) -> Option<Arc<Engine>> {
        lock(&self.engine).clone()
    }

    /// Takes the engine out of use for a while: reads go to the journal.
    pub fn suspend(&self) -> Option<Arc<Engine>> {
        lock(&self.engine).take()
    }

    /// Takes it into use again; it is right again.
    pub fn resume(&self, engine: Arc<Engine>) {
        *lock(&self.engine) = Some(engine);
        self.catalog.clear();
    }

    /// Has somebody told when there is no engine any more.
    pub fn tell(&self, to: Option<mpsc::Sender<()>>) {
        *lock(&self.on_failure) = to;
    }

    /// Whether the engine's files may be damaged.
    pub fn is_damaged(&self) -> bool {
        *lock(&self.damaged)
    }

    /// The engine is not right, or there is none: reads go to the journal from here on.
    pub fn give_up(&self, error: &LedgerError) {
        let was = lock(&self.engine).take();
        if !error.is_the_systems() {
            *lock(&self.damaged) = true;
            *lock(&self.unreadable) |= matches!(error, LedgerError::Engine { .. });
        }

        let right_to = self.right_to.load(Ordering::Acquire);
        if was.is_some() {
            tracing::error!(%error, right_to, "the index of the journal failed; reads go to the journal until it is made anew");
        }
        self.health
            .report(PART, format!("right up to event {right_to}; it is being made anew from the journal: {error}"));
        if let Some(told) = &*lock(&self.on_failure) {
            // Nobody may listen any more.
            let _ = told.send(());
        }
    }

    /// Whether its files could not be read: they may hold what nobody has looked at.
    pub fn is_unreadable(&self) -> bool {
        std::mem::take(&mut *lock(&self.unreadable))
    }

    fn ask<T>(&self, ask: impl FnOnce(&Engine) -> Result<T, LedgerError>) -> Option<T> {
        self.ask_of(&*self.engine()?, ask)
    }

    /// Asks an engine, which is given up where it fails.
    pub fn ask_of<T>(&self, engine: &Engine, ask: impl FnOnce(&Engine) -> Result<T, LedgerError>) -> Option<T> {
        // It may panic over files that are not as it wrote them, and must not take the writer with it.
        let answered = catch_unwind(AssertUnwindSafe(|| ask(engine)));
        let answered = answered.unwrap_or(Err(LedgerError::DamagedMeta("the index panicked on its files")));
        answered.inspect_err(|error| self.give_up(error)).ok()
    }

    /// Takes a record that is in the journal.
    pub fn insert(&self, record: Record) {
        let last = (!record.frames.is_empty()).then(|| record.next() - 1);
        if !record.runs.is_empty() {
            self.newest_run.fetch_add(record.runs.len() as u64, Ordering::AcqRel);
        }
        if self.ask(|engine| engine.insert(record)).is_some()
            && let Some(last) = last
        {
            self.right_to.store(last, Ordering::Release);
        }
    }

    /// Sequence of the newest event of what is under way.
    pub fn newest_run(&self) -> u64 {
        self.newest_run.load(Ordering::Acquire)
    }

    /// Notes what is the newest event of what is under way, and brings the engine up to it. Events behind the event
    /// `covered` lie from the segment `since` on.
    pub fn follow_runs(&self, journal: &Journal, newest: u64, covered: u64, since: Name) {
        self.newest_run.store(newest, Ordering::Release);
        self.ask(|engine| {
            let has = engine.newest_run()?;
            if has >= newest {
                return Ok(());
            }
            insert_runs(engine, journal, if has < covered { Name::default() } else { since })
        });
    }

    /// The frame that began an entry of what is under way; `None`: the journal has to be asked.
    pub fn begin_of(&self, id: RunId) -> Option<Vec<u8>> {
        self.ask(|engine| engine.begin_of(id)).flatten()
    }

    /// Events from `from` to `to`; `None`: the journal has to be asked.
    pub fn events(&self, from: u64, to: u64) -> Option<Vec<Recorded>> {
        let read = |engine: &Engine| {
            let mut events = Vec::new();
            for (expected, entry) in (from..=to).zip(engine.frames_from(from)) {
                let (found, frame) = entry?;
                if found != expected {
                    return Err(LedgerError::MissingEvent { expected, found });
                }
                let event = codec::decode(found, &frame);
                events.push(event.map_err(|source| LedgerError::DamagedEvent { sequence: found, source })?);
            }
            match from + events.len() as u64 {
                next if next <= to => Err(LedgerError::MissingEvent { expected: next, found: to + 1 }),
                _ => Ok(events),
            }
        };
        self.ask(read)
    }

    /// The bytes of a small blob, as its name says.
    pub fn blob(&self, id: &BlobId) -> Result<Option<Vec<u8>>, LedgerError> {
        let read = |engine: &Engine| match engine.blob(id)? {
            Some(bytes) if Sha256::digest(&bytes)[..] != id.0 => {
                Err(LedgerError::DamagedMeta("a small blob of the index is damaged"))
            }
            found => Ok(found),
        };
        self.ask(read).map_or_else(|| self.catalog.find(id), Ok)
    }

    /// The same, whatever the engine says.
    pub fn blob_of_journal(&self, id: &BlobId) -> Result<Option<Vec<u8>>, LedgerError> {
        self.catalog.find(id)
    }

    /// Whether there is a small blob of this name.
    pub fn contains(&self, id: &BlobId) -> Result<bool, LedgerError> {
        self.ask(|engine| engine.has_blob(id)).map_or_else(|| self.catalog.contains(id), Ok)
    }

    /// The small blobs of the engine, with their sizes.
    fn list(&self) -> Vec<(BlobId, u64)> {
        let list = |engine: &Engine| {
            let sizes = engine.all_blobs().map(|entry| entry.map(|(id, bytes)| (id, bytes.len() as u64)));
            sizes.collect::<Result<Vec<_>, _>>()
        };
        self.ask(list).unwrap_or_default()
    }

    /// Blobs that requests on their way need.
    pub fn held(&self) -> &Held {
        &self.held
    }
}

/// Gives an engine what is under way, from a segment on.
pub fn insert_runs(engine: &Engine, journal: &Journal, since: Name) -> Result<(), LedgerError> {
    for record in journal.records_since(since, u64::MAX)? {
        engine.insert(Record { runs: record?.runs, ..Record::default() })?;
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Blobs too small to be worth a file: they are stored together with their event.
#[derive(Clone)]
pub struct SmallBlobs(pub(super) Arc<Index>);

impl std::fmt::Debug for SmallBlobs {
    /// Leaves the engine out, which would print its pages.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmallBlobs").finish_non_exhaustive()
    }
}

impl SmallBlobs {
    /// The bytes of a blob, if it is one of these; they are as its name says.
    pub fn get(&self, id: &BlobId) -> Result<Option<Vec<u8>>, LedgerError> {
        self.0.blob(id)
    }

    /// The bytes of a blob that was not found elsewhere: the index may have lost it.
    pub fn find(&self, id: &BlobId) -> Result<Option<Vec<u8>>, LedgerError> {
        self.0.blob_of_journal(id)
    }

    /// The names and sizes in bytes of those that the index has.
    pub fn list(&self) -> Vec<(BlobId, u64)> {
        self.0.list()
    }

    /// Removes a blob that nothing refers to from the index; the journal drops it when it is compacted.
    pub fn remove(&self, id: &BlobId) {
        self.0.ask(|engine| engine.remove_blob(id));
    }

    /// Blobs that requests on their way need, of any size.
    pub fn held(&self) -> &Held {
        self.0.held()
    }

    /// Whether the blob is one of these.
    pub fn contains(&self, id: &BlobId) -> Result<bool, LedgerError> {
        self.0.contains(id)
    }
}
