//! `/_larder/invocations`: what is remembered of invocations.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::Serialize;
use serde_json::json;

use super::trust::Shown;
use super::{Console, Trusted, trust};
use crate::desk::history;
use crate::desk::invocations::{self, InvocationsError, InvocationsQuery};
use crate::desk::replay::then::{self, ThenRequest};
use crate::desk::replay::{self, ReplayError, ReplayRequest, Replayed};
use crate::ledger::difference::Secrets;

/// Bytes of a record that is run again: an event and an answer of 6 MB each, and 200 calls of 512 KiB, as JSON.
const MAX_RECORD: usize = 256 * 1024 * 1024;

/// The routes.
pub fn routes() -> Router<Arc<Console>> {
    let replay = post(replay).layer(DefaultBodyLimit::max(MAX_RECORD));
    Router::new()
        .route("/_larder/invocations", get(list))
        .route("/_larder/invocations/{id}", get(show))
        .route("/_larder/replay", replay)
        .route("/_larder/replay/then", post(replay_then))
}

/// Answers off the threads that serve.
async fn blocking<T: Serialize + Send + 'static>(
    console: Arc<Console>,
    ask: impl FnOnce(&Console) -> Result<T, InvocationsError> + Send + 'static,
) -> Response {
    match tokio::task::spawn_blocking(move || ask(&console)).await {
        Ok(Ok(said)) => Json(said).into_response(),
        Ok(Err(error)) => refuse(&error),
        Err(error) => super::unavailable(&error),
    }
}

/// What is wrong, as `{"error": …}`.
fn refuse(error: &InvocationsError) -> Response {
    let status = match error {
        InvocationsError::Invalid(_) => StatusCode::BAD_REQUEST,
        InvocationsError::Unknown(_) => StatusCode::NOT_FOUND,
        InvocationsError::Ledger(error) => return super::unavailable(error),
    };
    (status, Json(json!({ "error": error.to_string() }))).into_response()
}

async fn list(State(console): State<Arc<Console>>, Query(query): Query<InvocationsQuery>) -> Response {
    blocking(console, move |console| invocations::list(&console.ledger, Some(console.invoker.recorder()), &query)).await
}

async fn show(
    State(console): State<Arc<Console>>,
    asker: Option<Extension<Trusted>>,
    Path(id): Path<String>,
    Query(Shown { show_secrets }): Query<Shown>,
) -> Response {
    if show_secrets && asker.is_none() {
        return trust::refuse("showing secrets");
    }
    blocking(console, move |console| {
        let found = invocations::find(&console.ledger, Some(console.invoker.recorder()), &id)?;
        Ok(found
            .into_iter()
            .map(|record| invocations::shown(record, history::secrets(show_secrets)))
            .collect::<Vec<_>>())
    })
    .await
}

async fn replay(
    State(console): State<Arc<Console>>,
    asker: Option<Extension<Trusted>>,
    body: axum::body::Bytes,
) -> Response {
    let request: ReplayRequest = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => {
            let message = format!("the body says not what to run again: {error}");
            return (StatusCode::BAD_REQUEST, Json(json!({ "error": message }))).into_response();
        }
    };
    let secrets = history::secrets(asker.is_some());
    match replay::replay(&console.invoker, &console.ledger, request).await {
        Ok(replayed) => Json(shown(replayed, secrets)).into_response(),
        Err(error) => not_replayed(&error),
    }
}

/// Runs an invocation again in the state of then, in a server beside this one.
async fn replay_then(
    State(console): State<Arc<Console>>,
    asker: Option<Extension<Trusted>>,
    Json(request): Json<ThenRequest>,
) -> Response {
    let ThenRequest { request_id, environment } = request;
    let secrets = history::secrets(asker.is_some());
    let (ledger, recorder) = (Arc::clone(&console.ledger), console.invoker.recorder().clone());
    let finding = tokio::task::spawn_blocking(move || invocations::find(&ledger, Some(&recorder), &request_id));
    let last = match finding.await {
        Ok(Ok(found)) => found.into_iter().next_back(),
        Ok(Err(error)) => return refuse(&error),
        Err(error) => return super::unavailable(&error),
    };
    let Some(last) = last else { return not_replayed(&ReplayError::Then("nothing is remembered".into())) };

    let replaying = then::replay(&console.data_dir, last, environment);
    let replayed = tokio::select! {
        replayed = replaying => replayed,
        () = console.stopping.cancelled() => Err(ReplayError::Then("this server ends".into())),
    };
    match replayed {
        Ok(mut then) => {
            then.replayed = shown(then.replayed, secrets);
            Json(then).into_response()
        }
        Err(error) => not_replayed(&error),
    }
}

/// Both invocations, without what their asker may not see.
fn shown(Replayed { recorded, replayed, calls_left }: Replayed, secrets: Secrets) -> Replayed {
    let [recorded, replayed] = [recorded, replayed].map(|record| invocations::shown(record, secrets));
    Replayed { recorded, replayed, calls_left }
}

fn not_replayed(error: &ReplayError) -> Response {
    let status = match error {
        ReplayError::Invocations(error) => return refuse(error),
        ReplayError::Refused(_) | ReplayError::Then(_) => StatusCode::CONFLICT,
        ReplayError::Invalid(_) => StatusCode::BAD_REQUEST,
    };
    (status, Json(json!({ "error": error.to_string() }))).into_response()
}
