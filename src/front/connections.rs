//! Connections: accepted, served, and given up when nothing moves on them any more.

mod patience;
mod resting;
mod watched;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use nix::sys::socket::{MsgFlags, recv};
use tokio::io::{AsyncRead, AsyncWrite, Interest};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::patience::Patience;
use self::resting::Resting;
use self::watched::{Activity, Answering, Watched};
use super::Listeners;
use super::bodies::Bodies;
use super::tls::{Encryption, HANDSHAKE};
use super::users::{Caller, LocalUsers};

/// How long to wait after a connection could not be accepted: most of all, when there are no file descriptors left.
const NOT_ACCEPTED: Duration = Duration::from_millis(100);

/// Connections of a door at most, where the system allows that many open files.
const CONNECTIONS: usize = 4096;

/// Bytes of a request's head at most.
const HEAD: usize = 64 * 1024;

/// The same, in HTTP/2.
const HEAD_OF_HTTP2: u32 = 64 * 1024;

/// Connections at once of users of this machine that may not call: enough to tell them why.
const STRANGERS: usize = 16;

/// The two ends of a connection over the port, in the extensions of its requests.
#[derive(Debug, Clone, Copy)]
pub struct Ends {
    /// The server's address.
    pub own: SocketAddr,
    /// The caller's.
    pub other: SocketAddr,
    /// Who that is.
    pub caller: Caller,
}

/// What connections come from.
pub trait Accept: Send + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next one.
    fn accept(&mut self) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Its ends, if they have addresses.
    fn ends(_stream: &Self::Stream) -> Option<Ends> {
        None
    }

    /// Whether what comes over it is encrypted, as its first byte says.
    fn is_encrypted(_stream: &Self::Stream) -> impl Future<Output = io::Result<bool>> + Send {
        std::future::ready(Ok(false))
    }
}

impl Accept for Listeners {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<TcpStream> {
        let stream = self.next().await?;
        // A failure leaves it slower, no more.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    fn ends(stream: &TcpStream) -> Option<Ends> {
        let own = stream.local_addr().ok()?;
        let other = stream.peer_addr().ok()?;
        // As early as can be: of who hangs up the kernel tells no more.
        Some(Ends { own, other, caller: Caller::of(own, other) })
    }

    async fn is_encrypted(stream: &TcpStream) -> io::Result<bool> {
        let mut first = [0];
        let count = stream.peek(&mut first).await?;
        Ok(count == 1 && first[0] == HANDSHAKE)
    }
}

impl Accept for UnixListener {
    type Stream = UnixStream;

    async fn accept(&mut self) -> io::Result<UnixStream> {
        Ok(UnixListener::accept(self).await?.0)
    }

    async fn is_encrypted(stream: &UnixStream) -> io::Result<bool> {
        let mut first = [0];
        let peek = || Ok(recv(stream.as_raw_fd(), &mut first, MsgFlags::MSG_PEEK)?);
        let count = stream.async_io(Interest::READABLE, peek).await?;
        Ok(count == 1 && first[0] == HANDSHAKE)
    }
}

/// How many connections a door may have at once. Each door has places of its own: who crowds one leaves the others free.
#[derive(Debug, Clone, Copy)]
pub struct Places(usize);

impl Places {
    /// One in so many of the files that the system lets this process open.
    pub fn one_in(part: u64) -> Self {
        let limit = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE);
        let (soft, _) = limit.unwrap_or((1024, 1024));
        Self(usize::try_from(soft / part).unwrap_or(CONNECTIONS).clamp(16, CONNECTIONS))
    }
}

/// Serves the connections of one listener.
#[derive(Clone)]
pub struct Connections {
    app: TowerToHyperService<Router>,
    bodies: Arc<Bodies>,
    patience: Patience,
    places: Places,
    users: LocalUsers,
    strangers: Arc<Semaphore>,
    resting: Arc<Resting>,
    tls: Option<TlsAcceptor>,
}

/// Stands in the extensions of a request that came encrypted.
#[derive(Debug, Clone, Copy)]
pub struct Encrypted;

impl Connections {
    /// Serves `app`; its requests' bodies are kept in `bodies`. Those of other users than `users` may be told that they
    /// may not call, and take nobody's place.
    pub fn new(app: Router, bodies: Arc<Bodies>, patience: Patience, places: Places, users: LocalUsers) -> Self {
        let strangers = Arc::new(Semaphore::new(STRANGERS));
        let app = TowerToHyperService::new(app);
        Self { app, bodies, patience, places, users, strangers, resting: Arc::default(), tls: None }
    }

    /// The same, with TLS for those who want it.
    pub fn with_tls(self, encryption: Encryption) -> Self {
        Self { tls: Some(encryption.acceptor), ..self }
    }

