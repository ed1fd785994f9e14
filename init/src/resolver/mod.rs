//! Names inside the environment: answers for those that lead to the server, and passes questions for all others on to
//! whoever the environment would ask without this. What connects to the server under those names is passed on to it.
//!
//! It listens at an address of the environment's own loopback, so that the same does for containers and sandboxes. Of
//! the ports of HTTP and HTTPS nothing is taken before the first name was asked for that leads there: a function that
//! asks for none may have them.

mod answer;
mod trust;
mod upstream;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use larder_init::names::{ADDRESS, Names, Rules};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use self::answer::{Verdict, failure, judge};
use self::trust::Trust;
use self::upstream::{DATAGRAM, PORT, Upstream, read, write};
use crate::relay::{Relay, Room};
use crate::resolv_conf::with_nameservers;

/// Questions at a time for which others are asked, and connections; more are not heard, and asked again.
const AT_A_TIME: usize = 64;

/// How long a connection may say nothing (RFC 7766, 6.2.3).
const IDLE: Duration = Duration::from_secs(10);

/// Pause after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(50);

/// Ports of HTTP and HTTPS.
const WEB: [u16; 2] = [80, 443];

/// Answers questions for names until the environment ends.
#[derive(Debug)]
pub struct Resolver {
    trust: Trust,
}

impl Resolver {
    /// Takes the port, has the environment ask here, and begins to answer.
    ///
    /// # Errors
    /// The port cannot be had, or the environment cannot be told: its names are what they were.
    pub fn start(names: &Names, room: &Room) -> io::Result<Self> {
        let udp = std::net::UdpSocket::bind((ADDRESS, PORT))?;
        udp.set_nonblocking(true)?;
        let udp = UdpSocket::from_std(udp)?;
        let tcp = listen(PORT)?;
        let before = std::fs::read_to_string(&names.resolvers).unwrap_or_default();
        if names.writes_itself {
            write_itself(&names.resolvers, &before)?;
        }

        let desk = Arc::new(Desk {
            rules: Rules::of(names),
            upstream: Upstream::new(&names.servers, &before, ADDRESS),
            places: Arc::new(Semaphore::new(AT_A_TIME)),
            doors: Doors::new(names, Arc::clone(room)),
        });
        tokio::spawn(Arc::clone(&desk).serve_udp(Arc::new(udp)));
        tokio::spawn(desk.serve_tcp(tcp));
        Ok(Self { trust: Trust::new(&names.authority, &names.bundle) })
    }

    /// Tells a function whom to trust for this.
    pub fn tell(&self, variables: &mut Vec<(String, String)>) {
        self.trust.tell(variables);
    }
}

/// Names this resolver in a resolv.conf that had `before`. It is a mount of its own in containers: the file stays.
fn write_itself(path: &Path, before: &str) -> io::Result<()> {
    std::fs::write(path, with_nameservers(before, &[ADDRESS.to_string()]))
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind((ADDRESS, port))?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Where questions are answered.
#[derive(Debug)]
struct Desk {
    rules: Rules,
    upstream: Upstream,
    places: Arc<Semaphore>,
    doors: Doors,
}

impl Desk {
    async fn serve_udp(self: Arc<Self>, socket: Arc<UdpSocket>) {
        let mut buffer = vec![0; DATAGRAM];
        loop {
            let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            match self.judge(&buffer[..length]) {
                Verdict::Answered { answer, .. } => send(&socket, &answer, from).await,
                Verdict::Nothing => {}
                Verdict::Others => {
                    let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { continue };
                    let (desk, socket, message) = (Arc::clone(&self), Arc::clone(&socket), buffer[..length].to_vec());
                    tokio::spawn(async move {
                        let _place = place;
                        let answer = desk.upstream.ask(&message).await.or_else(|| failure(&message));
                        if let Some(answer) = answer {
                            send(&socket, &answer, from).await;
                        }
                    });
                }
            }
        }
    }

    async fn serve_tcp(self: Arc<Self>, listener: TcpListener) {
        loop {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
            let Ok((mut stream, _)) = listener.accept().await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let desk = Arc::clone(&self);
            tokio::spawn(async move {
                let _place = place;
                // Either side may hang up at any time.
                let _ = desk.converse(&mut stream).await;
            });
        }
    }

    /// Answers the questions of a connection, one after the other.
    async fn converse(&self, stream: &mut TcpStream) -> io::Result<()> {
        loop {
            let message = timeout(IDLE, read(stream)).await??;
            let answer = match self.judge(&message) {
                Verdict::Answered { answer, .. } => Some(answer),
                Verdict::Others => self.upstream.ask_by_tcp(&message).await.or_else(|| failure(&message)),
                Verdict::Nothing => None,
            };
            let Some(answer) = answer else { return Ok(()) };
            timeout(IDLE, write(stream, &answer)).await??;
        }
    }

    /// Judges a message; where its name leads to the server, the way is open before the answer says so.
    fn judge(&self, message: &[u8]) -> Verdict {
        let verdict = judge(message, &self.rules);
        if matches!(verdict, Verdict::Answered { leads_to_server: true, .. }) {
            self.doors.open();
        }
        verdict
    }
}

async fn send(socket: &UdpSocket, answer: &[u8], to: SocketAddr) {
    // Who asked may be gone.
    let _ = socket.send_to(answer, to).await;
}

/// The ports by which the server is reached, as far as nobody else has them.
#[derive(Debug)]
struct Doors {
    shut: Mutex<Vec<Door>>,
    relay: Relay,
    room: Room,
}

/// A port that nobody listens at yet.
#[derive(Debug)]
struct Door {
    port: u16,
    is_told: bool,
}

impl Doors {
    fn new(names: &Names, room: Room) -> Self {
        let mut ports = WEB.to_vec();
        if !ports.contains(&names.port) {
            ports.push(names.port);
        }
        let shut = ports.into_iter().map(|port| Door { port, is_told: false }).collect();
        let relay = Relay::new((ADDRESS, names.port).into(), names.socket.clone());
        Self { shut: Mutex::new(shut), relay, room }
    }

    /// Listens at all that can be had. What the function has itself is tried again with the next question.
    fn open(&self) {
        let mut shut = self.shut.lock().unwrap_or_else(PoisonError::into_inner);
        shut.retain_mut(|door| match listen(door.port) {
            Ok(listener) => {
                let (relay, room) = (self.relay.clone(), Arc::clone(&self.room));
                tokio::spawn(async move { relay.serve(listener, room).await });
                false
            }
            Err(error) => {
                if !std::mem::replace(&mut door.is_told, true) {
                    eprintln!("larder-init: lead names to the server at port {}: {error}", door.port);
                }
                true
            }
        });
    }
}
