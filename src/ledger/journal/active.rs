//! The segment that is written: begun, gone on with after a start, and put right after a failed write.

use std::io;
use std::path::{Path, PathBuf};

use super::{Identity, Name, segment};
use crate::disk::{self, DiskFile};
use crate::ledger::{LedgerError, io_error};

/// Bytes of zeros that are written ahead at a time.
const AHEAD: u64 = 1024 * 1024;

/// The segment that is written.
pub struct Active {
    /// Its file.
    pub file: DiskFile,
    /// Where that is.
    pub path: PathBuf,
    /// Its name.
    pub name: Name,
    /// Where the next record goes.
    pub end: u64,
    /// Up to where there are zeros.
    filled: u64,
    /// Sequence of the next event.
    pub next: u64,
    /// Bytes of a record that could not be written, of which any part may be on disk: nothing can follow it.
    pub broken: Option<usize>,
    /// Another journal may have taken the place of the one that this is of: nothing is written before that is known.
    pub moved: bool,
    /// It was closed: only another segment can go on, even where beginning that one failed.
    pub sealed: bool,
}

impl Active {
    /// Writes a record behind the last; waits for the disk, if so wanted.
    pub fn write(&mut self, record: &[u8], wait: bool) -> io::Result<()> {
        let end = self.end + record.len() as u64;
        // A length word of zeros must follow the record.
        if end + 4 > self.filled {
            self.fill(end.div_ceil(AHEAD) * AHEAD + AHEAD)?;
        }
        self.file.write_all_at(record, self.end)?;
        if wait { self.file.sync_data() } else { Ok(()) }
    }

    /// Fails where another file, or none, has this one's name.
    pub fn must_be_in_place(&self) -> Result<(), LedgerError> {
        let is_there = self.file.is_at(&self.path).map_err(io_error(&self.path))?;
        if is_there { Ok(()) } else { Err(LedgerError::Replaced { path: self.path.clone() }) }
    }

    fn fill(&mut self, to: u64) -> io::Result<()> {
        let zeros = vec![0; usize::try_from(to - self.filled).map_err(io::Error::other)?];
        self.file.write_all_at(&zeros, self.filled)?;
        self.file.sync_all()?;
        self.filled = to;
        Ok(())
    }

    /// Makes a record that was not written, or not surely, no record: zeros take its place. Where even that fails,
    /// nothing may follow.
    pub fn take_back(&mut self, length: usize) {
        let undone = self.file.write_all_at(&vec![0; length], self.end).and_then(|()| self.file.sync_data());
        self.broken = undone.is_err().then_some(length);
        if let Err(error) = undone {
            tracing::error!(%error, journal = %self.path.display(), "a failed write could not be taken back; no change is taken until it can");
        }
    }
}

/// Whether a segment that is written is shorter than it was: zeros are on disk behind each record before that is
/// written, so that what a kill or the power cuts off leaves a file of whole [`AHEAD`].
pub fn is_cut_short(length: usize) -> bool {
    !(length as u64).is_multiple_of(AHEAD)
}

/// Begins a segment. It has its name when it is whole: a crash or a full disk leaves no half of one.
pub fn begin(folder: &Path, identity: &Identity, name: Name, next: u64) -> Result<Active, LedgerError> {
    let path = name.path(folder);
    let new = path.with_extension("new");
    let make = || {
        let file = DiskFile::create(&new)?;
        let mut bytes = segment::header(identity, name.first);
        bytes.resize(usize::try_from(AHEAD).map_err(io::Error::other)?, 0);
        file.write_all_at(&bytes, 0)?;
        file.sync_all()?;
        disk::rename(&new, &path)?;
        disk::sync_folder(folder)?;
        Ok(file)
    };
    let file = make().inspect_err(|_| drop(disk::remove_file(&new))).map_err(io_error(&path))?;
    let end = segment::HEADER as u64;

    Ok(Active { file, path, name, end, filled: AHEAD, next, broken: None, moved: false, sealed: false })
}

/// Goes on with the newest segment, behind its last whole record. What was being written when the power went is cut:
/// nobody was told of it.
///
/// # Errors
/// Whole records lie behind bytes that are none, or the file is shorter than it was: those were acknowledged.
pub fn reopen(name: Name, path: PathBuf, identity: &Identity) -> Result<Active, LedgerError> {
    let bytes = disk::read(&path).map_err(io_error(&path))?;
    let mut offset = segment::HEADER;
    let mut next = name.first;
    let damage = loop {
        match segment::read(&bytes, offset) {
            segment::Found::Record(record, after) => {
                next = record.next();
                offset = after;
            }
            segment::Found::End => break None,
            segment::Found::Damage(reason) => break Some(reason),
        }
    };
    let is_torn = || !is_cut_short(bytes.len()) && segment::last_behind(&bytes, offset, next).is_none();
    if let Some(reason) = damage.filter(|_| !is_torn()) {
        return Err(LedgerError::DamagedJournal { path, offset: offset as u64, sequence: next, reason });
    }
    let file = DiskFile::open(&path).map_err(io_error(&path))?;

    if segment::read_header(&bytes).is_none() {
        // What it says is known; the records behind it have checksums of their own.
        tracing::warn!(journal = %path.display(), offset = 0, "the header of a segment is damaged; it is written anew");
        let header = segment::header(identity, name.first);
        file.write_all_at(&header, 0).and_then(|()| file.sync_data()).map_err(io_error(&path))?;
    }

    if let Some(reason) = damage {
        tracing::warn!(journal = %path.display(), offset, reason, next, "the journal ends in bytes that are no record; they are cut");
        file.write_all_at(&vec![0; bytes.len() - offset], offset as u64).map_err(io_error(&path))?;
    }

    // What is told from here on is on disk: a kill may have come between its write and its sync.
    file.sync_data().map_err(io_error(&path))?;
    let filled = bytes.len().max(segment::HEADER);
    Ok(Active {
        file,
        path,
        name,
        end: offset as u64,
        filled: filled as u64,
        next,
        broken: None,
        moved: false,
        sealed: false,
    })
}
