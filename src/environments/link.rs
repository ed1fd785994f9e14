//! The link server: environments dial here, prove who they are, and speak frames.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use larder_init::link::{FromInit, Hello, PROTOCOL, ToInit, decode, encode};
use larder_init::socket;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::environment::{Environment, LinkWriter};
use super::invocation::StreamPart;
use super::pool::Pool;

/// How long a connection may take to say who it is.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections at most that have not said who they are: functions reach the link's socket too.
const UNKNOWN: usize = 256;

/// How long a caller may take nothing of a streamed response. One that takes its time slows the function down.
const STREAM_STALL: Duration = Duration::from_secs(30);

/// Events after which the function's time begins.
const PHASES: [&str; 2] = ["platform.initReport", "platform.restoreReport"];

/// First size of a connection's read buffer, in bytes.
const BUFFER: usize = 16 * 1024;

/// The half that reads.
type LinkReader = Box<dyn AsyncRead + Send + Sync + Unpin>;

/// The listening sockets: one for this machine, and one for environments of a remote engine.
#[derive(Debug)]
pub struct LinkServer {
    local: UnixListener,
    remote: Option<TcpListener>,
}

/// Binds a socket for inits, in place of one that a killed server left. They run as root of their
/// environment: where that is not the server's own user, anyone who reaches the folder may
/// connect, and tokens guard the link; the data dir keeps other users from the folder.
///
/// # Errors
/// The folder is not there, or its files cannot be changed.
pub fn bind_socket(path: &Path) -> std::io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt as _;
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }

    let mode = if nix::unistd::geteuid().is_root() { 0o600 } else { 0o666 };
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(listener)
}

impl LinkServer {
    /// Binds the link's socket.
    pub fn bind(path: &Path) -> std::io::Result<Self> {
        Ok(Self { local: bind_socket(path)?, remote: None })
    }

    /// The same, listening for a remote engine's environments too.
    pub async fn with_remote(self, address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self { remote: Some(listener), ..self })
    }

    async fn accept(&self) -> std::io::Result<(LinkReader, LinkWriter)> {
        let remote = async {
            match &self.remote {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            accepted = self.local.accept() => {
                let (reader, writer) = socket::halves(accepted?.0)?;
                Ok((Box::new(reader), Box::new(writer)))
            }
            accepted = remote => {
                let (stream, _) = accepted?;
                stream.set_nodelay(true)?;
                let (reader, writer) = stream.into_split();
                Ok((Box::new(reader), Box::new(writer)))
            }
        }
    }

    /// Accepts environments until `stop`; ends when their connections are closed.
    pub async fn run(self, pool: Arc<Pool>, stop: CancellationToken) {
        let connections = TaskTracker::new();
        let unknown = Arc::new(Semaphore::new(UNKNOWN));
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.accept() => match accepted {
                    Ok(halves) => {
                        // Where there are too many, it is hung up: an init dials again.
                        if let Ok(unknown) = Arc::clone(&unknown).try_acquire_owned() {
                            connections.spawn(serve(halves, unknown, Arc::clone(&pool), stop.clone()));
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "an environment could not connect");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                },
            }
        }

        connections.close();
        connections.wait().await;
    }
}

