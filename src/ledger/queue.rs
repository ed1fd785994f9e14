//! The queue of pending asynchronous invocations, and the cursors of event sources.
//!
//! They are no history: what is done is forgotten. So they have a journal of their own beside that of the events
//! (`store/queue`), with the same durability, and are held in memory; a journal that holds mostly what is done is
//! written anew when the store opens.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use serde::{Deserialize, Serialize};

use super::frame::FrameError;
use super::journal::{Identity, Journal, list};
use super::{Durability, LedgerError, frame, io_error};
use crate::disk;
use crate::model::names::{FunctionKey, Scope};
use crate::model::qualifier::Qualifier;
use crate::model::time::Timestamp;

/// Kind of the frames.
const ENTRY: u16 = 1010;

/// Version of the frames.
const VERSION: u16 = 1;

/// Entries of a journal that is worth writing anew, if most of them are done.
const WORTH_IT: u64 = 10_000;

/// Entries that are written at once.
const AT_ONCE: usize = 1000;

/// An invocation that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The function.
    pub function: FunctionKey,
    /// The version or alias that was asked for.
    pub qualifier: Option<Qualifier>,
    /// Id of the request that brought it; the function sees it in every attempt.
    pub request_id: String,
    /// The event.
    pub payload: Vec<u8>,
    /// When it came: its age counts from here.
    pub enqueued: Timestamp,
    /// Before this it is not tried.
    pub due: Timestamp,
    /// Attempts that failed.
    pub attempts: u32,
}

/// A waiting invocation's number: in the order of arrival, never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PendingId(pub u64);

/// How far an event source was read: whose it is, and where.
type Cursors = BTreeMap<String, Vec<u8>>;

/// One change, as stored.
#[derive(Debug, Serialize, Deserialize)]
enum Entry {
    Put {
        id: u64,
        pending: StoredPending,
    },
    Done {
        id: u64,
    },
    Cursor {
        source: String,
        position: Option<Vec<u8>>,
    },
    /// The highest number ever given, where the journal was written anew.
    Highest {
        id: u64,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredPending {
    account: String,
    region: String,
    name: String,
    qualifier: Option<String>,
    request_id: String,
    payload: Vec<u8>,
    enqueued: u64,
    due: u64,
    attempts: u32,
}

/// Queue and cursors of a store.
#[derive(Debug)]
pub struct Queue {
    inner: Mutex<Inner>,
}

struct Inner {
    journal: Journal,
    pending: BTreeMap<PendingId, Pending>,
    cursors: Cursors,
    highest: u64,
}

impl std::fmt::Debug for Inner {
    /// Leaves payloads out: they may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("pending", &self.pending.len()).finish_non_exhaustive()
    }
}

impl Queue {
    /// Opens or makes the queue in `folder`.
    ///
    /// # Errors
    /// Its journal cannot be read or is damaged.
    pub fn open(folder: &Path, durability: Durability, identity: &Identity) -> Result<Self, LedgerError> {
        restore_aside(folder)?;
        let mut inner = Inner::open(folder, durability, identity)?;
        let live = (inner.pending.len() + inner.cursors.len()) as u64;
        if inner.journal.last() > WORTH_IT && inner.journal.last() > 4 * live {
            inner = match inner.written_anew(folder, durability, identity) {
                Ok(inner) => inner,
                Err(error) => {
                    tracing::warn!(%error, "the queue could not be written anew; it goes on as it is");
                    restore_aside(folder)?;
                    Inner::open(folder, durability, identity)?
                }
            };
        }
        Ok(Self { inner: Mutex::new(inner) })
    }

    /// Takes an invocation; on disk when it returns, if the store's durability says that callers wait for it.
    pub fn put(&self, pending: Pending) -> Result<PendingId, LedgerError> {
        let mut inner = self.inner();
        let id = PendingId(inner.highest + 1);
        inner.write(&[Entry::Put { id: id.0, pending: stored(&pending) }])?;
        inner.highest = id.0;
        inner.pending.insert(id, pending);
        Ok(id)
    }

    /// Puts a waiting invocation off, or counts its failed attempts: it stays the same one. One that is done
    /// stays done.
    pub fn update(&self, id: PendingId, pending: Pending) -> Result<(), LedgerError> {
        let mut inner = self.inner();
        if !inner.pending.contains_key(&id) {
            return Ok(());
        }
        inner.write(&[Entry::Put { id: id.0, pending: stored(&pending) }])?;
        inner.pending.insert(id, pending);
        Ok(())
    }

    /// Forgets an invocation that was run or given up.
    pub fn done(&self, id: PendingId) -> Result<(), LedgerError> {
        let mut inner = self.inner();
        if inner.pending.contains_key(&id) {
            inner.write(&[Entry::Done { id: id.0 }])?;
            inner.pending.remove(&id);
        }
        Ok(())
    }

