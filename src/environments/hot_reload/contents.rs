//! What is in a folder that functions shall see. It is walked by open folders, not by paths, so that no link put
//! into its way meanwhile leads elsewhere, and nothing but folders and regular files is ever opened: to open a named
//! pipe is to wait for whoever may be at its other end.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, RawMode, fstat, openat, readlinkat, statat};
use rustix::io::Errno;

use crate::blobs::code_tree::remove;
use crate::blobs::{BlobError, io_error};

/// Folders within each other that are walked at most: each is held open.
const DEEPEST: usize = 128;

/// Something that leads out of a folder, though it lies in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Special {
    /// Where it is in the folder.
    pub place: PathBuf,
    /// What it is, in words.
    pub kind: &'static str,
}

/// The first thing in a folder that is no file, folder or link: through a socket, a named pipe or a device a function
/// would reach whatever is at its other end, read-only or not. What the server may not look into is passed over.
pub fn first_special(folder: BorrowedFd<'_>) -> io::Result<Option<Special>> {
    search(folder, Path::new(""), 0)
}

fn search(folder: BorrowedFd<'_>, place: &Path, depth: usize) -> io::Result<Option<Special>> {
    if depth == DEEPEST {
        return Ok(Some(Special { place: place.to_owned(), kind: "too many folders within each other" }));
    }
    for entry in entries(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        let place = place.join(std::ffi::OsStr::from_bytes(name));
        let found = match kind(folder, &entry) {
            FileType::Directory => match open_folder(folder, entry.file_name()) {
                Ok(inner) => search(inner.as_fd(), &place, depth + 1)?,
                // Gone or another thing since it was listed, or nothing that this user may see.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::ACCESS) => None,
                Err(error) => return Err(error.into()),
            },
            other => word(other).map(|kind| Special { place, kind }),
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The entries of a folder, which may be held without the right to read it.
fn entries(folder: BorrowedFd<'_>) -> Result<Dir, Errno> {
    open_folder(folder, ".").and_then(Dir::new)
}

/// What a thing is called that leads out of the folder.
fn word(kind: FileType) -> Option<&'static str> {
    match kind {
        FileType::Socket => Some("a socket"),
        FileType::Fifo => Some("a named pipe"),
        FileType::CharacterDevice | FileType::BlockDevice => Some("a device"),
        _ => None,
    }
}

/// The kind of an entry; not every file system lists it.
fn kind(folder: BorrowedFd<'_>, entry: &rustix::fs::DirEntry) -> FileType {
    if entry.file_type() != FileType::Unknown {
        return entry.file_type();
    }
    let about = statat(folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW);
    about.map_or(FileType::Unknown, |about| FileType::from_raw_mode(about.st_mode))
}

/// Opens a folder in a folder; a link is none.
fn open_folder(folder: BorrowedFd<'_>, name: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(folder, name, flags, Mode::empty())
}

/// Copies what is in a folder over what is at `to`: a file or link takes the place of what is there. What is no file,
/// folder or link is left out.
pub fn copy_over(folder: BorrowedFd<'_>, to: &Path) -> Result<(), BlobError> {
    for entry in entries(folder).map_err(|error| io_error(to)(error.into()))? {
        let entry = entry.map_err(|error| io_error(to)(error.into()))?;
        let name = std::ffi::OsStr::from_bytes(entry.file_name().to_bytes());
        if name == "." || name == ".." {
            continue;
        }
        let place = to.join(name);
        match kind(folder, &entry) {
            FileType::Directory => copy_folder(folder, &entry, &place)?,
            FileType::RegularFile => copy_file(folder, &entry, &place)?,
            FileType::Symlink => copy_link(folder, &entry, &place)?,
            _ => {}
        }
    }
    Ok(())
}

fn copy_folder(folder: BorrowedFd<'_>, entry: &rustix::fs::DirEntry, to: &Path) -> Result<(), BlobError> {
    let inner = match open_folder(folder, entry.file_name()) {
        Ok(inner) => inner,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
        Err(error) => return Err(io_error(to)(error.into())),
    };
    if !to.symlink_metadata().is_ok_and(|there| there.is_dir()) {
        clear(to)?;
        fs::create_dir(to).map_err(io_error(to))?;
    }

    copy_over(inner.as_fd(), to)
}

fn copy_file(folder: BorrowedFd<'_>, entry: &rustix::fs::DirEntry, to: &Path) -> Result<(), BlobError> {
    let failed = |error: Errno| io_error(to)(error.into());
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(folder, entry.file_name(), flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    let mode = fstat(&file).map_err(failed)?.st_mode;

    // It may be another thing since it was listed.
    if FileType::from_raw_mode(mode) != FileType::RegularFile {
        return Ok(());
    }
    clear(to)?;
    let mut options = File::options();
    options.write(true).create_new(true).mode(permissions(mode));
    let mut copy = options.open(to).map_err(io_error(to))?;
    io::copy(&mut File::from(file), &mut copy).map_err(io_error(to))?;
    let mode: fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(permissions(mode));

    copy.set_permissions(mode).map_err(io_error(to))
}

/// Who may read, write and execute: no more of a mode than that.
fn permissions(mode: RawMode) -> u32 {
    mode & 0o777
}

fn copy_link(folder: BorrowedFd<'_>, entry: &rustix::fs::DirEntry, to: &Path) -> Result<(), BlobError> {
    let target = match readlinkat(folder, entry.file_name(), Vec::new()) {
        Ok(target) => target,
        Err(Errno::NOENT | Errno::INVAL) => return Ok(()),
        Err(error) => return Err(io_error(to)(error.into())),
    };
    clear(to)?;
    symlink(std::ffi::OsStr::from_bytes(target.to_bytes()), to).map_err(io_error(to))
}

/// Makes room at a path.
fn clear(to: &Path) -> Result<(), BlobError> {
    remove(to, to.symlink_metadata().ok().map(|there| there.file_type()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use super::*;

    fn folder() -> (tempfile::TempDir, File) {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("a/b")).expect("made");
        fs::write(folder.path().join("a/b/file"), "text").expect("written");
        symlink("/run", folder.path().join("a/link")).expect("linked");
        let open = File::open(folder.path()).expect("opens");
        (folder, open)
    }

    fn pipe(at: &Path) {
        assert!(Command::new("mkfifo").arg(at).status().expect("mkfifo runs").success());
    }

    #[test]
    fn sockets_and_pipes_are_found_wherever_they_are() {
        let (folder, open) = folder();
        assert_eq!(first_special(open.as_fd()).expect("is read"), None);
        let socket = UnixListener::bind(folder.path().join("a/b/agent")).expect("binds");
        let found = first_special(open.as_fd()).expect("is read").expect("is found");
        assert_eq!(found, Special { place: "a/b/agent".into(), kind: "a socket" });
        drop(socket);
        fs::remove_file(folder.path().join("a/b/agent")).expect("removed");
        pipe(&folder.path().join("pipe"));
        let found = first_special(open.as_fd()).expect("is read").expect("is found");

        assert_eq!(found, Special { place: "pipe".into(), kind: "a named pipe" });
    }

    #[test]
    fn folders_without_end_are_refused() {
        let (folder, open) = folder();
        let deep: PathBuf = std::iter::repeat_n("d", DEEPEST + 1).collect();
        fs::create_dir_all(folder.path().join(deep)).expect("made");
        let found = first_special(open.as_fd()).expect("is read").expect("is found");
        assert_eq!(found.kind, "too many folders within each other");
    }

    #[test]
    fn a_copy_has_files_and_links_and_waits_for_nothing() {
        let (folder, open) = folder();
        pipe(&folder.path().join("a/pipe"));
        let to = tempfile::tempdir().expect("a folder");
        fs::write(to.path().join("a"), "in the way").expect("written");
        copy_over(open.as_fd(), to.path()).expect("is copied");
        assert_eq!(fs::read_to_string(to.path().join("a/b/file")).expect("is there"), "text");
        assert_eq!(fs::read_link(to.path().join("a/link")).expect("is a link"), Path::new("/run"));
        assert!(!to.path().join("a/pipe").exists());
    }
}
