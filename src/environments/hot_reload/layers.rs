//! Layers of which some are folders, in one folder: they can be mounted at /opt only together. Unlike a single
//! folder, which is mounted itself, they are copied, and copied again before environments read them anew.

use std::collections::HashMap;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{fs, io};

use super::contents::copy_over;
use crate::blobs::code_tree::{make_readable, remove};
use crate::blobs::{BlobError, io_error};

/// The folder of merged layers, one folder for each deployment that has some.
#[derive(Debug)]
pub struct MergedLayers {
    folder: PathBuf,
    /// Deployments, and the change that their folder has. Held while one is made.
    made: Mutex<HashMap<String, u64>>,
}

impl MergedLayers {
    /// Opens or makes the folder, and forgets all but what `wanted` names.
    pub fn open(folder: &Path, wanted: impl Fn(&str) -> bool) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if !entry.file_name().to_str().is_some_and(&wanted) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(Self { folder: folder.to_owned(), made: Mutex::default() })
    }

    /// The folder of `deployment`, as of `change` or later: the trees over each other, the last on top. A folder that
    /// environments have mounted stays the same one, and is made once for a change: they may be reading it. Blocking.
    pub fn merge(&self, deployment: &str, change: u64, trees: &[OwnedFd]) -> Result<PathBuf, BlobError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let merged = self.folder.join(deployment);
        if made.get(deployment).is_none_or(|made| *made < change) {
            self.make(&merged, trees)?;
            made.insert(deployment.to_owned(), change);
        }
        Ok(merged)
    }

    fn make(&self, merged: &Path, trees: &[OwnedFd]) -> Result<(), BlobError> {
        let fresh = tempfile::Builder::new().prefix("new-").tempdir_in(&self.folder);
        let fresh = fresh.map_err(io_error(&self.folder))?;
        for tree in trees {
            copy_over(tree.as_fd(), fresh.path())?;
        }
        fs::create_dir_all(merged).map_err(io_error(merged))?;
        make_readable(merged)?;

        for entry in entries(merged)? {
            let kind = entry.symlink_metadata().ok().map(|about| about.file_type());
            remove(&entry, kind)?;
        }

        for entry in entries(fresh.path())? {
            let place = merged.join(entry.file_name().unwrap_or_default());
            fs::rename(&entry, &place).map_err(io_error(&place))?;
        }

        Ok(())
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, BlobError> {
    let entries = fs::read_dir(folder).map_err(io_error(folder))?;
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(io_error(folder))).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn the_mounted_folder_stays_and_gets_what_the_trees_have_now() {
        let folder = tempfile::tempdir().expect("a folder");
        let (lower, upper) = (folder.path().join("lower"), folder.path().join("upper"));
        for tree in [&lower, &upper] {
            fs::create_dir_all(tree.join("python")).expect("made");
        }
        fs::write(lower.join("python/a.py"), "lower").expect("written");
        fs::write(upper.join("python/a.py"), "upper").expect("written");
        fs::write(upper.join("gone"), "").expect("written");
        let layers = MergedLayers::open(&folder.path().join("merged"), |_| true).expect("opens");
        let trees = [&lower, &upper].map(|tree| OwnedFd::from(fs::File::open(tree).expect("opens")));
        let merged = layers.merge("d", 1, &trees).expect("merged");
        let mounted = fs::File::open(&merged).expect("opens");
        fs::remove_file(upper.join("gone")).expect("removed");
        fs::write(upper.join("python/a.py"), "changed").expect("written");
        assert_eq!(layers.merge("d", 1, &trees).expect("is there"), merged);
        assert!(merged.join("gone").exists(), "it has that change already");
        assert_eq!(layers.merge("d", 2, &trees).expect("merged"), merged);
        assert_eq!(mounted.metadata().expect("is there").ino(), merged.metadata().expect("is there").ino());
        assert_eq!(fs::read_to_string(merged.join("python/a.py")).expect("is there"), "changed");
        assert!(!merged.join("gone").exists());
        MergedLayers::open(&folder.path().join("merged"), |name| name != "d").expect("opens");
        assert!(!merged.exists(), "nobody wants it");
    }
}
