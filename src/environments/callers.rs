//! Whether a connection to the server's port comes out of an environment: functions on the host's network, in the
//! sandbox or in containers, reach it as every process of this machine does.
//!
//! The kernel tells which socket is at the other end, and /proc who holds it. A process of an environment has an init
//! among its ancestors: whose parents end inside, the init becomes its parent.

use std::net::SocketAddr;

use larder_init::peer;

use super::INIT;

/// Users that functions alone run as: in containers, and on the host of a sandbox that root makes.
pub const FUNCTIONS: [u32; 2] = [993, 2_000_000_993];

/// Whether `other`, who is connected to the server's `own` address, is a process of an environment. Where that cannot
/// be seen of a process of this machine, it is taken for one: functions can hide, as can those that hang up at once.
pub fn is_environment(own: SocketAddr, other: SocketAddr) -> bool {
    match peer::find(other, own) {
        Ok(Some(socket)) if FUNCTIONS.contains(&socket.user) => true,
        Ok(Some(socket)) => {
            let mut holders = peer::holders(socket.inode).peekable();
            if holders.peek().is_some() { holders.any(is_inside) } else { socket.user == own_user() }
        }
        // None of this machine's processes has it.
        Ok(None) => other.ip().is_loopback() || other.ip() == own.ip(),
        Err(error) => {
            tracing::warn!(%error, "the kernel does not tell whose a connection is");
            other.ip().is_loopback()
        }
    }
}

/// Whether a process is an init, or has one above it.
fn is_inside(process: u32) -> bool {
    let above = std::iter::successors(stat(process), |(_, parent)| stat(*parent));
    above.into_iter().any(|(name, _)| name == INIT)
}

/// Name and parent of a process; everybody may read them.
fn stat(process: u32) -> Option<(String, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, rest) = stat.split_once('(')?;
    let (name, fields) = rest.rsplit_once(')')?;
    Some((name.to_owned(), fields.split_whitespace().nth(1)?.parse().ok()?))
}

fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_process_of_this_machine_is_none_of_an_environment() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let own = listener.local_addr().expect("an address");
        let client = TcpStream::connect(own).expect("connected");
        let other = client.local_addr().expect("an address");
        assert!(!is_environment(own, other));
        drop(client);
        assert!(is_environment(own, other), "it hung up");
    }

    #[test]
    fn ancestors_are_read() {
        let (_, parent) = stat(std::process::id()).expect("it runs");
        assert!(stat(parent).is_some());
        assert!(!is_inside(std::process::id()));
    }
}
