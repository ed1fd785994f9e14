//! A server of the command line's own, on any free port: a process of its own, so that it can be killed.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::config::ExecutorChoice;

/// How long a server may take to say that it is ready, and to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Lines of the server's log that are shown when something failed.
const LOG_LINES: usize = 15;

/// A running `larder serve`.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    address: SocketAddr,
    folder: PathBuf,
    executor: ExecutorChoice,
    arguments: &'static [&'static str],
}

impl ServerProcess {
    /// Starts a server on a free port with its data in [`data_dir`] of `folder`, and with more arguments.
    pub async fn start(
        folder: &Path,
        executor: ExecutorChoice,
        arguments: &'static [&'static str],
    ) -> Result<Self, String> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (child, address) = launch(folder, any, executor, arguments).await?;
        Ok(Self { child, address, folder: folder.to_owned(), executor, arguments })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Kills the server as a crash would, and starts it on the same data and address.
    pub async fn crash_and_restart(&mut self) -> Result<(), String> {
        self.child.kill().await.map_err(|error| format!("cannot kill it: {error}"))?;
        let (child, address) = launch(&self.folder, self.address, self.executor, self.arguments).await?;
        (self.child, self.address) = (child, address);
        Ok(())
    }

    /// Ends the server in good order.
    pub async fn end(mut self) -> Result<(), String> {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).ok_or("it ended by itself")?;
        kill(Pid::from_raw(pid), Signal::SIGTERM).map_err(|error| error.to_string())?;
        match tokio::time::timeout(PATIENCE, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(format!("it ended with {status}")),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("it did not end within {} s", PATIENCE.as_secs())),
        }
    }
}

async fn launch(
    folder: &Path,
    listen: SocketAddr,
    executor: ExecutorChoice,
    arguments: &[&str],
) -> Result<(Child, SocketAddr), String> {
    use clap::ValueEnum as _;
    let program = std::env::current_exe().map_err(|error| format!("cannot find larder itself: {error}"))?;
    let log = File::options().create(true).append(true).open(log_file(folder)).map_err(|error| error.to_string())?;
    let executor = executor.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let mut child = Command::new(program)
        .args([
            "serve",
            "--listen",
            &listen.to_string(),
            "--executor",
            &executor,
            "--durability",
            "always",
            "--end-with-input",
            "--data-dir",
        ])
        .arg(data_dir(folder))
        .args(arguments)
        // Held as long as this process lives: the server ends with it, however that ends.
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("cannot start it: {error}"))?;
    let banner = child.stdout.take().ok_or("it has no output")?;
    match tokio::time::timeout(PATIENCE, address_of(BufReader::new(banner))).await {
        Ok(Some(address)) => Ok((child, address)),
        Ok(None) => Err("it did not start".into()),
        Err(_) => Err(format!("it was not ready within {} s", PATIENCE.as_secs())),
    }
}

/// The address in a server's banner; `None` when the output ends without one.
async fn address_of(banner: BufReader<impl tokio::io::AsyncRead + Unpin>) -> Option<SocketAddr> {
    let mut lines = banner.lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some((_, address)) = line.split_once("http://") {
            return address.trim().parse().ok();
        }
    }
    None
}

/// The data dir of a server that was started with `folder`.
pub fn data_dir(folder: &Path) -> PathBuf {
    folder.join("data")
}

fn log_file(folder: &Path) -> PathBuf {
    folder.join("server.log")
}

/// The end of the server's log.
pub fn log_tail(folder: &Path) -> String {
    tail_of(&log_file(folder))
}

/// The last lines of a log.
pub fn tail_of(log: &Path) -> String {
    let log = std::fs::read(log).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}
