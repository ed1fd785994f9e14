//! The disk: the operations on files that must not lose anything, in one place. Journal, checkpoints, blobs and the
//! switches between old and new go through here, so that tests can make any of them fail (`faults.rs`).

#[cfg(test)]
pub mod faults;

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// An open file.
#[derive(Debug)]
pub struct DiskFile {
    file: File,
    #[cfg_attr(not(test), allow(dead_code))]
    path: PathBuf,
}

impl DiskFile {
    /// Makes a file, or empties one.
    pub fn create(path: &Path) -> io::Result<Self> {
        #[cfg(test)]
        faults::create(path)?;
        let file = File::options().create(true).truncate(true).read(true).write(true).open(path)?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Opens a file that is there.
    pub fn open(path: &Path) -> io::Result<Self> {
        #[cfg(test)]
        faults::access(path)?;
        let file = File::options().read(true).write(true).open(path)?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Writes all of some bytes at a place. An error may leave any part of them there.
    pub fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        #[cfg(test)]
        let bytes = faults::write(&self.file, &self.path, bytes, offset)?;
        self.file.write_all_at(bytes, offset)
    }

    /// Brings the bytes to disk.
    pub fn sync_data(&self) -> io::Result<()> {
        #[cfg(test)]
        faults::sync(&self.file, &self.path)?;
        self.file.sync_data()
    }

    /// Brings bytes and length to disk.
    pub fn sync_all(&self) -> io::Result<()> {
        #[cfg(test)]
        faults::sync(&self.file, &self.path)?;
        self.file.sync_all()
    }

    /// Whether this file, and no other, has the name `path`: a folder may be removed or replaced under those who have
    /// files of it open, and what they write then is nobody's.
    pub fn is_at(&self, path: &Path) -> io::Result<bool> {
        let own = self.file.metadata()?;
        match fs::metadata(path) {
            Ok(there) => Ok((there.dev(), there.ino()) == (own.dev(), own.ino())),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Bytes of it.
    pub fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Cuts the file.
    pub fn set_len(&self, length: u64) -> io::Result<()> {
        #[cfg(test)]
        faults::access(&self.path)?;
        self.file.set_len(length)
    }
}

/// Writes a file from its beginning, piece by piece.
#[derive(Debug)]
pub struct DiskWriter {
    file: DiskFile,
    end: u64,
}

impl DiskWriter {
    /// Begins a file.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: DiskFile::create(path)?, end: 0 })
    }

    /// Brings it to disk.
    pub fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

impl Write for DiskWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all_at(bytes, self.end)?;
        self.end += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The bytes of a file.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    #[cfg(test)]
    faults::access(path)?;
    fs::read(path)
}

/// Some bytes of a file; fewer, where it ends before.
pub fn read_at(path: &Path, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    #[cfg(test)]
    faults::access(path)?;
    let file = File::open(path)?;
    let mut bytes = vec![0; length];
    let mut read = 0;

    while read < length {
        match file.read_at(&mut bytes[read..], offset + read as u64)? {
            0 => break,
            more => read += more,
        }
    }

    bytes.truncate(read);
    Ok(bytes)
}

/// Puts a file there, whole and on disk, or leaves what was there.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let new = folder.join(format!(".tmp-{}", uuid::Uuid::new_v4().simple()));
    let write = || {
        let file = DiskFile::create(&new)?;
        file.write_all_at(bytes, 0)?;
        file.sync_all()?;
        rename(&new, path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&new)))?;

    sync_folder(folder)
}

/// Copies a file to a name that is not there yet; on disk when it returns, but for its name.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(test)]
    faults::create(to)?;
    fs::copy(from, to)?;
    DiskFile { file: File::open(to)?, path: to.to_owned() }.sync_all()
}

/// Brings a file that somebody wrote to disk.
pub fn sync_file(path: &Path) -> io::Result<()> {
    DiskFile { file: File::open(path)?, path: path.to_owned() }.sync_all()
}

