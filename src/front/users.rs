//! Which users of this machine may call: its loopback is open to all of them, and each could have a function of the
//! owner's show what it likes.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use larder_init::peer;
use nix::unistd::{Uid, User};

/// Who has it all anyway.
const ROOT: u32 = 0;

/// Who started `sudo`, as `sudo` says it.
const SUDO_USER: &str = "SUDO_UID";

/// A user that `--local-users` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalUser {
    /// Each: `all`.
    Any,
    /// One, by name or number.
    One(u32),
}

impl FromStr for LocalUser {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::Any);
        }
        if let Ok(number) = text.parse() {
            return Ok(Self::One(number));
        }
        let found = User::from_name(text).map_err(|error| format!("the machine's users cannot be read: {error}"))?;
        found.map(|user| Self::One(user.uid.as_raw())).ok_or_else(|| "write a user's name or number, or all".to_owned())
    }
}

/// Who is at the other end of a connection over the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A process of this machine's network, of this user.
    Local(u32),
    /// Another machine, or a network of its own on this one.
    Remote,
    /// Somebody of this machine's network of whom the kernel says nothing: most of all, who has hung up.
    Hidden,
}

impl Caller {
    /// Who is at `other`, and connected to the server's `own` address.
    pub fn of(own: SocketAddr, other: SocketAddr) -> Self {
        if !peer::is_of_this_network(other) {
            return Self::Remote;
        }
        match peer::find(other, own) {
            Ok(Some(socket)) => Self::Local(socket.user),
            Ok(None) => Self::Hidden,
            Err(error) => {
                tracing::warn!(%error, "the kernel does not tell whose a connection is");
                Self::Hidden
            }
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(user) => match User::from_uid(Uid::from_raw(*user)) {
                Ok(Some(known)) => write!(formatter, "the user {}", known.name),
                _ => write!(formatter, "the user {user}"),
            },
            Self::Remote => formatter.write_str("another machine"),
            Self::Hidden => formatter.write_str("somebody of this machine whom its kernel does not name"),
        }
    }
}

/// The users of this machine that may call.
#[derive(Debug, Clone)]
pub struct LocalUsers {
    are_all: bool,
    users: BTreeSet<u32>,
}

impl LocalUsers {
    /// The one who runs the server, who started it by `sudo`, root, those that functions run as, and the given ones.
    pub fn new(given: &[LocalUser], functions: &[u32]) -> Self {
        let sudo = std::env::var(SUDO_USER).ok().and_then(|user| user.parse().ok());
        let named = given.iter().filter_map(|user| match user {
            LocalUser::One(user) => Some(*user),
            LocalUser::Any => None,
        });
        let own = [ROOT, Uid::effective().as_raw()];
        let users = own.into_iter().chain(sudo).chain(functions.iter().copied()).chain(named).collect();
        Self { are_all: given.contains(&LocalUser::Any), users }
    }

    /// Whether a caller may come in, as far as its user goes.
    pub fn admit(&self, caller: Caller) -> bool {
        match caller {
            Caller::Local(user) => self.are_all || self.users.contains(&user),
            Caller::Hidden => self.are_all,
            // Whom the server lets in by listening there.
            Caller::Remote => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn users_are_named_or_numbered() {
        assert_eq!("all".parse(), Ok(LocalUser::Any));
        assert_eq!("1000".parse(), Ok(LocalUser::One(1000)));
        assert_eq!("root".parse(), Ok(LocalUser::One(0)));
        for wrong in ["", "-1", "nobody of this name", "4294967296"] {
            assert!(wrong.parse::<LocalUser>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn others_come_in_where_they_are_named_only() {
        let users = |given: &[LocalUser]| LocalUsers::new(given, &[993]);
        let own = Uid::effective().as_raw();
        for caller in [Caller::Local(own), Caller::Local(0), Caller::Local(993), Caller::Remote] {
            assert!(users(&[]).admit(caller), "{caller}");
        }
        for caller in [Caller::Local(54_321), Caller::Hidden] {
            assert!(!users(&[]).admit(caller) && users(&[LocalUser::Any]).admit(caller), "{caller}");
        }

        assert!(users(&[LocalUser::One(54_321)]).admit(Caller::Local(54_321)));
    }

    /// An address of this machine beside the loopback's.
    fn outer_address() -> Option<std::net::IpAddr> {
        let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
        // Nothing is sent.
        socket.connect("192.0.2.1:9").ok()?;
        Some(socket.local_addr().ok()?.ip())
    }

    #[test]
    fn a_caller_is_known_by_its_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let own = listener.local_addr().expect("an address");
        let client = TcpStream::connect(own).expect("connected");
        let other = client.local_addr().expect("an address");
        assert_eq!(Caller::of(own, other), Caller::Local(Uid::effective().as_raw()));
        drop(client);
        assert_eq!(Caller::of(own, other), Caller::Hidden, "it hung up");
        if let Some(outer) = outer_address() {
            assert_eq!(Caller::of(own, (outer, 1).into()), Caller::Hidden, "it hung up too, whatever address it had");
        }

        assert_eq!(Caller::of(own, ([192, 0, 2, 1], 4566).into()), Caller::Remote);
    }
}
