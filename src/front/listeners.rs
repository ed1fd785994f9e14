//! The sockets that the server listens on.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::task::Poll;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use super::ListenAddress;

/// How long an address may be in use at the start: a child of a server that was killed holds its sockets from its
/// fork to its exec.
const FREED_WITHIN: Duration = Duration::from_secs(1);

/// How often it is tried meanwhile.
const TRY_EVERY: Duration = Duration::from_millis(20);

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// Free ports that are tried until one is free at all addresses.
const PORTS: usize = 32;

/// Listening sockets.
#[derive(Debug)]
pub struct Listeners {
    sockets: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    /// What the user named, for the guard.
    hosts: Vec<String>,
    urls: Vec<String>,
}

/// Why a server cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}. {}--listen takes another address.", hint(.source))]
pub struct ListenError {
    /// Where.
    address: String,
    /// What the system says.
    source: io::Error,
}

impl ListenError {
    /// Whether somebody else has the address.
    pub fn is_in_use(&self) -> bool {
        self.source.kind() == ErrorKind::AddrInUse
    }
}

fn hint(error: &io::Error) -> &'static str {
    if error.kind() == ErrorKind::AddrInUse { "Is another server there? " } else { "" }
}

impl Listeners {
    /// Listens at all of them. Of a name's addresses, those of a family that this machine lacks are left out; with
    /// port 0 they all get the same free one.
    pub async fn bind(wanted: &[ListenAddress]) -> Result<Self, ListenError> {
        let mut resolved = Vec::with_capacity(wanted.len());
        for address in wanted {
            let error = |source| ListenError { address: address.to_string(), source };
            resolved.push((address, address.resolve().await.map_err(error)?));
        }

        let all: Vec<_> = resolved.iter().flat_map(|(_, addresses)| addresses.clone()).collect();
        let mut sockets = Vec::new();
        let mut addresses = Vec::new();
        let mut urls = Vec::new();

        for (name, group) in resolved {
            let new: Vec<_> = group.into_iter().filter(|address| !addresses.contains(address)).collect();
            let bound = bind_group(&new, &all).await;
            let bound = bound.map_err(|(address, source)| ListenError { address, source })?;
            let error = |source| ListenError { address: name.to_string(), source };
            let found: Result<Vec<_>, _> = bound.iter().map(TcpListener::local_addr).collect();
            let found = found.map_err(error)?;
            urls.extend(found.first().map(|first| format!("http://{}", name.at_port(first.port()))));
            addresses.extend(found);
            sockets.extend(bound);
        }

        let hosts = wanted.iter().map(|address| address.host().to_owned()).collect();
        Ok(Self { sockets, addresses, hosts, urls })
    }

    /// Where people find it: under each name as they gave it.
    pub fn urls(&self) -> Vec<String> {
        self.urls.clone()
    }

    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The names and addresses by which the user meant that.
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// The next connection of any.
    pub async fn next(&mut self) -> io::Result<TcpStream> {
        let accepted = std::future::poll_fn(|context| {
            for socket in &self.sockets {
                if let Poll::Ready(accepted) = socket.poll_accept(context) {
                    return Poll::Ready(accepted);
                }
            }
            Poll::Pending
        });
        let stream = accepted.await?.0;
        // No one is there whom a call waits for; and no socket has another turn before those behind it.
        self.sockets.rotate_left(1);
        Ok(stream)
    }
}

/// Binds the addresses of one name.
async fn bind_group(group: &[SocketAddr], all: &[SocketAddr]) -> Result<Vec<TcpListener>, (String, io::Error)> {
    let mut last = None;
    for _ in 0..PORTS {
        match bind_at_one_port(group, all).await {
            // The free port of the first address is taken at another one.
            Err((address, error)) if error.kind() == ErrorKind::AddrInUse && address.port() == 0 => last = Some(error),
            bound => return bound.map_err(|(address, error)| (address.to_string(), error)),
        }
    }

    let error = last.unwrap_or_else(|| ErrorKind::AddrInUse.into());
    Err((group.first().map(ToString::to_string).unwrap_or_default(), error))
}

