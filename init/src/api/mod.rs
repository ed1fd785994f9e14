//! The HTTP API that the init serves inside the environment.
//!
//! One file for each of Lambda's APIs; this one listens and finds the right one. Everything that
//! arrives is from the function's code and is not trusted: connections, headers and bodies are
//! bounded, and nothing here decides anything — a request becomes a [`Call`] to the supervisor.
//!
//! A listener belongs to one start of the runtime. When that is killed, its listener and all its
//! connections go with it, so that no late request of a dead runtime is taken for one of the next.

mod answer;
mod body;
mod extensions;
mod runtime;
mod short_way;
mod telemetry;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use crate::guard::Guard;

pub use answer::{ApiAnswer, Event};
pub use extensions::ExtensionRequest;
pub use runtime::{Posted, RuntimeRequest};
use short_way::ShortWay;
pub use telemetry::SubscribeRequest;

/// Open connections at one time; more wait. A runtime needs one or two.
const CONNECTIONS: usize = 128;

/// Bodies that are read at one time: bounds the memory that hostile requests can take.
const BODIES: usize = 8;

/// Largest head of a request. AWS allows the X-Ray cause of an error, which is a header, 1 MB.
const HEAD_LIMIT: usize = 1024 * 1024 + 64 * 1024;

/// Pause after a failed accept, which is for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// A request that the supervisor decides on.
#[derive(Debug)]
pub struct Call {
    /// Which start of the runtime it belongs to.
    pub generation: u64,
    /// What is asked.
    pub request: ApiRequest,
    /// Where the answer goes; dropping it closes the connection.
    pub reply: oneshot::Sender<ApiAnswer>,
}

/// What is asked, by whom.
#[derive(Debug)]
pub enum ApiRequest {
    /// By the runtime.
    Runtime(RuntimeRequest),
    /// By an extension.
    Extension(ExtensionRequest),
    /// By an extension, of telemetry.
    Subscribe(SubscribeRequest),
}

/// A running listener; dropping it ends it and its connections.
#[derive(Debug)]
pub struct ApiServer {
    /// Where it listens.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

/// Who may come in, and for what.
#[derive(Debug, Clone, Copy)]
pub struct Door {
    /// Keeps others off, where there are others.
    pub guard: Option<Guard>,
    /// The start of the runtime.
    pub generation: u64,
    /// Largest body.
    pub body_limit: u64,
}

/// What all connections of a listener share.
struct Shared {
    guard: Option<Guard>,
    generation: u64,
    body_limit: u64,
    bodies: Semaphore,
    calls: mpsc::Sender<Call>,
}

/// The supervisor let go of a call: the connection has no more sense.
#[derive(Debug, thiserror::Error)]
#[error("the environment moved on")]
struct Gone;

impl ApiServer {
    /// Listens at `address`.
    pub fn listen(address: &str, door: Door, calls: mpsc::Sender<Call>) -> io::Result<Self> {
        let address: SocketAddr = address.parse().map_err(io::Error::other)?;
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = TcpListener::from_std(listener)?;
        let Door { guard, generation, body_limit } = door;
        let short_way = ShortWay::beside(address, guard.is_some());
        let shared = Shared { guard, generation, body_limit, bodies: Semaphore::new(BODIES), calls };
        let task = tokio::spawn(accept(listener, short_way, Arc::new(shared)));

        Ok(Self { address, task })
    }

    /// Ends it, and returns when its address is free again.
    pub async fn close(mut self) {
        self.task.abort();
        // Cancelled, which is what is wanted.
        let _ = (&mut self.task).await;
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Takes connections, as many at a time as are allowed.
async fn accept(listener: TcpListener, short_way: ShortWay, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(admit(stream, Arc::clone(&shared)));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            accepted = short_way.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok(stream) => {
                    connections.spawn(serve(stream, Arc::clone(&shared)));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    }
}

/// Serves a connection of somebody who may come in.
async fn admit(stream: TcpStream, shared: Arc<Shared>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    if let Some(guard) = shared.guard
        && !guard.admits(&stream).await
    {
        return;
    }
    serve(stream, shared).await;
}

/// Serves one connection to its end.
async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>) {
    let service = service_fn(|request| route(request, &shared));

    // The end of a connection is of no interest, whatever it was.
    let _ = hyper::server::conn::http1::Builder::new()
        .max_buf_size(HEAD_LIMIT)
        // Shell runtimes look for headers by the names in AWS's documentation.
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Finds the API that a request is for.
async fn route(request: Request<Incoming>, shared: &Shared) -> Result<Response<Full<Bytes>>, Gone> {
    match request.uri().path() {
        "/2018-06-01/ping" => Ok(answer::text(StatusCode::OK, "pong")),
        path if path.starts_with("/2018-06-01/runtime/") => runtime::serve(request, shared).await,
        path if path.starts_with("/2020-01-01/extension/") => extensions::serve(request, shared).await,
        "/2022-07-01/telemetry" => telemetry::serve(request, false, shared).await,
        "/2020-08-15/logs" => telemetry::serve(request, true, shared).await,
        _ => Ok(answer::not_found()),
    }
}

/// Asks the supervisor.
async fn ask(shared: &Shared, request: ApiRequest) -> Result<ApiAnswer, Gone> {
    let (reply, answer) = oneshot::channel();
    let call = Call { generation: shared.generation, request, reply };
    shared.calls.send(call).await.map_err(|_| Gone)?;
    answer.await.map_err(|_| Gone)
}
