//! A Docker engine of a test's own, which may be killed: the machine's is used by everybody.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::PATIENCE;

/// The bridge that its containers are on, and its address: none that an engine chooses by itself.
const BRIDGE: &str = "larder-test0";
const ADDRESS: &str = "198.18.77.1/24";

/// A dockerd with folders, a socket and a bridge of its own.
#[derive(Debug)]
pub struct PrivateEngine {
    folder: TempDir,
    daemon: Child,
}

impl PrivateEngine {
    /// Starts one, and gives it images that the machine's own has; `None` where these tests are not root.
    pub fn start(images: &[&str]) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            crate::skipped::skipped("an engine of the test's own needs root");
            return None;
        }
        // One of a test that was killed may be there.
        let _ = run(Command::new("ip").args(["link", "delete", BRIDGE]));
        assert!(run(Command::new("ip").args(["link", "add", BRIDGE, "type", "bridge"])), "no bridge");
        assert!(run(Command::new("ip").args(["address", "add", ADDRESS, "dev", BRIDGE])), "no address");
        assert!(run(Command::new("ip").args(["link", "set", BRIDGE, "up"])), "the bridge is down");
        let folder = tempfile::tempdir().expect("a folder");
        let engine = Self { daemon: daemon(folder.path()), folder };
        engine.wait_until_it_answers();

        let mut saved = Command::new("docker").arg("save").args(images).stdout(Stdio::piped()).spawn().expect("docker");
        let images = saved.stdout.take().expect("piped");
        assert!(run(engine.docker().arg("load").stdin(images)), "the images are not loaded");
        assert!(saved.wait().expect("a child").success(), "the images are not saved");
        Some(engine)
    }

    /// The value of `DOCKER_HOST`.
    pub fn host(&self) -> String {
        format!("unix://{}", socket(self.folder.path()))
    }

    /// Kills it, as a machine without memory does. Its containers stay.
    pub fn kill(&mut self) {
        self.daemon.kill().expect("it runs");
        self.daemon.wait().expect("a child");
    }

    /// Starts it again. It ends the containers that it finds.
    pub fn restart(&mut self) {
        self.daemon = daemon(self.folder.path());
        self.wait_until_it_answers();
    }

    /// Ids of all containers.
    pub fn containers(&self) -> Vec<String> {
        let listed = self.docker().args(["ps", "--all", "--quiet"]).output().expect("docker");
        String::from_utf8_lossy(&listed.stdout).lines().map(str::to_owned).collect()
    }

    fn docker(&self) -> Command {
        let mut command = Command::new("docker");
        command.args(["--host", &self.host()]);
        command
    }

    fn wait_until_it_answers(&self) {
        let end = Instant::now() + PATIENCE;
        while !run(self.docker().arg("version")) {
            assert!(Instant::now() < end, "it does not answer: {}", log(self.folder.path()));
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for PrivateEngine {
    fn drop(&mut self) {
        // It ends its containers and its containerd; one that was killed has left them.
        if !matches!(self.daemon.try_wait(), Ok(None)) {
            self.restart();
        }
        let _ = kill(Pid::from_raw(self.daemon.id().cast_signed()), Signal::SIGTERM);
        let _ = self.daemon.wait();
        let _ = run(Command::new("ip").args(["link", "delete", BRIDGE]));
    }
}

fn daemon(folder: &Path) -> Child {
    let log = std::fs::File::create(folder.join("log")).expect("a log");
    Command::new("dockerd")
        .args(["--host", &format!("unix://{}", socket(folder)), "--bridge", BRIDGE])
        .args(["--iptables=false", "--ip6tables=false", "--ip-masq=false", "--userland-proxy=false"])
        .arg("--data-root")
        .arg(folder.join("data"))
        .arg("--exec-root")
        .arg(folder.join("exec"))
        .arg("--pidfile")
        .arg(folder.join("pid"))
        .stdout(log.try_clone().expect("a log"))
        .stderr(log)
        .spawn()
        .expect("dockerd is installed")
}

fn socket(folder: &Path) -> String {
    folder.join("docker.sock").display().to_string()
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}

/// Whether a command ends well; what it says is nobody's business.
fn run(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
