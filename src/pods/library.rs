//! The pod library: every part once by its digest, every version of a name a manifest.
//!
//! ```text
//! parts/sha256/<hex>      a part: state.json, history.jsonl, a blob
//! names/<name>/<n>.json   the manifest of version n
//! lock                    held by those who add (shared) and who delete (alone)
//! ```
//! Parts are there before a manifest that names them; so a crash leaves parts that nobody names, and no half pod.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::read::Pod;
use super::{MAX_MANIFEST, Manifest, PodError, path_error, write};

/// How the names of files begin that are not whole yet.
pub(super) const RECEIVING: &str = ".receiving-";

/// What a deletion freed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Freed {
    /// Parts that nobody named any more.
    pub parts: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Keeps a pod as the next version of a name; says which. A part that is there is kept if its bytes are what its name
/// says, and replaced if they are not.
///
/// # Errors
/// The name cannot be one, or the library cannot be written.
pub fn keep(library: &Path, name: &str, pod: &Pod) -> Result<u64, PodError> {
    check_name(name)?;
    let _held = hold(library)?;
    for part in &pod.manifest.parts {
        let target = part_file(library, &part.sha256);
        if is_whole(&target, &part.sha256, part.size) {
            continue;
        }
        match fs::remove_file(&target) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(path_error(&target)(error)),
            _ => {}
        }
        store_new(&target, &mut File::open(pod.blob(&part.digest())).map_err(path_error(&target))?)?;
    }

    add_version(library, name, &pod.manifest.to_bytes()?)
}

/// Adds a manifest, whose parts are all there, as the next version of a name; says which.
///
/// # Errors
/// The name cannot be one, or the library cannot be written.
pub(super) fn add_version(library: &Path, name: &str, manifest: &[u8]) -> Result<u64, PodError> {
    check_name(name)?;
    let mut version = numbers(library, name)?.last().map_or(1, |last| last + 1);
    // Another save of the name may be faster.
    while !store_new(&manifest_file(library, name, version), &mut &manifest[..])? {
        version += 1;
    }
    Ok(version)
}

/// The newest version of a name that has this manifest.
pub(super) fn version_with(library: &Path, name: &str, manifest: &[u8]) -> Result<Option<u64>, PodError> {
    check_name(name)?;
    let is_it = |number: &u64| fs::read(manifest_file(library, name, *number)).is_ok_and(|found| found == manifest);
    Ok(numbers(library, name)?.into_iter().rev().find(is_it))
}

/// Holds what is being added, until the file is dropped: what no manifest names yet is not deleted. Waits for a
/// deletion, which is short.
pub(super) fn hold(library: &Path) -> Result<File, PodError> {
    let file = lock_file(library)?;
    file.lock_shared().map_err(path_error(library))?;
    Ok(file)
}

fn lock_file(library: &Path) -> Result<File, PodError> {
    fs::create_dir_all(library).map_err(path_error(library))?;
    let path = library.join("lock");
    File::options().create(true).truncate(false).write(true).open(&path).map_err(path_error(&path))
}

/// Whether a part is there, with the bytes that its name says.
pub(super) fn is_whole(file: &Path, sha256: &str, size: u64) -> bool {
    fs::metadata(file).is_ok_and(|found| found.len() == size) && hashed(file).is_ok_and(|(found, _)| found == sha256)
}

/// SHA-256, in hex, and size of a file.
pub(super) fn hashed(file: &Path) -> io::Result<(String, u64)> {
    let mut file = File::open(file)?;
    let mut digest = Sha256::new();
    let size = io::copy(&mut file, &mut digest)?;
    Ok((format!("{:x}", digest.finalize()), size))
}

