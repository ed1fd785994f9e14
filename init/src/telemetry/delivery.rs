//! Delivering telemetry to one subscriber.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{Backlog, Destination, Subscription};

/// How long one try may take.
const TRY_LIMIT: Duration = Duration::from_secs(5);

/// Tries to deliver one batch; what then is not delivered is dropped.
const TRIES: u32 = 5;

/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// Delivers the events of `queue` until it ends.
pub async fn deliver(
    mut queue: mpsc::UnboundedReceiver<String>,
    subscription: Subscription,
    backlog: Arc<Backlog>,
    mut awake: watch::Receiver<bool>,
) {
    while let Some(first) = queue.recv().await {
        let batch = collect(first, &mut queue, &subscription).await;
        let bytes = batch.iter().map(String::len).sum();
        for _ in 0..TRIES {
            if awake.wait_for(|awake| *awake).await.is_err() {
                return;
            }
            if timeout(TRY_LIMIT, send(&batch, &subscription.destination)).await.is_ok_and(|sent| sent.is_ok()) {
                break;
            }
            sleep(PAUSE).await;
        }
        backlog.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// A batch: until it is large or old enough.
async fn collect(
    first: String,
    queue: &mut mpsc::UnboundedReceiver<String>,
    subscription: &Subscription,
) -> Vec<String> {
    let limits = subscription.buffering;
    let end = Instant::now() + limits.timeout;
    let mut bytes = first.len();
    let mut batch = vec![first];

    while batch.len() < limits.items && bytes < limits.bytes {
        match timeout_at(end, queue.recv()).await {
            Ok(Some(event)) => {
                bytes += event.len();
                batch.push(event);
            }
            Ok(None) | Err(_) => break,
        }
    }

    batch
}

async fn send(batch: &[String], destination: &Destination) -> io::Result<()> {
    match destination {
        Destination::Http { host, port, path } => post(batch, host, *port, path).await,
        Destination::Tcp { port } => {
            let mut stream = TcpStream::connect(("127.0.0.1", *port)).await?;
            stream.write_all((batch.join("\n") + "\n").as_bytes()).await?;
            stream.shutdown().await
        }
    }
}

async fn post(batch: &[String], host: &str, port: u16, path: &str) -> io::Result<()> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let request = Request::post(path)
        .header(header::HOST, format!("{host}:{port}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(format!("[{}]", batch.join(",")))))
        .map_err(io::Error::other)?;
    let exchange = async { sender.send_request(request).await.map_err(io::Error::other) };

    tokio::select! {
        answer = exchange => {
            let status = answer?.status();
            if status.is_success() { Ok(()) } else { Err(io::Error::other(status.to_string())) }
        }
        ended = connection => Err(ended.err().map_or_else(|| io::ErrorKind::UnexpectedEof.into(), io::Error::other)),
    }
}
