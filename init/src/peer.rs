//! Whose a connection is: the socket at its other end as the kernel knows it, and the processes that hold it. For where
//! a loopback device is shared with others.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::OnceLock;

use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket};

/// Kind of the message, of its answer, and flag of a question (`linux/sock_diag.h`, `linux/netlink.h`).
const BY_FAMILY: u16 = 20;
const REQUEST: u16 = 1;

/// Bytes of a message's head, and of the question behind it (`struct nlmsghdr`, `struct inet_diag_req_v2`).
const HEAD: usize = 16;
const QUESTION: usize = 56;

/// Where an answer has the user and the inode (`struct inet_diag_msg` behind the head), and where it ends.
const USER: usize = HEAD + 64;
const INODE: usize = HEAD + 68;
const ANSWER: usize = HEAD + 72;

/// A socket of this network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Socket {
    /// Its user, as this process counts users.
    pub user: u32,
    /// What descriptors of it show in /proc.
    pub inode: u32,
}

/// The TCP socket that is bound to `own` and connected to `other`; `None` if this network has none, or nobody holds it
/// any more.
///
/// # Errors
/// The kernel cannot be asked.
pub fn find(own: SocketAddr, other: SocketAddr) -> io::Result<Option<Socket>> {
    // One of version 6 that is connected to a version 4 address is found under that.
    let own = canonical(own);
    let other = canonical(other);
    if answers() { ask(own, other) } else { look_up(own, other) }
}

/// Whether the kernel answers such questions: one that lacks the module for it says that there is no such socket.
fn answers() -> bool {
    static ANSWERS: OnceLock<bool> = OnceLock::new();
    // What cannot be tried now, as there is no file or port for it, is tried again.
    ANSWERS.get().copied().or_else(|| ask_for_a_known_one().ok().map(|does| *ANSWERS.get_or_init(|| does)))
        == Some(true)
}

fn ask_for_a_known_one() -> io::Result<bool> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let server = listener.local_addr()?;
    let client = TcpStream::connect(server)?;
    Ok(ask(client.local_addr()?, server)?.is_some())
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Looks through the tables of /proc, which takes longer the more sockets there are.
fn look_up(own: SocketAddr, other: SocketAddr) -> io::Result<Option<Socket>> {
    let mut table = std::fs::read_to_string("/proc/net/tcp")?;
    table.push_str(&std::fs::read_to_string("/proc/net/tcp6").unwrap_or_default());
    Ok(table.lines().find_map(|line| row(line, own, other)))
}

/// The socket of a row, if it has these addresses.
fn row(line: &str, own: SocketAddr, other: SocketAddr) -> Option<Socket> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let is_it = end(fields.get(1)?)? == own && end(fields.get(2)?)? == other;
    let found = Socket { user: fields.get(7)?.parse().ok()?, inode: fields.get(9)?.parse().ok()? };
    (is_it && found.inode != 0).then_some(found)
}

/// An address as those tables write it: words of the machine's own byte order, and a port.
fn end(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let word = |at: usize| Some(u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    let ip: IpAddr = match address.len() {
        8 => word(0)?.into(),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            <[u8; 16]>::try_from(words.concat()).ok()?.into()
        }
        _ => return None,
    };
    Some(canonical(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?)))
}

