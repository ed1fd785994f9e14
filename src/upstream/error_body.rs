//! What other services say when they refuse.

use axum::http::StatusCode;
use serde::Deserialize;

/// An error in a body of XML.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub struct ErrorBody {
    /// The service's code.
    pub code: String,
    /// Its message.
    #[serde(default)]
    pub message: String,
}

impl From<StatusCode> for ErrorBody {
    /// What the status alone says, where no error can be read.
    fn from(status: StatusCode) -> Self {
        Self { code: status.as_u16().to_string(), message: status.canonical_reason().unwrap_or_default().to_owned() }
    }
}
