//! Code trees: blobs unpacked once, read-only, shared by all environments that run them.
//!
//! A tree is a cache: it is made in a temporary folder and renamed, so that a tree that is there is
//! whole. It is not synced; after a crash of the machine (another boot id) all trees are made anew.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::{BlobError, BlobStore, io_error, package};
use crate::model::blob::BlobId;

/// Where the kernel tells which boot this is.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// All code trees of a store.
#[derive(Debug)]
pub struct CodeTrees {
    folder: PathBuf,
    blobs: Arc<BlobStore>,
    limit: u64,
    /// One lock a tree, so that it is unpacked once however many ask for it.
    making: Mutex<HashMap<BlobId, Arc<Mutex<()>>>>,
}

impl CodeTrees {
    /// Opens or makes the folder of trees; `limit` is the largest tree in bytes.
    pub fn open(folder: &Path, blobs: Arc<BlobStore>, limit: u64) -> Result<Self, BlobError> {
        fs::create_dir_all(folder).map_err(io_error(folder))?;
        forget_trees_of_another_boot(folder)?;
        Ok(Self { folder: folder.to_owned(), blobs, limit, making: Mutex::default() })
    }

    /// The folder of a blob's tree, unpacked if it is not there. Blocking.
    pub fn get(&self, id: &BlobId) -> Result<PathBuf, BlobError> {
        let tree = self.folder.join(id.hex());
        if tree.is_dir() {
            return Ok(tree);
        }
        let lock = Arc::clone(self.making.lock().expect("no holder panics").entry(*id).or_default());
        let result = {
            let _making = lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if tree.is_dir() { Ok(()) } else { self.make(id, &tree) }
        };
        self.making.lock().expect("no holder panics").remove(id);
        result.map(|()| tree)
    }

    fn make(&self, id: &BlobId, tree: &Path) -> Result<(), BlobError> {
        let zip = self.blobs.read(id)?;
        let fresh = tempfile::Builder::new().prefix("new-").tempdir_in(&self.folder).map_err(io_error(&self.folder))?;
        // One more than accepted: the limit was checked when the package came in.
        let limit = self.limit.saturating_add(1);
        package::unpack(&zip, limit, fresh.path()).map_err(|source| BlobError::Package { id: *id, source })?;
        set_readable(fresh.path())?;
        fs::rename(fresh.keep(), tree).map_err(io_error(tree))
    }
}

/// Temporary folders are private; a tree is for the function's user too.
fn set_readable(folder: &Path) -> Result<(), BlobError> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).map_err(io_error(folder))
}

fn forget_trees_of_another_boot(folder: &Path) -> Result<(), BlobError> {
    let boot = fs::read_to_string(BOOT_ID).unwrap_or_default();
    let mark = folder.join("boot-id");
    if fs::read_to_string(&mark).is_ok_and(|seen| seen == boot) {
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(io_error(folder))? {
        let path = entry.map_err(io_error(folder))?.path();
        if path.is_dir() {
            fs::remove_dir_all(&path).map_err(io_error(&path))?;
        }
    }
    fs::write(&mark, boot).map_err(io_error(&mark))
}
