//! Sealed segments put in the place of others, or removed, while the server runs.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::journal::{Journal, Name, list, sealed};
use super::{LedgerError, io_error};
use crate::disk;

/// The files of a journal.
pub struct SegmentFiles {
    /// The journal.
    pub journal: Arc<Journal>,
    /// Held by whoever appends or compacts: the folder is another one after a compaction.
    pub writing: Arc<Mutex<()>>,
}

impl SegmentFiles {
    /// Puts a compressed segment in the place of one, unless a compaction took that away meanwhile.
    pub fn replace(&self, path: &Path, inode: u64, bytes: &[u8], keep_aside: bool) -> Result<(), LedgerError> {
        let new = sealed::write_beside(path, bytes)?;
        let compressed = sealed::compressed_name(path);
        // What is to take its place is what was meant.
        if sealed::unpacked(&new)? != bytes {
            disk::remove_file(&new).map_err(io_error(&new))?;
            let problem = format!("{} reads otherwise than it was written", new.display());
            return Err(LedgerError::NotProven { what: "compressing a segment", problem });
        }

        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if fs::metadata(path).is_ok_and(|now| now.ino() == inode) {
            if keep_aside {
                let aside = path.with_extension("damaged");
                disk::copy(path, &aside).map_err(io_error(&aside))?;
            }
            disk::rename(&new, &compressed).map_err(io_error(&compressed))?;
            let folder = self.journal.folder();
            disk::sync_folder(folder).map_err(io_error(folder))?;
            if compressed != path {
                disk::remove_file(path).map_err(io_error(path))?;
            }
        } else {
            disk::remove_file(&new).map_err(io_error(&new))?;
        }

        Ok(())
    }

    /// Removes a segment in which nothing is left, unless a compaction took it away meanwhile. The list forgets it first:
    /// what it names and is not there is lost.
    pub fn remove(&self, name: Name, path: &Path, inode: u64) -> Result<(), LedgerError> {
        let folder = self.journal.folder();
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if fs::metadata(path).is_ok_and(|now| now.ino() == inode) {
            list::leave_out(folder, name)?;
            // A crash may have left both of its forms.
            for form in [name.path(folder), sealed::compressed_name(path)] {
                disk::remove_file(&form).map_err(io_error(&form))?;
            }
        }

        Ok(())
    }
}
