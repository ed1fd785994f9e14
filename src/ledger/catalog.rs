//! Where the small blobs lie in the journal: for reads by name while there is no engine to ask. It is made when it is
//! first needed, follows the journal from then on, and is given up when the engine is there again.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use super::journal::{self, Journal, Name, sealed, segment};
use super::{LedgerError, io_error};
use crate::disk;
use crate::model::blob::BlobId;

/// A blob's place: the segment, and where in its unpacked bytes.
#[derive(Debug, Clone, Copy)]
struct Place {
    segment: Name,
    begin: usize,
    length: usize,
}

/// What was read of the journal so far.
#[derive(Debug, Default)]
struct Read {
    generation: u64,
    places: HashMap<BlobId, Place>,
    /// The segment to go on with, and where.
    segment: Name,
    offset: usize,
    /// Of the segment's file: one that was written anew, without what is done, has its records elsewhere.
    inode: u64,
}

/// The catalog.
pub struct Catalog {
    journal: Arc<Journal>,
    read: Mutex<Read>,
}

impl Catalog {
    /// An empty one.
    pub fn new(journal: Arc<Journal>) -> Self {
        Self { journal, read: Mutex::default() }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = Read::default();
    }

    /// Whether the journal has a blob.
    pub fn contains(&self, id: &BlobId) -> Result<bool, LedgerError> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        self.place(&mut read, id).map(|place| place.is_some())
    }

    /// The bytes of a blob that is in the journal, as its name says.
    pub fn find(&self, id: &BlobId) -> Result<Option<Vec<u8>>, LedgerError> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..2 {
            let Some(place) = self.place(&mut read, id)? else { return Ok(None) };
            let bytes = self.bytes(place);
            if let Ok(bytes) = bytes
                && Sha256::digest(&bytes)[..] == id.0
            {
                return Ok(Some(bytes));
            }
            // The segment was mended, or taken away by a compaction, and its blobs lie elsewhere.
            *read = Read::default();
        }

        Ok(None)
    }

    fn place(&self, read: &mut Read, id: &BlobId) -> Result<Option<Place>, LedgerError> {
        if read.generation != self.journal.generation() {
            *read = Read { generation: self.journal.generation(), ..Read::default() };
        }
        if let Some(place) = read.places.get(id) {
            return Ok(Some(*place));
        }
        self.follow(read)?;
        Ok(read.places.get(id).copied())
    }

    /// Reads what came since.
    fn follow(&self, read: &mut Read) -> Result<(), LedgerError> {
        let segments = journal::segments(self.journal.folder())?;
        let from = read.segment;
        for (name, path) in segments.iter().filter(|(name, _)| *name >= from) {
            // One that was just compressed has another name, and is read again.
            let inode = std::fs::metadata(path).map_or(0, |found| found.ino());
            if *name != read.segment || inode != read.inode {
                (read.segment, read.offset, read.inode) = (*name, segment::HEADER, inode);
            }
            let bytes = match sealed::bytes(path) {
                // What is damaged is the scrubber's; whole records are good for a blob all the same.
                Err(LedgerError::DamagedJournal { .. }) => continue,
                bytes => bytes?,
            };
            while let segment::Found::Record(record, after) = segment::read(&bytes, read.offset) {
                for (id, begin, length) in segment::places(&record, read.offset) {
                    read.places.insert(id, Place { segment: *name, begin, length });
                }
                read.offset = after;
            }
        }

        Ok(())
    }

    fn bytes(&self, place: Place) -> Result<Vec<u8>, LedgerError> {
        let path = place.segment.path(self.journal.folder());
        match disk::read_at(&path, place.begin as u64, place.length) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let bytes = sealed::bytes(&sealed::compressed_name(&path))?;
                Ok(bytes.get(place.begin..place.begin + place.length).map(<[u8]>::to_vec).unwrap_or_default())
            }
            bytes => bytes.map_err(io_error(&path)),
        }
    }
}
