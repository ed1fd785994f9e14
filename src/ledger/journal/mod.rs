//! The journal: every batch of events, in plain checksummed files, written before the engine learns of it.
//!
//! The engine (sled) is trusted for order and speed, never alone for survival: what it loses is put back
//! from here, and it may flush lazily. One `pwrite` and one `fdatasync` a batch is also the cheapest way to
//! the disk: segments are filled with zeros ahead, so that an append changes no length and no block list.

mod segment;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::{Attachment, Durability, LedgerError, SCHEMA, io_error};

pub use segment::{Identity, Record};

/// Bytes after which a segment is closed.
const SEGMENT: u64 = 16 * 1024 * 1024;

/// Bytes of zeros that are written ahead at a time.
const AHEAD: u64 = 1024 * 1024;

/// The open journal.
pub struct Journal {
    folder: PathBuf,
    identity: Identity,
    durability: Durability,
    active: Mutex<Active>,
}

/// The segment that is written.
struct Active {
    file: File,
    path: PathBuf,
    /// Where the next record goes.
    end: u64,
    /// Up to where there are zeros.
    filled: u64,
    /// Sequence of the next event.
    next: u64,
    /// A record that could not be written may or may not be on disk: nothing can follow it.
    broken: bool,
}

/// A segment's file and its first sequence.
type Segment = (u64, PathBuf);

/// Whose journal lies in `folder`; `None` if there is none.
pub fn identity(folder: &Path) -> Result<Option<Identity>, LedgerError> {
    let Some((_, path)) = segments(folder)?.pop() else { return Ok(None) };
    let bytes = fs::read(&path).map_err(io_error(&path))?;
    read_header(&bytes, &path).map(Some)
}

/// Whose journal lies in `folder`, from the first segment whose header is whole.
pub fn any_identity(folder: &Path) -> Result<Identity, LedgerError> {
    let damage = LedgerError::DamagedJournal {
        path: folder.to_owned(),
        offset: 0,
        sequence: 1,
        reason: "no segment has a header",
    };
    for (_, path) in segments(folder)? {
        let bytes = fs::read(&path).map_err(io_error(&path))?;
        if let Ok(identity) = read_header(&bytes, &path) {
            return Ok(identity);
        }
    }
    Err(damage)
}

fn read_header(bytes: &[u8], path: &Path) -> Result<Identity, LedgerError> {
    let damage = || LedgerError::DamagedJournal {
        path: path.to_owned(),
        offset: 0,
        sequence: first_of(path).unwrap_or(1),
        reason: "the header is damaged",
    };
    let (identity, schema, _) = segment::read_header(bytes).ok_or_else(damage)?;
    if schema > SCHEMA {
        return Err(LedgerError::NewerSchema { found: schema, known: SCHEMA });
    }
    Ok(identity)
}

/// The first sequence of a segment, which is its name.
fn first_of(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok()
}

