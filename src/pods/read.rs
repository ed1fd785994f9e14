//! Reads a pod, and believes nothing: every part is checked against the manifest before any of it is used.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tar::{Archive, Entries, Entry, EntryType};

use super::events::{self, PodEvent};
use super::messages::{self, PodMessage};
use super::state_file::{self, is_named_well};
use super::{BLOBS, MANIFEST, MAX_MANIFEST, Manifest, Part, PodError, encryption, io_error, path_error};
use crate::blobs::digest;
use crate::model::blob::BlobId;
use crate::model::resource::{Changes, Resource};
use crate::model::state;

/// Window of the compression at most, as a power of two: 8 MiB, which is what levels up to 19 use.
const WINDOW: u32 = 23;

/// What a zstd file begins with.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Bytes of all parts at most, unless the caller says otherwise.
pub const MAX_SIZE: u64 = 64 * 1024 * 1024 * 1024;

/// A pod that was read whole and checked.
#[derive(Debug)]
pub struct Pod {
    /// Its digest: that of its manifest.
    pub digest: BlobId,
    /// What it says of itself.
    pub manifest: Manifest,
    /// The resources, in the order of their places.
    pub resources: Vec<Resource>,
    /// The events that waited, if it has them.
    pub events: Option<Vec<PodEvent>>,
    /// The messages of queues, if it has them.
    pub messages: Option<Vec<PodMessage>>,
    /// Where the parts lie, each under its digest.
    folder: tempfile::TempDir,
}

impl Pod {
    /// The file of a blob.
    pub fn blob(&self, id: &BlobId) -> PathBuf {
        self.folder.path().join(id.hex())
    }

    /// Where its parts lie, each under its digest.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Puts the same resources in other places.
    ///
    /// # Errors
    /// One of them cannot be where it shall be.
    pub fn replace(&mut self, resources: Vec<Resource>) -> Result<(), PodError> {
        let wrong = resources.iter().map(Resource::key).find(|key| !is_named_well(key));
        if let Some(key) = wrong {
            return Err(PodError::Refused(format!("a resource cannot be at {}", key.arn())));
        }
        self.resources = resources;
        Ok(())
    }

    /// The state that it holds.
    pub fn state(&self) -> state::State {
        let mut state = state::State::default();
        state.make(&Changes { put: self.resources.clone(), removed: Vec::new() });
        state.sequence = self.manifest.sequence;
        state
    }

    /// The events that waited.
    pub fn waiting(&self) -> &[PodEvent] {
        self.events.as_deref().unwrap_or_default()
    }

    /// The messages of queues.
    pub fn queued(&self) -> &[PodMessage] {
        self.messages.as_deref().unwrap_or_default()
    }

    /// The blobs it holds.
    pub fn blobs(&self) -> impl Iterator<Item = BlobId> + '_ {
        self.manifest.parts.iter().filter(|part| part.path.starts_with(BLOBS)).map(Part::digest)
    }
}

/// Reads a pod. Its parts are unpacked into a temporary folder in `staging`.
///
/// # Errors
/// Anything is not as it must be; the message says what and where. Nothing is left in `staging`.
pub fn read(source: impl Read, staging: &Path, max_size: u64) -> Result<Pod, PodError> {
    fs::create_dir_all(staging).map_err(path_error(staging))?;
    let folder = tempfile::TempDir::new_in(staging).map_err(path_error(staging))?;
    let mut source = BufReader::new(source);
    if encryption::is_sealed(source.fill_buf().map_err(broken)?) {
        let how = "`larder pod load` decrypts it, with LARDER_POD_PASSPHRASE or --identity";
        return Err(PodError::Refused(format!("it is encrypted; {how}")));
    }

    let mut unpacked = zstd::Decoder::with_buffer(source).map_err(io_error("the pod cannot be read"))?;
    unpacked.window_log_max(WINDOW).map_err(io_error("the pod cannot be read"))?;
    let mut archive = Archive::new(unpacked);
    let (bytes, manifest) = {
        // Raw: an extension of tar (a long name, a link) is an entry like any other, and no part of a pod.
        let mut entries = archive.entries().map_err(broken)?.raw(true);
        let bytes = manifest_bytes(&mut entries)?;
        let manifest = Manifest::read(&bytes)?;
        if manifest.size().is_none_or(|size| size > max_size) {
            return Err(PodError::Refused(format!("its parts have more than {max_size} bytes")));
        }
        for part in &manifest.parts {
            let entry = next(&mut entries, &part.path)?;
            unpack(entry, part, folder.path())?;
        }
        if let Some(entry) = entries.next() {
            let name = String::from_utf8_lossy(&entry.map_err(broken)?.path_bytes()).into_owned();
            return Err(PodError::Refused(format!("it holds {name:?}, which its manifest does not name")));
        }
        (bytes, manifest)
    };
    drain(&mut archive.into_inner())?;
    let resources = state_file::resources(&manifest, folder.path())?;
    let events = events::read::events(&manifest, folder.path(), &resources)?;
    let messages = messages::read::messages(&manifest, folder.path(), &resources)?;

    Ok(Pod { digest: digest(&bytes), manifest, resources, events, messages, folder })
}

