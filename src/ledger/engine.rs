//! The engine, sled: the one file that knows it.
//!
//! Trees: `events` (big-endian sequence → frame), `blobs` (digest → bytes of small blobs), `meta`
//! (store id, schema, secret). It follows the journal, and flushes when it likes.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sled::{Batch, Db, Tree};

use super::codec;
use super::held::Held;
use super::journal::Identity;
use super::{Attachment, LedgerError, SCHEMA, io_error};
use crate::model::blob::BlobId;
use crate::model::event::Recorded;

/// Memory sled may use for pages, in bytes: the state lives in our own maps, so its cache only
/// serves history and small blobs.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;

/// The tree that log lines once had; they have segments of their own since (`log_lines/migration.rs`).
const OLD_LINES: &str = "log_lines";

/// A key and its value.
type Pair = (Vec<u8>, Vec<u8>);

/// Milliseconds after which sled flushes what it was given; the journal has it already.
const FLUSH_MS: u64 = 500;

/// Events that are dropped at a time.
const DROP: usize = 1000;

/// The open engine.
pub struct Engine {
    path: PathBuf,
    db: Db,
    /// The engine's own log: see [`Engine::sync`].
    file: File,
    events: Tree,
    blobs: Tree,
    meta: Tree,
    held: Arc<Held>,
}

impl Engine {
    /// Opens or makes the engine's files in `path`.
    ///
    /// # Errors
    /// It cannot read them (which it may say by a panic), or a later schema wrote them.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let open = || -> sled::Result<Self> {
            let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(Some(FLUSH_MS));
            let db = config.open()?;
            let [events, blobs, meta] = ["events", "blobs", "meta"].map(|tree| db.open_tree(tree));
            let file = File::open(path.join("db"))?;
            Ok(Self {
                path: path.to_owned(),
                file,
                events: events?,
                blobs: blobs?,
                meta: meta?,
                db,
                held: Arc::default(),
            })
        };
        let opened = catch_unwind(AssertUnwindSafe(open));
        let opened =
            opened.unwrap_or_else(|_| Err(sled::Error::Unsupported("the engine panicked on its files".into())));
        let engine = opened.map_err(|source| LedgerError::Engine { path: path.to_owned(), source })?;
        check_schema(&engine.meta, path)?;
        Ok(engine)
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

    /// The small blobs.
    pub fn small_blobs(&self) -> SmallBlobs {
        SmallBlobs { path: self.path.clone(), tree: self.blobs.clone(), held: Arc::clone(&self.held) }
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

    /// Takes events (sequence and frame) with the blobs they need.
    pub fn insert(&self, frames: Vec<(u64, Vec<u8>)>, blobs: &[Attachment]) -> Result<(), LedgerError> {
        for (id, bytes) in blobs {
            self.blobs.insert(id.0, &bytes[..]).map_err(|source| self.error(source))?;
        }
        let mut batch = Batch::default();
        for (sequence, frame) in frames {
            batch.insert(&sequence.to_be_bytes(), frame);
        }
        self.events.apply_batch(batch).map_err(|source| self.error(source))
    }

    /// Sequence of the oldest event; `None` if there is none.
    pub fn first(&self) -> Result<Option<u64>, LedgerError> {
        let first = self.events.first().map_err(|source| self.error(source))?;
        Ok(first.and_then(|(key, _)| sequence(&key)))
    }

    /// Takes `frame` as the event `begins`, and drops the events before it.
    pub fn begin_at(&self, begins: u64, frame: Vec<u8>) -> Result<(), LedgerError> {
        self.insert(vec![(begins, frame)], &[])?;
        loop {
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
        let last = self.events.last().map_err(|source| self.error(source))?;
        Ok(last.and_then(|(key, _)| sequence(&key)).unwrap_or(0))
    }

    /// The events and small blobs, for another thread.
    pub fn event_frames(&self) -> EventFrames {
        EventFrames { path: self.path.clone(), events: self.events.clone(), blobs: self.blobs.clone() }
    }

    /// The frames from `from` on, in order, with their sequences.
    pub fn frames_from(&self, from: u64) -> impl Iterator<Item = Result<(u64, Vec<u8>), LedgerError>> + use<> {
        self.event_frames().frames_from(from)
    }

    /// The events from `from` on, each decoded and checked, in order and without gaps.
    pub fn events_from(&self, from: u64) -> impl Iterator<Item = Result<Recorded, LedgerError>> + '_ {
        let from = from.max(1);
        self.frames_from(from).enumerate().map(move |(index, entry)| {
            let (found, frame) = entry?;
            let expected = from + index as u64;
            if found != expected {
                return Err(LedgerError::MissingEvent { expected, found });
            }
            codec::decode(found, &frame).map_err(|source| LedgerError::DamagedEvent { sequence: found, source })
        })
    }

    /// All small blobs.
    pub fn all_blobs(&self) -> impl Iterator<Item = Result<Attachment, LedgerError>> + use<> {
        self.event_frames().all_blobs()
    }

    /// Brings everything written to the engine's files.
    pub fn flush(&self) -> Result<(), LedgerError> {
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

    /// An error of the engine, with its path.
    pub fn error(&self, source: sled::Error) -> LedgerError {
        LedgerError::Engine { path: self.path.clone(), source }
    }
}

fn sequence(key: &[u8]) -> Option<u64> {
    key.try_into().map(u64::from_be_bytes).ok()
}

/// The engine's events and small blobs.
pub struct EventFrames {
    path: PathBuf,
    events: Tree,
    blobs: Tree,
}

impl EventFrames {
    /// The frames from `from` on, in order, with their sequences.
    pub fn frames_from(&self, from: u64) -> impl Iterator<Item = Result<(u64, Vec<u8>), LedgerError>> + use<> {
        let path = self.path.clone();
        self.events.range(from.to_be_bytes()..).map(move |entry| {
            let (key, frame) = entry.map_err(|source| LedgerError::Engine { path: path.clone(), source })?;
            Ok((sequence(&key).unwrap_or_default(), frame.to_vec()))
        })
    }

    /// All small blobs.
    pub fn all_blobs(&self) -> impl Iterator<Item = Result<Attachment, LedgerError>> + use<> {
        let path = self.path.clone();
        self.blobs.iter().map(move |entry| {
            let (id, bytes) = entry.map_err(|source| LedgerError::Engine { path: path.clone(), source })?;
            let id = id.as_ref().try_into().map_err(|_| LedgerError::DamagedMeta("a blob's name is no digest"))?;
            Ok((BlobId(id), bytes.to_vec().into()))
        })
    }
}

/// Blobs too small to be worth a file: they are stored and flushed together with their event.
#[derive(Clone)]
pub struct SmallBlobs {
    path: PathBuf,
    tree: Tree,
    held: Arc<Held>,
}

impl std::fmt::Debug for SmallBlobs {
    /// Leaves the engine out, which would print its pages.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmallBlobs").field("path", &self.path).finish_non_exhaustive()
    }
}