/// The folder of the library: `chosen`, else `larder/pods` in the user's data folder.
///
/// # Errors
/// The user has no such folder.
pub fn folder(chosen: Option<&Path>) -> Result<PathBuf, PodError> {
    if let Some(folder) = chosen {
        return Ok(folder.to_owned());
    }
    let data = std::env::var_os("XDG_DATA_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let data = data.or_else(|| std::env::home_dir().map(|home| home.join(".local/share")));
    data.map(|data| data.join("larder/pods"))
        .ok_or_else(|| PodError::Library("there is no home folder for the pod library: give --pods-dir".to_owned()))
}

/// Name and version of `NAME` (its newest) or `NAME:VERSION`.
///
/// # Errors
/// There is no such pod.
pub fn find(library: &Path, pod: &str) -> Result<(String, u64), PodError> {
    if let Some((name, version)) = pod.split_once(':') {
        let number = version.parse();
        let number = number.map_err(|_| PodError::Name(format!("{pod}: the version {version} is no number")))?;
        check_name(name)?;
        if numbers(library, name)?.contains(&number) {
            return Ok((name.to_owned(), number));
        }
        return Err(missing(library, pod));
    }
    check_name(pod)?;
    let newest = numbers(library, pod)?.last().copied();
    Ok((pod.to_owned(), newest.ok_or_else(|| missing(library, pod))?))
}

fn missing(library: &Path, pod: &str) -> PodError {
    let how = "`larder pod list` and `larder pod versions` show what it has";
    PodError::Library(format!("the pod library {} has no pod {pod}; {how}", library.display()))
}

/// Writes a version as one file.
///
/// # Errors
/// It is not there, or a part is missing or cannot be read. Whoever reads the pod checks the digests.
pub fn pack(library: &Path, name: &str, version: u64, target: impl Write) -> Result<(), PodError> {
    let (bytes, manifest) = manifest(library, name, version)?;
    write::pack(&bytes, &manifest, target, |part| {
        let path = part_file(library, &part.sha256);
        File::open(&path).map_err(path_error(&path))
    })
}

/// The names, with the numbers of their versions.
pub fn list(library: &Path) -> Result<Vec<(String, Vec<u64>)>, PodError> {
    let folder = library.join("names");
    let mut names: Vec<_> =
        entries(&folder)?.into_iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect();
    names.sort();
    names.retain(|name| check_name(name).is_ok());
    names.into_iter().map(|name| numbers(library, &name).map(|numbers| (name, numbers))).collect()
}

/// The versions of a name.
///
/// # Errors
/// There is no pod of the name.
pub fn versions(library: &Path, name: &str) -> Result<Vec<(u64, Manifest)>, PodError> {
    check_name(name)?;
    let numbers = numbers(library, name)?;
    if numbers.is_empty() {
        return Err(missing(library, name));
    }
    numbers.into_iter().map(|number| manifest(library, name, number).map(|(_, manifest)| (number, manifest))).collect()
}

/// Deletes a version, or all of them, and the parts that nobody names then.
///
/// # Errors
/// There is no such version; something is just being added; or a manifest of another pod cannot be read, so that nobody
/// knows what it needs.
pub fn delete(library: &Path, name: &str, version: Option<u64>) -> Result<Freed, PodError> {
    let versions = versions(library, name)?;
    let held = lock_file(library)?;
    match held.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(PodError::Busy(library.to_owned())),
        Err(TryLockError::Error(error)) => return Err(path_error(library)(error)),
    }

    let mut deleted = Vec::new();
    for (number, manifest) in versions {
        if version.is_none_or(|version| version == number) {
            let path = manifest_file(library, name, number);
            fs::remove_file(&path).map_err(path_error(&path))?;
            deleted.push(manifest);
        }
    }

    if deleted.is_empty() {
        return Err(PodError::Library(format!("the pod {name} has no version {}", version.unwrap_or_default())));
    }
    if numbers(library, name)?.is_empty() {
        let folder = library.join("names").join(name);
        fs::remove_dir_all(&folder).map_err(path_error(&folder))?;
    }

    let parts = deleted.into_iter().flat_map(|manifest| manifest.parts).map(|part| part.sha256).collect();
    drop_unnamed(library, &parts)
}

