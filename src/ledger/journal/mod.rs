//! The journal: every batch of events, in plain checksummed files. With the blobs' files it is the truth of a store.
//!
//! The engine (sled) is an index that is made from here. One `pwrite` and one `fdatasync` a batch is also the cheapest
//! way to the disk: segments are filled with zeros ahead, so that an append changes no length and no block list.

mod active;
#[cfg(test)]
mod faults;
pub mod list;
mod name;
pub mod sealed;
pub mod segment;
pub mod switch;

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};

pub use active::is_cut_short;
pub use name::Name;
pub use segment::{Identity, Record};

use self::active::{Active, begin, reopen};
use super::{Attachment, Durability, LedgerError, SCHEMA, codec, io_error};
use crate::disk;
use crate::model::event::Event;
use crate::model::history::event::HistoryEvent;

/// Bytes after which a segment is closed; few in unit tests, so that they seal some.
const SEGMENT: u64 = if cfg!(test) { 64 * 1024 } else { 16 * 1024 * 1024 };

/// The open journal.
pub struct Journal {
    folder: PathBuf,
    identity: Identity,
    durability: Durability,
    active: Mutex<Active>,
    /// Is told when a segment was sealed.
    on_seal: Mutex<Option<mpsc::Sender<()>>>,
    /// How often another journal took its place.
    generation: AtomicU64,
    begins: AtomicU64,
}

/// A segment's name and file.
pub type Segment = (Name, PathBuf);

/// Whose journal lies in `folder`, by the newest segment whose header is whole; `None` if there is no segment.
///
/// # Errors
/// No header is whole, or a later schema wrote one.
pub fn identity(folder: &Path) -> Result<Option<Identity>, LedgerError> {
    let mut damage = None;
    for (_, path) in segments(folder)?.into_iter().rev() {
        match sealed::header_bytes(&path).and_then(|bytes| read_header(&bytes, &path)) {
            Ok(identity) => return Ok(Some(identity)),
            Err(error @ LedgerError::DamagedJournal { .. }) => damage = damage.or(Some(error)),
            Err(error) => return Err(error),
        }
    }

    damage.map_or(Ok(None), Err)
}

fn read_header(bytes: &[u8], path: &Path) -> Result<Identity, LedgerError> {
    let damage = || LedgerError::DamagedJournal {
        path: path.to_owned(),
        offset: 0,
        sequence: first_of(path),
        reason: "the header is damaged",
    };
    let (identity, schema, _) = segment::read_header(bytes).ok_or_else(damage)?;
    if schema > SCHEMA {
        return Err(LedgerError::NewerSchema { found: schema, known: SCHEMA });
    }
    Ok(identity)
}

/// The first sequence of a segment, which its name says.
fn first_of(path: &Path) -> u64 {
    Name::of(path).map_or(1, |name| name.first)
}

/// The segments of a folder, oldest first; none if it is not there.
pub fn segments(folder: &Path) -> Result<Vec<Segment>, LedgerError> {
    let paths = match disk::list(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        paths => paths.map_err(io_error(folder))?,
    };
    let mut found = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if (name.ends_with(".segment") || name.ends_with(".segment.zst"))
            && let Some(of) = Name::of(&path)
        {
            found.push((of, path));
        }
    }

    // A crash may leave both forms of a segment. The compressed one was synced whole before it had its name; the plain
    // one may be what it was mended from.
    found.sort_by_key(|(name, path)| (*name, !sealed::is_compressed(path)));
    found.dedup_by_key(|(name, _)| *name);
    Ok(found)
}

/// Every record of the journal in `folder` with the segment it is in, oldest first; damage ends a segment with
/// its place. Changes nothing.
pub fn scan(
    folder: &Path,
) -> Result<impl Iterator<Item = (PathBuf, Result<Record, LedgerError>)> + use<>, LedgerError> {
    Ok(segments(folder)?.into_iter().flat_map(|(_, path)| {
        let of = path.clone();
        records(&path).map(move |record| (of.clone(), record))
    }))
}

