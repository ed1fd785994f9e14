//! The endpoints of history: `/_larder/log`, `/_larder/state`, `/_larder/rewind` and so on.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Console, Trusted, respond, trust};
use crate::desk::history::{self, HistoryError};
use crate::desk::log::{self, LogQuery};
use crate::desk::long::Long;
use crate::ledger::time_travel::RewindError;
use crate::ledger::{CommitError, Ledger, LedgerError};
use crate::model::event::Origin;
use crate::runs::command::Fate;

/// The routes.
pub fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/_larder/log", get(page))
        .route("/_larder/log/{sequence}", get(show))
        .route("/_larder/state", get(state))
        .route("/_larder/diff", get(diff))
        .route("/_larder/rewind", post(rewind))
        .route("/_larder/marks", get(marks))
        .route("/_larder/marks/{name}", post(mark).put(mark).delete(unmark))
}

/// An answer, or what is wrong as `{"error": …}`.
pub fn answer(result: Result<impl Serialize, HistoryError>) -> Response {
    match result {
        Ok(said) => Json(said).into_response(),
        Err(error) => refuse(&error),
    }
}

/// What is wrong, as `{"error": …}`.
pub fn refuse(error: &HistoryError) -> Response {
    let status = match error {
        HistoryError::Invalid(_) => StatusCode::BAD_REQUEST,
        HistoryError::Ledger(error) | HistoryError::Rewind(RewindError::Point(error)) => status_of(error),
        HistoryError::Rewind(RewindError::NoResource(_) | RewindError::Commit(CommitError::Refused(_))) => {
            StatusCode::NOT_FOUND
        }
        HistoryError::Rewind(RewindError::Commit(_)) | HistoryError::Json(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    if status.is_server_error() {
        tracing::error!(%error, "a question about history has no answer");
    }
    (status, Json(json!({ "error": error.to_string() }))).into_response()
}

fn status_of(error: &LedgerError) -> StatusCode {
    match error {
        LedgerError::NotYet { .. } | LedgerError::NoMark(_) | LedgerError::Compacted { .. } => StatusCode::NOT_FOUND,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Answers from the ledger, off the threads that serve.
async fn blocking<T: Serialize + Send + 'static>(
    console: Arc<Console>,
    ask: impl FnOnce(&Ledger) -> Result<T, HistoryError> + Send + 'static,
) -> Response {
    match tokio::task::spawn_blocking(move || ask(&console.ledger)).await {
        Ok(result) => answer(result),
        Err(error) => super::unavailable(&error),
    }
}

/// The same for an answer that is made while it is sent.
async fn long<T: Send + 'static>(
    console: Arc<Console>,
    ask: impl FnOnce(&Ledger) -> Result<Long<T>, HistoryError> + Send + 'static,
) -> Response {
    match tokio::task::spawn_blocking(move || ask(&console.ledger)).await {
        Ok(Ok(long)) => respond::long(long),
        Ok(Err(error)) => refuse(&error),
        Err(error) => super::unavailable(&error),
    }
}

/// Who asks: the store's owner or not.
type Asker = Option<Extension<Trusted>>;

/// The answer to those who ask for secrets and may not see them.
fn refusal(asker: Asker, show_secrets: bool) -> Option<Response> {
    (show_secrets && asker.is_none()).then(|| trust::refuse("showing secrets"))
}

async fn page(State(console): State<Arc<Console>>, asker: Asker, Query(query): Query<LogQuery>) -> Response {
    if let Some(refusal) = refusal(asker, query.show_secrets) {
        return refusal;
    }
    blocking(console, move |ledger| log::log(ledger, &query)).await
}

#[derive(Debug, Deserialize)]
struct Shown {
    #[serde(default)]
    show_secrets: bool,
    at: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

async fn show(
    State(console): State<Arc<Console>>,
    asker: Asker,
    Path(sequence): Path<u64>,
    Query(query): Query<Shown>,
) -> Response {
    if let Some(refusal) = refusal(asker, query.show_secrets) {
        return refusal;
    }
    long(console, move |ledger| log::show(ledger, sequence, query.show_secrets)).await
}

async fn state(State(console): State<Arc<Console>>, asker: Asker, Query(query): Query<Shown>) -> Response {
    if let Some(refusal) = refusal(asker, query.show_secrets) {
        return refusal;
    }
    long(console, move |ledger| history::state(ledger, query.at.as_deref(), query.show_secrets)).await
}

async fn diff(State(console): State<Arc<Console>>, asker: Asker, Query(query): Query<Shown>) -> Response {
    let Some(from) = query.from else {
        return refuse(&HistoryError::Invalid("a difference is `from` a point `to` another one, or to now".to_owned()));
    };
    let to = query.to.unwrap_or_else(|| "now".to_owned());
    if let Some(refusal) = refusal(asker, query.show_secrets) {
        return refusal;
    }
    long(console, move |ledger| history::diff(ledger, &from, &to, query.show_secrets)).await
}

/// Body of `POST /_larder/rewind`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rewind {
    to: Value,
    #[serde(default)]
    only: Vec<String>,
    /// Whether the events that wait are dropped.
    #[serde(default)]
    drop_events: bool,
    /// Whether it is only told what would change.
    #[serde(default)]
    dry_run: bool,
    /// Whether the messages of queues are.
    #[serde(default)]
    drop_messages: bool,
}

async fn rewind(State(console): State<Arc<Console>>, headers: HeaderMap, body: axum::body::Bytes) -> Response {
    let body: Rewind = match serde_json::from_slice(&body) {
        Ok(body) => body,
        Err(error) => return refuse(&HistoryError::Invalid(format!("the body is no rewind: {error}"))),
    };
    // A sequence may be a number.
    let to = body.to.as_str().map_or_else(|| body.to.to_string(), str::to_owned);
    if body.dry_run {
        return long(console, move |ledger| history::would_rewind(ledger, &to, &body.only)).await;
    }
    let fate = Fate { drops_events: body.drop_events, drops_messages: body.drop_messages };
    answer(history::rewind(&console.ledger, &to, &body.only, fate, origin(&headers)).await)
}

async fn marks(State(console): State<Arc<Console>>) -> Response {
    answer(Ok(history::marks(&console.ledger)))
}

async fn mark(State(console): State<Arc<Console>>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    answer(history::mark(&console.ledger, &name, origin(&headers)).await)
}

async fn unmark(State(console): State<Arc<Console>>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    answer(history::unmark(&console.ledger, &name, origin(&headers)).await)
}

/// Who asks: our own endpoints know no keys.
pub fn origin(headers: &HeaderMap) -> Origin {
    let user_agent = headers.get("user-agent").and_then(|value| value.to_str().ok()).unwrap_or_default();
    Origin { request_id: uuid::Uuid::new_v4().to_string(), user_agent: user_agent.to_owned(), ..Origin::default() }
}
