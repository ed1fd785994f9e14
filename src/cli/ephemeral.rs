//! Folders of `--ephemeral`: one that ends with the server, and those that killed servers left.
//!
//! A server holds a lock in its folder as long as it lives. A folder whose lock nobody holds is nobody's: the next
//! server removes it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

/// How the folders' names begin.
const PREFIX: &str = "larder-ephemeral-";

/// The lock's name in the folder.
const LOCK: &str = "ephemeral.lock";

/// The lock of any data dir, which is all that folders of former versions have.
const DATA_DIR_LOCK: &str = "lock";

/// How old an empty folder is that its server will not use any more.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// A folder that is removed when it is dropped, after the server has ended.
#[derive(Debug)]
pub struct Ephemeral {
    folder: TempDir,
    _lock: File,
}

impl Ephemeral {
    /// A fresh folder among the system's temporary ones.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new() -> io::Result<Self> {
        Self::new_in(&std::env::temp_dir())
    }

    fn new_in(parent: &Path) -> io::Result<Self> {
        // Its owner's alone, as any data dir.
        let closed = fs::Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix(PREFIX).permissions(closed).tempdir_in(parent)?;
        // Locked before it has its name: who finds it by that finds it held.
        let fresh = folder.path().join(format!("{LOCK}.new"));
        let lock = File::create(&fresh)?;
        lock.try_lock()?;
        fs::rename(&fresh, folder.path().join(LOCK))?;

        Ok(Self { folder, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes what killed servers of this user left, in a thread that nobody waits for.
pub fn remove_left() {
    std::thread::spawn(|| remove_left_in(&std::env::temp_dir()));
}

fn remove_left_in(parent: &Path) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        let path = entry.path();
        if is_left(&path) {
            match fs::remove_dir_all(&path) {
                Ok(()) => tracing::info!(folder = %path.display(), "removed what a killed server kept for a while"),
                Err(error) => tracing::warn!(folder = %path.display(), %error, "a killed server's folder stays"),
            }
        }
    }
}

/// Whether it is a folder of this user that no server has.
fn is_left(folder: &Path) -> bool {
    let Ok(about) = fs::symlink_metadata(folder) else { return false };
    if !about.is_dir() || about.uid() != nix::unistd::geteuid().as_raw() {
        return false;
    }
    let locks = [LOCK, DATA_DIR_LOCK].map(|name| folder.join(name));
    if let Some(lock) = locks.iter().find_map(|lock| File::open(lock).ok()) {
        return lock.try_lock().is_ok();
    }
    let is_old = about.modified().ok().and_then(|time| time.elapsed().ok()).is_some_and(|age| age > FORGOTTEN);

    is_old && fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_holds_is_removed() {
        let parent = tempfile::tempdir().expect("a folder");
        let held = Ephemeral::new_in(parent.path()).expect("made");
        let left = parent.path().join(format!("{PREFIX}left"));
        let former = parent.path().join(format!("{PREFIX}former"));
        let others = ["larder-ephemeral-fresh", "larder-demo-x", "other"].map(|name| parent.path().join(name));
        for (folder, file) in [(&left, LOCK), (&former, DATA_DIR_LOCK), (&others[1], LOCK), (&others[2], LOCK)] {
            fs::create_dir_all(folder.join("store")).expect("made");
            fs::write(folder.join(file), "").expect("written");
        }
        fs::create_dir(&others[0]).expect("made");
        remove_left_in(parent.path());
        assert!(!left.exists() && !former.exists());
        assert!(held.path().exists(), "its server lives");
        assert!(others.iter().all(|other| other.exists()), "an empty one may be about to be used");
        let path = held.path().to_owned();
        drop(held);
        assert!(!path.exists());
    }
}
