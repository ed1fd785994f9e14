//! Faults of the disk, for tests: any operation below a folder can fail, write a part only, or be the last one before
//! the machine is gone; and the end of the power takes what was not synced, bytes and names.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

/// What happens to an operation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It fails with this code of the system, and does nothing.
    Fails(i32),
    /// A write ends after a part of its bytes, in thousandths; anything else fails.
    Short(usize),
    /// So does everything from here on: the machine is gone.
    Crash(usize),
}

/// What the end of the power may take.
enum Unsynced {
    Write { file: File, offset: u64, before: Vec<u8> },
    Created { path: PathBuf },
    Renamed { from: PathBuf, to: PathBuf, replaced: Option<PathBuf> },
    Removed { path: PathBuf, kept: PathBuf },
}

/// The disk below a folder.
struct Disk {
    plan: VecDeque<Fault>,
    unsynced: Vec<Unsynced>,
    /// Where what was removed lies, in case that the power ends.
    trash: TempDir,
}

static DISKS: LazyLock<Mutex<HashMap<PathBuf, Disk>>> = LazyLock::new(Mutex::default);

fn disks() -> MutexGuard<'static, HashMap<PathBuf, Disk>> {
    DISKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What happens to the next operations below `root`, one for each; then nothing more fails.
pub fn plan(root: &Path, faults: impl IntoIterator<Item = Fault>) {
    let fresh = || Disk { plan: VecDeque::new(), unsynced: Vec::new(), trash: tempfile::tempdir().expect("a folder") };
    let mut disks = disks();
    let disk = disks.entry(root.to_owned()).or_insert_with(fresh);
    disk.plan = faults.into_iter().collect();
}

/// Nothing fails any more below `root`, and what is not synced stays.
pub fn clear(root: &Path) {
    disks().remove(root);
}

/// Whether nothing is left that could fail below `root`.
pub fn is_well(root: &Path) -> bool {
    disks().get(root).is_none_or(|disk| disk.plan.iter().all(|fault| *fault == Fault::None))
}

fn with<T>(path: &Path, ask: impl FnOnce(&mut Disk) -> io::Result<T>) -> io::Result<Option<T>> {
    let mut disks = disks();
    match disks.iter_mut().find(|(root, _)| path.starts_with(root)) {
        Some((_, disk)) => ask(disk).map(Some),
        None => Ok(None),
    }
}

impl Disk {
    fn next(&mut self) -> Fault {
        let fault = self.plan.pop_front().unwrap_or(Fault::None);
        if matches!(fault, Fault::Crash(_)) {
            self.plan.push_front(Fault::Crash(0));
        }
        fault
    }

    fn may(&mut self) -> io::Result<()> {
        match self.next() {
            Fault::None => Ok(()),
            Fault::Fails(code) => Err(io::Error::from_raw_os_error(code)),
            Fault::Short(_) | Fault::Crash(_) => Err(full()),
        }
    }

    fn place(&self) -> PathBuf {
        self.trash.path().join(uuid::Uuid::new_v4().simple().to_string())
    }
}

fn full() -> io::Error {
    io::Error::from(io::ErrorKind::StorageFull)
}

/// An operation that only looks, or whose loss changes nothing.
pub fn access(path: &Path) -> io::Result<()> {
    with(path, Disk::may).map(drop)
}

/// A file is made.
pub fn create(path: &Path) -> io::Result<()> {
    let create = |disk: &mut Disk| {
        disk.may()?;
        if !path.exists() {
            disk.unsynced.push(Unsynced::Created { path: path.to_owned() });
        }
        Ok(())
    };
    with(path, create).map(drop)
}

/// What is to be written after all, of what was to be.
pub fn write<'a>(file: &File, path: &Path, bytes: &'a [u8], offset: u64) -> io::Result<&'a [u8]> {
    let write = |disk: &mut Disk| {
        let mut before = vec![0; bytes.len()];
        // Behind the end there were zeros, for who reads a segment.
        let read = file.read_at(&mut before, offset)?;
        before[read..].fill(0);
        disk.unsynced.push(Unsynced::Write { file: file.try_clone()?, offset, before });
        match disk.next() {
            Fault::None => Ok(bytes),
            Fault::Fails(code) => Err(io::Error::from_raw_os_error(code)),
            Fault::Short(thousandths) | Fault::Crash(thousandths) => {
                file.write_all_at(&bytes[..bytes.len() * thousandths / 1000], offset)?;
                Err(full())
            }
        }
    };
    with(path, write).map(|written| written.unwrap_or(bytes))
}

