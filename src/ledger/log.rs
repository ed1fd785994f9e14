//! The event log on sled: the one file that knows the engine, with `log_lines.rs` for its own tree.
//!
//! Trees: `events` (big-endian sequence → frame), `blobs` (digest → bytes of small blobs), `meta`
//! (store id, schema, secret), `log_lines` (see there).

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use sled::{Batch, Db, Tree};

use super::codec::{self, FrameError};
use super::{Attachment, Durability, LedgerError, SCHEMA, io_error};
use crate::model::blob::BlobId;
use crate::model::event::Recorded;
use crate::model::time::Timestamp;

/// Memory sled may use for pages, in bytes: the state lives in our own maps, so its cache only
/// serves history and small blobs.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;

/// The open store.
pub struct Log {
    path: PathBuf,
    db: Db,
    /// The engine's own log: see [`Log::flush`].
    file: File,
    events: Tree,
    blobs: Tree,
    lines: Tree,
    durability: Durability,
    store_id: String,
    secret: Vec<u8>,
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
        fs::create_dir_all(path).map_err(io_error(path))?;
        let engine = |source| LedgerError::Engine { path: path.to_owned(), source };
        let flush_every_ms = match durability {
            Durability::Always => None,
            Durability::Interval(interval) => Some(u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1)),
        };
        let folder = path.join("sled");
        let db = sled::Config::new()
            .path(&folder)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(flush_every_ms)
            .open()
            .map_err(engine)?;
        let file = File::open(folder.join("db")).map_err(io_error(&folder))?;
        sync_folders(&[&folder, path])?;
        let meta = db.open_tree("meta").map_err(engine)?;
        check_schema(&meta, path)?;
        let store_id = String::from_utf8(made_once(&meta, "store_id", path, || new_id().into_bytes())?)
            .map_err(|_| LedgerError::DamagedMeta("the store id is not text"))?;
        let secret = made_once(&meta, "secret", path, || [new_id(), new_id()].concat().into_bytes())?;
        let events = db.open_tree("events").map_err(engine)?;
        let blobs = db.open_tree("blobs").map_err(engine)?;
        let lines = db.open_tree("log_lines").map_err(engine)?;
        let log = Self { path: path.to_owned(), db, file, events, blobs, lines, durability, store_id, secret };
        log.flush()?;
        Ok(log)
    }

    /// Id of the store.
    pub fn store_id(&self) -> &str {
        &self.store_id
    }

    /// Secret of the store.
    pub fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// The small blobs.
    pub fn small_blobs(&self) -> SmallBlobs {
        SmallBlobs { path: self.path.clone(), tree: self.blobs.clone() }
    }

    /// The tree of log lines.
    pub fn log_lines(&self) -> Tree {
        self.lines.clone()
    }

    /// When a commit counts as done.
    pub fn durability(&self) -> Durability {
        self.durability
    }

    /// Stores events (sequence and frame, all or nothing) with the blobs they need; on disk when it
    /// returns, if durability is `Always`.
    pub fn append(&self, frames: Vec<(u64, Vec<u8>)>, blobs: &[Attachment]) -> Result<(), LedgerError> {
        // The engine's log is sequential: a blob written first is never missing when its event is there.
        for (id, bytes) in blobs {
            self.blobs.insert(id.0, &bytes[..]).map_err(|source| self.engine_error(source))?;
        }
        let sequences: Vec<u64> = frames.iter().map(|(sequence, _)| *sequence).collect();
        let mut batch = Batch::default();
        for (sequence, frame) in frames {
            batch.insert(&sequence.to_be_bytes(), frame);
        }
        let stored = self.events.apply_batch(batch).map_err(|source| self.engine_error(source));
        let stored = stored.and_then(|()| match self.durability {
            Durability::Always => self.flush(),
            Durability::Interval(_) => Ok(()),
        });
        if stored.is_err() {
            self.take_back(&sequences);
        }
        stored
    }

    /// Removes events of a batch that could not be flushed: their sequences are given again.
    fn take_back(&self, sequences: &[u64]) {
        for sequence in sequences {
            if let Err(error) = self.events.remove(sequence.to_be_bytes()) {
                tracing::error!(%error, sequence, "an event of a failed batch could not be taken back");
            }
        }
    }

    /// Brings everything written to disk.
    ///
    /// The engine's flush alone does not: on Linux it is `sync_file_range` (sled 0.34.7,
    /// `pagecache/iobuf.rs`), which leaves out the file's new length and the disk's own cache. It
    /// survives the end of a process, but not that of the power.
    pub fn flush(&self) -> Result<(), LedgerError> {
        self.db.flush().map_err(|source| self.engine_error(source))?;
        self.file.sync_data().map_err(io_error(&self.path))
    }

    /// Hands everything written to the system: it survives the end of the process.
    pub fn write_out(&self) -> Result<(), LedgerError> {
        self.db.flush().map(drop).map_err(|source| self.engine_error(source))
    }

    /// The events from `from` on, each decoded and checked, in order and without gaps.
    pub fn events_from(&self, from: u64) -> impl Iterator<Item = Result<Recorded, LedgerError>> + '_ {
        let from = from.max(1);
        self.events.range(from.to_be_bytes()..).enumerate().map(move |(index, entry)| {
            let (key, frame) = entry.map_err(|source| self.engine_error(source))?;
            let expected = from + index as u64;
            let found = key.as_ref().try_into().map(u64::from_be_bytes).unwrap_or_default();
            if found != expected {
                return Err(LedgerError::MissingEvent { expected, found });
            }
            codec::decode(found, &frame).map_err(|source| LedgerError::DamagedEvent { sequence: found, source })
        })
    }

    /// Time of the newest event.
    pub fn last_time(&self) -> Result<Timestamp, LedgerError> {
        let last = self.events.last().map_err(|source| self.engine_error(source))?;
        let sequence = last.and_then(|(key, _)| key.as_ref().try_into().map(u64::from_be_bytes).ok());
        let recorded = sequence.and_then(|sequence| self.events_from(sequence).next()).transpose()?;
        Ok(recorded.map(|recorded| recorded.time).unwrap_or_default())
    }

    /// An error of the engine, with the store's path.
    pub(super) fn engine_error(&self, source: sled::Error) -> LedgerError {
        LedgerError::Engine { path: self.path.clone(), source }
    }
}

