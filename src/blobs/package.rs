//! Code packages: what a zip must be to be accepted, and how it is unpacked.
//!
//! A package is a stranger's file. It is read to its end before it is accepted: every entry inside
//! the tree, no entry behind a link, sizes as they really are, checksums right.

use std::collections::HashSet;
use std::fs::{self, File, Permissions};
use std::io::{self, Cursor, Read};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};

use zip::ZipArchive;
use zip::read::ZipFile;

/// Longest target of a symbolic link, in bytes.
const MAX_LINK: u64 = 4096;

/// Where AWS Signer puts a signature.
const SIGNATURE: &str = "META_INF/aws_signer_signature_v1.0.SF";

/// Why a package is refused.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// Not a zip, or a broken one.
    #[error("not a readable zip: {0}")]
    Unreadable(String),
    /// An entry would lie outside the tree, or behind a link.
    #[error("the entry {0:?} leads out of the package")]
    Escapes(String),
    /// More bytes than allowed.
    #[error("the package unpacks to {limit} bytes or more")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The unpacked files cannot be written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl From<zip::result::ZipError> for PackageError {
    fn from(error: zip::result::ZipError) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// One entry of a package, its path checked.
enum Entry {
    Folder,
    File { mode: u32 },
    Link { target: PathBuf },
}

/// Checks a whole package; `limit` is for the sum of its files, in bytes.
pub fn check(zip: &[u8], limit: u64) -> Result<(), PackageError> {
    walk(zip, limit, |_, entry, file| match entry {
        Entry::File { .. } => Ok(io::copy(file, &mut io::sink())?),
        Entry::Folder | Entry::Link { .. } => Ok(0),
    })
}

/// Whether a package has a signature of AWS Signer. Whose it is and whether it fits is not looked at.
pub fn is_signed(zip: &[u8]) -> bool {
    ZipArchive::new(Cursor::new(zip)).is_ok_and(|archive| archive.index_for_name(SIGNATURE).is_some())
}

/// The sum of the files of a package that was [checked](check), by its directory.
pub fn unpacked_size(zip: &[u8]) -> Result<u64, PackageError> {
    let mut archive = ZipArchive::new(Cursor::new(zip))?;
    (0..archive.len()).try_fold(0_u64, |sum, index| Ok(sum.saturating_add(archive.by_index_raw(index)?.size())))
}

/// Unpacks a package into `folder`. Links are made last, so that no file is written through one.
pub fn unpack(zip: &[u8], limit: u64, folder: &Path) -> Result<(), PackageError> {
    let mut links = Vec::new();
    walk(zip, limit, |path, entry, file| {
        let target = folder.join(path);
        match entry {
            Entry::File { mode } => write_file(&target, mode, file),
            Entry::Folder => make_folder(&target).map(|()| 0),
            Entry::Link { target: to } => {
                links.push((target, to));
                Ok(0)
            }
        }
    })?;
    for (path, to) in links {
        make_parent(&path).and_then(|()| symlink(to, &path)).map_err(|source| PackageError::Io { path, source })?;
    }
    Ok(())
}

/// Visits every entry; `visit` tells how many bytes it read, which are limited.
fn walk(
    zip: &[u8],
    limit: u64,
    mut visit: impl FnMut(&Path, Entry, &mut dyn Read) -> Result<u64, PackageError>,
) -> Result<(), PackageError> {
    let mut archive = ZipArchive::new(Cursor::new(zip))?;
    let mut links = HashSet::new();
    let mut paths = Vec::with_capacity(archive.len());
    let mut left = limit;
    for index in 0..archive.len() {
        let mut file = archive.by_index(index)?;
        let path = file.enclosed_name().ok_or_else(|| PackageError::Escapes(file.name().to_owned()))?;
        let entry = entry(&mut file, &path)?;
        if matches!(entry, Entry::Link { .. }) {
            links.insert(path.clone());
        }
        let mut limited = (&mut file).take(left);
        let read = visit(&path, entry, &mut limited)?;
        left = left.saturating_sub(read);
        // The limit itself is too much: "must be smaller than".
        if left == 0 {
            return Err(PackageError::TooLarge { limit });
        }
        paths.push(path);
    }
    match paths.iter().find(|path| path.ancestors().skip(1).any(|ancestor| links.contains(ancestor))) {
        Some(path) => Err(PackageError::Escapes(path.display().to_string())),
        None => Ok(()),
    }
}

