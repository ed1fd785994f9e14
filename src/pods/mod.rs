//! Pods: a state as one portable file, with the blobs it needs. docs/pod-format.md describes the format.

pub mod encryption;
pub mod events;
#[cfg(test)]
mod faults;
pub mod hot_folders;
pub mod library;
mod lines;
pub mod location;
pub mod manifest;
pub mod mapping;
pub mod messages;
pub mod read;
pub mod redaction;
pub mod references;
pub mod remotes;
pub mod report;
pub mod selection;
mod state_file;
pub mod transfer;
pub mod upstream_calls;
pub mod write;

use std::path::PathBuf;

pub use manifest::{Manifest, Part};

use crate::blobs::BlobError;
use crate::ledger::LedgerError;
use crate::model::blob::BlobId;

/// Version of the format that is written.
pub const FORMAT: u32 = 1;

/// Name of the first entry.
const MANIFEST: &str = "manifest.json";

/// Name of the state's entry.
const STATE: &str = "state.json";

/// Name of the history's entry.
const HISTORY: &str = "history.jsonl";

/// Name of the entry of the events that wait.
const EVENTS: &str = "events.jsonl";

/// Name of the entry of the messages of queues.
const MESSAGES: &str = "messages.jsonl";

/// Name of the entry of records of invocations.
const RECORDS: &str = "records.jsonl";

/// Name of the entry that says which of them a report is about.
const REPORT: &str = "report.json";

/// Name of a report's text for people.
const README: &str = "README.md";

/// Name of the entry of calls that made an upstream's state.
const UPSTREAM: &str = "upstream.jsonl";

/// What the names of blobs' entries begin with.
const BLOBS: &str = "blobs/sha256/";

/// Bytes of a manifest at most: one of 100,000 functions, each with code and a table of its own, takes 41 MB.
const MAX_MANIFEST: u64 = 64 * 1024 * 1024;

/// Bytes of a state at most that is written: one of 100,000 functions takes about 260 MB, with ten versions of each 2 GB. It
/// is taken in by one event, the bytes of which have to be counted by 32 bits.
const MAX_STATE: u64 = 3 * 1024 * 1024 * 1024;

/// Bytes of a state that is read whatever the machine: where it has more memory, an eighth of that is read, as resources
/// take some times their bytes while they are taken in.
const ALWAYS_READ: u64 = 512 * 1024 * 1024;

/// Bytes of a resource in the state at most: a function of 5,000 versions with all the variables that it may have takes as
/// many. As a tree of JSON it may take sixteen times its bytes.
const MAX_RESOURCE: u64 = 32 * 1024 * 1024;

/// Events that wait, and messages, at most, of each: they are taken in by one change, with all else, and all other changes
/// wait for that.
const MAX_LINES: usize = 200_000;

/// Why a pod cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum PodError {
    /// A file or stream cannot be used.
    #[error("{what}: {source}")]
    Io {
        /// What was done, with which.
        what: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The bytes are no pod, or not one that was written whole.
    #[error("this is no whole pod: {0}")]
    Broken(String),
    /// The pod says what cannot be.
    #[error("the pod is refused: {0}")]
    Refused(String),
    /// The pod library has no such pod, or there is none.
    #[error("{0}")]
    Library(String),
    /// What cannot name a pod of the library.
    #[error("{0}")]
    Name(String),
    /// The pod library is being added to, so that nothing of it can be deleted.
    #[error("the pod library {0} is just being added to: try again when that has ended")]
    Busy(PathBuf),
    /// A later Larder wrote it.
    #[error(
        "the pod has {what} {found}, but this larder knows up to {known}; use the larder that wrote it, or a later one"
    )]
    Newer {
        /// `format` or `schema`.
        what: &'static str,
        /// The pod's.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// Bytes are not those that the manifest names.
    #[error("{path} of the pod has the digest {found}, where the manifest says {expected}")]
    Digest {
        /// The entry.
        path: String,
        /// By the manifest.
        expected: BlobId,
        /// Of the bytes.
        found: BlobId,
    },
    /// It cannot be encrypted or decrypted.
    #[error("encryption: {0}")]
    Encryption(String),
    /// A remote cannot be used.
    #[error(transparent)]
    Remote(#[from] remotes::RemoteError),
    /// A blob of the store cannot be read or written.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The store cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A resource cannot be written as JSON.
    #[error("a resource cannot be written: {0}")]
    Json(#[from] serde_json::Error),
}

/// An I/O error with what was done.
fn io_error(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> PodError {
    let what = what.into();
    move |source| PodError::Io { what, source }
}

/// The same for a path.
fn path_error(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> PodError {
    io_error(PathBuf::from(path).display().to_string())
}
