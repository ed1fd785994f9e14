//! The endpoints that tools of `LocalStack` ask: whether the server is up, what its init scripts did, and that its state goes.
//!
//! Source: <https://docs.localstack.cloud/references/internal-endpoints/>

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use super::Console;
use super::time_travel::{origin, refuse};
use crate::clock;
use crate::desk::history;
use crate::desk::init_hooks::{InitHooks, Stage};
use crate::runs::command::Fate;

/// What is served here, under the names that `LocalStack` has.
const SERVED: [&str; 6] = ["cloudwatch", "iam", "lambda", "logs", "sqs", "sts"];

/// What an upstream may serve beside it.
const PASSED_ON: [&str; 12] = [
    "apigateway",
    "cloudformation",
    "dynamodb",
    "events",
    "kinesis",
    "kms",
    "s3",
    "secretsmanager",
    "ses",
    "sns",
    "ssm",
    "states",
];

/// The routes.
pub fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/_localstack/health", get(health))
        .route("/_localstack/info", get(info))
        .route("/_localstack/init", get(init))
        .route("/_localstack/init/{stage}", get(init_stage))
        .route("/_localstack/state/reset", post(reset))
}

async fn health(State(console): State<Arc<Console>>) -> Json<Value> {
    let mut services: Map<String, Value> = SERVED.map(|name| (name.to_owned(), "running".into())).into_iter().collect();
    let passed_on = PASSED_ON.into_iter().filter(|name| console.upstream.endpoint(name).is_some());
    services.extend(passed_on.map(|name| (name.to_owned(), "available".into())));
    Json(json!({ "services": services, "edition": "larder", "version": env!("CARGO_PKG_VERSION") }))
}

async fn info(State(console): State<Arc<Console>>) -> Json<Value> {
    let store = console.ledger.store_id();
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "edition": "larder",
        "is_license_activated": false,
        "session_id": store,
        "machine_id": store,
        "system": std::env::consts::OS,
        "is_docker": std::path::Path::new("/.dockerenv").exists(),
        "server_time_utc": clock::now().iso(),
        "uptime": console.started.elapsed().as_secs(),
    }))
}

async fn init(State(console): State<Arc<Console>>) -> Json<Value> {
    Json(progress(&console.init_hooks, &Stage::ALL))
}

async fn init_stage(State(console): State<Arc<Console>>, Path(stage): Path<String>) -> Response {
    let Some(stage) = Stage::named(&stage) else {
        let message = format!("there is no stage {stage:?}: boot, start, ready, shutdown");
        return (StatusCode::NOT_FOUND, Json(json!({ "error": message }))).into_response();
    };
    let mut of_stage = progress(&console.init_hooks, &[stage]);
    of_stage["completed"] = of_stage["completed"][stage.name().to_ascii_uppercase()].take();
    Json(of_stage).into_response()
}

/// How the scripts of some stages go.
fn progress(hooks: &InitHooks, stages: &[Stage]) -> Value {
    let (completed, scripts) = hooks.progress_of(stages);
    let completed = completed.into_iter().map(|(stage, is_done)| (stage.name().to_ascii_uppercase(), is_done.into()));
    json!({ "completed": completed.collect::<Map<_, _>>(), "scripts": scripts })
}

/// Everything goes, by an event: `larder rewind` brings it back.
async fn reset(State(console): State<Arc<Console>>, headers: HeaderMap) -> Response {
    match history::rewind(
        &console.ledger,
        "0",
        &[],
        Fate { drops_events: true, drops_messages: true },
        origin(&headers),
    )
    .await
    {
        Ok(_) => StatusCode::OK.into_response(),
        Err(error) => refuse(&error),
    }
}
