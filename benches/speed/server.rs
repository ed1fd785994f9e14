//! Larder's own process: started on a data dir and any free port, ended as a user would end it.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Outcome;
use crate::http::{self, Connection};
use crate::package;

/// How long a server may take to end: it ends its environments first.
const END: Duration = Duration::from_secs(20);

/// How long a created function may stay `Pending`.
const ACTIVE: Duration = Duration::from_secs(30);

/// A running server; dropping it ends it and its environments.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// From the start of the process to the first answer.
    pub ready_after: Duration,
}

impl Server {
    /// Starts a server on `data_dir` and waits until it answers.
    pub fn start(data_dir: &Path, executor: &str) -> Outcome<Self> {
        Self::start_with(data_dir, executor, &[])
    }

    /// The same with more options.
    pub fn start_with(data_dir: &Path, executor: &str, options: &[&str]) -> Outcome<Self> {
        let began = Instant::now();
        let mut child = command(data_dir, executor).args(options).spawn()?;
        let address = listening(&mut child)?;
        let address = address.ok_or_else(|| format!("larder did not start with the {executor} executor"))?;
        // From here on dropping ends it.
        let mut server = Self { child, address, ready_after: Duration::ZERO };
        server.health()?;
        server.ready_after = began.elapsed();
        Ok(server)
    }

    /// A new connection.
    pub fn connect(&self) -> Outcome<Connection<TcpStream>> {
        Ok(Connection::to(self.address)?)
    }

    /// What `/_larder/health` says.
    pub fn health(&self) -> Outcome<serde_json::Value> {
        self.connect()?.succeed(&http::request("GET", "/_larder/health", b""))?.json()
    }

    /// Creates the echo under `name` and waits until it is `Active`.
    pub fn create_active(&self, name: &str, number: usize) -> Outcome {
        self.create_active_with(name, &package::create_request(name, number))
    }

    /// Creates the function `name` by a request and waits until it is `Active`.
    pub fn create_active_with(&self, name: &str, request: &[u8]) -> Outcome {
        let mut connection = self.connect()?;
        connection.succeed(request)?;
        let get = http::request("GET", &format!("/2015-03-31/functions/{name}/configuration"), b"");
        let deadline = Instant::now() + ACTIVE;
        while Instant::now() < deadline {
            if connection.succeed(&get)?.json()?["State"] == "Active" {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err(format!("{name} did not become Active").into())
    }

    /// Waits until a count of `/_larder/health` is this or more.
    pub fn wait_for(&self, count: &str, least: u64) -> Outcome {
        let deadline = Instant::now() + ACTIVE;
        while Instant::now() < deadline {
            if self.health()?["counts"][count].as_u64().is_some_and(|found| found >= least) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(format!("{count} did not become {least}").into())
    }

    /// Processor time of its process since its start, in seconds.
    pub fn processor_s(&self) -> Outcome<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // Behind the name, which may hold spaces, utime and stime are the 12th and 13th.
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks: f64 = fields.get(11..13).ok_or("no times")?.iter().filter_map(|one| one.parse::<f64>().ok()).sum();
        let per_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)?.ok_or("no clock")?;
        Ok(ticks / f64::from(u32::try_from(per_second)?))
    }

    /// Resident memory in MB (10^6 bytes).
    pub fn resident_mb(&self) -> Outcome<f64> {
        resident_mb_of(self.child.id())
    }

    /// The most resident memory since its start, in MB.
    pub fn peak_mb(&self) -> Outcome<f64> {
        memory_mb(self.child.id(), "VmHWM:").ok_or_else(|| "no VmHWM".into())
    }
}

/// Resident memory of a process, in MB.
pub fn resident_mb_of(pid: u32) -> Outcome<f64> {
    memory_mb(pid, "VmRSS:").ok_or_else(|| "no VmRSS".into())
}

/// A figure of a process's status in MB; `None` once it has ended.
fn memory_mb(pid: u32, figure: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(figure))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

/// Runs `larder` with some arguments; the most resident memory that was seen, in MB.
pub fn command_peak_mb(arguments: &[&str]) -> Outcome<f64> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_larder")).args(arguments).stdout(Stdio::null()).spawn()?;
    let mut peak = 0.0;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        peak = memory_mb(child.id(), "VmHWM:").unwrap_or(peak);
        std::thread::sleep(Duration::from_millis(1));
    };
    if status.success() { Ok(peak) } else { Err(format!("larder {arguments:?} ended with {status}").into()) }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id fits"));
        let _ = kill(pid, Signal::SIGTERM);
        let deadline = Instant::now() + END;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                eprintln!("speed: the server did not end on SIGTERM and is killed");
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Whether a server starts with this executor, rather than with another one or not at all.
pub fn has_executor(name: &str) -> bool {
    let health = tempfile::tempdir().map_err(Into::into).and_then(|dir| Server::start(dir.path(), name)?.health());
    health.is_ok_and(|health| health["executor"]["name"] == *name)
}

/// Nothing ambient but what finds programs and the engine.
fn command(data_dir: &Path, executor: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--executor", executor, "--data-dir"]).arg(data_dir);
    command.env_clear().env("LARDER_LOG", "error").stdin(Stdio::null()).stdout(Stdio::piped());
    for name in ["PATH", "HOME", "DOCKER_HOST"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command
}

/// The address in the banner; `None` when the process ended without one.
fn listening(child: &mut Child) -> Outcome<Option<SocketAddr>> {
    let output = child.stdout.take().ok_or("the output is a pipe")?;
    for line in BufReader::new(output).lines() {
        let line = line?;
        if let Some(address) = line.trim().strip_prefix("address") {
            return Ok(Some(address.trim().trim_start_matches("http://").parse()?));
        }
    }
    child.wait()?;
    Ok(None)
}