/// Asks the kernel for exactly this socket.
fn ask(own: SocketAddr, other: SocketAddr) -> io::Result<Option<Socket>> {
    let netlink =
        socket(AddressFamily::Netlink, SockType::Datagram, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkSockDiag)?;
    sendto(netlink.as_raw_fd(), &question(own, other), &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
    let mut answer = [0; 1024];
    let length = recv(netlink.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    Ok(read(&answer[..length]))
}

/// Whether an address is one of this machine's network, whatever the device: only to such an address can a socket be
/// bound. Where that cannot be tried, it is taken for one.
pub fn is_of_this_network(mut address: SocketAddr) -> bool {
    address.set_port(0);
    let bound = UdpSocket::bind(address);
    bound.map_or_else(|error| error.kind() != io::ErrorKind::AddrNotAvailable, |_| true)
}

/// The processes of /proc that hold a socket, as far as this process may look into them.
pub fn holders(inode: u32) -> impl Iterator<Item = u32> {
    let wanted = format!("socket:[{inode}]");
    let holds = move |pid: u32| {
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        descriptors.filter_map(|entry| std::fs::read_link(entry.path()).ok()).any(|link| link.as_os_str() == &*wanted)
    };
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(move |pid| holds(*pid))
}

/// Asks for exactly one socket.
fn question(own: SocketAddr, other: SocketAddr) -> Vec<u8> {
    let family = if own.is_ipv4() { 2 } else { 10 };
    let protocol = 6;
    let states = u32::MAX;
    let mut message = Vec::with_capacity(HEAD + QUESTION);
    let length = u32::try_from(HEAD + QUESTION).unwrap_or_default();
    message.extend(length.to_ne_bytes());
    message.extend(BY_FAMILY.to_ne_bytes());
    message.extend(REQUEST.to_ne_bytes());

    // Sequence and sender: there is one question.
    message.extend([0; 8]);
    message.extend([family, protocol, 0, 0]);
    message.extend(u32::to_ne_bytes(states));
    message.extend(own.port().to_be_bytes());
    message.extend(other.port().to_be_bytes());
    message.extend(address(own.ip()));
    message.extend(address(other.ip()));

    // Any device, any cookie.
    message.extend(0_u32.to_ne_bytes());
    message.extend([0xff; 8]);
    message
}

/// Sixteen bytes, of which version 4 has the first four.
fn address(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&ip.octets());
            bytes
        }
        IpAddr::V6(ip) => ip.octets(),
    }
}

/// An answer about a socket; an error says that there is none. One without an inode is held by nobody.
fn read(answer: &[u8]) -> Option<Socket> {
    let number = |place: usize| answer.get(place..place + 4)?.try_into().ok().map(u32::from_ne_bytes);
    let kind = answer.get(4..6)?;
    let is_socket = answer.len() >= ANSWER && kind == BY_FAMILY.to_ne_bytes();
    let found = Socket { user: number(USER)?, inode: number(INODE)? };
    (is_socket && found.inode != 0).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_end_of_a_connection_is_found_with_its_holder() {
        for own in ["127.0.0.1:0", "[::1]:0", "[::]:0", "[::ffff:127.0.0.1]:0"] {
            let Ok(listener) = TcpListener::bind(own) else { continue };
            let mut address = listener.local_addr().expect("an address");
            if address.ip().is_unspecified() {
                address.set_ip([127, 0, 0, 1].into());
            }
            let client = TcpStream::connect(address).expect("connected");
            let (accepted, peer) = listener.accept().expect("accepted");
            let server = accepted.local_addr().expect("an address");
            assert!(answers(), "this machine's kernel does");
            let found = find(peer, server).expect("the kernel answers").unwrap_or_else(|| panic!("{own}: no socket"));
            assert_eq!(found.user, nix::unistd::Uid::current().as_raw());
            assert_eq!(holders(found.inode).collect::<Vec<_>>(), [std::process::id()]);
            assert_eq!(
                look_up(canonical(peer), canonical(server)).expect("reads"),
                Some(found),
                "{own}, by the tables"
            );
            drop(client);
        }
    }

    #[test]
    fn addresses_of_this_network_are_told() {
        for own in ["127.0.0.1:80", "127.9.9.9:80", "[::ffff:127.0.0.1]:80"] {
            assert!(is_of_this_network(own.parse().expect("an address")), "{own}");
        }
        assert!(!is_of_this_network(([192, 0, 2, 1], 80).into()));
    }

    #[test]
    fn a_socket_that_is_not_there_is_none() {
        let none = find(([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 2).into());
        assert_eq!(none.expect("the kernel answers"), None);
        assert_eq!(read(&[0; 20]), None);
    }
}
