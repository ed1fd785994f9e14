//! Execution environments: the pool that keeps them warm, the link they dial, the executors that
//! make them, and the reactor that brings new functions to `Active`.

pub mod callers;
mod deadline;
mod deployment;
pub mod endpoint;
mod environment;
pub mod executor;
pub mod executors;
mod function_log;
mod ground;
pub mod hot_reload;
pub mod images;
mod invocation;
mod link;
pub mod log_format;
pub mod names;
pub mod place;
mod pool;
mod records;
pub mod runtime_clients;
#[cfg(test)]
mod samples;
mod tail;
mod token;
pub mod traces;
pub mod variables;
mod work;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

pub use deployment::Target;
pub use function_log::LogSink;
pub use ground::Ground;
pub use invocation::{Completed, Invocation, Place, Report, StreamPart};
pub use link::{LinkServer, bind_socket};
pub use pool::{Makers, Pool, ProvisionError, RunError};
use uuid::Uuid;

/// Name of the link's socket in its folder.
pub const SOCKET: &str = "link.sock";

/// Name of the init's executable beside the socket.
pub const INIT: &str = "larder-init";

/// How environments live.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Folder of what belongs to running environments; a part of the data dir.
    pub run_dir: PathBuf,
    /// Id of the data dir's place, to which environments belong: see [`place`].
    pub place: Uuid,
    /// How long an idle environment is kept (`LAMBDA_KEEPALIVE_MS`).
    pub keep_alive: Duration,
    /// How long an environment waits for a lost server before it ends itself
    /// (`LARDER_ENVIRONMENT_GRACE_S`).
    pub grace: Duration,
    /// How long a new environment may take to dial (`LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT`).
    pub start_timeout: Duration,
    /// How long a function stays `Pending` (or its update `InProgress`) at least, so that clients
    /// see the states they see on AWS (`LARDER_STATE_DELAY_MS`).
    pub state_delay: Duration,
    /// Largest response in bytes.
    pub max_response_bytes: u64,
    /// Environments that may be busy at once.
    pub concurrency: u32,
    /// Whether processes are stopped between invocations (`--freeze`).
    pub freeze: bool,
    /// The X-Ray daemon that traces go to.
    pub xray_daemon: Option<SocketAddr>,
    /// What becomes of environments over a restart (`--rehydrate`).
    pub rehydrate: Rehydrate,
    /// Started, not yet assigned environments of each runtime in use (`--standby`).
    pub standby: StandbyCount,
    /// Most environments of functions (`--max-environments`).
    pub max_environments: Option<usize>,
    /// Most memory of all of them together in MiB, by the functions' `MemorySize` (`--max-memory`).
    pub max_memory_mib: Option<u64>,
}

/// How many environments of each runtime in use are started ahead of their functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StandbyCount {
    /// One, where the executor makes them at little cost, and memory is there.
    #[default]
    Auto,
    /// So many.
    Exactly(u16),
}

impl FromStr for StandbyCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            number => number.parse().map(Self::Exactly).map_err(|_| "write a number, or auto".to_owned()),
        }
    }
}

/// What becomes of environments over a restart of the server. Those of provisioned concurrency are always there
/// again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Rehydrate {
    /// Those that still run are ended: every function starts cold
    None,
    /// Those that still run are kept; no other is made before it is needed
    #[default]
    Lazy,
    /// Those that still run are kept, and functions that were used lately get one ahead
    Recent,
}

impl Settings {
    /// The folder with the link's socket and the init, mounted into environments.
    pub fn link_dir(&self) -> PathBuf {
        self.run_dir.join("link")
    }
}