/// What an entry is; reads a link's target and checks it.
fn entry<R: Read>(file: &mut ZipFile<'_, R>, path: &Path) -> Result<Entry, PackageError> {
    if file.is_dir() {
        return Ok(Entry::Folder);
    }
    if !file.is_symlink() {
        // A zip made without Unix modes gets what AWS gives it.
        let mode = file.unix_mode().map_or(0o644, |mode| mode & 0o777);
        return Ok(Entry::File { mode: if mode == 0 { 0o644 } else { mode } });
    }
    let mut target = String::new();
    file.take(MAX_LINK).read_to_string(&mut target).map_err(|error| PackageError::Unreadable(error.to_string()))?;
    let target = PathBuf::from(target);
    if stays_inside(path, &target) {
        Ok(Entry::Link { target })
    } else {
        Err(PackageError::Escapes(path.display().to_string()))
    }
}

/// Whether a link at `path` to `target` stays in the tree, read literally.
fn stays_inside(path: &Path, target: &Path) -> bool {
    let mut depth = path.components().count().saturating_sub(1);
    target.components().all(|component| match component {
        Component::Normal(_) => {
            depth += 1;
            true
        }
        Component::CurDir => true,
        Component::ParentDir => match depth.checked_sub(1) {
            Some(up) => {
                depth = up;
                true
            }
            None => false,
        },
        Component::RootDir | Component::Prefix(_) => false,
    })
}

fn write_file(path: &Path, mode: u32, content: &mut dyn Read) -> Result<u64, PackageError> {
    let mut write = || {
        make_parent(path)?;
        let mut file = File::create(path)?;
        let bytes = io::copy(content, &mut file)?;
        // Deviation: on AWS a file that its package lets nobody read stays unreadable, which is a
        // common surprise (Python's zipfile writes mode 0600). Here the function can read its code.
        file.set_permissions(Permissions::from_mode(mode | 0o644))?;
        Ok(bytes)
    };
    write().map_err(|source| PackageError::Io { path: path.to_owned(), source })
}

fn make_folder(path: &Path) -> Result<(), PackageError> {
    fs::create_dir_all(path).map_err(|source| PackageError::Io { path: path.to_owned(), source })
}

fn make_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

impl From<io::Error> for PackageError {
    /// An error while reading an entry: the package's own.
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn zip_of(entries: &[(&str, &[u8])], links: &[(&str, &str)]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in entries {
            zip.start_file(*name, SimpleFileOptions::default().unix_permissions(0o755)).expect("starts");
            zip.write_all(bytes).expect("writes");
        }
        for (name, target) in links {
            zip.add_symlink(*name, *target, SimpleFileOptions::default()).expect("links");
        }
        zip.finish().expect("finishes").into_inner()
    }

    #[test]
    fn a_plain_package_is_accepted_and_unpacked() {
        let zip = zip_of(&[("a/b.py", b"x"), ("run", b"y")], &[("link", "a/b.py")]);
        check(&zip, 100).expect("is fine");
        let folder = tempfile::tempdir().expect("a folder");
        unpack(&zip, 100, folder.path()).expect("unpacks");
        assert_eq!(fs::read(folder.path().join("link")).expect("through the link"), b"x");
        let mode = fs::metadata(folder.path().join("run")).expect("is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
    }

    #[test]
    fn entries_out_of_the_tree_are_refused() {
        for name in ["../x", "/etc/x", "a/../../x"] {
            assert!(matches!(check(&zip_of(&[(name, b"x")], &[]), 100), Err(PackageError::Escapes(_))), "{name}");
        }
    }

    #[test]
    fn links_out_of_the_tree_are_refused() {
        for target in ["/etc/passwd", "../x", "a/../../x"] {
            let zip = zip_of(&[], &[("link", target)]);
            assert!(matches!(check(&zip, 100), Err(PackageError::Escapes(_))), "{target}");
        }
    }

    #[test]
    fn a_file_behind_a_link_is_refused() {
        let zip = zip_of(&[("d/x", b"x")], &[("d", "e")]);
        assert!(matches!(check(&zip, 100), Err(PackageError::Escapes(_))));
    }

    #[test]
    fn the_limit_is_on_real_bytes() {
        let zip = zip_of(&[("zeros", &[0; 1000])], &[]);
        assert!(zip.len() < 1000, "the package is a small bomb");
        assert!(matches!(check(&zip, 1000), Err(PackageError::TooLarge { .. })));
        check(&zip, 1001).expect("one byte of room");
    }

    #[test]
    fn what_is_no_zip_is_refused() {
        let zip = zip_of(&[("a", b"hello hello hello")], &[]);
        let cut = &zip[..zip.len() / 2];
        for bytes in [&b""[..], b"PK", b"not a zip at all", cut] {
            assert!(matches!(check(bytes, 100), Err(PackageError::Unreadable(_))));
        }
    }
}
