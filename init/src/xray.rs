//! The X-Ray daemon as a function sees it: a UDP port that takes segments, and a TCP port that is asked for sampling
//! rules. Segments go on to the server, which knows where a daemon is; there are no rules.
//!
//! Source: <https://docs.aws.amazon.com/xray/latest/devguide/xray-daemon.html>.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::{JoinHandle, JoinSet};

use crate::guard::Guard;

/// Largest datagram.
const DATAGRAM: usize = 64 * 1024;

/// Connections at one time.
const CONNECTIONS: usize = 16;

/// The listening ports; dropping it closes them.
#[derive(Debug)]
pub struct XrayDaemon {
    udp: UdpSocket,
    address: SocketAddr,
    buffer: Box<[u8]>,
    tcp: JoinHandle<()>,
}

impl XrayDaemon {
    /// Listens at `address`, UDP and TCP on one port; port 0 takes any that is free.
    /// TCP serves whom `guard` lets in; it has no secrets to tell, and UDP none to keep.
    pub async fn listen(address: &str, guard: Option<Guard>) -> io::Result<Self> {
        let address: SocketAddr = address.parse().map_err(io::Error::other)?;
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let udp = UdpSocket::bind(address).await?;
        let tcp = tokio::spawn(serve(listener, guard));
        Ok(Self { udp, address, buffer: vec![0; DATAGRAM].into(), tcp })
    }

    /// Puts its address into the variables of the runtime.
    pub fn tell(&self, variables: &mut Vec<(String, String)>) {
        let ip = self.address.ip().to_string();
        let port = self.address.port().to_string();
        for (name, value) in [
            ("AWS_XRAY_DAEMON_ADDRESS", self.address.to_string()),
            ("_AWS_XRAY_DAEMON_ADDRESS", ip),
            ("_AWS_XRAY_DAEMON_PORT", port),
        ] {
            variables.retain(|(known, _)| known != name);
            variables.push((name.to_owned(), value));
        }
    }

    /// The next datagram.
    pub async fn datagram(&mut self) -> Bytes {
        match self.udp.recv(&mut self.buffer).await {
            Ok(length) => Bytes::copy_from_slice(&self.buffer[..length]),
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for XrayDaemon {
    fn drop(&mut self) {
        self.tcp.abort();
    }
}

async fn serve(listener: TcpListener, guard: Option<Guard>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            Ok((stream, _)) = listener.accept(), if connections.len() < CONNECTIONS => {
                connections.spawn(async move {
                    if let Some(guard) = guard
                        && !guard.admits(&stream).await
                    {
                        return;
                    }
                    let service = service_fn(answer);
                    // The end of a connection is of no interest.
                    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        }
    }
}

/// What the daemon passes on to X-Ray: there are no rules, so that the SDKs keep to their own.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let body = match request.uri().path() {
        "/GetSamplingRules" => r#"{"SamplingRuleRecords":[]}"#,
        "/SamplingTargets" => r#"{"SamplingTargetDocuments":[],"UnprocessedStatistics":[]}"#,
        _ => "{}",
    };
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
