//! `/_larder/gc`, `/_larder/compact`, `/_larder/verify`: what the subcommands of the same names do, on a running
//! server.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};

use super::{Console, unavailable};
use crate::blobs::{gc, upkeep};
use crate::ledger::compact::Keep;

/// The routes.
pub fn routes() -> axum::Router<Arc<Console>> {
    axum::Router::new()
        .route("/_larder/gc", post(collect))
        .route("/_larder/compact", post(compact))
        .route("/_larder/verify", get(verify))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Collect {
    #[serde(default)]
    dry_run: bool,
}

async fn collect(State(console): State<Arc<Console>>, Json(body): Json<Collect>) -> Response {
    blocking(move || gc::collect(&console.data_dir, &console.ledger, body.dry_run)).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Compact {
    keep_days: Option<u64>,
    keep_events: Option<u64>,
}

async fn compact(State(console): State<Arc<Console>>, Json(body): Json<Compact>) -> Response {
    let keep = match (body.keep_days, body.keep_events) {
        (Some(_), Some(_)) => {
            let refusal =
                serde_json::json!({ "error": "keep_days and keep_events exclude each other: give one of them" });
            return (axum::http::StatusCode::BAD_REQUEST, Json(refusal)).into_response();
        }
        (Some(days), None) => Keep::Days(days),
        (None, Some(events)) => Keep::Events(events),
        (None, None) => Keep::Nothing,
    };
    blocking(move || upkeep::compact(&console.data_dir, &console.ledger, keep)).await
}

#[derive(Debug, Deserialize)]
struct Verify {
    #[serde(default)]
    deep: bool,
}

async fn verify(State(console): State<Arc<Console>>, Query(query): Query<Verify>) -> Response {
    blocking(move || {
        let look = |begins: &mut u64| {
            *begins = console.ledger.begins();
            let live = console.ledger.state();
            upkeep::verify(&console.data_dir, Some(&live), query.deep, |_, _| ())
        };
        let mut begins = 0;
        let report = look(&mut begins);
        // A compaction that came in between took the files away that were read.
        if begins == console.ledger.begins() { report } else { look(&mut begins) }
    })
    .await
}

/// Does work that blocks, and answers with what comes of it.
async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Response
where
    T: Serialize + Send + 'static,
    E: std::error::Error + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Json(done).into_response(),
        Ok(Err(error)) => unavailable(&error),
        Err(error) => unavailable(&error),
    }
}
