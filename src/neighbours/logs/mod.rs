//! CloudWatch Logs, for what functions write: groups, streams, lines, and the search in them.
//!
//! Groups and streams are events of the ledger; lines lie beside them ([`crate::ledger::log_lines`]). A request
//! becomes a `Request`, checked against the row of its operation
//! (`operation::OPERATIONS`), in either protocol (`wire::Wire`).

pub mod delivery;
mod filter_events;
mod get_events;
mod groups;
mod listings;
mod operation;
mod page;
mod pattern;
mod put_events;
mod request;
mod shapes;
mod streams;
mod tags;
mod wire;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response};
use bytes::Bytes;
use request::Request;
use serde_json::Value;
use tracing::Instrument as _;
use wire::Wire;

use crate::api::sigv4::Caller;
use crate::ledger::log_lines::LogLines;
use crate::ledger::{CommitError, Committed, Ledger, LedgerError};
use crate::model::error::{ApiError, ErrorCode};
use crate::model::event::Origin;
use crate::model::logs::command::LogsCommand;
use crate::model::time::Timestamp;

/// Bytes of a request at most: `PutLogEvents` takes 1 MiB of text, which escapes may make six times as long.
pub const MAX_REQUEST: usize = 16 * 1024 * 1024;

/// What an operation answers; `None` where its model has no output.
type Answer = Result<Option<Value>, ApiError>;

/// CloudWatch Logs.
#[derive(Debug)]
pub struct Logs {
    ledger: Arc<Ledger>,
    lines: LogLines,
}

impl Logs {
    /// The service over a ledger.
    pub fn new(ledger: Arc<Ledger>) -> Self {
        let lines = ledger.log_lines();
        Self { ledger, lines }
    }

    /// Whether the operation that a request names is one that is served.
    pub fn serves(parts: &Parts) -> bool {
        Wire::operation(parts).is_some_and(|name| operation::find(name).is_some())
    }

    /// Answers a request.
    pub async fn handle(&self, caller: &Caller, request_id: &str, parts: &Parts, body: Bytes) -> Response<Body> {
        let wire = Wire::of(parts);
        let operation = Wire::operation(parts).unwrap_or_default();
        let span = tracing::info_span!("logs", request_id, operation);
        let answered = self.answer(caller, request_id, wire, parts, &body).instrument(span.clone()).await;
        let mut response = answered.and_then(|answer| wire.answer(answer.as_ref())).unwrap_or_else(|error| {
            span.in_scope(|| tracing::debug!(%error, "refused"));
            wire.error(&error)
        });
        if let Ok(id) = HeaderValue::from_str(request_id) {
            response.headers_mut().insert("x-amzn-requestid", id);
        }
        response
    }

    /// The answer to a body that is too large, or broke off.
    pub fn refuse_body(&self, parts: &Parts) -> Response<Body> {
        let message = format!("The body of a request must be readable, and of {MAX_REQUEST} bytes at most.");
        Wire::of(parts).error(&ApiError::new(ErrorCode::RequestEntityTooLarge, message))
    }

    async fn answer(&self, caller: &Caller, request_id: &str, wire: Wire, parts: &Parts, body: &[u8]) -> Answer {
        let name = Wire::operation(parts).unwrap_or_default();
        let operation = operation::find(name).ok_or_else(|| {
            let message = format!(
                "Larder's CloudWatch Logs has {}: it does not serve the operation {name:?}. Start it with --upstream \
                 logs=URL to pass such operations on to an endpoint that serves them.",
                operation::lack(name)
            );
            ApiError::new(ErrorCode::UnknownOperation, message)
        })?;
        let user_agent = parts.headers.get("user-agent").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let origin = Origin {
            request_id: request_id.to_owned(),
            access_key_id: caller.access_key_id.clone(),
            user_agent: user_agent.to_owned(),
        };
        let request = Request::bind(operation, caller.scope.clone(), origin, wire.input(body)?)?;
        (operation.handler)(self, request).await
    }

    /// Commits a command.
    async fn commit(&self, command: LogsCommand, origin: Origin) -> Result<Committed, ApiError> {
        self.ledger.commit(command.into(), origin, None).await.map_err(|error| match error {
            CommitError::Refused(error) => error,
            CommitError::Closed => ApiError::new(ErrorCode::ServiceUnavailable, "The server is shutting down."),
            CommitError::Storage(_) => crate::api::fault(&error),
        })
    }

    /// Does work on log lines where it keeps no other call from running.
    async fn on_lines<T: Send + 'static>(
        &self,
        work: impl FnOnce(&LogLines) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let lines = self.lines.clone();
        let done = tokio::task::spawn_blocking(move || work(&lines)).await;
        done.map_err(|error| crate::api::fault(&error))?.map_err(|error| crate::api::fault(&error))
    }
}

/// The present time.
fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

/// `InvalidParameterException`.
fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::InvalidParameter, message)
}
