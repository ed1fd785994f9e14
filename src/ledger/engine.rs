//! The engine, sled: the one file that knows it. It is an index of the journal, for reads by key: what it says is
//! checked, and what it fails at costs nothing but time (`index.rs`).
//!
//! Trees: `events` (big-endian sequence → frame), `blobs` (digest → bytes of small blobs), `runs` (big-endian id of what is
//! under way → frame that began it), `meta` (store id, schema, secret). It flushes when it likes.

use std::fs::File;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use sled::{Batch, Db, Tree};

use super::journal::{Identity, Record};
use super::patience::{LeftAlone, PATIENCE};
use super::{Attachment, LedgerError, SCHEMA, io_error, run_frame};
use crate::disk;
use crate::model::blob::BlobId;
use crate::runs::RunId;

/// Memory sled may use for pages, in bytes: the state lives in our own maps, so its cache only
/// serves history and small blobs.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;

/// The tree that log lines once had; they have segments of their own since (`log_lines/migration.rs`).
const OLD_LINES: &str = "log_lines";

/// Frames of what is under way that are given to sled at a time.
const RUNS_BATCH: usize = 1000;

/// The key under which the tree of what is under way has the sequence of its newest event.
const NEWEST_RUN: &str = "newest";

/// A key and its value.
type Pair = (Vec<u8>, Vec<u8>);

/// Milliseconds after which sled flushes what it was given; the journal has it already.
const FLUSH_MS: u64 = 500;

/// Events that are dropped at a time.
const DROP: usize = 1000;

/// What was asked of sled in this process and is not answered.
static UNANSWERED: LeftAlone = LeftAlone::new();

/// The open engine.
pub struct Engine {
    path: PathBuf,
    /// The engine's own log: see [`Engine::sync`].
    file: File,
    /// Taken when the engine is dropped.
    trees: Option<Trees>,
}

/// What sled gives.
pub struct Trees {
    db: Db,
    events: Tree,
    blobs: Tree,
    runs: Tree,
    meta: Tree,
}

impl Deref for Engine {
    type Target = Trees;

    fn deref(&self) -> &Trees {
        self.trees.as_ref().expect("they are there as long as the engine is")
    }
}

impl Drop for Engine {
    /// What sled does last is to flush, which may take it for ever.
    fn drop(&mut self) {
        let trees = self.trees.take();
        if within(move || drop(trees)).is_none() {
            tracing::warn!(path = %self.path.display(), "the index does not close");
            set_aside(&self.path);
        }
    }
}

/// Some work with an engine; `None` where sled does not come to an end with it in time.
pub fn within<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    UNANSWERED.within(PATIENCE, work)
}

/// Fails where sled waits for ever over something: all else that was asked of it would, too.
pub fn must_answer() -> Result<(), LedgerError> {
    if UNANSWERED.is_some() { Err(LedgerError::Unanswered) } else { Ok(()) }
}

/// The files over which sled waits are not given to it again by the next start. What was put aside before stays: it may
/// be all there is of a damaged journal.
pub fn set_aside(folder: &Path) {
    let free =
        (1..u32::MAX).map(|number| folder.with_extension(format!("damaged-{number}"))).find(|path| !path.exists());
    let aside = free.unwrap_or_else(|| folder.with_extension("damaged-0"));
    if let Err(error) = disk::rename(folder, &aside) {
        tracing::warn!(%error, "the index's files could not be put aside");
    }
}

impl Engine {
    /// Opens or makes the engine's files in `path`.
    ///
    /// # Errors
    /// It cannot read them (which it may say by a panic), or a later schema wrote them.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        must_answer()?;
        let open = || -> sled::Result<Self> {
            #[cfg(test)]
            faults::check(path)?;
            let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(Some(FLUSH_MS));
            let db = config.open()?;
            let [events, blobs, runs, meta] = ["events", "blobs", "runs", "meta"].map(|tree| db.open_tree(tree));
            let file = File::open(path.join("db"))?;
            let trees = Trees { events: events?, blobs: blobs?, runs: runs?, meta: meta?, db };
            Ok(Self { path: path.to_owned(), file, trees: Some(trees) })
        };
        let opened = catch_unwind(AssertUnwindSafe(open));
        let opened =
            opened.unwrap_or_else(|_| Err(sled::Error::Unsupported("the engine panicked on its files".into())));
        let engine = opened.map_err(|source| LedgerError::Engine { path: path.to_owned(), source })?;
        check_schema(&engine.meta, path)?;

