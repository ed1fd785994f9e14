//! Dialling the server: the address, the stream, and when to try again.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::str::FromStr;
use std::time::Duration;

use bytes::BytesMut;
use larder_init::socket::{self, ReadHalf, WriteHalf};
use nix::sys::socket::{setsockopt, sockopt};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, sleep_until, timeout};

/// Between two tries while the loss is young: a restarting server is back within a second or two.
const EAGER_PAUSE: Duration = Duration::from_millis(10);

/// How long the eager pace is kept.
const EAGER_FOR: Duration = Duration::from_secs(2);

/// Between two tries after that.
const PATIENT_PAUSE: Duration = Duration::from_millis(50);

/// Limit of one try: a TCP address whose packets vanish would hold the dial for minutes.
const TRY_LIMIT: Duration = Duration::from_secs(1);

/// Idle seconds before TCP asks whether the peer still lives, between two questions, and how many
/// stay unanswered: a server whose machine vanished is noticed after about 20 s.
const KEEPALIVE: (u32, u32, u32) = (5, 5, 3);

/// Where the server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A socket file; it may appear later than the init.
    Unix(PathBuf),
    /// An IP address and port: there is no DNS in the init.
    Tcp(SocketAddr),
}

/// Why text is no address.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is neither unix:/path nor tcp:ip:port")]
pub struct AddressError(String);

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refusal = || AddressError(text.to_owned());
        match text.split_once(':') {
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            Some(("tcp", address)) => address.parse().map(Self::Tcp).map_err(|_| refusal()),
            _ => Err(refusal()),
        }
    }
}

/// A connection to the server.
#[derive(Debug)]
pub enum Stream {
    /// Over a socket file.
    Unix(ReadHalf, WriteHalf),
    /// Over TCP.
    Tcp(TcpStream),
}

impl Stream {
    /// Connects once.
    async fn connect(address: Address) -> io::Result<Self> {
        match address {
            Address::Unix(path) => {
                let (read, write) = socket::halves(UnixStream::connect(path).await?)?;
                Ok(Self::Unix(read, write))
            }
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                keep_alive(&stream)?;
                Ok(Self::Tcp(stream))
            }
        }
    }

    /// Waits for what can be read, and appends it to the spare room of `buffer`: how many bytes, 0 at the end. Where
    /// bytes wait to be written, it ends with `None` when some of them may be.
    pub async fn read_into(&mut self, buffer: &mut BytesMut, writes: bool) -> io::Result<Option<usize>> {
        match self {
            Self::Unix(read, write) => tokio::select! {
                read = read.read_buf(buffer) => read.map(Some),
                ready = write.writable(), if writes => ready.map(|()| None),
            },
            Self::Tcp(stream) => {
                let (mut read, write) = stream.split();
                tokio::select! {
                    read = read.read_buf(buffer) => read.map(Some),
                    ready = write.writable(), if writes => ready.map(|()| None),
                }
            }
        }
    }

    /// Writes as much of `bytes` as the kernel takes.
    pub fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(_, write) => write.try_write(bytes),
            Self::Tcp(stream) => stream.try_write(bytes),
        }
    }
}

/// Lets the kernel notice a peer that vanished without a word.
fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    let (idle, interval, count) = KEEPALIVE;
    setsockopt(stream, sockopt::KeepAlive, &true)?;
    setsockopt(stream, sockopt::TcpKeepIdle, &idle)?;
    setsockopt(stream, sockopt::TcpKeepInterval, &interval)?;
    setsockopt(stream, sockopt::TcpKeepCount, &count)?;
    Ok(())
}

/// A try that is under way.
type Attempt = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

/// The tries to reach a server that is not connected.
pub struct Dial {
    address: Address,
    /// Since when no server was reached; the grace period counts from here.
    unreachable_since: Instant,
    grace: Duration,
    next_try: Instant,
    attempt: Option<Attempt>,
}

/// What dialling came to.
pub enum Dialled {
    /// A server listens.
    Connected(Stream),
    /// The grace period is over.
    GraceOver,
}

impl Dial {
    /// Starts to dial at once.
    pub fn new(address: Address, unreachable_since: Instant, grace: Duration) -> Self {
        Self { address, unreachable_since, grace, next_try: Instant::now(), attempt: None }
    }

    /// Starts to dial after the pause that the age of the loss asks for, so that a server that
    /// hangs up at once is not hammered.
    pub fn after_pause(mut self) -> Self {
        self.next_try = Instant::now() + self.pause();
        self
    }

    /// Since when no server was reached.
    pub fn unreachable_since(&self) -> Instant {
        self.unreachable_since
    }

    /// Dials until one or the other; may be dropped and called again at any point.
    pub async fn finish(&mut self) -> Dialled {
        let end = self.unreachable_since + self.grace;
        tokio::select! {
            biased;
            stream = self.connect() => Dialled::Connected(stream),
            () = sleep_until(end) => Dialled::GraceOver,
        }
    }

    /// Tries until a server answers.
    async fn connect(&mut self) -> Stream {
        loop {
            if self.attempt.is_none() {
                sleep_until(self.next_try).await;
            }
            let address = &self.address;
            let attempt = self.attempt.get_or_insert_with(|| begin(address.clone()));
            let result = attempt.await;
            self.attempt = None;
            match result {
                Ok(stream) => return stream,
                Err(_) => self.next_try = Instant::now() + self.pause(),
            }
        }
    }

    /// The pace for the present age of the loss.
    fn pause(&self) -> Duration {
        if self.unreachable_since.elapsed() < EAGER_FOR { EAGER_PAUSE } else { PATIENT_PAUSE }
    }
}

/// Begins one try with its limit.
fn begin(address: Address) -> Attempt {
    Box::pin(async move { timeout(TRY_LIMIT, Stream::connect(address)).await? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_address_are_read() {
        assert_eq!("unix:/run/l.sock".parse::<Address>().ok(), Some(Address::Unix("/run/l.sock".into())));
        let tcp = Address::Tcp(SocketAddr::from(([10, 0, 0, 1], 4510)));
        assert_eq!("tcp:10.0.0.1:4510".parse::<Address>().ok(), Some(tcp));
    }

    #[test]
    fn names_and_relative_paths_are_refused() {
        for text in ["tcp:server:1", "unix:l.sock", "/run/l.sock", ""] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
