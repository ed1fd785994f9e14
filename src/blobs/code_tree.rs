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
    making: Mutex<HashMap<PathBuf, Arc<Mutex<()>>>>,
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
        self.made_once(self.folder.join(id.hex()), |fresh| {
            let zip = self.blobs.read(id)?;
            // One more than accepted: the limit was checked when the package came in.
            let limit = self.limit.saturating_add(1);
            package::unpack(&zip, limit, fresh).map_err(|source| BlobError::Package { id: *id, source })
        })
    }

    /// The folder with the files of layers, one over the other, made if it is not there; `None` for no
    /// layers. Blocking.
    pub fn layers(&self, ids: &[BlobId]) -> Result<Option<PathBuf>, BlobError> {
        let trees = match ids {
            [] => return Ok(None),
            [one] => return self.get(one).map(Some),
            several => several.iter().map(|id| self.get(id)).collect::<Result<Vec<_>, _>>()?,
        };
        let merged = self.made_once(self.folder.join(merged_name(ids)), |fresh| {
            trees.iter().try_for_each(|tree| lay_over(tree, fresh, share))
        })?;
        Ok(Some(merged))
    }

    /// Makes a tree in a temporary folder and renames it, unless it is there.
    fn made_once(
        &self,
        tree: PathBuf,
        make: impl FnOnce(&Path) -> Result<(), BlobError>,
    ) -> Result<PathBuf, BlobError> {
        if tree.is_dir() {
            return Ok(tree);
        }
        let lock = Arc::clone(self.making.lock().expect("no holder panics").entry(tree.clone()).or_default());
        let result = {
            let _making = lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if tree.is_dir() { Ok(()) } else { self.make(&tree, make) }
        };
        self.making.lock().expect("no holder panics").remove(&tree);

        result.map(|()| tree)
    }

    fn make(&self, tree: &Path, make: impl FnOnce(&Path) -> Result<(), BlobError>) -> Result<(), BlobError> {
        let fresh = tempfile::Builder::new().prefix("new-").tempdir_in(&self.folder).map_err(io_error(&self.folder))?;
        make(fresh.path())?;
        make_readable(fresh.path())?;
        fs::rename(fresh.keep(), tree).map_err(io_error(tree))
    }
}

/// Name of the tree of several layers.
pub(super) fn merged_name(ids: &[BlobId]) -> String {
    let name = super::digest(&ids.iter().flat_map(|id| id.0).collect::<Vec<u8>>());
    format!("layers-{}", name.hex())
}

/// Puts a file at another place, shared where the file system lets it: another one, or too many links, needs a copy.
pub fn share(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop))
}

/// Puts the files of a tree over those of another, each by `put`: a file or link takes the place of what is there.
/// No link is followed, so that nothing is written outside.
pub fn lay_over(
    upper: &Path,
    lower: &Path,
    put: impl Fn(&Path, &Path) -> std::io::Result<()> + Copy,
) -> Result<(), BlobError> {
    for entry in fs::read_dir(upper).map_err(io_error(upper))? {
        let from = entry.map_err(io_error(upper))?.path();
        let to = lower.join(from.file_name().unwrap_or_default());
        let kind = from.symlink_metadata().map_err(io_error(&from))?.file_type();
        let there = to.symlink_metadata().ok().map(|found| found.file_type());
        if kind.is_dir() {
            if !there.is_some_and(|there| there.is_dir()) {
                remove(&to, there)?;
                fs::create_dir(&to).map_err(io_error(&to))?;
            }
            lay_over(&from, &to, put)?;
            continue;
        }
        remove(&to, there)?;
        if kind.is_symlink() {
            let target = fs::read_link(&from).map_err(io_error(&from))?;
            std::os::unix::fs::symlink(target, &to).map_err(io_error(&to))?;
        } else {
            put(&from, &to).map_err(io_error(&to))?;
        }
    }
    Ok(())
}

/// Removes what is at a path, of this kind if anything is there.
pub fn remove(path: &Path, kind: Option<fs::FileType>) -> Result<(), BlobError> {
    match kind {
        None => Ok(()),
        Some(kind) if kind.is_dir() => fs::remove_dir_all(path).map_err(io_error(path)),
        Some(_) => fs::remove_file(path).map_err(io_error(path)),
    }
}

/// Temporary folders are private; a tree is for the function's user too.
pub fn make_readable(folder: &Path) -> Result<(), BlobError> {
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_last_layer_wins_and_no_link_is_followed() {
        let folders: Vec<_> = (0..4).map(|_| tempfile::tempdir().expect("a folder")).collect();
        let [lower, upper, merged, outside] = [0, 1, 2, 3].map(|index| folders[index].path());
        fs::create_dir(lower.join("shared")).expect("made");
        fs::write(lower.join("shared/a"), "lower a").expect("written");
        fs::write(lower.join("shared/b"), "lower b").expect("written");
        symlink(outside, lower.join("way-out")).expect("linked");
        fs::create_dir(upper.join("shared")).expect("made");
        fs::write(upper.join("shared/b"), "upper b").expect("written");
        fs::create_dir(upper.join("way-out")).expect("made");
        fs::write(upper.join("way-out/file"), "inside").expect("written");
        for tree in [lower, upper] {
            lay_over(tree, merged, share).expect("laid");
        }
        let read = |name: &str| fs::read_to_string(merged.join(name)).expect("is there");
        assert_eq!((read("shared/a").as_str(), read("shared/b").as_str()), ("lower a", "upper b"));
        assert_eq!(read("way-out/file"), "inside");
        assert_eq!(fs::read_dir(outside).expect("is there").count(), 0);
        assert_eq!(fs::read_to_string(lower.join("shared/b")).expect("is there"), "lower b");
    }
}
