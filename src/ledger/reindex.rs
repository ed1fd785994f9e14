//! Makes the engine anew from the journal, in the background, while the server runs. An engine that failed once fails
//! until it is opened anew (sled stays poisoned), so it is closed, opened again and brought up to the journal; one whose
//! files are at fault is made from the journal in a fresh folder. What stands in the way, such as a full disk, is tried
//! again.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::engine::{self, Engine};
use super::health::Health;
use super::index::{self, Index, PART};
use super::journal::{Journal, Name};
use super::patience::{self, PATIENCE};
use super::{LedgerError, io_error, proof};
use crate::disk;

/// Wait before the second try; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Wait between two tries at most.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How long a closed engine may hold its files.
const LET_GO: Duration = Duration::from_secs(5);

/// The thread, which ends with this.
pub struct Reindexer {
    wake: Option<mpsc::Sender<()>>,
    stop: Arc<AtomicBool>,
    index: Arc<Index>,
    thread: Option<JoinHandle<()>>,
}

/// What it works on.
pub struct Reindex {
    /// The store's folder.
    pub store: PathBuf,
    /// The truth.
    pub journal: Arc<Journal>,
    /// What is to have an engine.
    pub index: Arc<Index>,
    /// Where it says how far it is.
    pub health: Arc<Health>,
    /// Held by whoever appends or compacts.
    pub writing: Arc<Mutex<()>>,
    /// Whether to end.
    pub stop: Arc<AtomicBool>,
    /// Whether the files of the engine that failed are aside already.
    pub set_aside: AtomicBool,
}

impl Reindexer {
    /// Starts; an index without an engine gets one.
    pub fn start(work: Reindex) -> Self {
        let (wake, woken) = mpsc::channel();
        let stop = Arc::clone(&work.stop);
        let index = Arc::clone(&work.index);
        index.tell(Some(wake.clone()));
        let run = move || {
            work.until_there_is_one(&woken);
            while woken.recv().is_ok() && !work.stopped() {
                work.until_there_is_one(&woken);
            }
        };

        // Without it reads go to the journal: slower, and as right.
        let thread = std::thread::Builder::new().name("reindex".into()).spawn(run).ok();
        Self { wake: Some(wake), stop, index, thread }
    }
}

impl Drop for Reindexer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.index.tell(None);
        if let Some(wake) = self.wake.take() {
            let _ = wake.send(());
        }
        if let Some(thread) = self.thread.take() {
            patience::join(thread, PATIENCE);
        }
    }
}

