//! Why an endpoint cannot be spoken to.

use std::path::PathBuf;

/// Why an endpoint cannot be spoken to.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The certificates cannot be read.
    #[error("{}: {reason}; --upstream-ca names a file with certificates (PEM)", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// There are no keys.
    #[error("{}: {reason}", path.display())]
    Keys {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// There is no TLS.
    #[error("TLS: {0}")]
    Tls(String),
}
