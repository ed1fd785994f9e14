//! The console as people see it: pages that are written here, without a request to anywhere else. Each page is a value that is
//! shown as HTML, or with `?format=json` as what it is.

mod events;
mod frame;
mod function;
mod functions;
mod history;
mod invocation;
mod invocations;
mod logs;
mod overview;
mod pods;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use futures_util::{Stream, stream};

use super::{Console, metrics};

/// How often a page that is open is told what runs.
const LIVE: Duration = Duration::from_secs(1);

/// Where the files of pages are.
const STYLE: &str = "/_larder/console/style.css";
const SCRIPT: &str = "/_larder/console/script.js";

/// The routes.
pub fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/_larder", get(async || Redirect::permanent("/_larder/")))
        .route("/_larder/", get(overview::page))
        .route("/_larder/console/functions", get(functions::page))
        .route("/_larder/console/functions/{account}/{region}/{name}", get(function::page))
        .route("/_larder/console/invocations", get(invocations::page))
        .route("/_larder/console/invocations/{id}", get(invocation::page))
        .route("/_larder/console/events", get(events::page))
        .route("/_larder/console/logs", get(logs::page))
        .route("/_larder/console/history", get(history::page))
        .route("/_larder/console/pods", get(pods::page))
        .route("/_larder/console/live", get(live))
        .route(STYLE, get(async || file("text/css; charset=utf-8", include_str!("assets/style.css"))))
        .route(SCRIPT, get(async || file("text/javascript; charset=utf-8", include_str!("assets/script.js"))))
}

/// A file of this very build: another build has another.
fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], text)
}

/// The server's numbers, again and again.
async fn live(State(console): State<Arc<Console>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let numbers = stream::unfold((console, Duration::ZERO), |(console, pause)| async move {
        tokio::select! {
            () = console.stopping.cancelled() => return None,
            () = tokio::time::sleep(pause) => {}
        }
        let event = Event::default().json_data(metrics::numbers(&console)).unwrap_or_default();
        Some((Ok(event), (console, LIVE)))
    });
    Sse::new(numbers).keep_alive(KeepAlive::default())
}
