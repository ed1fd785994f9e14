//! What functions may call: everything that is served but Larder's own endpoints, unless the user allows those too.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use axum::{Json, Router};
use serde_json::json;

use crate::environments::callers::{self, FunctionUsers};
use crate::front::Ends;
use crate::front::guard::is_larders_own;
use crate::services::lambda::code::DOWNLOAD_PATH;

/// What a function is told.
const REFUSAL: &str = "Functions may not call Larder's own endpoints (/_larder/…). Start the server with \
     --functions-may-use-console 1 (LARDER_FUNCTIONS_MAY_USE_CONSOLE=1) if they are to.";

/// Bytes of a refused request that are read.
const HEARD: usize = 1024 * 1024;

/// Stands in the place of Larder's own endpoints, for functions.
pub fn closed() -> Router {
    let own = ["/_larder", "/_larder/", "/_larder/{*rest}", "/_localstack/{*rest}"];
    own.into_iter().fold(Router::new(), |router, path| router.route(path, any(refuse)))
}

/// Keeps functions off Larder's own endpoints on the port that everybody calls.
pub async fn keep_out(State(users): State<FunctionUsers>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if !is_larders_own(path) || path.starts_with(DOWNLOAD_PATH) {
        return next.run(request).await;
    }
    let Some(Ends { own, other, .. }) = request.extensions().get().copied() else { return refuse(request).await };
    match tokio::task::spawn_blocking(move || callers::is_environment(own, other, &users)).await {
        Ok(false) => next.run(request).await,
        _ => refuse(request).await,
    }
}

async fn refuse(request: Request) -> Response {
    // One who still sends would not hear the answer.
    let _ = axum::body::to_bytes(request.into_body(), HEARD).await;
    (StatusCode::FORBIDDEN, Json(json!({ "error": REFUSAL }))).into_response()
}
