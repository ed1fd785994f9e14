//! Why a remote could not be used.

use std::path::Path;

/// Variables whose values never get into a message.
const SECRETS: [&str; 9] = [
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_CLIENT_SECRET",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "LARDER_OCI_PASSWORD",
    "LARDER_OCI_USERNAME",
];

/// Why a remote could not be used. The text names the thing, the reason and the next step, and holds
/// no secret.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RemoteError(String);

impl RemoteError {
    /// An error with a text of ours or of a library.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(masked(text.into()))
    }

    /// A local file that could not be read or written.
    pub(super) fn local(path: &Path, error: &std::io::Error) -> Self {
        Self::new(format!("{}: {error}", path.display()))
    }
}

/// A text without the values of the variables that hold credentials: libraries quote what a server
/// says, and some servers say what they were told.
fn masked(mut text: String) -> String {
    for name in SECRETS {
        match std::env::var(name) {
            // A short value would blot out innocent words, and is no secret worth the name.
            Ok(value) if value.len() >= 6 => text = text.replace(&value, "***"),
            _ => {}
        }
    }
    text
}
