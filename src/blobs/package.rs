//! Code packages: what a zip must be to be accepted, and how it is unpacked.
//!
//! A package is a stranger's file. It is read to its end before it is accepted: every entry inside
//! the tree, no entry behind a link or where another one is, sizes as they really are, checksums right.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{self, Cursor, Read};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};

use zip::ZipArchive;
use zip::read::ZipFile;

/// Longest target of a symbolic link, in bytes: `PATH_MAX` without its end.
const MAX_LINK: u64 = 4095;

/// Longest name of a file or folder, in bytes: `NAME_MAX`.
const MAX_NAME: usize = 255;

/// Longest path of an entry, in bytes: within `PATH_MAX`, with room for the folder that it is unpacked into.
const MAX_PATH: usize = 3072;

/// Where AWS Signer puts a signature.
const SIGNATURE: &str = "META_INF/aws_signer_signature_v1.0.SF";

/// Why a package is refused.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// Not a zip, or a broken one.
    #[error("not a readable zip: {0}")]
    Unreadable(String),
    /// A zip of nothing.
    #[error("the zip has no entry")]
    Empty,
    /// An entry would lie outside the tree, or behind a link.
    #[error("the entry {0:?} leads out of the package, or through a link")]
    Escapes(String),
    /// Two entries cannot both be at their places.
    #[error("the entry {0:?} is in the place of another one, or below a file")]
    InTheWay(String),
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
    Link { target: OsString },
}

impl Entry {
    fn kind(&self) -> Kind {
        match self {
            Entry::Folder => Kind::Folder,
            Entry::File { .. } => Kind::File,
            Entry::Link { .. } => Kind::Link,
        }
    }
}

/// What lies at a place of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Folder,
    File,
    Link,
}

