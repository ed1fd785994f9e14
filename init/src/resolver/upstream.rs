//! Whoever is asked for names that lead elsewhere: messages go to them, and come back, as they are.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::resolv_conf::nameservers;

/// The port of DNS.
pub const PORT: u16 = 53;

/// How long one resolver has to answer: with three of them, the last one answers before the C library gives up (5 s).
const PATIENCE: Duration = Duration::from_millis(1600);

/// Resolvers that are asked at most, as by the C library.
const SERVERS: usize = 3;

/// Largest message over UDP.
pub const DATAGRAM: usize = 65_535;

/// Resolvers, the first asked first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    servers: Vec<SocketAddr>,
}

impl Upstream {
    /// Those that are given, or else those of a resolv.conf, without `own`, who would ask itself.
    pub fn new(given: &[SocketAddr], resolv_conf: &str, own: Ipv4Addr) -> Self {
        let named = nameservers(resolv_conf).filter_map(|name| name.parse::<IpAddr>().ok());
        let named = named.filter(|ip| *ip != own).map(|ip| SocketAddr::new(ip, PORT));
        let servers = if given.is_empty() { named.collect() } else { given.to_vec() };
        Self { servers: servers.into_iter().take(SERVERS).collect() }
    }

    /// The answer to a question that came by UDP; `None` if nobody has one.
    pub async fn ask(&self, message: &[u8]) -> Option<Vec<u8>> {
        for server in &self.servers {
            if let Ok(Ok(answer)) = timeout(PATIENCE, by_udp(*server, message)).await {
                return Some(answer);
            }
        }
        None
    }

    /// The answer to a question that came by TCP.
    pub async fn ask_by_tcp(&self, message: &[u8]) -> Option<Vec<u8>> {
        for server in &self.servers {
            if let Ok(Ok(answer)) = timeout(PATIENCE, by_tcp(*server, message)).await {
                return Some(answer);
            }
        }
        None
    }
}

/// Each question has a port of its own, which nobody guesses.
async fn by_udp(server: SocketAddr, message: &[u8]) -> io::Result<Vec<u8>> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(message).await?;
    let mut answer = vec![0; DATAGRAM];
    loop {
        let length = socket.recv(&mut answer).await?;
        if length >= 2 && answer[..2] == message[..2] {
            answer.truncate(length);
            return Ok(answer);
        }
    }
}

async fn by_tcp(server: SocketAddr, message: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    write(&mut stream, message).await?;
    read(&mut stream).await
}

/// Reads a message with its length before it (RFC 1035, 4.2.2).
pub async fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

/// Writes one.
pub async fn write(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    let mut whole = length.to_be_bytes().to_vec();
    whole.extend_from_slice(message);
    stream.write_all(&whole).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers_are_those_that_were_there() {
        let own = Ipv4Addr::new(127, 0, 0, 100);
        let of = |given: &[SocketAddr], text: &str| Upstream::new(given, text, own).servers;
        let text = "nameserver 127.0.0.100\nnameserver 127.0.0.11\nnameserver fe80::1%eth0\nnameserver ::1\nsearch a\n";
        let expected: Vec<SocketAddr> = vec![([127, 0, 0, 11], 53).into(), (Ipv6Addr::LOCALHOST, 53).into()];
        assert_eq!(of(&[], text), expected);
        let given: SocketAddr = ([192, 0, 2, 1], 5353).into();
        assert_eq!(of(&[given], text), [given]);
        assert_eq!(of(&[], ""), []);
    }

    #[tokio::test]
    async fn the_next_one_is_asked_where_one_says_nothing() {
        let dead = UdpSocket::bind("127.0.0.1:0").await.expect("bound");
        let alive = UdpSocket::bind("127.0.0.1:0").await.expect("bound");
        let servers = [&dead, &alive].map(|socket| socket.local_addr().expect("an address"));
        let answering = tokio::spawn(async move {
            let mut question = [0; 64];
            let (length, from) = alive.recv_from(&mut question).await.expect("asked");
            alive.send_to(b"xxsomebody else's", from).await.expect("sent");
            alive.send_to(&question[..length], from).await.expect("sent");
        });
        let upstream = Upstream::new(&servers, "", Ipv4Addr::LOCALHOST);
        assert_eq!(upstream.ask(b"abquestion").await.as_deref(), Some(&b"abquestion"[..]));
        answering.await.expect("answered");
    }
}
