//! Content-addressed bytes: blobs, what a code package may be, and code trees.
//!
//! A blob is named by its SHA-256 and verified against that name whenever it is read. A large one is
//! a file; a small one is stored by the ledger in the same flush as the event that refers to it.

pub mod code_tree;
#[cfg(test)]
pub(crate) mod faults;
pub mod gc;
pub mod package;
pub mod upkeep;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::disk;
use crate::ledger::{Attachment, LedgerError, SmallBlobs};
use crate::model::blob::BlobId;

/// Largest blob that is stored with its event. One flush for both takes about half the time of a
/// file's own two syncs; beyond this size the file wins (docs/PERFORMANCE.md).
const SMALL: usize = 32 * 1024;

/// Why a blob cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// A file or folder cannot be used.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// No such blob.
    #[error("blob {0} is not in the store")]
    Missing(BlobId),
    /// The bytes are not those that were stored.
    #[error("blob {id} is damaged: its bytes have the digest {found}")]
    Damaged {
        /// Its name.
        id: BlobId,
        /// What its bytes should be called.
        found: BlobId,
    },
    /// The ledger's part of the store cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A stored package cannot be unpacked.
    #[error("blob {id} cannot be unpacked: {source}")]
    Package {
        /// Its name.
        id: BlobId,
        /// What is wrong with it.
        source: package::PackageError,
    },
}

/// A blob that is stored, or will be with the commit that takes its attachment.
#[derive(Debug)]
pub struct Staged {
    /// Its name.
    pub id: BlobId,
    /// Bytes.
    pub size: u64,
    /// For the ledger to store; `None` when it is in the store already.
    pub attachment: Option<Attachment>,
}

/// The blob store.
#[derive(Debug)]
pub struct BlobStore {
    folder: PathBuf,
    small: SmallBlobs,
}

impl BlobStore {
    /// Opens or makes the store in `folder`.
    pub fn open(folder: &Path, small: SmallBlobs) -> Result<Self, BlobError> {
        let folder = folder.join("sha256");
        disk::create_folder(&folder).map_err(io_error(&folder))?;
        Ok(Self { folder, small })
    }

    /// Stores `bytes`: a large blob is on disk when this returns, a small one when its attachment is
    /// committed. Blocking.
    pub fn stage(&self, bytes: Bytes) -> Result<Staged, BlobError> {
        let id = digest(&bytes);
        let size = bytes.len() as u64;
        self.small.held().hold(id);
        if bytes.len() > SMALL {
            self.write_file(&id, &bytes)?;
            return Ok(Staged { id, size, attachment: None });
        }

        let attachment = (!self.small.contains(&id)?).then_some((id, bytes));
        Ok(Staged { id, size, attachment })
    }

    /// The bytes of a blob, verified. Blocking.
    pub fn read(&self, id: &BlobId) -> Result<Bytes, BlobError> {
        if let Some(bytes) = self.small.get(id)? {
            return Ok(bytes.into());
        }
        match self.read_file(id) {
            // A small one that the index has lost.
            Err(error @ (BlobError::Missing(_) | BlobError::Damaged { .. })) => {
                self.small.find(id)?.map(Into::into).ok_or(error)
            }
            read => read,
        }
    }

    /// A reader of a blob, and its size. What it reads is not checked against the name: whoever reads all of it
    /// can.
    pub fn open_blob(&self, id: &BlobId) -> Result<(u64, Box<dyn Read + Send>), BlobError> {
        if let Some(bytes) = self.small.get(id)? {
            return Ok((bytes.len() as u64, Box::new(std::io::Cursor::new(bytes))));
        }
        let path = self.path(id);
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
        match opened {
            Ok((size, file)) => Ok((size, Box::new(file))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // A small one that the index has lost.
                let bytes = self.small.find(id)?.ok_or(BlobError::Missing(*id))?;
                Ok((bytes.len() as u64, Box::new(std::io::Cursor::new(bytes))))
            }
            Err(source) => Err(BlobError::Io { path, source }),
        }
    }

    /// Stores a file, whose bytes were checked to have the digest `id`; a large one is moved, a small one read as
    /// [`BlobStore::stage`] does. What is there already under this name is read, and replaced if it is damaged.
    /// Blocking.
    pub fn stage_file(&self, id: BlobId, source: &Path) -> Result<Staged, BlobError> {
        let size = fs::metadata(source).map_err(io_error(source))?.len();
        if size <= SMALL as u64 {
            return self.stage(disk::read(source).map_err(io_error(source))?.into());
        }
        self.small.held().hold(id);
        let path = self.path(&id);

        if !self.has_file(&id) {
            disk::sync_file(source).map_err(io_error(source))?;
            disk::move_file(source, &path).map_err(io_error(&path))?;
        }

        disk::sync_folder(&self.folder).map_err(io_error(&self.folder))?;
        Ok(Staged { id, size, attachment: None })
    }

    /// Whether a blob is there as a file, and its bytes are as its name says.
    pub fn has_file(&self, id: &BlobId) -> bool {
        is_whole(&self.path(id), id)
    }

    fn read_file(&self, id: &BlobId) -> Result<Bytes, BlobError> {
        let path = self.path(id);
        let bytes = disk::read(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => BlobError::Missing(*id),
            _ => BlobError::Io { path, source },
        })?;
        match digest(&bytes) {
            same if same == *id => Ok(bytes.into()),
            found => Err(BlobError::Damaged { id: *id, found }),
        }
    }

    /// Whole and on disk, or not at all; one that is there and whole is left.
    fn write_file(&self, id: &BlobId, bytes: &[u8]) -> Result<(), BlobError> {
        let path = self.path(id);
        if self.has_file(id) {
            // Whoever wrote it may not have come to that, or failed at it: its bytes were synced before it had its name.
            return disk::sync_folder(&self.folder).map_err(io_error(&self.folder));
        }
        disk::write_whole(&path, bytes).map_err(io_error(&path))
    }

    fn path(&self, id: &BlobId) -> PathBuf {
        self.folder.join(id.hex())
    }
}

/// Whether a file is there and its bytes have the digest `id`.
pub fn is_whole(path: &Path, id: &BlobId) -> bool {
    let read = || {
        let mut file = File::open(path)?;
        let mut hasher = Sha256::new();
        std::io::copy(&mut file, &mut hasher)?;
        Ok::<_, std::io::Error>(hasher.finalize())
    };
    read().is_ok_and(|found| found[..] == id.0)
}

/// The name of some bytes.
pub fn digest(bytes: &[u8]) -> BlobId {
    BlobId(Sha256::digest(bytes).into())
}

/// An error of the system with the path that it is about.
pub fn io_error(path: &Path) -> impl FnOnce(std::io::Error) -> BlobError {
    let path = path.to_owned();
    move |source| BlobError::Io { path, source }
}
