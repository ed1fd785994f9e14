//! What the server asks the sandbox's spawner for: a file in the environment's folder.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

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
    /// Whether the init must see what memory processes of other users use.
    #[serde(default)]
    pub watches_memory: bool,
    /// The first process inside: program and arguments. Empty: a trial that ends before the exec.
    pub argv: Vec<String>,
}

/// A host path and its place inside.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bind {
    /// Absolute path on the host: a folder or a file.
    pub from: PathBuf,
    /// Absolute path inside.
    pub to: PathBuf,
}

impl Bind {
    /// Shows `from` at `to`.
    pub fn new(from: impl Into<PathBuf>, to: impl Into<PathBuf>) -> Self {
        Self { from: from.into(), to: to.into() }
    }
}
