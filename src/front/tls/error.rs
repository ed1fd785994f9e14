//! Why clients cannot come over TLS.

use std::path::PathBuf;

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file or folder.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file that holds no certificate or key.
    #[error("{} cannot be used: {reason}. Remove it for a new one, or give one in PEM.", path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A certificate could not be made.
    #[error("a certificate could not be made: {0}")]
    Made(#[from] rcgen::Error),
    /// A certificate and its key do not go together.
    #[error("the certificate cannot be used: {0}")]
    Rejected(#[from] rustls::Error),
}