impl Reindex {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn until_there_is_one(&self, woken: &mpsc::Receiver<()>) {
        let mut wait = FIRST_WAIT;
        while self.index.engine().is_none() && !self.stopped() {
            let started = Instant::now();
            let Err(error) = self.once() else {
                tracing::info!(took = ?started.elapsed(), events = self.journal.last(), "the index was made anew from the journal");
                return;
            };
            if !self.stopped() {
                tracing::warn!(%error, again_in = ?wait, "the index cannot be made anew yet; reads go to the journal");
                let problem = format!("it cannot be made anew from the journal yet, and is tried again: {error}");
                self.health.report(PART, problem);
            }
            // A damaged journal is read whole by each try, and seldom gets better.
            let _ = woken.recv_timeout(if error.is_the_journals() { wait.max(LONGEST_WAIT) * 10 } else { wait });
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    fn once(&self) -> Result<(), LedgerError> {
        engine::must_answer()?;
        let folder = self.store.join("sled");
        let generation = self.journal.generation();
        if !self.index.is_damaged() && !is_free(&folder) {
            // One that did not close: it has its files, and nobody else gets them.
            self.index.give_up(&LedgerError::DamagedMeta("a former index does not let go of its files"));
        }

        if !self.index.is_damaged() {
            match Engine::open(&folder) {
                // What it had is right; what it did not get comes now.
                Ok(engine) => return self.bring_up(engine, generation),
                Err(error) if error.is_the_systems() => return Err(error),
                Err(error) => self.index.give_up(&error),
            }
        }

        // What the engine has may be all there is of a damaged journal: it goes only when it is not needed.
        let proven = proof::prove(self.journal.folder(), self.journal.last(), || !self.stopped())?;
        let missing = proven.missing(|id| proof::blob_file(&self.store, id).is_file());
        self.set_aside(&folder)?;
        self.bring_up(Engine::open(&folder)?, generation)?;

        if missing.is_empty() && !self.index.is_unreadable() {
            let aside = self.aside();
            disk::remove_folder(&aside).map_err(io_error(&aside))?;
        }

        Ok(())
    }

    fn aside(&self) -> PathBuf {
        self.store.join("sled.damaged")
    }

    fn set_aside(&self, folder: &Path) -> Result<(), LedgerError> {
        let aside = self.aside();
        if self.set_aside.swap(true, Ordering::Relaxed) {
            // What an earlier try left.
            return disk::remove_folder(folder).map_err(io_error(folder));
        }
        if folder.exists() {
            disk::remove_folder(&aside).and_then(|()| disk::rename(folder, &aside)).map_err(io_error(&aside))?;
        }
        Ok(())
    }

    /// Gives an engine what it lacks, and puts it to use.
    fn bring_up(&self, engine: Engine, generation: u64) -> Result<(), LedgerError> {
        if engine.identity()?.is_some_and(|of| of != *self.journal.identity()) {
            let error = LedgerError::DamagedMeta("its files are of another store than the journal");
            self.index.give_up(&error);
            return Err(error);
        }

        engine.set_identity(self.journal.identity())?;
        engine.reopen()?;
        let next = self.follow(&engine, (engine.last()? + 1).max(self.journal.begins()))?;
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.follow(&engine, next)?;

        if engine.newest_run()? < self.index.newest_run() {
            // It missed some, nobody knows where.
            index::insert_runs(&engine, &self.journal, Name::default())?;
        }
        engine.sync()?;
        if self.journal.generation() != generation {
            let error = LedgerError::DamagedMeta("the journal was compacted meanwhile");
            self.index.give_up(&error);
            return Err(error);
        }

        self.set_aside.store(false, Ordering::Relaxed);
        self.index.install(engine, self.journal.last());
        Ok(())
    }

    fn follow(&self, engine: &Engine, from: u64) -> Result<u64, LedgerError> {
        follow(&self.journal, engine, from, || !self.stopped())
    }
}

/// Gives an engine what the journal has from the event `from` on; returns what would be next.
pub fn follow(journal: &Journal, engine: &Engine, from: u64, go_on: impl Fn() -> bool) -> Result<u64, LedgerError> {
    let mut expected = from;
    let last = journal.last();
    for record in journal.records_from(from)? {
        if !go_on() {
            return Err(LedgerError::DamagedMeta("the store is being closed"));
        }
        // Behind the last event somebody may be writing.
        if record.is_err() && expected > last {
            break;
        }
        let mut record = record?;
        record.leave_out_before(expected);
        if !record.frames.is_empty() && record.first != expected {
            return Err(LedgerError::MissingEvent { expected, found: record.first });
        }
        expected += record.frames.len() as u64;
        engine.insert(record)?;
    }

    if expected <= last {
        return Err(LedgerError::MissingEvent { expected, found: last + 1 });
    }
    Ok(expected)
}

/// Whether nobody has an engine's files, after a while: its own threads let go of them a little after it is closed.
fn is_free(folder: &Path) -> bool {
    let started = Instant::now();
    while let Ok(file) = File::open(folder.join("db")) {
        match file.try_lock() {
            Ok(()) => return true,
            Err(_) if started.elapsed() < LET_GO => std::thread::sleep(Duration::from_millis(20)),
            Err(_) => return false,
        }
    }

    true
}
