//! Whether a connection to the server's port comes out of an environment: functions on the host's network, in the
//! sandbox or in containers, reach it as every process of this machine does.
//!
//! The kernel tells which socket is at the other end, and /proc who holds it. A process of an environment has an init
//! among its ancestors: whose parents end inside, the init becomes its parent.

use std::net::SocketAddr;

use larder_init::peer;

use super::INIT;
use super::executor::InitUser;

/// What the init in a sandbox is called, as the file is there; also what the first process of a machine may be.
const INIT_OF_SANDBOX: &str = "init";

/// Users that functions alone run as: in containers, and on the host of a sandbox that root makes.
const FUNCTIONS: [u32; 2] = [InitUser::LAMBDA.0, 2_000_000_000 + InitUser::LAMBDA.0];

/// The users of this machine that functions run as, where they share its network.
#[derive(Debug, Clone)]
pub struct FunctionUsers {
    /// Those that run nothing else.
    only: Vec<u32>,
    /// Whether root's processes that cannot be looked into may be functions.
    root: bool,
}

impl FunctionUsers {
    /// Those of functions that run as `user`.
    pub fn of(user: InitUser) -> Self {
        let given = match user {
            InitUser::Numbers(user, _) => Some(user),
            InitUser::Lambda | InitUser::Init => None,
        };
        let root = user == InitUser::Init || given == Some(0);
        Self { only: FUNCTIONS.into_iter().chain(given.filter(|user| *user != 0)).collect(), root }
    }

    /// Those that run nothing but functions.
    pub fn all(&self) -> &[u32] {
        &self.only
    }

    fn may_be_hidden(&self, user: u32) -> bool {
        user == own_user() || user == 0 && self.root
    }
}

/// Whether `other`, who is connected to the server's `own` address, is a process of an environment. Where that cannot
/// be seen of a process of this machine, it is taken for one: functions can hide, as can those that hang up at once.
pub fn is_environment(own: SocketAddr, other: SocketAddr, users: &FunctionUsers) -> bool {
    if !peer::is_of_this_network(other) {
        return false;
    }
    match peer::find(other, own) {
        Ok(Some(socket)) if users.only.contains(&socket.user) => true,
        Ok(Some(socket)) => {
            let mut holders = peer::holders(socket.inode).peekable();
            if holders.peek().is_some() { holders.any(is_inside) } else { users.may_be_hidden(socket.user) }
        }
        // Who had it has hung up.
        Ok(None) => true,
        Err(error) => {
            tracing::warn!(%error, "the kernel does not tell whose a connection is");
            true
        }
    }
}

/// Whether a process is an init, or has one above it, or one above it ends meanwhile.
fn is_inside(mut process: u32) -> bool {
    // Above the first process, also of a container that the server runs in, is none.
    while process != 0 {
        let Some((name, parent)) = stat(process) else { return true };
        if name == INIT || (name == INIT_OF_SANDBOX && process != 1) {
            return true;
        }
        process = parent;
    }
    false
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
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_process_of_this_machine_is_none_of_an_environment() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let own = listener.local_addr().expect("an address");
        let client = TcpStream::connect(own).expect("connected");
        let other = client.local_addr().expect("an address");
        let users = FunctionUsers::of(InitUser::Lambda);
        assert!(!is_environment(own, other, &users));
        drop(client);
        assert!(is_environment(own, other, &users), "it hung up");

        assert!(!is_environment(own, ([192, 0, 2, 1], 80).into(), &users), "another machine's");
    }

    #[test]
    fn the_users_are_those_that_functions_run_as() {
        let hidden = |user| FunctionUsers::of(user).may_be_hidden(0) && own_user() != 0;
        assert_eq!(FunctionUsers::of(InitUser::Numbers(1234, 5)).all(), [993, 2_000_000_993, 1234]);
        assert_eq!(FunctionUsers::of(InitUser::Numbers(0, 0)).all(), [993, 2_000_000_993]);
        assert_eq!(hidden(InitUser::Init), own_user() != 0);
        assert!(!hidden(InitUser::Lambda));
    }

    #[test]
    fn ancestors_are_read() {
        let (_, parent) = stat(std::process::id()).expect("it runs");
        assert!(stat(parent).is_some());
        assert!(!is_inside(std::process::id()));
    }
}