impl Journal {
    /// Opens the journal in `folder`, or begins one at the sequence `next`.
    ///
    /// A last record that was not written whole is cut: nobody was told of it.
    pub fn open(folder: &Path, durability: Durability, identity: Identity, next: u64) -> Result<Self, LedgerError> {
        disk::create_folder(folder).map_err(io_error(folder))?;
        let active = newest(folder, &identity, next)?;
        let journal = Self {
            begins: AtomicU64::new(oldest(folder)?),
            folder: folder.to_owned(),
            identity,
            durability,
            active: Mutex::new(active),
            on_seal: Mutex::default(),
            generation: AtomicU64::new(0),
        };
        journal.write_list();

        Ok(journal)
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Has somebody told whenever a segment was sealed.
    pub fn tell_sealed(&self, to: mpsc::Sender<()>) {
        *self.on_seal.lock().expect("no holder of this lock panics") = Some(to);
    }

    /// Tells nobody any more.
    pub fn tell_nobody(&self) {
        *self.on_seal.lock().expect("no holder of this lock panics") = None;
    }

    /// Whose it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Sequence of the oldest event, or of the first that will be.
    pub fn begins(&self) -> u64 {
        self.begins.load(Ordering::Acquire)
    }

    /// Whether it has still to be found out which of two journals is the store's.
    pub fn is_moved(&self) -> bool {
        self.active().moved
    }

    /// Goes on with `journal.new`, which is whole and proven. After an error nothing has changed, or it is found out
    /// before the next write which of the two is the store's.
    pub fn switch(&self, store: &Path, why: switch::Why) -> Result<(), LedgerError> {
        let mut active = self.active();
        if let Err(error) = switch::commit(store, why) {
            active.moved = switch::withdraw(store).is_err();
            return Err(error);
        }
        active.moved = true;
        *active = self.reattach()?;
        Ok(())
    }

    /// Finds the journal that is the store's after a switch.
    fn reattach(&self) -> Result<Active, LedgerError> {
        if let Some(store) = self.folder.parent()
            && switch::redo(store)?.is_none()
        {
            // The marker may have been there for a moment, and must not come back behind what is written now.
            switch::withdraw(store)?;
        }
        let (name, path) = segments(&self.folder)?.pop().ok_or(LedgerError::DamagedMeta("the journal is gone"))?;
        let active = reopen(name, path, &self.identity)?;
        self.begins.store(oldest(&self.folder)?, Ordering::Release);
        self.generation.fetch_add(1, Ordering::AcqRel);

        Ok(active)
    }

    /// How often another journal took the place of this one: places in it hold as long as this is the same.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The list is a cache: a start without it reads more.
    fn write_list(&self) {
        if let Err(error) = list::bring_up_to_date(&self.folder) {
            tracing::warn!(%error, "the list of the journal's segments could not be written; the next start reads them all");
        }
    }

    /// The newest event's sequence.
    pub fn last(&self) -> u64 {
        self.active().next - 1
    }

    /// Stores one batch; on disk when it returns, if durability is `Always`. All or nothing. Says how many bytes it
    /// took.
    pub fn append(&self, record: &Record) -> Result<u64, LedgerError> {
        if record.is_empty() {
            return Ok(0);
        }
        let mut active = self.active();
        // One without an event lies before the next.
        let (first, next) =
            if record.frames.is_empty() { (active.next, active.next) } else { (record.first, record.next()) };
        let bytes = segment::write(record, first);
        self.write(&mut active, &bytes, next)?;

        Ok(bytes.len() as u64)
    }

    /// Stores blobs without an event.
    pub fn append_blobs(&self, blobs: Vec<Attachment>) -> Result<(), LedgerError> {
        self.append(&Record::of_blobs(0, blobs)).map(drop)
    }

    /// Inode of its folder, which another journal in its place has not; 0 where it is gone.
    pub fn inode(&self) -> u64 {
        std::fs::metadata(&self.folder).map_or(0, |found| found.ino())
    }

    /// The segment that is written to.
    pub fn newest_segment(&self) -> Name {
        Name::of(&self.active().path).unwrap_or_default()
    }

    fn write(&self, active: &mut Active, record: &[u8], next: u64) -> Result<(), LedgerError> {
        if active.moved {
            *active = self.reattach()?;
        }
        if let Some(length) = active.broken {
            // There may be room again.
            active.take_back(length);
        }
        if active.broken.is_some() {
            return Err(io_error(&active.path)(io::Error::other("an earlier write failed and cannot be undone yet")));
        }
        active.must_be_in_place()?;
        let is_full = active.end + record.len() as u64 > SEGMENT && active.end > segment::HEADER as u64;
        if active.sealed || is_full {
            *active = self.next_segment(active)?;
        }
        let wait = self.durability == Durability::Always;

        if let Err(error) = active.write(record, wait) {
            active.take_back(record.len());
            return Err(io_error(&active.path)(error));
        }

        active.end += record.len() as u64;
        active.next = next;
        Ok(())
    }

    fn next_segment(&self, active: &mut Active) -> Result<Active, LedgerError> {
        active.sealed = true;
        active.file.set_len(active.end).and_then(|()| active.file.sync_all()).map_err(io_error(&active.path))?;
        let next = begin(&self.folder, &self.identity, active.name.next(active.next), active.next)?;
        self.write_list();

        if let Some(told) = &*self.on_seal.lock().expect("no holder of this lock panics") {
            // Nobody may listen any more.
            let _ = told.send(());
        }
        Ok(next)
    }

    /// Fails where what is written now would be lost, as the journal's folder is not there any more.
    pub fn must_be_in_place(&self) -> Result<(), LedgerError> {
        let active = self.active();
        // After a switch it is the next write that finds out which file is the one.
        if active.moved { Ok(()) } else { active.must_be_in_place() }
    }

    /// Brings everything written to disk.
    pub fn sync(&self) -> Result<(), LedgerError> {
        let active = self.active();
        active.file.sync_data().map_err(io_error(&active.path))
    }

    /// The records that hold events from `from` on, oldest first.
    pub fn records_from(
        &self,
        from: u64,
    ) -> Result<impl Iterator<Item = Result<Record, LedgerError>> + use<>, LedgerError> {
        let mut segments = segments(&self.folder)?;
        // The last segment that begins at or before `from` is the first to read, with all of its parts.
        let last = segments.iter().rev().find(|(name, _)| name.first <= from).map_or(0, |(name, _)| name.first);
        let skipped = segments.iter().position(|(name, _)| name.first >= last).unwrap_or(0);
        let records = segments.split_off(skipped).into_iter().flat_map(|(_, path)| records(&path));

        Ok(records.filter(move |record| {
            // A record of blobs only has the sequence of the event behind it.
            record.as_ref().map_or(true, |record| record.next().max(record.first + 1) > from)
        }))
    }

    /// All records from the segment `from` on, and in any case those from the event `event` on.
    pub fn records_since(
        &self,
        from: Name,
        event: u64,
    ) -> Result<impl Iterator<Item = Result<Record, LedgerError>> + use<>, LedgerError> {
        let segments = segments(&self.folder)?;
        let last = segments.iter().rev().find(|(name, _)| name.first <= event).map_or(0, |(name, _)| name.first);
        let wanted = segments.into_iter().filter(move |(name, _)| *name >= from.min(Name::first(last)));
        Ok(wanted.flat_map(|(_, path)| records(&path)))
    }

    fn active(&self) -> std::sync::MutexGuard<'_, Active> {
        self.active.lock().expect("no holder of this lock panics")
    }
}

