//! Who is served where the loopback device is shared with others, as with the host's network: the environment's own
//! processes, and nobody else. A port is no secret, and the APIs of an environment have no other.
//!
//! A connection is looked at once, when it is accepted: which socket is at its other end, and whether a process of this
//! environment holds it. The process table here shows no others.

use std::io::Read as _;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode, Stdio};

use larder_init::peer;
use tokio::net::TcpStream;

/// How the init is started to look as another user; see [`Guard::as_user`].
pub const LOOK: &str = "holds";

/// What such a look says.
const YES: &str = "yes";

/// Lets in who belongs to the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    /// Who its processes run as, if not as the init.
    pub user: Option<(u32, u32)>,
}

impl Guard {
    /// Whether a connection is of the environment's own.
    pub async fn admits(self, stream: &TcpStream) -> bool {
        let (Ok(own), Ok(other)) = (stream.local_addr(), stream.peer_addr()) else { return false };
        tokio::task::spawn_blocking(move || self.knows(other, own)).await.unwrap_or(false)
    }

    fn knows(self, other: SocketAddr, own: SocketAddr) -> bool {
        match peer::find(other, own) {
            Ok(Some(socket)) => is_held(socket.inode) || self.as_user(socket.inode),
            Ok(None) => false,
            Err(error) => {
                eprintln!("larder-init: the kernel does not tell whose a connection is: {error}");
                false
            }
        }
    }

    /// Looks as the user of the processes: the init has no right to look into those of others. Its word comes over a
    /// pipe, as the init collects the ends of all processes elsewhere.
    fn as_user(self, inode: u32) -> bool {
        let Some((user, group)) = self.user else { return false };
        let mut command = Command::new("/proc/self/exe");
        command.arg(LOOK).arg(inode.to_string()).env_clear().uid(user).gid(group);
        let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut said = String::new();
        let read = started.map(|child| child.stdout.map(|mut out| out.read_to_string(&mut said)));
        read.is_ok() && said == YES
    }
}

/// The look itself, as a process of its own: says whether one that it may look into holds the socket.
pub fn look(inode: Option<&str>) -> ExitCode {
    if inode.and_then(|inode| inode.parse().ok()).is_some_and(is_held) {
        print!("{YES}");
    }
    ExitCode::SUCCESS
}

fn is_held(inode: u32) -> bool {
    peer::holders(inode).next().is_some()
}