/// The segments of a folder, oldest first.
fn segments(folder: &Path) -> Result<Vec<Segment>, LedgerError> {
    fs::create_dir_all(folder).map_err(io_error(folder))?;
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(io_error(folder))? {
        let path = entry.map_err(io_error(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "segment")
            && let Some(first) = first_of(&path)
        {
            found.push((first, path));
        }
    }
    found.sort();
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
    /// A last record that was not written whole is cut: nobody was told of it. `known` is what the engine
    /// has: damage before that is no torn write.
    pub fn open(
        folder: &Path,
        durability: Durability,
        identity: Identity,
        next: u64,
        known: u64,
    ) -> Result<Self, LedgerError> {
        let active = match segments(folder)?.pop() {
            Some((first, path)) => reopen(first, path, known)?,
            None => begin(folder, &identity, next)?,
        };
        Ok(Self { folder: folder.to_owned(), identity, durability, active: Mutex::new(active) })
    }

    /// Whose it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Sequence of the oldest event, or of the first that will be.
    pub fn begins(&self) -> Result<u64, LedgerError> {
        let oldest = segments(&self.folder)?.into_iter().next();
        Ok(oldest.map_or_else(|| self.active().next, |(first, _)| first))
    }

    /// Goes on with another journal, which `switch` puts into the folder of this one.
    pub fn switch(&self, switch: impl FnOnce() -> Result<(), LedgerError>) -> Result<(), LedgerError> {
        let mut active = self.active();
        // Should the new one not open, nothing may be written to the file of the former.
        active.broken = true;
        switch()?;
        let (first, path) = segments(&self.folder)?.pop().ok_or(LedgerError::DamagedMeta("the journal is gone"))?;
        *active = reopen(first, path, 0)?;
        Ok(())
    }

    /// The newest event's sequence.
    pub fn last(&self) -> u64 {
        self.active().next - 1
    }

    /// Stores one batch; on disk when it returns, if durability is `Always`. All or nothing.
    pub fn append(&self, frames: &[(u64, Vec<u8>)], blobs: &[Attachment]) -> Result<(), LedgerError> {
        let Some((first, _)) = frames.first() else { return Ok(()) };
        let record = segment::record(*first, frames, blobs);
        self.write(&mut self.active(), &record, first + frames.len() as u64)
    }

    /// Stores blobs without an event.
    pub fn append_blobs(&self, blobs: &[Attachment]) -> Result<(), LedgerError> {
        if blobs.is_empty() {
            return Ok(());
        }
        let mut active = self.active();
        let next = active.next;
        self.write(&mut active, &segment::record(next, &[], blobs), next)
    }

    fn write(&self, active: &mut Active, record: &[u8], next: u64) -> Result<(), LedgerError> {
        if active.broken {
            // There may be room again.
            active.take_back();
        }
        if active.broken {
            return Err(io_error(&active.path)(io::Error::other("an earlier write failed and cannot be undone yet")));
        }
        // A segment that has blobs only, or whose first event is the next, would get its own name again.
        let is_other = path_of(&self.folder, active.next) != active.path;
        if active.end + record.len() as u64 > SEGMENT && active.end > segment::HEADER as u64 && is_other {
            *active = self.next_segment(active)?;
        }
        let wait = self.durability == Durability::Always;
        if let Err(error) = active.write(record, wait) {
            active.take_back();
            return Err(io_error(&active.path)(error));
        }
        active.end += record.len() as u64;
        active.next = next;
        Ok(())
    }

    fn next_segment(&self, active: &Active) -> Result<Active, LedgerError> {
        active.file.set_len(active.end).and_then(|()| active.file.sync_all()).map_err(io_error(&active.path))?;
        begin(&self.folder, &self.identity, active.next)
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
        // The last segment that begins at or before `from` is the first to read.
        let skipped = segments.iter().rposition(|(first, _)| *first <= from).unwrap_or(0);
        let records = segments.split_off(skipped).into_iter().flat_map(|(_, path)| records(&path));
        Ok(records.filter(move |record| {
            // A record of blobs only has the sequence of the event behind it.
            record.as_ref().map_or(true, |record| record.first + record.frames.len().max(1) as u64 > from)
        }))
    }

    fn active(&self) -> std::sync::MutexGuard<'_, Active> {
        self.active.lock().expect("no holder of this lock panics")
    }
}

impl Active {
    fn write(&mut self, record: &[u8], wait: bool) -> io::Result<()> {
        let end = self.end + record.len() as u64;
        // A length word of zeros must follow the record.
        if end + 4 > self.filled {
            self.fill(end.div_ceil(AHEAD) * AHEAD + AHEAD)?;
        }
        self.file.write_all_at(record, self.end)?;
        if wait { self.file.sync_data() } else { Ok(()) }
    }

