//! Commands about function URLs.

use crate::model::names::{AliasName, FunctionKey};
use crate::model::urls::Cors;

/// A wish to change function URLs.
#[derive(Debug, Clone, PartialEq)]
pub enum UrlCommand {
    /// The function (and alias) exists and has no URL.
    CreateUrl(CreateUrl),
    /// The URL exists.
    UpdateUrl(UpdateUrl),
    /// The URL exists.
    DeleteUrl {
        /// The function.
        key: FunctionKey,
        /// The alias it belongs to; `None`: the function itself.
        alias: Option<AliasName>,
    },
}

/// Parameters of `CreateFunctionUrlConfig`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateUrl {
    /// The function.
    pub key: FunctionKey,
    /// The alias it belongs to; `None`: the function itself.
    pub alias: Option<AliasName>,
    /// `NONE` or `AWS_IAM`.
    pub auth_type: String,
    /// Which other origins may call it.
    pub cors: Option<Cors>,
    /// `BUFFERED` or `RESPONSE_STREAM`.
    pub invoke_mode: Option<String>,
}

/// Parameters of `UpdateFunctionUrlConfig`; what is not given stays.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdateUrl {
    /// The function.
    pub key: FunctionKey,
    /// The alias it belongs to; `None`: the function itself.
    pub alias: Option<AliasName>,
    /// Another kind of authentication.
    pub auth_type: Option<String>,
    /// All of CORS; with nothing in it: none.
    pub cors: Option<Cors>,
    /// Another mode.
    pub invoke_mode: Option<String>,
}
