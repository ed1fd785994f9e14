//! `/_larder/gc`, `/_larder/compact`, `/_larder/verify`: what the subcommands of the same names do, on a running
//! server.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};

use super::{Console, unavailable};
use crate::desk::upkeep;

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
    blocking(move || upkeep::collect(&console.data_dir, &console.ledger, body.dry_run)).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Compact {
    keep_days: Option<u64>,
    keep_events: Option<u64>,
}

async fn compact(State(console): State<Arc<Console>>, Json(body): Json<Compact>) -> Response {
    match upkeep::keep(body.keep_days, body.keep_events) {
        Ok(keep) => blocking(move || upkeep::compact(&console.data_dir, &console.ledger, keep)).await,
        Err(error) => (StatusCode::BAD_REQUEST, Json(serde_json::json!({ "error": error }))).into_response(),
    }
}

#[derive(Debug, Deserialize)]
struct Verify {
    #[serde(default)]
    deep: bool,
}

async fn verify(State(console): State<Arc<Console>>, Query(query): Query<Verify>) -> Response {
    blocking(move || upkeep::verify(&console.data_dir, &console.ledger, query.deep)).await
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