/// Whether a sync does what it should.
pub fn sync(file: &File, path: &Path) -> io::Result<()> {
    let sync = |disk: &mut Disk| {
        disk.may()?;
        let inode = file.metadata()?.ino();
        disk.unsynced.retain(|one| match one {
            Unsynced::Write { file, .. } => file.metadata().is_ok_and(|other| other.ino() != inode),
            _ => true,
        });
        Ok(())
    };
    with(path, sync).map(drop)
}

/// A name is given.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let rename = |disk: &mut Disk| {
        disk.may()?;
        let replaced = to.is_file().then(|| disk.place());
        if let Some(kept) = &replaced {
            keep_file(to, kept)?;
        }
        if from.is_dir() {
            move_below(&mut disk.unsynced, from, to);
        }
        disk.unsynced.push(Unsynced::Renamed { from: from.to_owned(), to: to.to_owned(), replaced });
        Ok(())
    };
    with(from, rename).map(drop)
}

/// A file or folder goes: it is kept aside, as it may come back.
pub fn remove(path: &Path) -> io::Result<()> {
    let remove = |disk: &mut Disk| {
        disk.may()?;
        let kept = disk.place();
        if path.is_dir() {
            move_below(&mut disk.unsynced, path, &kept);
            fs::rename(path, &kept)?;
        } else if path.exists() {
            keep_file(path, &kept)?;
        } else {
            return Ok(());
        }
        disk.unsynced.push(Unsynced::Removed { path: path.to_owned(), kept });
        Ok(())
    };
    with(path, remove).map(drop)
}

fn keep_file(path: &Path, kept: &Path) -> io::Result<()> {
    fs::hard_link(path, kept).or_else(|_| fs::copy(path, kept).map(drop))
}

/// Names in a folder are on disk.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let sync = |disk: &mut Disk| {
        disk.may()?;
        let is_in = |one: &Path| one.parent() == Some(path);
        disk.unsynced.retain(|one| match one {
            Unsynced::Write { .. } => true,
            Unsynced::Created { path } | Unsynced::Removed { path, .. } => !is_in(path),
            Unsynced::Renamed { to, .. } => !is_in(to),
        });
        Ok(())
    };
    with(path, sync).map(drop)
}

/// The end of the power below `root`: of what was not synced, each write is there or not, and so are names, of which
/// the last `names` are lost.
pub fn cut_power(root: &Path, mut lost: impl Iterator<Item = bool>, mut names: usize) {
    let Some(disk) = disks().remove(root) else { return };
    let mut unsynced = disk.unsynced;
    while let Some(one) = unsynced.pop() {
        if let Unsynced::Write { file, offset, before } = one {
            if lost.next().unwrap_or(true) {
                file.write_all_at(&before, offset).expect("the disk is well again");
            }
        } else if names > 0 {
            names -= 1;
            match &one {
                Unsynced::Renamed { from, to, .. } if to.is_dir() => move_below(&mut unsynced, to, from),
                Unsynced::Removed { path, kept } if kept.is_dir() => move_below(&mut unsynced, kept, path),
                _ => {}
            }
            undo(one);
        } else {
            // Names that are on disk stay in their order.
        }
    }
}

/// What is in a folder moves with it.
fn move_below(unsynced: &mut [Unsynced], from: &Path, to: &Path) {
    let moved = |path: &mut PathBuf| {
        if let Ok(rest) = path.strip_prefix(from)
            && !rest.as_os_str().is_empty()
        {
            *path = to.join(rest);
        }
    };
    for one in unsynced {
        match one {
            Unsynced::Write { .. } => {}
            Unsynced::Created { path } | Unsynced::Removed { path, .. } => moved(path),
            Unsynced::Renamed { from, to, .. } => {
                moved(from);
                moved(to);
            }
        }
    }
}

/// Takes a name back, where it still is what it became.
fn undo(one: Unsynced) {
    match one {
        Unsynced::Created { path } => drop(fs::remove_file(path)),
        Unsynced::Renamed { from, to, replaced } => {
            let _ = fs::rename(&to, &from);
            if let Some(kept) = replaced {
                let _ = fs::copy(kept, &to);
            }
        }
        Unsynced::Removed { path, kept } => {
            if !path.exists() && fs::rename(&kept, &path).is_err() {
                let _ = fs::copy(&kept, &path);
            }
        }
        Unsynced::Write { .. } => {}
    }
}