    /// What waits, in the order of arrival.
    pub fn pending(&self) -> Vec<(PendingId, Pending)> {
        self.inner().pending.iter().map(|(id, pending)| (*id, pending.clone())).collect()
    }

    /// How far an event source was read. `source` names the reader: mapping and shard.
    pub fn cursor(&self, source: &str) -> Option<Vec<u8>> {
        self.inner().cursors.get(source).cloned()
    }

    /// Notes how far an event source was read; `None` forgets it.
    pub fn set_cursor(&self, source: &str, position: Option<Vec<u8>>) -> Result<(), LedgerError> {
        let mut inner = self.inner();
        let entry = Entry::Cursor { source: source.to_owned(), position };
        inner.write(std::slice::from_ref(&entry))?;
        inner.apply(entry);
        Ok(())
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder of this lock panics")
    }
}

impl Inner {
    fn open(folder: &Path, durability: Durability, identity: &Identity) -> Result<Self, LedgerError> {
        // It is nowhere else: what is lost is told.
        if let Some(loss) = list::losses(folder)?.first() {
            return Err(loss.refusal("the queue of invocations is kept nowhere else"));
        }
        let journal = Journal::open(folder, durability, identity.clone(), 1)?;
        let mut inner = Self { journal, pending: BTreeMap::new(), cursors: Cursors::new(), highest: 0 };
        let mut expected = 1;
        for record in inner.journal.records_from(1)? {
            let record = record?;
            for (sequence, frame) in (record.first..).zip(&record.frames) {
                if sequence != expected {
                    return Err(LedgerError::MissingEvent { expected, found: sequence });
                }
                expected += 1;
                let entry = decode(frame).map_err(|source| LedgerError::DamagedEvent { sequence, source })?;
                inner.apply(entry);
            }
        }
        Ok(inner)
    }

    fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Put { id, pending } => {
                self.highest = self.highest.max(id);
                self.pending.insert(PendingId(id), loaded(pending));
            }
            Entry::Done { id } => drop(self.pending.remove(&PendingId(id))),
            Entry::Cursor { source, position: Some(position) } => drop(self.cursors.insert(source, position)),
            Entry::Cursor { source, position: None } => drop(self.cursors.remove(&source)),
            Entry::Highest { id } => self.highest = self.highest.max(id),
        }
    }

    fn write(&self, entries: &[Entry]) -> Result<(), LedgerError> {
        let first = self.journal.last() + 1;
        let frames: Result<Vec<_>, FrameError> =
            entries.iter().map(|entry| frame::frame(ENTRY, VERSION, entry)).collect();
        let frames: Vec<_> = (first..).zip(frames?).collect();
        self.journal.append(&frames, &[])
    }

    /// The same in a new journal, which takes the place of the old one.
    fn written_anew(self, folder: &Path, durability: Durability, identity: &Identity) -> Result<Self, LedgerError> {
        let (new, old) = (beside(folder, "new"), beside(folder, "old"));
        remove(&new)?;
        let fresh = Self { journal: Journal::open(&new, Durability::Always, identity.clone(), 1)?, ..self };
        fresh.write(&[Entry::Highest { id: fresh.highest }])?;
        for chunk in fresh.entries().collect::<Vec<_>>().chunks(AT_ONCE) {
            fresh.write(chunk)?;
        }
        let (pending, cursors, highest) = (fresh.pending, fresh.cursors, fresh.highest);
        drop(fresh.journal);
        let read = Self::open(&new, durability, identity)?;
        if (&read.pending, &read.cursors, read.highest) != (&pending, &cursors, highest) {
            let problem = "the new journal does not hold what waits".to_owned();
            return Err(LedgerError::NotProven { what: "writing the queue anew", problem });
        }
        drop(read);
        disk::rename(folder, &old).map_err(io_error(folder))?;
        disk::rename(&new, folder).map_err(io_error(&new))?;
        sync_parent(folder)?;
        remove(&old)?;
        Self::open(folder, durability, identity)
    }

    fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let pending = self.pending.iter().map(|(id, pending)| Entry::Put { id: id.0, pending: stored(pending) });
        let cursors = self
            .cursors
            .iter()
            .map(|(source, position)| Entry::Cursor { source: source.clone(), position: Some(position.clone()) });
        pending.chain(cursors)
    }
}

/// After a crash between the two renames the old journal is the one that counts.
fn restore_aside(folder: &Path) -> Result<(), LedgerError> {
    let old = beside(folder, "old");
    if old.exists() && !folder.exists() {
        disk::rename(&old, folder).map_err(io_error(&old))?;
    }
    remove(&old)
}

fn beside(folder: &Path, extension: &str) -> PathBuf {
    folder.with_extension(extension)
}