/// Whether bytes may be the first of a pod: all else need not be brought here to be refused.
pub fn may_begin_a_pod(beginning: &[u8]) -> bool {
    let length = beginning.len().min(ZSTD.len());
    beginning[..length] == ZSTD[..length] || encryption::is_sealed(beginning)
}

/// The compressed stream must end whole: its checksum is behind the last byte.
fn drain(rest: &mut impl Read) -> Result<(), PodError> {
    let mut buffer = vec![0; 64 * 1024];
    // The zeros that end an archive are two blocks, and what fills the last record of some writers.
    let mut left = 1024 * 1024_usize;
    loop {
        let read = rest.read(&mut buffer).map_err(broken)?;
        if read == 0 {
            return Ok(());
        }
        left = left.checked_sub(read).ok_or_else(|| PodError::Refused("bytes follow its last part".to_owned()))?;
        if buffer[..read].iter().any(|byte| *byte != 0) {
            return Err(PodError::Refused("bytes follow its last part".to_owned()));
        }
    }
}

#[allow(clippy::needless_pass_by_value, reason = "it is a `map_err`")]
fn broken(error: std::io::Error) -> PodError {
    PodError::Broken(error.to_string())
}

/// The next entry, which must be a file of this name.
fn next<'a, R: Read>(entries: &mut Entries<'a, R>, path: &str) -> Result<Entry<'a, R>, PodError> {
    let entry = entries.next().ok_or_else(|| PodError::Broken(format!("it ends before {path}")))?.map_err(broken)?;
    let name = entry.path_bytes();
    if *name != *path.as_bytes() {
        let name = String::from_utf8_lossy(&name).into_owned();
        return Err(PodError::Refused(format!("it holds {name:?} where {path:?} must come")));
    }

    if entry.header().entry_type() != EntryType::Regular {
        return Err(PodError::Refused(format!("{path} is no plain file in it")));
    }
    Ok(entry)
}

fn manifest_bytes<R: Read>(entries: &mut Entries<'_, R>) -> Result<Vec<u8>, PodError> {
    let entry = next(entries, MANIFEST)?;
    if entry.size() > MAX_MANIFEST {
        return Err(PodError::Refused(format!("{MANIFEST} has more than {MAX_MANIFEST} bytes")));
    }
    let mut bytes = Vec::new();
    entry.take(MAX_MANIFEST).read_to_end(&mut bytes).map_err(broken)?;
    Ok(bytes)
}

/// Unpacks a part under its digest.
fn unpack<R: Read>(mut entry: Entry<'_, R>, part: &Part, folder: &Path) -> Result<(), PodError> {
    if entry.size() != part.size {
        let found = entry.size();
        let size = part.size;
        return Err(PodError::Refused(format!("{} has {found} bytes, where its manifest says {size}", part.path)));
    }

    let expected = part.digest();
    let path = folder.join(expected.hex());
    let mut file = File::create(&path).map_err(path_error(&path))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut left = part.size;

    while left > 0 {
        let read = entry.read(&mut buffer).map_err(broken)?;
        if read == 0 {
            return Err(PodError::Broken(format!("it ends inside {}", part.path)));
        }
        hash.update(&buffer[..read]);
        file.write_all(&buffer[..read]).map_err(path_error(&path))?;
        left = left.saturating_sub(read as u64);
    }

    let found = BlobId(hash.finalize().into());
    if found == expected { Ok(()) } else { Err(PodError::Digest { path: part.path.clone(), expected, found }) }
}
