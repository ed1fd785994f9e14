//! Kinesalite: a Kinesis whose shards split, merge and end as AWS's do.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::PATIENCE;
use super::python::{free_port, run};
use crate::skipped::skipped;

/// A server, killed when dropped.
#[derive(Debug)]
pub struct Kinesalite {
    child: Child,
    port: u16,
    /// What it keeps.
    folder: TempDir,
}

impl Kinesalite {
    /// Starts one on a free port; `None` where this machine cannot run it.
    ///
    /// # Panics
    /// It cannot be run, but `CI` is `true`.
    pub fn start() -> Option<Self> {
        let has_npm = Command::new("npm").arg("--version").output().is_ok_and(|output| output.status.success());
        if !has_npm {
            assert!(!std::env::var("CI").is_ok_and(|found| found == "true"), "npm is required");
            skipped("npm is not here, which gets kinesalite");
            return None;
        }
        let (port, folder) = (free_port(), tempfile::tempdir().expect("a folder"));
        Some(Self { child: serve(port, folder.path()), port, folder })
    }

    /// Ends it.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again at its port, with all that it kept.
    pub fn restart(&mut self) {
        self.child = serve(self.port, self.folder.path());
    }

    /// Starts it again at its port, with nothing.
    pub fn restart_empty(&mut self) {
        self.folder = tempfile::tempdir().expect("a folder");
        self.restart();
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Kinesalite {
    fn drop(&mut self) {
        self.kill();
    }
}

fn serve(port: u16, folder: &Path) -> Child {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/node-modules");
    let made = run(Command::new(script).arg("kinesalite"));
    let mut command = Command::new("node");
    command.arg(Path::new(made.trim()).join("node_modules/kinesalite/cli.js"));
    command.args(["--port", &port.to_string(), "--shardLimit", "100", "--path"]).arg(folder);
    // How long streams and shards are on their way.
    command.args(["--createStreamMs", "5", "--deleteStreamMs", "5", "--updateStreamMs", "5"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let child = child.expect("node is there");
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(start.elapsed() < PATIENCE, "kinesalite does not serve");
        std::thread::sleep(Duration::from_millis(50));
    }
    child
}