async fn bind_at_one_port(
    group: &[SocketAddr],
    all: &[SocketAddr],
) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    let (mut bound, mut missing): (Vec<TcpListener>, _) = (Vec::new(), None);
    for wanted in group {
        let mut address = *wanted;
        let first = bound.first().and_then(|socket| socket.local_addr().ok());
        if let Some(first) = first.filter(|_| address.port() == 0) {
            address.set_port(first.port());
        }
        match bind_one(address, all).await {
            Ok(socket) => bound.push(socket),
            Err(error) if group.len() > 1 && is_family_missing(&error) => missing = Some(error),
            Err(error) => return Err((*wanted, error)),
        }
    }

    match (group.first(), missing) {
        (Some(first), Some(error)) if bound.is_empty() => Err((*first, error)),
        _ => Ok(bound),
    }
}

/// Binds one address, also one that the last server has just left.
async fn bind_one(address: SocketAddr, all: &[SocketAddr]) -> io::Result<TcpListener> {
    let started = Instant::now();
    loop {
        match open(address, all) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && started.elapsed() < FREED_WITHIN => {
                tokio::time::sleep(TRY_EVERY).await;
            }
            opened => return opened,
        }
    }
}

fn open(address: SocketAddr, all: &[SocketAddr]) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    let is_beside_v4 = |other: &SocketAddr| other.is_ipv4() && other.port() == address.port();
    if address.is_ipv6() && all.iter().any(is_beside_v4) {
        // Else `[::]` would take IPv4's addresses too.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;

    TcpListener::from_std(socket.into())
}

/// Whether this machine lacks a family of addresses, or has none of that family.
fn is_family_missing(error: &io::Error) -> bool {
    let codes = [nix::errno::Errno::EAFNOSUPPORT, nix::errno::Errno::EADDRNOTAVAIL].map(|code| code as i32);
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn bind(wanted: &[&str]) -> Result<Listeners, ListenError> {
        let wanted: Vec<_> = wanted.iter().map(|text| text.parse().expect("an address")).collect();
        Listeners::bind(&wanted).await
    }

    #[tokio::test]
    async fn both_families_have_the_same_free_port() {
        let mut listeners = bind(&["localhost:0"]).await.expect("binds");
        let addresses = listeners.addresses().to_vec();
        assert!(addresses.iter().all(|address| address.port() == addresses[0].port() && address.port() != 0));
        for address in addresses {
            let (called, accepted) = tokio::join!(TcpStream::connect(address), listeners.next());
            assert!(called.is_ok() && accepted.is_ok(), "{address}");
        }
    }

    #[tokio::test]
    async fn the_same_address_twice_is_one() {
        let listeners = bind(&["127.0.0.1:0"]).await.expect("binds");
        let port = listeners.addresses()[0].port();
        drop(listeners);
        let first = format!("127.0.0.1:{port}");
        let second = format!("localhost:{port}");
        let both = bind(&[&first, &second]).await.expect("binds");
        assert_eq!(both.addresses().iter().filter(|address| address.is_ipv4()).count(), 1);
        let error = bind(&[&first]).await.expect_err("is in use").to_string();

        assert!(error.contains(&first) && error.contains("Is another server there?"), "{error}");
    }

    #[tokio::test]
    async fn an_address_that_is_freed_within_a_second_is_waited_for() {
        let held = bind(&["127.0.0.1:0"]).await.expect("binds");
        let address = held.addresses()[0].to_string();
        let freed = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            drop(held);
        };
        let wanted = [address.as_str()];
        let (bound, ()) = tokio::join!(bind(&wanted), freed);

        assert!(bound.is_ok(), "{bound:?}");
    }

    #[tokio::test]
    async fn all_addresses_of_both_families_go_together() {
        let free = bind(&["127.0.0.1:0"]).await.expect("binds").addresses()[0].port();
        let bound = bind(&[&format!("0.0.0.0:{free}"), &format!("[::]:{free}")]).await;
        assert!(bound.is_ok(), "{bound:?}");
    }
}