/// Blobs too small to be worth a file: they are stored and flushed together with their event.
#[derive(Clone)]
pub struct SmallBlobs {
    path: PathBuf,
    tree: Tree,
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

    /// Whether the blob is one of these.
    pub fn contains(&self, id: &BlobId) -> Result<bool, LedgerError> {
        self.tree.contains_key(id.0).map_err(|source| LedgerError::Engine { path: self.path.clone(), source })
    }
}

/// Brings the names in folders to disk: a file is lost with its name.
fn sync_folders(folders: &[&Path]) -> Result<(), LedgerError> {
    folders.iter().try_for_each(|path| File::open(path).and_then(|folder| folder.sync_all()).map_err(io_error(path)))
}

/// Refuses a store of a later schema; marks a new or older one with ours.
fn check_schema(meta: &Tree, path: &Path) -> Result<(), LedgerError> {
    let stored = made_once(meta, "schema", path, || SCHEMA.to_be_bytes().to_vec())?;
    let found = stored.as_slice().try_into().map(u32::from_be_bytes);
    match found.map_err(|_| LedgerError::DamagedMeta("the schema is not a number"))? {
        found if found > SCHEMA => Err(LedgerError::NewerSchema { found, known: SCHEMA }),
        SCHEMA => Ok(()),
        // Old events stay as they are and are lifted when they are read; new ones follow, which an
        // older larder could not read.
        _ => meta
            .insert("schema", &SCHEMA.to_be_bytes())
            .map(drop)
            .map_err(|source| LedgerError::Engine { path: path.to_owned(), source }),
    }
}

/// The value of `key`, made by `make` if the store is new.
fn made_once(meta: &Tree, key: &str, path: &Path, make: impl FnOnce() -> Vec<u8>) -> Result<Vec<u8>, LedgerError> {
    let engine = |source| LedgerError::Engine { path: path.to_owned(), source };
    if let Some(value) = meta.get(key).map_err(engine)? {
        return Ok(value.to_vec());
    }
    let value = make();
    meta.insert(key, value.as_slice()).map_err(engine)?;
    Ok(value)
}

/// 32 random hex digits.
fn new_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

impl From<FrameError> for LedgerError {
    /// A frame that cannot be written: the event does not exist yet, so it has no sequence.
    fn from(source: FrameError) -> Self {
        Self::DamagedEvent { sequence: 0, source }
    }
}