/// Removes what was being received when a command or a server was killed. While somebody adds, nothing is done: it may
/// be what arrives just now.
pub fn sweep(library: &Path) {
    if !library.join("lock").exists() {
        return;
    }
    let Ok(held) = lock_file(library) else { return };
    if held.try_lock().is_err() {
        return;
    }
    let names = entries(&library.join("names")).unwrap_or_default();

    for folder in names.into_iter().chain([library.join("parts/sha256")]) {
        for path in entries(&folder).unwrap_or_default() {
            if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(RECEIVING.as_bytes())) {
                // What cannot be removed costs room only.
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// Removes those of the parts that no manifest names.
fn drop_unnamed(library: &Path, parts: &BTreeSet<String>) -> Result<Freed, PodError> {
    let mut named = BTreeSet::new();
    for (name, numbers) in list(library)? {
        for number in numbers {
            named.extend(manifest(library, &name, number)?.1.parts.into_iter().map(|part| part.sha256));
        }
    }

    let mut freed = Freed::default();
    for digest in parts.difference(&named) {
        let path = part_file(library, digest);
        if let Ok(metadata) = fs::metadata(&path) {
            fs::remove_file(&path).map_err(path_error(&path))?;
            freed = Freed { parts: freed.parts + 1, bytes: freed.bytes + metadata.len() };
        }
    }

    Ok(freed)
}

/// Names are folders: of plain letters, and none that leads elsewhere.
fn check_name(name: &str) -> Result<(), PodError> {
    let fits = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if fits && !name.is_empty() && name.len() <= 128 && !name.starts_with(['.', '-']) {
        return Ok(());
    }
    let what = "a pod is named by 1 to 128 letters, digits, `.`, `_` or `-`, and begins with a letter or digit";
    Err(PodError::Name(format!("{name:?} names no pod: {what}")))
}

fn part_file(library: &Path, digest: &str) -> PathBuf {
    library.join("parts/sha256").join(digest)
}

fn manifest_file(library: &Path, name: &str, version: u64) -> PathBuf {
    library.join("names").join(name).join(format!("{version}.json"))
}

fn manifest(library: &Path, name: &str, version: u64) -> Result<(Vec<u8>, Manifest), PodError> {
    check_name(name)?;
    let path = manifest_file(library, name, version);
    let mut bytes = Vec::new();
    let file = File::open(&path).map_err(path_error(&path))?;
    file.take(MAX_MANIFEST).read_to_end(&mut bytes).map_err(path_error(&path))?;
    let manifest = Manifest::read(&bytes)?;
    Ok((bytes, manifest))
}

/// The numbers of a name's versions, in order.
fn numbers(library: &Path, name: &str) -> Result<Vec<u64>, PodError> {
    let number = |path: PathBuf| path.file_name()?.to_str()?.strip_suffix(".json")?.parse().ok();
    let mut numbers: Vec<u64> = entries(&library.join("names").join(name))?.into_iter().filter_map(number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, PodError> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry.map_err(path_error(folder))?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(path_error(folder)(error)),
    }
}

/// A temporary file, synced, renamed, its folder synced; `false` where there is such a file already.
fn store_new(target: &Path, source: &mut impl Read) -> Result<bool, PodError> {
    let folder = target.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(path_error(folder))?;
    let mut file = tempfile::Builder::new().prefix(RECEIVING).tempfile_in(folder).map_err(path_error(folder))?;
    io::copy(source, &mut file).and_then(|_| file.as_file().sync_all()).map_err(path_error(target))?;

    match file.persist_noclobber(target) {
        Ok(_) => {}
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(path_error(target)(error.error)),
    }

    File::open(folder).and_then(|folder| folder.sync_all()).map_err(path_error(folder))?;
    Ok(true)
}