        Ok(engine)
    }

    /// Notes that it has everything, as the store is closed; what it is given next takes that back.
    pub fn complete(&self) -> Result<(), LedgerError> {
        let last = self.last()?;
        self.meta.insert("closed", &last.to_be_bytes()).map_err(|source| self.error(source))?;
        self.sync()
    }

    /// Whether it had everything when the store was closed, and was given nothing since.
    pub fn is_complete(&self) -> Result<bool, LedgerError> {
        let closed = self.meta.get("closed").map_err(|source| self.error(source))?;
        Ok(closed.is_some_and(|closed| sequence(&closed) == Some(self.last().unwrap_or_default())))
    }

    /// From here on it may fall behind.
    pub fn reopen(&self) -> Result<(), LedgerError> {
        match self.meta.remove("closed").map_err(|source| self.error(source))? {
            Some(_) => self.flush(),
            None => Ok(()),
        }
    }

    /// Whose it is; `None` for a new one.
    pub fn identity(&self) -> Result<Option<Identity>, LedgerError> {
        let get = |key| self.meta.get(key).map_err(|source| self.error(source));
        Ok(get("store_id")?
            .zip(get("secret")?)
            .map(|(id, secret)| Identity { store_id: id.to_vec(), secret: secret.to_vec() }))
    }

    /// Notes whose it is.
    pub fn set_identity(&self, identity: &Identity) -> Result<(), LedgerError> {
        let set = |key, value: &Vec<u8>| {
            self.meta.insert(key, value.as_slice()).map(drop).map_err(|source| self.error(source))
        };
        set("store_id", &identity.store_id)?;
        set("secret", &identity.secret)
    }

    /// Whether there is the tree that log lines once had.
    pub fn has_old_lines(&self) -> bool {
        self.db.tree_names().iter().any(|name| name == OLD_LINES.as_bytes())
    }

    /// Keys and values of that tree.
    pub fn old_lines(&self) -> Result<impl Iterator<Item = Result<Pair, LedgerError>>, LedgerError> {
        let tree = self.db.open_tree(OLD_LINES).map_err(|source| self.error(source))?;
        let entry = |(key, value): (sled::IVec, sled::IVec)| (key.to_vec(), value.to_vec());
        Ok(tree.iter().map(move |found| found.map(entry).map_err(|source| self.error(source))))
    }

    /// Drops that tree.
    pub fn drop_old_lines(&self) -> Result<(), LedgerError> {
        self.db.drop_tree(OLD_LINES).map_err(|source| self.error(source))?;
        self.sync()
    }

    /// Takes a record: events with the blobs they need, and what is under way. The blobs come last: one that is here
    /// belongs to an event that is here.
    pub fn insert(&self, record: Record) -> Result<(), LedgerError> {
        self.check()?;
        if !record.frames.is_empty() {
            let mut batch = Batch::default();
            for (sequence, frame) in (record.first..).zip(record.frames) {
                batch.insert(&sequence.to_be_bytes(), frame);
            }
            self.events.apply_batch(batch).map_err(|source| self.error(source))?;
        }

        self.insert_runs(record.runs)?;
        for (id, bytes) in &record.blobs {
            self.blobs.insert(id.0, &bytes[..]).map_err(|source| self.error(source))?;
        }
        Ok(())
    }

    /// Takes what began, and drops what ended. Of very many a part at a time: sled keeps what a batch replaces until its
    /// end. That all of them are there is told last.
    fn insert_runs(&self, frames: Vec<Vec<u8>>) -> Result<(), LedgerError> {
        let mut newest = None;
        let mut batch = Batch::default();
        for (number, frame) in frames.into_iter().enumerate() {
            if number > 0 && number.is_multiple_of(RUNS_BATCH) {
                self.runs.apply_batch(std::mem::take(&mut batch)).map_err(|source| self.error(source))?;
            }
            let (head, _) = run_frame::read(&frame).map_err(|source| LedgerError::DamagedRun { source })?;
            newest = newest.max(Some(head.sequence));
            if head.begins() {
                batch.insert(&head.id.0.to_be_bytes(), frame);
            } else if head.kind == run_frame::ENDS {
                batch.remove(&head.id.0.to_be_bytes());
            }
        }

        let Some(newest) = newest else { return Ok(()) };
        batch.insert(NEWEST_RUN, &newest.to_be_bytes());
        self.runs.apply_batch(batch).map_err(|source| self.error(source))
    }

    /// Sequence of the newest event of what is under way that it was given; 0 if there was none.
    pub fn newest_run(&self) -> Result<u64, LedgerError> {
        self.check()?;
        let newest = self.runs.get(NEWEST_RUN).map_err(|source| self.error(source))?;
        Ok(newest.and_then(|newest| sequence(&newest)).unwrap_or(0))
    }

    /// The frame that began an entry of what is under way.
    pub fn begin_of(&self, id: RunId) -> Result<Option<Vec<u8>>, LedgerError> {
        self.check()?;
        let frame = self.runs.get(id.0.to_be_bytes()).map_err(|source| self.error(source))?;
        Ok(frame.map(|frame| frame.to_vec()))
    }

    /// The frames that began what is under way, as far as it has them.
    pub fn all_begins(&self) -> impl Iterator<Item = Result<Vec<u8>, LedgerError>> + use<> {
        let path = self.path.clone();
        let checked = self.check().err();
        let entries = self.runs.iter().filter(|entry| entry.as_ref().map_or(true, |(key, _)| sequence(key).is_some()));
        let frames = entries.map(move |entry| {
            let frame = entry.map_err(|source| LedgerError::Engine { path: path.clone(), source })?.1;
            Ok(frame.to_vec())
        });
        checked.map(Err).into_iter().chain(frames)
    }

    /// The bytes of a small blob, as they lie there.
    pub fn blob(&self, id: &BlobId) -> Result<Option<Vec<u8>>, LedgerError> {
        self.check()?;
        let bytes = self.blobs.get(id.0).map_err(|source| self.error(source))?;
        Ok(bytes.map(|bytes| bytes.to_vec()))
    }

    /// Whether it has a small blob.
    pub fn has_blob(&self, id: &BlobId) -> Result<bool, LedgerError> {
        self.check()?;
        self.blobs.contains_key(id.0).map_err(|source| self.error(source))
    }

    /// Removes a small blob.
    pub fn remove_blob(&self, id: &BlobId) -> Result<(), LedgerError> {
        self.check()?;
        self.blobs.remove(id.0).map(drop).map_err(|source| self.error(source))
    }

    /// Sequence of the oldest event; `None` if there is none.
    pub fn first(&self) -> Result<Option<u64>, LedgerError> {
        let first = self.events.first().map_err(|source| self.error(source))?;
        Ok(first.and_then(|(key, _)| sequence(&key)))
    }

    /// Takes `frame` as the event `begins`, and drops the events before it.
    pub fn begin_at(&self, begins: u64, frame: Vec<u8>) -> Result<(), LedgerError> {
        self.insert(Record::of_events(vec![(begins, frame)]))?;
        loop {
            self.check()?;
            let keys = self.events.range(..begins.to_be_bytes()).keys().take(DROP);
            let keys = keys.collect::<Result<Vec<_>, _>>().map_err(|source| self.error(source))?;
            if keys.is_empty() {
                return self.sync();
            }
            let mut batch = Batch::default();
            for key in keys {
                batch.remove(key);
            }
            self.events.apply_batch(batch).map_err(|source| self.error(source))?;
        }
    }

    /// Sequence of the newest event; 0 if there is none.
    pub fn last(&self) -> Result<u64, LedgerError> {
        self.check()?;
        let last = self.events.last().map_err(|source| self.error(source))?;
        Ok(last.and_then(|(key, _)| sequence(&key)).unwrap_or(0))
    }

    /// The frames from `from` on, in order, with their sequences.
    pub fn frames_from(&self, from: u64) -> impl Iterator<Item = Result<(u64, Vec<u8>), LedgerError>> + use<> {
        let path = self.path.clone();
        let checked = self.check().err();
        let entries = self.events.range(from.to_be_bytes()..).map(move |entry| {
            let (key, frame) = entry.map_err(|source| LedgerError::Engine { path: path.clone(), source })?;
            Ok((sequence(&key).unwrap_or_default(), frame.to_vec()))
        });
        checked.map(Err).into_iter().chain(entries)
    }

    /// All small blobs.
    pub fn all_blobs(&self) -> impl Iterator<Item = Result<Attachment, LedgerError>> + use<> {
        let path = self.path.clone();
        let checked = self.check().err();
        let entries = self.blobs.iter().map(move |entry| {
            let (id, bytes) = entry.map_err(|source| LedgerError::Engine { path: path.clone(), source })?;
            let id = id.as_ref().try_into().map_err(|_| LedgerError::DamagedMeta("a blob's name is no digest"))?;
            Ok((BlobId(id), bytes.to_vec().into()))
        });
        checked.map(Err).into_iter().chain(entries)
    }

    /// Brings everything written to the engine's files.
    pub fn flush(&self) -> Result<(), LedgerError> {
        self.check()?;
        self.db.flush().map(drop).map_err(|source| self.error(source))
    }

    /// Brings everything written to disk.
    ///
    /// The engine's flush alone does not: on Linux it is `sync_file_range` (sled 0.34.7,
    /// `pagecache/iobuf.rs`), which leaves out the file's new length and the disk's own cache. It
    /// survives the end of a process, but not that of the power.
    pub fn sync(&self) -> Result<(), LedgerError> {
        self.flush()?;
        self.file.sync_data().map_err(io_error(&self.path))
    }

    /// Where tests make it fail.
    #[cfg_attr(not(test), allow(clippy::unused_self, clippy::unnecessary_wraps))]
    fn check(&self) -> Result<(), LedgerError> {
        #[cfg(test)]
        faults::check(&self.path).map_err(|source| self.error(source))?;
        Ok(())
    }

    /// An error of the engine, with its path.
    pub fn error(&self, source: sled::Error) -> LedgerError {
        LedgerError::Engine { path: self.path.clone(), source }
    }
}

