//! `/_larder/queue`: events that wait until they have been run.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::trust::Shown;
use super::{Console, Trusted, trust};
use crate::desk::history;
use crate::desk::queue::change::{self, ChangeRequest};
use crate::desk::queue::list::{self, QueueQuery};
use crate::desk::queue::wait;
use crate::desk::queue::{Chosen, Queue, QueueError};

/// How long one call may wait: who wants to wait longer asks again.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The routes.
pub fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/_larder/queue", get(events))
        .route("/_larder/queue/functions", get(functions))
        .route("/_larder/queue/wait", get(wait_for))
        .route("/_larder/queue/retry", post(retry))
        .route("/_larder/queue/drop", post(drop_events))
        .route("/_larder/queue/{id}", get(show))
}

fn answer(answer: Result<impl Serialize, QueueError>) -> Response {
    match answer {
        Ok(said) => Json(said).into_response(),
        Err(error) => refuse(&error),
    }
}

/// What is wrong, as `{"error": …}`.
fn refuse(error: &QueueError) -> Response {
    let status = match error {
        QueueError::Invalid(_) => StatusCode::BAD_REQUEST,
        QueueError::NoFunction(_) | QueueError::NoEvent(_) => StatusCode::NOT_FOUND,
        QueueError::Runs(_) => StatusCode::CONFLICT,
        QueueError::Ledger(_) | QueueError::Commit(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    if status.is_server_error() {
        tracing::error!(%error, "a question about events has no answer");
    }
    (status, Json(json!({ "error": error.to_string() }))).into_response()
}

/// Answers off the threads that serve.
async fn blocking<T: Serialize + Send + 'static>(
    queue: Queue,
    ask: impl FnOnce(&Queue) -> Result<T, QueueError> + Send + 'static,
) -> Response {
    match tokio::task::spawn_blocking(move || ask(&queue)).await {
        Ok(said) => answer(said),
        Err(error) => super::unavailable(&error),
    }
}

async fn events(State(console): State<Arc<Console>>, Query(query): Query<QueueQuery>) -> Response {
    blocking(console.queue.clone(), move |queue| list::events(queue, &query)).await
}

async fn functions(State(console): State<Arc<Console>>, Query(query): Query<QueueQuery>) -> Response {
    blocking(console.queue.clone(), move |queue| list::functions(queue, &query)).await
}

async fn show(
    State(console): State<Arc<Console>>,
    asker: Option<Extension<Trusted>>,
    Path(id): Path<u64>,
    Query(Shown { show_secrets }): Query<Shown>,
) -> Response {
    if show_secrets && asker.is_none() {
        return trust::refuse("showing secrets");
    }
    blocking(console.queue.clone(), move |queue| list::show(queue, id, history::secrets(show_secrets))).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wait {
    function: Option<String>,
    timeout_ms: Option<u64>,
}

async fn wait_for(State(console): State<Arc<Console>>, Query(query): Query<Wait>) -> Response {
    let chosen = match Chosen::parse(&console.queue, query.function.as_deref()) {
        Ok(chosen) => chosen,
        Err(error) => return refuse(&error),
    };
    let limit = query.timeout_ms.map_or(LONGEST_WAIT, Duration::from_millis).min(LONGEST_WAIT);
    // The server's end is not held up.
    answer(Ok(wait::wait(&console.queue, &chosen, limit, &console.stopping).await))
}

/// Reads what is to be changed.
fn meant(body: &[u8]) -> Result<ChangeRequest, QueueError> {
    serde_json::from_slice(body)
        .map_err(|error| QueueError::Invalid(format!("the body says not which events are meant: {error}")))
}

async fn retry(State(console): State<Arc<Console>>, body: axum::body::Bytes) -> Response {
    match meant(&body) {
        Ok(request) => answer(change::retry(&console.queue, &request).await),
        Err(error) => refuse(&error),
    }
}

async fn drop_events(State(console): State<Arc<Console>>, body: axum::body::Bytes) -> Response {
    match meant(&body) {
        Ok(request) => answer(change::drop_events(&console.queue, &request).await),
        Err(error) => refuse(&error),
    }
}
