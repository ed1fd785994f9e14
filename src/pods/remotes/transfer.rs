//! Push, pull, list: what is the same for all remotes.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::address::{Address, Place, check_name};
use super::error::RemoteError;
use super::manifest::{self, Part};
use super::object_store::Objects;
use super::received::{receive_file, receive_part};
use super::{Remote, clouds, http, open, path};
use crate::pods::read::MAX_SIZE;
use crate::pods::{PodError, library};

/// How far a push or a pull is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that are there.
    pub done: u64,
    /// Bytes of all parts; 0 where nobody says.
    pub total: u64,
}

/// What a push did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pushed {
    /// The version on the remote.
    pub version: String,
    /// Parts sent.
    pub uploaded: u64,
    /// Parts that the remote had.
    pub skipped: u64,
    /// Bytes sent.
    pub bytes: u64,
}

/// What a pull did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pulled {
    /// The version on the remote.
    pub from: String,
    /// The version in the library.
    pub version: u64,
    /// Parts received.
    pub downloaded: u64,
    /// Parts that the library had.
    pub skipped: u64,
    /// Bytes received.
    pub bytes: u64,
}

/// Limits of a fetch.
#[derive(Debug, Clone, Copy)]
pub struct FetchOptions {
    /// Bytes above which a file is refused.
    pub limit: u64,
}

impl Default for FetchOptions {
    /// Up to 16 GiB.
    fn default() -> Self {
        Self { limit: 16 << 30 }
    }
}

/// Pushes a version of a pod of the library. Parts go before the manifest, so that a push that was cut
/// shows nothing; the next one sends what is missing. A numbered version that the remote has with other
/// content is refused.
pub async fn push(
    library: &Path,
    name: &str,
    version: u64,
    to: &Address,
    progress: impl Fn(Progress) + Sync,
) -> Result<Pushed, RemoteError> {
    check_name(name).map_err(RemoteError::new)?;
    let path = library.join("names").join(name).join(format!("{version}.json"));
    let manifest = std::fs::read(&path).map_err(|error| no_version(name, version, &path, &error))?;
    let parts = manifest::parts(&manifest, &path.display().to_string())?;
    let remote = open(to)?;
    let remote_version = to.version().map_or_else(|| version.to_string(), str::to_owned);
    refuse_other(&*remote, &remote_version, &manifest, to).await?;
    let distinct = manifest::distinct(&parts);
    let total = distinct.iter().map(|part| part.size).sum();
    let mut pushed = Pushed { version: remote_version, uploaded: 0, skipped: 0, bytes: 0 };
    let mut done = 0;

    for part in distinct {
        if remote.has_part(part).await? {
            pushed.skipped += 1;
        } else {
            send(&*remote, part, library).await?;
            pushed.uploaded += 1;
            pushed.bytes += part.size;
        }
        done += part.size;
        progress(Progress { done, total });
    }

    remote.put_manifest(&pushed.version, &manifest, &parts).await?;
    Ok(pushed)
}

fn no_version(name: &str, version: u64, path: &Path, error: &std::io::Error) -> RemoteError {
    if error.kind() == std::io::ErrorKind::NotFound {
        return RemoteError::new(format!(
            "the pod library has no {name}:{version}; `larder pod list` shows what it has"
        ));
    }
    RemoteError::local(path, error)
}

/// Numbers are for ever; other tags, such as `latest`, move.
async fn refuse_other(remote: &dyn Remote, version: &str, manifest: &[u8], to: &Address) -> Result<(), RemoteError> {
    if version.parse::<u64>().is_err() {
        return Ok(());
    }
    match remote.manifest(version).await? {
        Some(found) if found != manifest => Err(to.refused(format!(
            "the remote has a version {version} with other content, and numbered versions stay as they are; push as another version, as NAME:VERSION"
        ))),
        _ => Ok(()),
    }
}

async fn send(remote: &dyn Remote, part: &Part, library: &Path) -> Result<(), RemoteError> {
    let path = part.file(library);
    let file = tokio::fs::File::open(&path).await.map_err(|error| RemoteError::local(&path, &error))?;
    remote.put_part(part, file).await
}