fn sequence(key: &[u8]) -> Option<u64> {
    key.try_into().map(u64::from_be_bytes).ok()
}

/// Refuses a store of a later schema; marks a new or older one with ours.
fn check_schema(meta: &Tree, path: &Path) -> Result<(), LedgerError> {
    let error = |source| LedgerError::Engine { path: path.to_owned(), source };
    let found = match meta.get("schema").map_err(error)? {
        Some(stored) => stored.as_ref().try_into().map(u32::from_be_bytes),
        None => Ok(0),
    };
    match found.map_err(|_| LedgerError::DamagedMeta("the schema is not a number"))? {
        found if found > SCHEMA => Err(LedgerError::NewerSchema { found, known: SCHEMA }),
        SCHEMA => Ok(()),
        // Old events stay as they are and are lifted when they are read; new ones follow, which an
        // older larder could not read.
        _ => meta.insert("schema", &SCHEMA.to_be_bytes()).map(drop).map_err(error),
    }
}

/// Makes engines fail as a disk below makes them: after some calls each call fails, until the engine is opened anew.
#[cfg(test)]
pub mod faults {
    use std::collections::HashMap;
    use std::io;
    use std::path::{Path, PathBuf};
    use std::sync::{LazyLock, Mutex, PoisonError};

    /// Calls that are left before an engine fails.
    static LEFT: LazyLock<Mutex<HashMap<PathBuf, u64>>> = LazyLock::new(Mutex::default);

    fn left() -> std::sync::MutexGuard<'static, HashMap<PathBuf, u64>> {
        LEFT.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the engine in `folder` fail after some calls; it stays so.
    pub fn fail_after(folder: &Path, calls: u64) {
        left().insert(folder.to_owned(), calls);
    }

    /// It is well again.
    pub fn clear(folder: &Path) {
        left().remove(folder);
    }

    /// Counts a call.
    pub fn check(folder: &Path) -> sled::Result<()> {
        match left().get_mut(folder) {
            Some(0) => Err(sled::Error::Io(io::Error::from(io::ErrorKind::StorageFull))),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}
