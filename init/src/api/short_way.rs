//! A second way to the APIs, for Larder's own clients: a Unix socket. A round trip takes two thirds of the processor time
//! that one over the loopback device takes.
//!
//! It has an abstract name, `larder/ADDRESS`, which nobody outside of the environment's network can reach, and nothing of
//! the function's file system is needed for. A client looks for it only where it was told of the address that the APIs
//! have in a network of the environment's own: one that is told of a proxy's goes there.

use std::io;
use std::net::SocketAddr;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener as StdListener};

use tokio::net::{UnixListener, UnixStream};

/// Takes connections on the second way, if there is one.
pub(super) struct ShortWay(Option<UnixListener>);

impl ShortWay {
    /// One beside an address, unless that is in a network that is or may be shared with others: the name would be, too. The
    /// APIs are served without it as well.
    pub(super) fn beside(address: SocketAddr, is_guarded: bool) -> Self {
        if is_guarded || address.ip().is_loopback() {
            return Self(None);
        }
        let listening = listen(address);
        Self(listening.inspect_err(|error| eprintln!("larder-init: the short way to the API: {error}")).ok())
    }

    /// The next connection; never where there is no such way.
    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        match &self.0 {
            Some(listener) => listener.accept().await.map(|(stream, _)| stream),
            None => std::future::pending().await,
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<UnixListener> {
    let name = UnixAddr::from_abstract_name(format!("larder/{address}"))?;
    let listener = StdListener::bind_addr(&name)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}
