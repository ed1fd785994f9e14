//! What is served at each door, by path: Larder's own endpoints, packages of code, and all else as calls of services.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};

use super::dispatch::Dispatch;
use super::function_door;
use super::function_url::FunctionUrl;
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
        let (guarded, for_functions) = match kept_out {
            None => (app.clone(), app),
            Some(users) => {
                let keep_out = from_fn_with_state(users, function_door::keep_out);
                (app.layer(keep_out), function_door::closed().merge(served))
            }
        };

        // Outermost: all paths of a function's URL are the function's.
        let urls = from_fn_with_state(Arc::clone(dispatch), call_url);
        let [guarded, for_functions, owners] = [guarded, for_functions, owners].map(|app| app.layer(urls.clone()));
        Self { guarded, for_functions, owners }
    }
}

async fn call(State(dispatch): State<Arc<Dispatch>>, request: Request) -> Response {
    dispatch.handle(request).await
}

async fn call_url(State(dispatch): State<Arc<Dispatch>>, request: Request, next: Next) -> Response {
    match FunctionUrl::of(&request) {
        Some(url) => dispatch.call_url(&url, request).await,
        None => next.run(request).await,
    }
}

async fn download(State(dispatch): State<Arc<Dispatch>>, Path(digest): Path<String>) -> Response {
    dispatch.download(&digest).await
}