    fn fill(&mut self, to: u64) -> io::Result<()> {
        let zeros = vec![0; usize::try_from(to - self.filled).map_err(io::Error::other)?];
        self.file.write_all_at(&zeros, self.filled)?;
        self.file.sync_all()?;
        self.filled = to;
        Ok(())
    }

    /// Makes a record that was not written, or not surely, no record. Where even that fails, nothing may
    /// follow.
    fn take_back(&mut self) {
        let undone = self.file.write_all_at(&[0; 24], self.end).and_then(|()| self.file.sync_data());
        self.broken = undone.is_err();
        if let Err(error) = undone {
            tracing::error!(%error, journal = %self.path.display(), "a failed write could not be taken back; no change is taken until it can");
        }
    }
}

fn path_of(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:020}.segment"))
}

/// Begins a segment. It has its name when it is whole: a crash or a full disk leaves no half of one.
fn begin(folder: &Path, identity: &Identity, first: u64) -> Result<Active, LedgerError> {
    let path = path_of(folder, first);
    let new = path.with_extension("new");
    let make = || {
        let file = File::options().create(true).truncate(true).read(true).write(true).open(&new)?;
        let mut bytes = segment::header(identity, first);
        bytes.resize(usize::try_from(AHEAD).map_err(io::Error::other)?, 0);
        file.write_all_at(&bytes, 0)?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(folder)?.sync_all()?;
        Ok(file)
    };
    let file = make().inspect_err(|_| drop(fs::remove_file(&new))).map_err(io_error(&path))?;
    Ok(Active { file, path, end: segment::HEADER as u64, filled: AHEAD, next: first, broken: false })
}

/// Goes on with the newest segment, behind its last whole record.
fn reopen(first: u64, path: PathBuf, known: u64) -> Result<Active, LedgerError> {
    let bytes = fs::read(&path).map_err(io_error(&path))?;
    let (mut offset, mut next) = (segment::HEADER, first);
    let damage = loop {
        match segment::read(&bytes, offset) {
            segment::Found::Record(record, after) => {
                next = record.first + record.frames.len() as u64;
                offset = after;
            }
            segment::Found::End => break None,
            segment::Found::Damage(reason) => break Some(reason),
        }
    };
    let file = File::options().read(true).write(true).open(&path).map_err(io_error(&path))?;
    if let Some(reason) = damage {
        if let Some(last) = segment::last_behind(&bytes, offset, next) {
            // Bytes that whole records follow are no torn write: those records were acknowledged.
            if last > known {
                return Err(LedgerError::DamagedJournal { path, offset: offset as u64, sequence: next, reason });
            }
            let aside = path.with_extension("damaged");
            fs::copy(&path, &aside).map_err(io_error(&aside))?;
            tracing::warn!(journal = %path.display(), offset, sequence = next, reason, kept = %aside.display(), "the journal is damaged; it is mended from the engine");
        }
        tracing::warn!(journal = %path.display(), offset, reason, next, known, "the journal ends in bytes that are no record; they are cut");
        file.set_len(offset as u64).map_err(io_error(&path))?;
    }
    let filled = if damage.is_some() { offset } else { bytes.len() };
    Ok(Active { file, path, end: offset as u64, filled: filled as u64, next, broken: false })
}

/// The records of a segment; damage ends them with its place.
fn records(path: &Path) -> impl Iterator<Item = Result<Record, LedgerError>> + use<> {
    let path = path.to_owned();
    let read = fs::read(&path).map_err(io_error(&path)).and_then(|bytes| read_header(&bytes, &path).map(|_| bytes));
    let (bytes, mut failure) = match read {
        Ok(bytes) => (bytes, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    let mut offset = segment::HEADER;
    let mut next = first_of(&path).unwrap_or(1);
    std::iter::from_fn(move || {
        if let Some(error) = failure.take() {
            return Some(Err(error));
        }
        match segment::read(&bytes, offset) {
            segment::Found::Record(record, after) => {
                offset = after;
                next = record.first + record.frames.len() as u64;
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
