//! Function URLs.

pub mod command;
pub mod decide;
pub mod event;

use super::names::{AliasName, FunctionKey, UrlId};
use super::time::Timestamp;

/// An HTTP endpoint of a function, or of one of its aliases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionUrl {
    /// The first label of its host name; stays until the URL is deleted.
    pub id: UrlId,
    /// `NONE` or `AWS_IAM`.
    pub auth_type: String,
    /// Which other origins may call it.
    pub cors: Option<Cors>,
    /// `BUFFERED` or `RESPONSE_STREAM`, where a caller gave it.
    pub invoke_mode: Option<String>,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub modified: Timestamp,
}

impl FunctionUrl {
    /// The mode it is invoked in.
    pub fn invoke_mode(&self) -> &str {
        self.invoke_mode.as_deref().unwrap_or("BUFFERED")
    }
}

/// `Cors`: what a caller gave of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cors {
    /// Whether cookies may be sent.
    pub allow_credentials: Option<bool>,
    /// Headers of requests.
    pub allow_headers: Option<Vec<String>>,
    /// Methods, or `*`.
    pub allow_methods: Option<Vec<String>>,
    /// Origins, or `*`.
    pub allow_origins: Option<Vec<String>>,
    /// Headers of answers that a page may read.
    pub expose_headers: Option<Vec<String>>,
    /// How long a preflight answer may be kept, in seconds.
    pub max_age_s: Option<u32>,
}

/// Whose a URL is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlOwner {
    /// The function.
    pub key: FunctionKey,
    /// The alias it invokes; without one `$LATEST`.
    pub alias: Option<AliasName>,
}
