//! Why a server cannot start or go on.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::blobs::BlobError;
use crate::front::tls::TlsError;
use crate::ledger::LedgerError;
use crate::upstream::AccessError;

/// Why a server cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// A file or folder cannot be used.
    #[error("{}: {source}. --data-dir takes another folder.", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Another server has the data dir.
    #[error("the data dir {} is in use by another larder; stop it, or give this one another --data-dir", .0.display())]
    InUse(PathBuf),
    /// The store cannot be opened.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The blobs cannot be opened.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The executor that was asked for is not to be had.
    #[error("the {name} executor cannot be used: {reason}")]
    Executor {
        /// Its name.
        name: &'static str,
        /// Why not.
        reason: String,
    },
    /// The address for a remote engine's environments cannot be listened on.
    #[error(
        "cannot listen on {address} for environments: {source}. --link-address must be an address of this machine."
    )]
    Link {
        /// Which.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file of access keys cannot be used.
    #[error("--credentials: {0}")]
    Credentials(#[from] AccessError),
    /// The endpoints of other services cannot be used as they were given.
    #[error("{0}")]
    Upstream(String),
    /// The collector of OpenTelemetry cannot be told.
    #[error("--otlp: {0}")]
    Telemetry(String),
    /// A pod that shall be loaded at the start cannot be.
    #[error("the pod {pod} cannot be loaded: {reason}")]
    LoadPod {
        /// Where it is.
        pod: String,
        /// What is wrong.
        reason: String,
    },
    /// A pod that shall be saved at the end cannot be.
    #[error(
        "the pod {pod} was not saved: {reason}. The store is whole: `larder pod save {pod} --data-dir DIR` tries again"
    )]
    SavePod {
        /// Where it shall be.
        pod: String,
        /// What is wrong.
        reason: String,
    },
    /// A remote that callers may name is none.
    #[error("--pod-remote: {0}")]
    PodRemote(String),
    /// Clients cannot come over TLS.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// A folder that functions may run from is not there.
    #[error("the --hot-reload-root {} cannot be used ({source}); create it, or name a folder that is there", .path.display())]
    HotReloadRoot {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The port cannot be served.
    #[error("cannot serve: {0}")]
    Serve(std::io::Error),
}