/// Checks a whole package; `limit` is for the sum of its files, in bytes. What this accepts, [`unpack`] takes.
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
    let mut links = HashMap::new();
    walk(zip, limit, |path, entry, file| {
        let target = folder.join(path);
        match entry {
            Entry::File { mode } => write_file(&target, mode, file),
            Entry::Folder => make_folder(&target).map(|()| 0),
            Entry::Link { target: to } => {
                links.insert(target, to);
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
    if zip.is_empty() {
        return Err(PackageError::Empty);
    }
    let mut archive = ZipArchive::new(Cursor::new(zip))?;
    if archive.is_empty() {
        return Err(PackageError::Empty);
    }
    let mut tree = Tree::new();
    let mut left = limit;

    for index in 0..archive.len() {
        let mut file = archive.by_index(index)?;
        let path = place(file.name())?;
        let entry = entry(&mut file)?;
        tree.add(&path, entry.kind())?;
        let mut limited = (&mut file).take(left);
        let read = visit(&path, entry, &mut limited)?;
        left = left.saturating_sub(read);
        // The limit itself is too much: "must be smaller than".
        if left == 0 {
            return Err(PackageError::TooLarge { limit });
        }
    }

    Ok(())
}

/// What lies where, of the entries so far: nothing may be in the way of another entry when they are unpacked.
#[derive(Debug)]
struct Tree(HashMap<PathBuf, Kind>);

impl Tree {
    /// A tree of nothing but its top, which is a folder.
    fn new() -> Self {
        Self(HashMap::from([(PathBuf::new(), Kind::Folder)]))
    }

    /// Adds an entry. One of the same kind at the same place is the newer one, as for every program that unpacks.
    fn add(&mut self, path: &Path, kind: Kind) -> Result<(), PackageError> {
        for folder in path.ancestors().skip(1) {
            match self.0.get(folder) {
                // Those above it are there as well.
                Some(Kind::Folder) => break,
                Some(Kind::Link) => return Err(PackageError::Escapes(path.display().to_string())),
                Some(Kind::File) => return Err(PackageError::InTheWay(path.display().to_string())),
                None => self.0.insert(folder.to_owned(), Kind::Folder),
            };
        }
        match self.0.insert(path.to_owned(), kind) {
            Some(found) if found != kind => Err(PackageError::InTheWay(path.display().to_string())),
            _ => Ok(()),
        }
    }
}

/// The place of an entry in the tree, from its top; that itself is the empty path, a folder.
fn place(name: &str) -> Result<PathBuf, PackageError> {
    let escapes = || PackageError::Escapes(name.to_owned());
    let mut parts = Vec::new();
    for component in Path::new(name).components() {
        match component {
            Component::Normal(part) if part.len() > MAX_NAME || part.as_bytes().contains(&0) => {
                return Err(PackageError::Unreadable(format!("no file can have the name {}", part.display())));
            }
            Component::Normal(part) => parts.push(part),
            Component::CurDir => {}
            Component::ParentDir => drop(parts.pop().ok_or_else(escapes)?),
            Component::RootDir | Component::Prefix(_) => return Err(escapes()),
        }
    }

    let path: PathBuf = parts.into_iter().collect();
    if path.as_os_str().len() > MAX_PATH {
        return Err(PackageError::Unreadable(format!("no file can have a path of {} bytes", path.as_os_str().len())));
    }
    Ok(path)
}

/// What an entry is; reads a link's target. That may lie anywhere, also outside of the package, as on AWS: it is the
/// function that goes there, among the files that it sees.
fn entry<R: Read>(file: &mut ZipFile<'_, R>) -> Result<Entry, PackageError> {
    if file.is_dir() {
        return Ok(Entry::Folder);
    }
    if !file.is_symlink() {
        // A zip made without Unix modes gets what AWS gives it.
        let mode = file.unix_mode().map_or(0o644, |mode| mode & 0o777);
        return Ok(Entry::File { mode: if mode == 0 { 0o644 } else { mode } });
    }

    let mut target = Vec::new();
    file.take(MAX_LINK + 1).read_to_end(&mut target)?;
    if target.is_empty() || target.len() as u64 > MAX_LINK || target.contains(&0) {
        return Err(PackageError::Unreadable(format!("no link can have the target of {:?}", file.name())));
    }
    Ok(Entry::Link { target: OsString::from_vec(target) })
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

    use proptest::prelude::*;
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
    fn links_may_lead_anywhere_and_are_kept_as_they_are() {
        for target in ["/etc/passwd", "../x", "a/../../x", "no/such/file", "."] {
            let zip = zip_of(&[("a/b.py", b"x")], &[("a/link", target)]);
            check(&zip, 100).expect(target);
            let folder = tempfile::tempdir().expect("a folder");
            unpack(&zip, 100, folder.path()).expect(target);
            assert_eq!(fs::read_link(folder.path().join("a/link")).expect("a link"), Path::new(target));
        }
    }

    #[test]
    fn a_file_behind_a_link_is_refused() {
        for links in [[("d", "e")], [("d", "/tmp")], [("d/x/y", "/tmp")]] {
            let zip = zip_of(&[("d/x", b"x")], &links);
            assert!(check(&zip, 100).is_err(), "{links:?}");
        }
        let zip = zip_of(&[("d/x/../y", b"x")], &[("d", "e")]);
        assert!(matches!(check(&zip, 100), Err(PackageError::InTheWay(_))));
    }

    #[test]
    fn what_cannot_be_unpacked_is_refused() {
        let long = "n".repeat(256);
        let deep = vec!["d"; 2000].join("/");
        let [a, dot] = [b"a", b"."].map(|name| std::str::from_utf8(name).expect("text"));
        for entries in [
            vec![(a, &b""[..]), ("a/b", b"")],
            vec![("a/b", b""), ("a", b"")],
            vec![("a/b/c", b""), ("a/b", b"")],
            vec![(long.as_str(), b"")],
            vec![(deep.as_str(), b"")],
            vec![("b", b""), (dot, b"")],
            vec![("a\0b", b"")],
            vec![(dot, b"")],
        ] {
            let names: Vec<_> = entries.iter().map(|(name, _)| name.chars().take(9).collect::<String>()).collect();
            assert!(check(&zip_of(&entries, &[]), 100).is_err(), "{names:?}");
        }

        for top in [".", "a/.."] {
            assert!(check(&zip_of(&[], &[(top, "/tmp")]), 100).is_err(), "a link in the place of the tree");
        }
        let long = "l".repeat(4096);
        for target in ["", long.as_str(), "a\0b"] {
            assert!(check(&zip_of(&[], &[("link", target)]), 100).is_err(), "{} bytes", target.len());
        }
        check(&zip_of(&[("a", b"x"), ("./a", b"y"), ("b/../a", b"z")], &[]), 100).expect("the last one wins");
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
        for bytes in [&b"PK"[..], b"not a zip at all", cut] {
            assert!(matches!(check(bytes, 100), Err(PackageError::Unreadable(_))));
        }
        for bytes in [vec![], zip_of(&[], &[])] {
            assert!(matches!(check(&bytes, 100), Err(PackageError::Empty)));
        }
    }

    /// Names of entries: of all kinds, and often in each other's way.
    fn name() -> impl Strategy<Value = String> {
        const PARTS: [&str; 10] = ["a", "b", "c", "..", ".", "", "\u{fc}", "a\\b", "etc", "nul\0"];
        prop::collection::vec(prop::sample::select(PARTS.to_vec()), 1..5).prop_map(|parts| parts.join("/"))
    }

    /// A zip of files, folders and links with such names, some bytes of which were changed.
    fn package() -> impl Strategy<Value = Vec<u8>> {
        let entries = prop::collection::vec((name(), 0..3_u8, name()), 1..6);
        let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
        (entries, changes).prop_map(|(entries, changes)| {
            let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
            for (name, kind, more) in entries {
                let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
                // The writer refuses a name that it has: such zips come by the changes of bytes.
                let _ = match kind {
                    0 => zip.add_symlink(name, more, options),
                    1 => zip.add_directory(name, options),
                    _ => zip.start_file(name, options).and_then(|()| Ok(zip.write_all(more.as_bytes())?)),
                };
            }
            let mut bytes = zip.finish().expect("finishes").into_inner();
            for (place, byte) in changes {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            bytes
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

        #[test]
        fn what_is_accepted_can_be_unpacked_and_nothing_is_written_outside(zip in package()) {
            let outer = tempfile::tempdir().expect("a folder");
            let tree = outer.path().join("trees").join("new");
            fs::create_dir_all(&tree).expect("created");
            let unpacked = unpack(&zip, 10_000, &tree);
            prop_assert_eq!(check(&zip, 10_000).is_ok(), unpacked.is_ok(), "{:?}", unpacked);
            for folder in [outer.path(), &outer.path().join("trees")] {
                prop_assert_eq!(fs::read_dir(folder).expect("a folder").count(), 1, "beside the tree");
            }
        }
    }
}