fn remove(folder: &Path) -> Result<(), LedgerError> {
    disk::remove_folder(folder).map_err(io_error(folder))
}

fn sync_parent(folder: &Path) -> Result<(), LedgerError> {
    let Some(parent) = folder.parent() else { return Ok(()) };
    disk::sync_folder(parent).map_err(io_error(parent))
}

fn decode(frame: &[u8]) -> Result<Entry, FrameError> {
    let frame = frame::unframe(frame)?;
    match (frame.kind, frame.version) {
        (ENTRY, VERSION) => frame::payload(frame.payload),
        (ENTRY, version) => Err(FrameError::UnknownVersion { kind: ENTRY, version }),
        (kind, _) => Err(FrameError::UnknownKind(kind)),
    }
}

fn stored(pending: &Pending) -> StoredPending {
    let FunctionKey { scope, name } = &pending.function;
    StoredPending {
        account: scope.account.to_string(),
        region: scope.region.to_string(),
        name: name.to_string(),
        qualifier: pending.qualifier.as_ref().map(ToString::to_string),
        request_id: pending.request_id.clone(),
        payload: pending.payload.clone(),
        enqueued: pending.enqueued.0,
        due: pending.due.0,
        attempts: pending.attempts,
    }
}

fn loaded(stored: StoredPending) -> Pending {
    let scope = Scope { account: stored.account.into(), region: stored.region.into() };
    Pending {
        function: FunctionKey { scope, name: stored.name.into() },
        qualifier: stored.qualifier.as_deref().map(Qualifier::parse),
        request_id: stored.request_id,
        payload: stored.payload,
        enqueued: Timestamp(stored.enqueued),
        due: Timestamp(stored.due),
        attempts: stored.attempts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: &Path) -> Queue {
        let identity = Identity { store_id: vec![b'a'; 32], secret: vec![b'b'; 64] };
        Queue::open(&folder.join("queue"), Durability::Interval(std::time::Duration::from_secs(1)), &identity)
            .expect("opens")
    }

    fn pending(payload: &[u8]) -> Pending {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        Pending {
            function: FunctionKey { scope, name: "f".into() },
            qualifier: Some(Qualifier::parse("live")),
            request_id: "r".to_owned(),
            payload: payload.to_vec(),
            enqueued: Timestamp(5),
            due: Timestamp(6),
            attempts: 1,
        }
    }

    #[test]
    fn what_waits_and_how_far_was_read_outlive_the_process() {
        let folder = tempfile::tempdir().expect("a folder");
        let queue = open(folder.path());
        let ids: Vec<_> = [b"a", b"b", b"c"].map(|payload| queue.put(pending(payload)).expect("is taken")).to_vec();
        queue.done(ids[1]).expect("is done");
        queue.update(ids[2], Pending { attempts: 2, ..pending(b"c") }).expect("is put off");
        queue.update(ids[1], pending(b"b")).expect("stays done");
        queue.set_cursor("m/shard-1", Some(b"42".to_vec())).expect("is noted");
        queue.set_cursor("m/shard-2", Some(b"1".to_vec())).expect("is noted");
        queue.set_cursor("m/shard-2", None).expect("is forgotten");
        let waiting = queue.pending();
        assert_eq!(waiting.iter().map(|(id, one)| (id.0, one.attempts)).collect::<Vec<_>>(), [(1, 1), (3, 2)]);
        drop(queue);
        let again = open(folder.path());
        assert_eq!(again.pending(), waiting);
        assert_eq!((again.cursor("m/shard-1"), again.cursor("m/shard-2")), (Some(b"42".to_vec()), None));
        assert_eq!(again.put(pending(b"d")).expect("is taken").0, 4);
    }

    #[test]
    fn a_journal_of_what_is_done_is_written_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let queue = open(folder.path());
        let kept = queue.put(pending(b"kept")).expect("is taken");
        for _ in 0..WORTH_IT / 2 {
            let id = queue.put(pending(b"x")).expect("is taken");
            queue.done(id).expect("is done");
        }
        drop(queue);
        let queue = open(folder.path());
        assert_eq!(queue.inner().journal.last(), 2, "the highest number, and what waits");
        assert_eq!(queue.pending(), [(kept, pending(b"kept"))]);
        assert_eq!(queue.put(pending(b"next")).expect("is taken").0, WORTH_IT / 2 + 2, "no number is given twice");
    }

    #[test]
    fn a_crash_between_the_renames_costs_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let queue = open(folder.path());
        queue.put(pending(b"kept")).expect("is taken");
        drop(queue);
        std::fs::rename(folder.path().join("queue"), folder.path().join("queue.old")).expect("is renamed");
        assert_eq!(open(folder.path()).pending().len(), 1);
    }
}