    /// Accepts and serves until it is to stop; then ends when the running requests have been answered.
    pub async fn serve<A: Accept>(self, mut listener: A, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        let room = Arc::new(Semaphore::new(self.places.0));
        loop {
            let accepted = async {
                let stream = listener.accept().await?;
                if room.available_permits() == 0 {
                    self.resting.end_one();
                }
                let place = Arc::clone(&room).acquire_owned().await.map_err(io::Error::other)?;
                Ok::<_, io::Error>((place, stream))
            };
            let accepted = tokio::select! {
                accepted = accepted => accepted,
                () = stop.cancelled() => break,
            };
            match accepted {
                Ok((place, stream)) => {
                    tasks.spawn(self.clone().converse::<A>(stream, place, stop.clone()));
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(NOT_ACCEPTED).await;
                }
            }
        }

        drop(listener);
        tasks.close();
        tasks.wait().await;
    }

    async fn converse<A: Accept>(self, stream: A::Stream, _place: OwnedSemaphorePermit, stop: CancellationToken) {
        let ends = A::ends(&stream);
        let leave = stop.child_token();
        let activity = Arc::new(Activity::new(&self.resting, leave.clone()));
        let mut patience = self.patience;
        let _stranger = if ends.is_some_and(|ends| !self.users.admit(ends.caller)) {
            patience = patience.with_strangers();
            let Ok(permit) = Arc::clone(&self.strangers).try_acquire_owned() else { return };
            Some(permit)
        } else {
            None
        };
        let acceptor = match self.tls.clone() {
            Some(acceptor) => match first(patience.head, A::is_encrypted(&stream), &leave).await {
                Some(is_encrypted) => is_encrypted.then_some(acceptor),
                None => return,
            },
            None => None,
        };

        let stream = Watched::new(stream, Arc::clone(&activity), patience);
        let Some(acceptor) = acceptor else { return self.speak(stream, Spoken::Plain, (ends, activity), leave).await };
        let Some(stream) = first(patience.head, acceptor.accept(stream), &leave).await else { return };
        let is_newer = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let spoken = if is_newer { Spoken::EncryptedHttp2 } else { Spoken::Encrypted };
        self.speak(stream, spoken, (ends, activity), leave).await;
    }

    /// Answers the requests of a connection until it ends.
    async fn speak<S>(
        self,
        stream: S,
        spoken: Spoken,
        (ends, activity): (Option<Ends>, Arc<Activity>),
        leave: CancellationToken,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let answering = Arc::clone(&activity);
        let service = service_fn(move |mut request: Request<Incoming>| {
            if let Some(ends) = ends {
                request.extensions_mut().insert(ends);
            }
            if spoken != Spoken::Plain {
                request.extensions_mut().insert(Encrypted);
            }
            self.clone().answer(request, Arc::clone(&answering))
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().max_buf_size(HEAD).http2().max_header_list_size(HEAD_OF_HTTP2);
        let builder = if spoken == Spoken::EncryptedHttp2 { builder.http2_only() } else { builder.http1_only() };
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = leave.cancelled() => {
                if !activity.has_begun() {
                    // It says nothing, or has not said it all.
                    return;
                }
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };

        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }

    async fn answer(self, request: Request<Incoming>, activity: Arc<Activity>) -> Result<Response<Body>, Infallible> {
        let turn = activity.begin();
        let (request, arrival) = self.bodies.receive(request, self.patience.body).await;
        let answered = match request {
            Ok(request) => self.app.call(request).await?,
            Err(refusal) => refusal,
        };
        let response = arrival.late_answer().unwrap_or(answered);
        Ok(response.map(|body| Body::new(Answering::new(body, turn))))
    }
}

/// How a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spoken {
    /// HTTP/1.1.
    Plain,
    /// The same over TLS.
    Encrypted,
    /// HTTP/2 over TLS.
    EncryptedHttp2,
}

/// What comes first of a connection, in time and before it is to leave.
async fn first<T>(
    patience: Duration,
    coming: impl Future<Output = io::Result<T>>,
    leave: &CancellationToken,
) -> Option<T> {
    tokio::select! {
        came = tokio::time::timeout(patience, coming) => {
            came.ok()?.inspect_err(|error| tracing::debug!(%error, "a connection did not begin")).ok()
        }
        () = leave.cancelled() => None,
    }
}

/// Whether the next connection may be whole.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::front::bodies::Room;

    const SHORT: Patience = Patience {
        head: Duration::from_millis(300),
        body: Duration::from_millis(300),
        idle: Duration::from_millis(900),
        answer: Duration::from_millis(300),
    };

    type Serving = (std::net::SocketAddr, CancellationToken, tokio::task::JoinHandle<()>);

    async fn served(app: Router) -> Serving {
        served_to(app, Places::one_in(4), SHORT).await
    }

