//! The segment that is written: begun, gone on with after a start, and put right after a failed write.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::file::SegmentFile;
use super::{Identity, path_of, segment};
use crate::ledger::{LedgerError, io_error};

/// Bytes of zeros that are written ahead at a time.
const AHEAD: u64 = 1024 * 1024;

/// The segment that is written.
pub struct Active {
    /// Its file.
    pub file: SegmentFile,
    /// Where that is.
    pub path: PathBuf,
    /// Where the next record goes.
    pub end: u64,
    /// Up to where there are zeros.
    filled: u64,
    /// Sequence of the next event.
    pub next: u64,
    /// A record that could not be written may or may not be on disk: nothing can follow it.
    pub broken: bool,
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

    fn fill(&mut self, to: u64) -> io::Result<()> {
        let zeros = vec![0; usize::try_from(to - self.filled).map_err(io::Error::other)?];
        self.file.write_all_at(&zeros, self.filled)?;
        self.file.sync_all()?;
        self.filled = to;
        Ok(())
    }

    /// Makes a record that was not written, or not surely, no record. Where even that fails, nothing may
    /// follow.
    pub fn take_back(&mut self) {
        let undone = self.file.write_all_at(&[0; 24], self.end).and_then(|()| self.file.sync_data());
        self.broken = undone.is_err();
        if let Err(error) = undone {
            tracing::error!(%error, journal = %self.path.display(), "a failed write could not be taken back; no change is taken until it can");
        }
    }
}

/// Begins a segment. It has its name when it is whole: a crash or a full disk leaves no half of one.
pub fn begin(folder: &Path, identity: &Identity, first: u64) -> Result<Active, LedgerError> {
    let path = path_of(folder, first);
    let new = path.with_extension("new");
    let make = || {
        let file = File::options().create(true).truncate(true).read(true).write(true).open(&new)?;
        let file = SegmentFile::new(file);
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
pub fn reopen(first: u64, path: PathBuf, known: u64, identity: &Identity) -> Result<Active, LedgerError> {
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
    let file = SegmentFile::new(file);
    if segment::read_header(&bytes).is_none() {
        // What it says is known; the records behind it have checksums of their own.
        tracing::warn!(journal = %path.display(), offset = 0, "the header of a segment is damaged; it is written anew");
        let header = segment::header(identity, first);
        file.write_all_at(&header, 0).and_then(|()| file.sync_data()).map_err(io_error(&path))?;
    }
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