/// The first sequence of a journal that has a segment.
fn oldest(folder: &Path) -> Result<u64, LedgerError> {
    Ok(segments(folder)?.first().map_or(1, |(name, _)| name.first))
}

/// The segment to write to.
fn newest(folder: &Path, identity: &Identity, next: u64) -> Result<Active, LedgerError> {
    match segments(folder)?.pop() {
        // Only where the segment behind it was lost: nothing is written to a compressed one.
        Some((name, path)) if sealed::is_compressed(&path) => {
            let next = end(name.first, &path)?;
            begin(folder, identity, name.next(next), next)
        }
        Some((name, path)) => reopen(name, path, identity),
        None => begin(folder, identity, Name::first(next), next),
    }
}

/// Whether the first event of a segment stands for all before it; `None` if that cannot be read.
pub fn begins_by_compaction(path: &Path) -> Result<Option<bool>, LedgerError> {
    let first = match records(path).find(|record| record.as_ref().map_or(true, |record| !record.frames.is_empty())) {
        None => return Ok(Some(false)),
        Some(Err(LedgerError::DamagedJournal { .. })) => return Ok(None),
        Some(record) => record?,
    };
    let event = first.frames.first().and_then(|frame| codec::decode(first.first, frame).ok());
    Ok(event.map(|recorded| matches!(recorded.event, Event::History(HistoryEvent::HistoryCompacted { .. }))))
}

/// The sequence behind a sealed segment.
fn end(first: u64, path: &Path) -> Result<u64, LedgerError> {
    records(path).try_fold(first, |_, record| record.map(|record| record.next()))
}

/// What is whole of a segment, damaged or not, with the file.
///
/// # Errors
/// The system does not let it be read, which says nothing of what it holds.
pub fn whole_records((name, path): &Segment) -> Result<Vec<(PathBuf, Record)>, LedgerError> {
    let bytes = sealed::bytes_there_are(path)?;
    Ok(segment::whole_records(&bytes, name.first).map(|(_, record)| (path.clone(), record)).collect())
}

/// The records of a segment; damage ends them with its place.
pub fn records(path: &Path) -> impl Iterator<Item = Result<Record, LedgerError>> + use<> {
    let path = path.to_owned();
    let read = sealed::bytes(&path).and_then(|bytes| read_header(&bytes, &path).map(|_| bytes));
    let (bytes, mut failure) = match read {
        Ok(bytes) => (bytes, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    let mut offset = segment::HEADER;
    let mut next = first_of(&path);

    std::iter::from_fn(move || {
        if let Some(error) = failure.take() {
            return Some(Err(error));
        }
        match segment::read(&bytes, offset) {
            segment::Found::Record(record, after) => {
                offset = after;
                next = record.next();
                Some(Ok(record))
            }
            segment::Found::End => None,
            segment::Found::Damage(reason) => {
                let damage =
                    LedgerError::DamagedJournal { path: path.clone(), offset: offset as u64, sequence: next, reason };
                offset = bytes.len();
                Some(Err(damage))
            }
        }
    })
}
