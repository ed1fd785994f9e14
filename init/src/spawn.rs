//! What the server asks the sandbox's spawner for: a file in the environment's folder.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where the init finds the resolv.conf of its network.
pub const RESOLVERS: &str = "/run/larder/resolvers";

/// One sandbox, written by the server and read by the spawner, both of one build.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpawnSpec {
    /// The environment's folder on the host: holds the pid record; its `root` is the mount point.
    pub folder: PathBuf,
    /// Host paths to show inside, read-only, in this order.
    pub binds: Vec<Bind>,
    /// Host paths to cover with an empty folder where the rest of the view would show them.
    pub hidden: Vec<PathBuf>,
    /// Size limit of /tmp in MiB.
    pub tmp_mib: u32,
    /// Whether processes get AWS's limits; else they keep the server's own.
    pub has_ulimits: bool,
    /// Bytes of memory, files in /tmp included, that the kernel lets the environment have where it may limit that.
    #[serde(default)]
    pub memory_limit_bytes: Option<u64>,
    /// Whether the init must see what memory processes of other users use.
    #[serde(default)]
    pub watches_memory: bool,
    /// Which network processes have.
    pub network: Network,
    /// The address inside at which the init answers for names, in place of the resolvers of the network; those it is told
    /// of in [`RESOLVERS`].
    #[serde(default)]
    pub resolver: Option<Ipv4Addr>,
    /// The first process inside: program and arguments. Empty: a trial that ends before the exec.
    pub argv: Vec<String>,
}

/// Which network the processes of a sandbox have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// The host's.
    #[default]
    Host,
    /// One of its own, with nothing in it but its loopback.
    Closed,
    /// One of its own, with a way out.
    Open(WayOut),
}

/// A program of the host that leads out of a network, in user mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WayOut {
    /// Which one it is.
    pub kind: WayOutKind,
    /// Its path on the host.
    pub program: PathBuf,
}

/// Programs that can be a way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WayOutKind {
    /// <https://github.com/rootless-containers/slirp4netns>
    Slirp4netns,
    /// <https://passt.top>
    Pasta,
}

impl WayOutKind {
    /// All, the best first: slirp4netns takes about 1 MB for each environment, pasta 29 MB.
    pub const ALL: [Self; 2] = [Self::Slirp4netns, Self::Pasta];

    /// The program's name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Slirp4netns => "slirp4netns",
            Self::Pasta => "pasta",
        }
    }

    /// That of a name.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// A host path and its place inside.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bind {
    /// Absolute path on the host: a folder or a file.
    pub from: PathBuf,
    /// Absolute path inside.
    pub to: PathBuf,
    /// Device and number that the folder at `from` has to have; a path may lead elsewhere since it was checked.
    #[serde(default)]
    pub identity: Option<(u64, u64)>,
}

impl Bind {
    /// Shows `from` at `to`.
    pub fn new(from: impl Into<PathBuf>, to: impl Into<PathBuf>) -> Self {
        Self { from: from.into(), to: to.into(), identity: None }
    }
}
