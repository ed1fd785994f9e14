//! Why a request does not come in, and how its sender is told.

use axum::Json;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use serde_json::json;

use super::own_endpoints::{REQUEST_HEADER, is_larders_own};
use crate::front::dispatch;

/// Why a request does not come in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It has no host, more than one, or one that is no text.
    #[error("a request names the one host that it is for")]
    NoHost,
    /// It is for a host that is not ours.
    #[error(
        "Larder does not answer under the name {0}, as a web page could have led a browser here under it. If it is a \
         name of this server, start it with --hostname {0} (LARDER_HOSTNAME)."
    )]
    Host(String),
    /// A browser sent it under a name of AWS.
    #[error("No web page reaches Larder under the name {0}, which is one of AWS.")]
    Borrowed(String),
    /// A web page of another site sent it.
    #[error(
        "Web pages of {0} may not call Larder. If this one may, start Larder with --cors-origins {0} \
         (LARDER_CORS_ORIGINS)."
    )]
    Origin(String),
    /// The same, where the browser does not say of which site.
    #[error(
        "Web pages of other sites may not call Larder. Those that --cors-origins (LARDER_CORS_ORIGINS) names may, with \
         requests that say their origin."
    )]
    Site,
    /// It would do something although it may be a link that somebody followed.
    #[error("{0} changes something: send it by POST, or with a signature in its headers, as no link of a web page can")]
    Link(String),
    /// Another user of this machine sent it.
    #[error(
        "Larder answers the user who started it, not {0}. If others may call, start it with --local-users \
         (LARDER_LOCAL_USERS): names, numbers, or all."
    )]
    User(String),
    /// It would change something by one of Larder's own endpoints, and a web page could have sent it.
    #[error(
        "{method} {path} is for those who send the header `{REQUEST_HEADER}: 1`, which no web page can send by itself"
    )]
    NoHeader {
        /// Its method.
        method: String,
        /// Its path.
        path: String,
    },
}

impl Refusal {
    /// What is said once in the log; `None` for what is a slip of a single request.
    pub fn offender(&self) -> Option<&str> {
        match self {
            Self::Host(host) | Self::Borrowed(host) => Some(host),
            Self::User(user) => Some(user),
            Self::Origin(origin) => Some(origin),
            Self::Site => Some("a web page of another site"),
            Self::NoHost | Self::NoHeader { .. } | Self::Link(_) => None,
        }
    }

    /// The answer, as the one asked would write it.
    pub fn response(&self, parts: &Parts) -> Response<Body> {
        let mut response = if is_larders_own(parts.uri.path()) {
            Json(json!({ "error": self.to_string() })).into_response()
        } else {
            dispatch::access_denied(self.to_string(), parts)
        };
        *response.status_mut() = if *self == Self::NoHost { StatusCode::BAD_REQUEST } else { StatusCode::FORBIDDEN };
        if matches!(self, Self::User(_)) {
            // Nothing that comes on this connection will be answered otherwise.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
