//! Lambda's Extensions API, `/2020-01-01/extension/…`.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html>; texts and status codes as
//! AWS's runtime interface emulator has them.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Method, Request, Response};
use serde::Deserialize;

use super::answer::{self, ApiAnswer};
use super::body::{self, Collected};
use super::{ApiRequest, Gone, Shared, ask};

/// Largest body of a registration.
const BODY_LIMIT: u64 = 256 * 1024;

/// Names an extension.
const NAME: &str = "lambda-extension-name";

/// Proves which extension calls.
const IDENTIFIER: &str = "lambda-extension-identifier";

/// What an extension wants to be told beside the usual.
const FEATURES: &str = "lambda-extension-accept-feature";

/// The type of an error that an extension reports.
const ERROR_TYPE: &str = "lambda-extension-function-error-type";

/// What an extension asks or tells.
#[derive(Debug, PartialEq, Eq)]
pub enum ExtensionRequest {
    /// It registers.
    Register {
        /// Its name.
        name: String,
        /// The events it wants.
        events: Vec<String>,
        /// Whether it wants to know the account.
        account: bool,
    },
    /// It asks for the next event.
    Next {
        /// Its identifier.
        id: String,
    },
    /// It cannot begin, or ends.
    Error {
        /// Its identifier.
        id: String,
        /// Whether it cannot begin.
        init: bool,
        /// The type it gave; `None` where the header was missing.
        error_type: Option<String>,
    },
}

#[derive(Debug, Deserialize)]
struct Registration {
    #[serde(default)]
    events: Option<Vec<String>>,
    #[serde(default, rename = "configurationKeys")]
    configuration_keys: Vec<String>,
}

/// Serves one request.
pub(super) async fn serve(request: Request<Incoming>, shared: &Shared) -> Result<Response<Full<Bytes>>, Gone> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().strip_prefix("/2020-01-01/extension/").unwrap_or_default();
    let method = if path == "event/next" { Method::GET } else { Method::POST };
    if !["register", "event/next", "init/error", "exit/error"].contains(&path) {
        return Ok(answer::not_found());
    }
    if head.method != method {
        return Ok(answer::wrong_method());
    }
    let request = match path {
        "register" => {
            let body = match body::collect(body, BODY_LIMIT).await {
                Collected::Whole { body, .. } => body,
                Collected::TooLarge { .. } | Collected::Broken => return Ok(answer::truncated()),
            };
            registration(&head.headers, &body)
        }
        "event/next" => identifier(&head.headers).map(|id| ExtensionRequest::Next { id }),
        _ => identifier(&head.headers).map(|id| ExtensionRequest::Error {
            id,
            init: path == "init/error",
            error_type: text(&head.headers, ERROR_TYPE),
        }),
    };
    match request {
        Ok(request) => Ok(ask(shared, ApiRequest::Extension(request)).await?.into_response()),
        Err(refusal) => Ok(refusal.into_response()),
    }
}

fn registration(headers: &HeaderMap, body: &[u8]) -> Result<ExtensionRequest, ApiAnswer> {
    let name = text(headers, NAME)
        .ok_or_else(|| ApiAnswer::forbidden("Extension.InvalidExtensionName", "Empty extension name"))?;
    let refused = |message: &str| ApiAnswer::forbidden("InvalidRequestFormat", message);
    let registration: Registration = serde_json::from_slice(body).map_err(|error| refused(&error.to_string()))?;
    if !registration.configuration_keys.is_empty() {
        return Err(refused("configurationKeys are deprecated; use environment variables instead"));
    }
    let account = text(headers, FEATURES).is_some_and(|list| list.split(',').any(|one| one.trim() == "accountId"));

    Ok(ExtensionRequest::Register { name, events: registration.events.unwrap_or_default(), account })
}

/// The identifier of the extension that calls.
pub(super) fn identifier(headers: &HeaderMap) -> Result<String, ApiAnswer> {
    let id = text(headers, IDENTIFIER).ok_or_else(|| {
        ApiAnswer::forbidden("Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
    })?;
    if uuid::Uuid::try_parse(&id).is_err() {
        return Err(ApiAnswer::forbidden(
            "Extension.InvalidExtensionIdentifier",
            "Invalid Lambda-Extension-Identifier",
        ));
    }
    Ok(id)
}

/// A header with something in it.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned()).filter(|text| !text.is_empty())
}