/// Gives a file or folder another name, which something else may have had.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(test)]
    faults::rename(from, to)?;
    fs::rename(from, to)
}

/// Gives a file another name, also on another file system.
pub fn move_file(from: &Path, to: &Path) -> io::Result<()> {
    match rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let beside = to.with_file_name(format!(".tmp-{}", uuid::Uuid::new_v4().simple()));
            copy(from, &beside).and_then(|()| rename(&beside, to)).inspect_err(|_| drop(fs::remove_file(&beside)))
        }
        moved => moved,
    }
}

/// Removes a file; one that is gone already is no error.
pub fn remove_file(path: &Path) -> io::Result<()> {
    #[cfg(test)]
    faults::remove(path)?;
    gone_is_fine(fs::remove_file(path))
}

/// Removes a folder with what is in it; one that is gone already is no error.
pub fn remove_folder(path: &Path) -> io::Result<()> {
    #[cfg(test)]
    faults::remove(path)?;
    gone_is_fine(fs::remove_dir_all(path))
}

fn gone_is_fine(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes a folder, with those it is in, unless it is there.
pub fn create_folder(path: &Path) -> io::Result<()> {
    #[cfg(test)]
    faults::access(path)?;
    fs::create_dir_all(path)
}

/// Brings the names in a folder to disk.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(test)]
    faults::sync_folder(path)?;
    File::open(path)?.sync_all()
}

/// What is in a folder.
pub fn list(path: &Path) -> io::Result<Vec<PathBuf>> {
    #[cfg(test)]
    faults::access(path)?;
    fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect()
}

/// Whether an error is the system's: no room, no right, no file handle, a disk that does not answer. It says nothing
/// about what the files hold, so that nothing may be taken for damaged because of it.
pub fn is_the_systems(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    use rustix::io::Errno;
    if let Some(code) = error.raw_os_error() {
        let about_the_file = [Errno::NOENT, Errno::NOTDIR, Errno::ISDIR, Errno::INVAL];
        return !about_the_file.iter().any(|errno| errno.raw_os_error() == code);
    }

    let kinds = [
        Kind::StorageFull,
        Kind::QuotaExceeded,
        Kind::ReadOnlyFilesystem,
        Kind::PermissionDenied,
        Kind::OutOfMemory,
        Kind::TimedOut,
        Kind::Interrupted,
        Kind::WouldBlock,
    ];
    // The engine keeps of a code only what it prints.
    kinds.contains(&error.kind()) || error.to_string().contains("Os { code: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_refuses_is_told_from_damage() {
        // ENOSPC, EMFILE, ENFILE, EACCES, EIO, EROFS, EDQUOT.
        for code in [28, 24, 23, 13, 5, 30, 122] {
            let error = io::Error::from_raw_os_error(code);
            assert!(is_the_systems(&error), "{error}");
            let cloned = io::Error::new(error.kind(), format!("{error:?}"));
            assert!(is_the_systems(&cloned), "{cloned}, as the engine says it again");
        }

        for kind in [io::ErrorKind::UnexpectedEof, io::ErrorKind::InvalidData, io::ErrorKind::NotFound] {
            assert!(!is_the_systems(&io::Error::from(kind)), "{kind}");
        }
        assert!(!is_the_systems(&io::Error::from_raw_os_error(2)));
    }

    #[test]
    fn a_file_is_whole_or_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        write_whole(&path, b"first").expect("is written");
        for at in 0..5 {
            faults::plan(folder.path(), (0..at).map(|_| faults::Fault::None).chain([faults::Fault::Short(500)]));
            write_whole(&path, b"second").expect_err("fails");
            faults::clear(folder.path());
            let read = read(&path).expect("reads");
            assert!(read == b"first" || at == 4 && read == b"second", "{at}");
        }
        write_whole(&path, b"third").expect("is written");
        assert_eq!(read(&path).expect("reads"), b"third");
    }
}