/// Pulls a version, without one the newest, into the library as the next version of `name`; content
/// that the library has as a version of `name` stays that version. All or nothing becomes visible.
pub async fn pull(
    from: &Address,
    library: &Path,
    name: &str,
    progress: impl Fn(Progress) + Sync,
) -> Result<Pulled, RemoteError> {
    check_name(name).map_err(RemoteError::new)?;
    let remote = open(from)?;
    let version = match from.version() {
        Some(version) => version.to_owned(),
        None => newest(remote.versions().await?).ok_or_else(|| from.refused("the remote has no version of it"))?,
    };
    let manifest = remote.manifest(&version).await?;
    let manifest = manifest.ok_or_else(|| from.refused(format!("the remote has no version {version}")))?;
    let parts = manifest::parts(&manifest, &from.to_string())?;
    let distinct = manifest::distinct(&parts);
    let total = distinct.iter().map(|part| part.size).fold(0, u64::saturating_add);
    if total > MAX_SIZE {
        return Err(from.refused(format!("its parts have {total} bytes, more than the limit of {MAX_SIZE}")));
    }

    // What came in is not deleted before the manifest names it.
    let _held = library::hold(library).map_err(|error| from.refused(error))?;
    let mut pulled = Pulled { from: version, version: 0, downloaded: 0, skipped: 0, bytes: 0 };
    let done = AtomicU64::new(0);
    let seen = |bytes| {
        let done = done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        progress(Progress { done, total });
    };

    for part in distinct {
        let path = part.file(library);
        if is_here(part, &path).await? {
            pulled.skipped += 1;
            seen(part.size);
            continue;
        }
        let received = receive_part(remote.part(part).await?, part, &path, &seen).await;
        received.map_err(|error| from.refused(error))?;
        pulled.downloaded += 1;
        pulled.bytes += part.size;
    }

    pulled.version = add_version(library, name, &manifest).map_err(|error| from.refused(error))?;
    Ok(pulled)
}

/// Whether the library has a part; one whose bytes are not what its name says is fetched again.
async fn is_here(part: &Part, path: &Path) -> Result<bool, RemoteError> {
    let part = part.clone();
    let path = path.to_owned();
    let looked = tokio::task::spawn_blocking(move || library::is_whole(&path, &part.sha256, part.size));
    looked.await.map_err(|error| RemoteError::new(error.to_string()))
}

/// The version of `name` with this manifest: one that is there, else the next.
fn add_version(library: &Path, name: &str, manifest: &[u8]) -> Result<u64, PodError> {
    match library::version_with(library, name, manifest)? {
        Some(same) => Ok(same),
        None => library::add_version(library, name, manifest),
    }
}

/// The highest number, else `latest`, else the last name.
#[allow(clippy::needless_pass_by_value, reason = "the list is of no use behind it")]
fn newest(versions: Vec<String>) -> Option<String> {
    let highest = versions.iter().filter_map(|version| version.parse::<u64>().ok()).max();
    highest.map(|number| number.to_string()).or_else(|| {
        let latest = versions.iter().find(|version| *version == "latest");
        latest.or_else(|| versions.iter().max()).cloned()
    })
}

/// Fetches a pod file in one piece to a local file, which is there whole or not at all; what is in it
/// is for its reader to check. Returns its bytes.
pub async fn fetch(
    from: &Address,
    to: &Path,
    options: FetchOptions,
    progress: impl Fn(Progress) + Sync,
) -> Result<u64, RemoteError> {
    let (size, stream) = match from.place() {
        Place::Web(url) => http::read(url, from).await?,
        Place::Registry { .. } => return Err(from.refused("a registry holds pods in parts: use `larder pod pull`")),
        Place::Folder(_) | Place::Objects { .. } => {
            let objects = whole(from)?;
            let (size, stream) = objects.read(&objects.whole()).await?;
            (Some(size), stream)
        }
    };
    if let Some(size) = size.filter(|size| *size > options.limit) {
        return Err(from.refused(format!("the file has {size} bytes, more than the limit of {}", options.limit)));
    }
    let done = AtomicU64::new(0);
    let seen = |bytes| {
        let done = done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        progress(Progress { done, total: size.unwrap_or(0) });
    };
    let received = receive_file(stream, options.limit, to, &seen).await.map_err(|error| from.refused(error))?;

    match size {
        Some(size) if size != received => {
            let _ = std::fs::remove_file(to);
            Err(from.refused(format!("the file ended after {received} of {size} bytes")))
        }
        _ => Ok(received),
    }
}

/// Stores a local pod file in one piece at an address that ends with `.pod`.
pub async fn store(from: &Path, to: &Address) -> Result<u64, RemoteError> {
    let objects = whole(to)?;
    let failed = |error: std::io::Error| RemoteError::local(from, &error);
    let part = part_of(from).await.map_err(failed)?;
    let file = tokio::fs::File::open(from).await.map_err(failed)?;
    objects.write(&objects.whole(), &part, file).await?;
    Ok(part.size)
}

/// What a local file has to be when it has arrived.
async fn part_of(file: &Path) -> std::io::Result<Part> {
    let path = file.to_owned();
    let hashed = tokio::task::spawn_blocking(move || library::hashed(&path)).await;
    let (sha256, size) = hashed.map_err(std::io::Error::other)??;
    Ok(Part { path: file.display().to_string(), sha256, size })
}

fn whole(address: &Address) -> Result<Objects, RemoteError> {
    if !address.is_file() {
        return Err(address.refused("is no pod file: its name does not end with .pod"));
    }
    match address.place() {
        Place::Folder(folder) => path::open(folder, address),
        Place::Objects { .. } => clouds::open(address),
        Place::Registry { .. } => Err(address.refused("a registry holds pods in parts")),
        Place::Web(_) => Err(address.refused("a web server is only read")),
    }
}
