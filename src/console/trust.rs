//! Who may see secrets: values of functions' variables, and what holds them.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;

/// A request of the store's owner: it came over the socket in the data dir, or with the store's token. Whoever serves
/// the endpoints puts it into a request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct Trusted;

/// Whether what looks like a secret is wanted, too.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// It is.
    #[serde(default)]
    pub show_secrets: bool,
}

/// The answer to others who ask for secrets.
pub fn refuse(what: &str) -> Response {
    let error = format!(
        "{what} over this way is for those who send the token in DIR/token of the data dir, as `Authorization: Bearer \
         TOKEN`; `larder --data-dir DIR` needs none, and elsewhere --token (LARDER_TOKEN) gives it"
    );
    (StatusCode::FORBIDDEN, Json(json!({ "error": error }))).into_response()
}
