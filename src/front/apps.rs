//! What is served at each door, by path: Larder's own endpoints, packages of code, and all else as calls of services.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};

use super::dispatch::Dispatch;
use super::function_door;
use crate::console::Trusted;
use crate::environments::callers::FunctionUsers;
use crate::services::lambda::code::DOWNLOAD_PATH;

/// What is served.
pub struct Apps {
    /// Over the port, behind the guard.
    pub guarded: Router,
    /// To functions.
    pub for_functions: Router,
    /// To the data dir's owner.
    pub owners: Router,
}

impl Apps {
    /// Puts them together. `kept_out` are the users of functions, where those may not use Larder's own endpoints.
    pub fn new(console: Router, dispatch: &Arc<Dispatch>, kept_out: Option<FunctionUsers>) -> Self {
        let served = Router::new()
            .route(&format!("{DOWNLOAD_PATH}{{digest}}"), get(download))
            .fallback(call)
            .with_state(Arc::clone(dispatch));
        let app = console.merge(served.clone());
        let owners = app.clone().layer(Extension(Trusted));
        let Some(users) = kept_out else {
            return Self { guarded: app.clone(), for_functions: app, owners };
        };

        let keep_out = from_fn_with_state(users, function_door::keep_out);
        Self { guarded: app.layer(keep_out), for_functions: function_door::closed().merge(served), owners }
    }
}

async fn call(State(dispatch): State<Arc<Dispatch>>, request: Request) -> Response {
    dispatch.handle(request).await
}

async fn download(State(dispatch): State<Arc<Dispatch>>, Path(digest): Path<String>) -> Response {
    dispatch.download(&digest).await
}