/// One connection from its hello to its end.
async fn serve(
    (reader, mut writer): (LinkReader, LinkWriter),
    unknown: OwnedSemaphorePermit,
    pool: Arc<Pool>,
    stop: CancellationToken,
) {
    let mut frames = Frames { reader, buffer: BytesMut::with_capacity(BUFFER) };
    let Ok(Some(FromInit::Hello(hello))) = tokio::time::timeout(HELLO_TIMEOUT, frames.next()).await else { return };
    if hello.protocol != PROTOCOL {
        return refuse(&mut writer, &hello, "the init speaks another version of the link").await;
    }
    if !pool.knows_token(&hello.environment, &hello.token) {
        // Another server's, which may come back to this address: it is not ours to end, and ends by itself else.
        tracing::info!(environment = %hello.environment, "an environment of another data dir dialled");
        return;
    }

    drop(unknown);
    if let Some(preload) = pool.standby_dials(&hello).await {
        if let Some(Ok(bytes)) = preload.map(|preload| encode(&ToInit::Preload(Box::new(preload))))
            && writer.write_all(&bytes).await.is_err()
        {
            return pool.standby_lost(&hello);
        }
        // It waits for its function. Until then its init sends nothing: what can be read is its end.
        let Some(assigned) = pool.standby_waits(&hello) else { return };
        tokio::select! {
            () = stop.cancelled() => return,
            assigned = assigned => if assigned.is_err() { return },
            _ = frames.next() => return pool.standby_lost(&hello),
        }
    }

    let environment = match pool.connected(&hello, writer).await {
        Ok(environment) => environment,
        Err((reason, mut writer)) => return refuse(&mut writer, &hello, reason).await,
    };
    hear(&mut frames, &environment, &pool, &stop).await;
    pool.lost(&environment);
}

/// What an environment says, until it says no more.
async fn hear(frames: &mut Frames, environment: &Arc<Environment>, pool: &Arc<Pool>, stop: &CancellationToken) {
    loop {
        // What has come counts before what is overdue: this server may have been the slow one.
        let frame = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            frame = frames.next() => frame,
            () = environment.overdue() => {
                environment.expire();
                break;
            }
        };
        match frame {
            Some(FromInit::Log { time_ms, data }) => environment.output(time_ms, &data),
            Some(FromInit::Platform(event)) => {
                if PHASES.contains(&event.kind.as_str()) {
                    environment.phase_over();
                }
                environment.log().event(&event);
            }
            Some(FromInit::Line { time_ms, data }) => environment.log().line(time_ms, &data),
            Some(FromInit::Trace(datagram)) => pool.traces().forward(&datagram),
            Some(FromInit::Ready { .. }) => environment.ready(),
            Some(FromInit::InitFailed { error_type }) => environment.init_failed(error_type),
            Some(FromInit::Streams { request_id, content_type }) => {
                hand_on(environment, &request_id, StreamPart::Begin { content_type }).await;
            }
            Some(FromInit::Chunk { request_id, data }) => {
                hand_on(environment, &request_id, StreamPart::Bytes(data)).await;
            }
            Some(FromInit::Answered { request_id, outcome }) => environment.answered(&request_id, outcome),
            Some(FromInit::Finished(finished)) => {
                if environment.finished(finished) {
                    pool.release(environment);
                }
            }
            Some(FromInit::Loaded { change }) => environment.code.loaded(change),
            Some(FromInit::Hello(_)) | None => break,
        }
    }
}

/// Gives a part of a streamed response to whoever waits for it.
async fn hand_on(environment: &Environment, request_id: &str, part: StreamPart) {
    let Some(stream) = environment.stream_of(request_id) else { return };
    let began = Instant::now();
    if stream.send_timeout(part, STREAM_STALL).await.is_err() {
        // It is gone, or reads no more: the environment is not its to hold.
        environment.end_stream(request_id);
    }
    environment.held_up(began.elapsed());
}

async fn refuse(writer: &mut LinkWriter, hello: &Hello, reason: &str) {
    tracing::info!(environment = %hello.environment, reason, "refused an environment");
    if let Ok(bytes) = encode(&ToInit::Refused { reason: reason.to_owned() }) {
        let _ = writer.write_all(&bytes).await;
    }
}

/// Frames off a connection.
struct Frames {
    reader: LinkReader,
    buffer: BytesMut,
}

impl Frames {
    /// The next frame; `None` when the connection ends or sends what is no frame.
    async fn next(&mut self) -> Option<FromInit> {
        loop {
            match decode(&mut self.buffer) {
                Ok(Some(frame)) => return Some(frame),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "closing the link of an environment");
                    return None;
                }
            }
            self.buffer.reserve(BUFFER);
            match self.reader.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}
