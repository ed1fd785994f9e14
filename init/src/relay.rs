//! Passes connections of the function on to the server: what it calls at a port of its own loopback arrives at a socket
//! of the server, which the network of a container does not reach.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::Semaphore;

/// Connections at a time; more wait. Each takes two of the init's open files, of which it has 1024.
const CONNECTIONS: usize = 256;

/// Pause after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(50);

/// Room for connections of all ports together.
pub type Room = Arc<Semaphore>;

/// The room that an init has.
pub fn room() -> Room {
    Arc::new(Semaphore::new(CONNECTIONS))
}

/// From where to where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    listen: SocketAddr,
    socket: PathBuf,
}

impl FromStr for Relay {
    type Err = ();

    /// `127.0.0.1:4566 /var/larder/api.sock`
    fn from_str(text: &str) -> Result<Self, ()> {
        let (listen, socket) = text.split_once(' ').ok_or(())?;
        Ok(Self { listen: listen.parse().map_err(|_| ())?, socket: socket.into() })
    }
}

impl Relay {
    /// From a port of the loopback to a socket.
    pub fn new(listen: SocketAddr, socket: PathBuf) -> Self {
        Self { listen, socket }
    }

    /// Passes connections on for ever. While the server is away they are closed, and passed on again when it is back.
    ///
    /// # Errors
    /// The address cannot be had.
    pub async fn run(self, room: Room) -> io::Result<()> {
        let listener = TcpListener::bind(self.listen).await?;
        self.serve(listener, room).await;
        Ok(())
    }

    /// The same at a port that somebody took.
    pub async fn serve(self, listener: TcpListener, room: Room) {
        loop {
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
            let Ok((mut near, _)) = listener.accept().await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let socket = self.socket.clone();
            tokio::spawn(async move {
                let _place = place;
                if let Ok(mut far) = UnixStream::connect(socket).await {
                    let _ = near.set_nodelay(true);
                    // Either side may hang up at any time.
                    let _ = copy_bidirectional(&mut near, &mut far).await;
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpStream, UnixListener};

    #[test]
    fn relays_are_read_from_their_variable() {
        let relay: Relay = "127.0.0.1:4566 /var/larder/api.sock".parse().expect("a relay");
        assert_eq!(relay, Relay { listen: ([127, 0, 0, 1], 4566).into(), socket: "/var/larder/api.sock".into() });
        assert!("127.0.0.1:4566".parse::<Relay>().is_err());
    }

    #[tokio::test]
    async fn bytes_go_both_ways_and_a_server_may_come_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("api.sock");
        let free = TcpListener::bind("127.0.0.1:0").await.and_then(|listener| listener.local_addr()).expect("a port");
        tokio::spawn(Relay { listen: free, socket: socket.clone() }.run(room()));
        for word in ["first", "after"] {
            let _ = std::fs::remove_file(&socket);
            let server = UnixListener::bind(&socket).expect("bound");
            let mut client = loop {
                match TcpStream::connect(free).await {
                    Ok(client) => break client,
                    Err(_) => tokio::task::yield_now().await,
                }
            };
            client.write_all(word.as_bytes()).await.expect("written");
            let (mut connection, _) = server.accept().await.expect("accepted");
            let mut read = [0; 5];
            connection.read_exact(&mut read).await.expect("read");
            connection.write_all(&read).await.expect("answered");
            drop(connection);
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.expect("read");
            assert_eq!(answer, word);
        }
    }
}