impl SmallBlobs {
    /// The bytes of a blob, if it is one of these. Not yet checked against the name.
    pub fn get(&self, id: &BlobId) -> Result<Option<Vec<u8>>, LedgerError> {
        let bytes = self.tree.get(id.0).map_err(|source| LedgerError::Engine { path: self.path.clone(), source })?;
        Ok(bytes.map(|bytes| bytes.to_vec()))
    }

    /// The names and sizes in bytes of all of them.
    pub fn list(&self) -> impl Iterator<Item = Result<(BlobId, u64), LedgerError>> + '_ {
        self.tree.iter().map(|entry| {
            let (id, bytes) = entry.map_err(|source| LedgerError::Engine { path: self.path.clone(), source })?;
            let id = id.as_ref().try_into().map_err(|_| LedgerError::DamagedMeta("a blob's name is no digest"))?;
            Ok((BlobId(id), bytes.len() as u64))
        })
    }

    /// Removes a blob that nothing refers to.
    pub fn remove(&self, id: &BlobId) -> Result<(), LedgerError> {
        let removed = self.tree.remove(id.0);
        removed.map(drop).map_err(|source| LedgerError::Engine { path: self.path.clone(), source })
    }

    /// Blobs that requests on their way need, of any size.
    pub fn held(&self) -> &Held {
        &self.held
    }

    /// Whether the blob is one of these.
    pub fn contains(&self, id: &BlobId) -> Result<bool, LedgerError> {
        self.tree.contains_key(id.0).map_err(|source| LedgerError::Engine { path: self.path.clone(), source })
    }
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