    async fn served_to(app: Router, places: Places, patience: Patience) -> Serving {
        let listeners = Listeners::bind(&["127.0.0.1:0".parse().expect("an address")]).await.expect("binds");
        let address = listeners.addresses()[0];
        let stop = CancellationToken::new();
        let bodies = Arc::new(Bodies::new(std::env::temp_dir(), Room::default()));
        let connections = Connections::new(app, bodies, patience, places, LocalUsers::new(&[], &[]));
        let serving = tokio::spawn(connections.serve(listeners, stop.clone()));
        (address, stop, serving)
    }

    /// Sends bytes and reads until the end, in milliseconds.
    async fn exchange(address: std::net::SocketAddr, bytes: &[u8]) -> (String, u128) {
        let started = Instant::now();
        let mut stream = TcpStream::connect(address).await.expect("connects");
        stream.write_all(bytes).await.expect("sends");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        (String::from_utf8_lossy(&answer).into_owned(), started.elapsed().as_millis())
    }

    fn app() -> Router {
        let slow = || async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            "slow"
        };
        Router::new()
            .route("/", get(|| async { "hello" }))
            .route("/slow", get(slow))
            .route("/body", post(|body: axum::body::Bytes| async move { body.len().to_string() }))
    }

    #[tokio::test]
    async fn a_head_comes_in_time_or_not_at_all() {
        let (address, _stop, _serving) = served(app()).await;
        for part in ["", "GET / HT", "GET / HTTP/1.1\r\nhost: x\r\nx: "] {
            let (answer, took) = exchange(address, part.as_bytes()).await;
            assert!(answer.is_empty() && (250..5000).contains(&took), "{part:?}: {answer} in {took} ms");
        }
    }

    #[tokio::test]
    async fn a_connection_may_rest_between_requests() {
        let (address, _stop, _serving) = served(app()).await;
        let (answer, took) = exchange(address, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(answer.ends_with("hello") && (800..8000).contains(&took), "{answer} in {took} ms");
    }

    #[tokio::test]
    async fn who_rests_makes_room_for_others() {
        let (address, _stop, _serving) = served_to(app(), Places(3), Patience::default()).await;
        let asking = tokio::spawn(exchange(address, b"GET /slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"));
        tokio::time::sleep(Duration::from_millis(200)).await;
        let mut resting = Vec::new();
        // Some have asked something, some are silent, some have begun to speak.
        for beginning in ["GET / HTTP/1.1\r\nhost: x\r\n\r\n", "", "GET"].iter().cycle().take(50) {
            let mut stream = TcpStream::connect(address).await.expect("connects");
            stream.write_all(beginning.as_bytes()).await.expect("sends");
            resting.push(stream);
        }

        let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let answered = tokio::time::timeout(Duration::from_secs(5), exchange(address, request)).await;
        assert!(answered.expect("has a place").0.ends_with("hello"));
        assert!(asking.await.expect("asked").0.ends_with("slow"), "who is being answered stays");
    }

    #[tokio::test]
    async fn a_running_request_is_waited_for() {
        let (address, stop, serving) = served(app()).await;
        let asking = tokio::spawn(async move { exchange(address, b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await });
        tokio::time::sleep(Duration::from_millis(500)).await;
        let silent = TcpStream::connect(address).await.expect("connects");
        stop.cancel();
        let (answer, took) = asking.await.expect("asked");
        assert!(answer.ends_with("slow"), "{answer} in {took} ms");
        tokio::time::timeout(Duration::from_secs(5), serving).await.expect("ends").expect("ends well");

        drop(silent);
    }

    #[tokio::test]
    async fn a_body_that_stalls_is_answered_408() {
        let (address, _stop, _serving) = served(app()).await;
        let head = "POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: ";
        for length in [10, 1_000_000] {
            let (answer, took) = exchange(address, format!("{head}{length}\r\n\r\nabc").as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 408") && (250..5000).contains(&took), "{answer} in {took} ms");
        }
        let whole = format!("{head}3\r\nconnection: close\r\n\r\nabc");
        assert!(exchange(address, whole.as_bytes()).await.0.ends_with("\r\n3"));
    }

    #[tokio::test]
    async fn who_does_not_read_is_given_up() {
        let (done, mut seen) = tokio::sync::mpsc::channel::<()>(1);
        let endless = move || {
            let done = done.clone();
            let chunks = futures_util::stream::unfold(done, |done| async move {
                Some((Ok::<_, Infallible>(axum::body::Bytes::from(vec![0; 64 * 1024])), done))
            });
            async move { Response::new(Body::from_stream(chunks)) }
        };
        let (address, stop, serving) = served(Router::new().route("/", get(endless))).await;
        let mut stream = TcpStream::connect(address).await.expect("connects");
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sends");
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.cancel();

        // The answer is dropped although the caller is still there.
        tokio::time::timeout(Duration::from_secs(5), serving).await.expect("ends").expect("ends well");
        assert!(seen.recv().await.is_none(), "nobody writes any more");
        drop(stream);
    }
}
