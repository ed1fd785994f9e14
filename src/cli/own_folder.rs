//! Temporary folders that end with the process that made them, such as that of `--ephemeral`; and those that killed
//! processes left.
//!
//! A process holds a lock in its folder as long as it lives. A folder whose lock nobody holds is nobody's: the next
//! process that makes one of its kind removes it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

/// The lock's name in the folder.
const LOCK: &str = "ephemeral.lock";

/// The locks of data dirs: of the folder itself, which is all that folders of former versions have, and of one in it,
/// whose server may live a moment longer than the process that started it.
const DATA_DIR_LOCKS: [&str; 2] = ["lock", "data/lock"];

/// How old an empty folder is that its server will not use any more.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// What a folder is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The data dir of `larder serve --ephemeral`.
    Ephemeral,
    /// The server of `larder replay` and its like.
    Replay,
}

impl Purpose {
    /// How the folders' names begin.
    fn prefix(self) -> &'static str {
        match self {
            Self::Ephemeral => "larder-ephemeral-",
            Self::Replay => "larder-replay-",
        }
    }
}

/// A folder that is removed when it is dropped, after the server in it has ended.
#[derive(Debug)]
pub struct OwnFolder {
    folder: TempDir,
    _lock: File,
}

impl OwnFolder {
    /// A fresh folder among the system's temporary ones.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(purpose: Purpose) -> io::Result<Self> {
        Self::new_in(&std::env::temp_dir(), purpose)
    }

    fn new_in(parent: &Path, purpose: Purpose) -> io::Result<Self> {
        // Its owner's alone, as any data dir.
        let closed = fs::Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix(purpose.prefix()).permissions(closed).tempdir_in(parent)?;
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

/// Removes what killed processes of this user left, in a thread that nobody waits for.
pub fn remove_left(purpose: Purpose) {
    std::thread::spawn(move || remove_left_in(&std::env::temp_dir(), purpose));
}

fn remove_left_in(parent: &Path, purpose: Purpose) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(purpose.prefix())) {
        let path = entry.path();
        // Held until it is gone, so that no other process removes it, too.
        let Some(_locks) = taken(&path) else { continue };
        match remove(&path) {
            Ok(()) => tracing::info!(folder = %path.display(), "removed what a killed process kept for a while"),
            Err(error) => tracing::warn!(folder = %path.display(), %error, "a killed process's folder stays"),
        }
    }
}

/// The locks of a folder of this user that no process has; `None` where one has it, or may be about to.
fn taken(folder: &Path) -> Option<Vec<File>> {
    let about = fs::symlink_metadata(folder).ok()?;
    if !about.is_dir() || about.uid() != nix::unistd::geteuid().as_raw() {
        return None;
    }
    let mut locks = Vec::new();
    // The folder's own first: those of data dirs are not touched while a server may want them.
    for name in [LOCK].iter().chain(&DATA_DIR_LOCKS) {
        let Ok(lock) = File::open(folder.join(name)) else { continue };
        lock.try_lock().ok()?;
        locks.push(lock);
    }
    let is_old = || about.modified().ok().and_then(|time| time.elapsed().ok()).is_some_and(|age| age > FORGOTTEN);
    let is_empty = || fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());

    (!locks.is_empty() || is_old() && is_empty()).then_some(locks)
}

/// Removes a folder, its lock last: what is broken off half-way is found again.
fn remove(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name() == LOCK {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    fs::remove_dir_all(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_holds_is_removed() {
        let parent = tempfile::tempdir().expect("a folder");
        let held = OwnFolder::new_in(parent.path(), Purpose::Ephemeral).expect("made");
        let left = parent.path().join("larder-ephemeral-left");
        let former = parent.path().join("larder-ephemeral-former");
        let others = ["larder-ephemeral-fresh", "larder-replay-x", "other"].map(|name| parent.path().join(name));
        for (folder, file) in [(&left, LOCK), (&former, "lock"), (&others[1], LOCK), (&others[2], LOCK)] {
            fs::create_dir_all(folder.join("store")).expect("made");
            fs::write(folder.join(file), "").expect("written");
        }
        fs::create_dir(&others[0]).expect("made");
        remove_left_in(parent.path(), Purpose::Ephemeral);
        assert!(!left.exists() && !former.exists());
        assert!(held.path().exists(), "its server lives");
        assert!(others.iter().all(|other| other.exists()), "an empty one may be about to be used");
        let path = held.path().to_owned();
        drop(held);
        assert!(!path.exists());
    }

    /// The command was killed, and its server has not ended yet.
    #[test]
    fn a_folder_whose_server_lives_stays() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("larder-replay-left");
        fs::create_dir_all(folder.join("data")).expect("made");
        fs::write(folder.join(LOCK), "").expect("written");
        let server = File::create(folder.join("data/lock")).expect("made");
        server.try_lock().expect("locked");
        remove_left_in(parent.path(), Purpose::Replay);
        assert!(folder.join("data/lock").exists());

        drop(server);
        remove_left_in(parent.path(), Purpose::Replay);
        assert!(!folder.exists());
    }
}
