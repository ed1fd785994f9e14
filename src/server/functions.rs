//! What functions may call: everything that is served but Larder's own endpoints, unless the user allows those too.

use std::io;
use std::net::SocketAddr;

use axum::extract::Request;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use axum::serve::{IncomingStream, Listener};
use axum::{Json, Router};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use crate::api::code::DOWNLOAD_PATH;
use crate::environments::callers;

/// What Larder's own endpoints begin with.
const CONSOLE: &str = "/_larder/";

/// What a function is told.
const REFUSAL: &str = "Functions may not call Larder's own endpoints (/_larder/…). Start the server with \
     --functions-may-use-console 1 (LARDER_FUNCTIONS_MAY_USE_CONSOLE=1) if they are to.";

/// Bytes of a refused request that are read.
const HEARD: usize = 1024 * 1024;

/// Stands in the place of Larder's own endpoints, for functions.
pub(super) fn closed() -> Router {
    Router::new().route("/_larder", any(refuse)).route("/_larder/{*rest}", any(refuse))
}

/// The two addresses of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    own: Option<SocketAddr>,
    other: Option<SocketAddr>,
}

/// The port that everybody calls; it knows whom it lets in.
pub(super) struct Port(pub TcpListener);

impl Listener for Port {
    type Io = TcpStream;
    type Addr = Ends;

    async fn accept(&mut self) -> (TcpStream, Ends) {
        let (stream, other) = Listener::accept(&mut self.0).await;
        let _ = stream.set_nodelay(true);
        let ends = Ends { own: stream.local_addr().ok(), other: Some(other) };
        (stream, ends)
    }

    fn local_addr(&self) -> io::Result<Ends> {
        Ok(Ends { own: Some(self.0.local_addr()?), other: None })
    }
}

impl Connected<IncomingStream<'_, Port>> for Ends {
    fn connect_info(stream: IncomingStream<'_, Port>) -> Self {
        *stream.remote_addr()
    }
}

/// Keeps functions off Larder's own endpoints on the port that everybody calls.
pub(super) async fn keep_out(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if !path.starts_with(CONSOLE) || path.starts_with(DOWNLOAD_PATH) {
        return next.run(request).await;
    }
    let ends = request.extensions().get::<ConnectInfo<Ends>>().map(|ends| ends.0);
    let Some(Ends { own: Some(own), other: Some(other) }) = ends else { return refuse(request).await };
    match tokio::task::spawn_blocking(move || callers::is_environment(own, other)).await {
        Ok(false) => next.run(request).await,
        _ => refuse(request).await,
    }
}

async fn refuse(request: Request) -> Response {
    // One who still sends would not hear the answer.
    let _ = axum::body::to_bytes(request.into_body(), HEARD).await;
    (StatusCode::FORBIDDEN, Json(json!({ "error": REFUSAL }))).into_response()
}
