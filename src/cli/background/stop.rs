//! `larder stop`: ends the server of a data dir in good order.

use std::io;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::net::UnixStream;

use super::{DataDirOptions, none_runs};
use crate::cli::error::{CliError, Kind};
use crate::front::control::ShortPath;

/// Options of `larder stop`.
#[derive(Debug, Args)]
pub struct StopOptions {
    /// Whose server.
    #[command(flatten)]
    pub of: DataDirOptions,
    /// Seconds that it may take: calls that run go on to their end
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub timeout: u64,
}

/// Runs the subcommand.
pub async fn run(options: StopOptions) -> Result<(), CliError> {
    let data_dir = options.of.data_dir;
    let pid = server_of(&data_dir).await.ok_or_else(|| none_runs(&data_dir))?;
    let patience = Duration::from_secs(options.timeout);

    let ended = tokio::task::spawn_blocking(move || end(pid, patience)).await;
    match ended.map_err(io::Error::other).and_then(|ended| ended) {
        Ok(true) => Ok(()),
        Ok(false) => {
            let message = format!("process {} still runs after {} s", pid.as_raw_pid(), options.timeout);
            Err(CliError::new(Kind::TimedOut, message))
        }
        Err(error) => Err(format!("process {} cannot be ended: {error}", pid.as_raw_pid()).into()),
    }
}

/// The process that listens on the socket of a data dir: asked of the socket, so that it is no other's.
async fn server_of(data_dir: &Path) -> Option<Pid> {
    let short = ShortPath::of(data_dir).ok()?;
    let connected = UnixStream::connect(short.path()).await.ok()?;
    Pid::from_raw(connected.peer_cred().ok()?.pid()?)
}

/// Asks a process to end; whether it did.
fn end(pid: Pid, patience: Duration) -> io::Result<bool> {
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    pidfd_send_signal(&process, Signal::TERM)?;
    let patience = Timespec::try_from(patience).map_err(io::Error::other)?;
    let ended = poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&patience))?;
    Ok(ended > 0)
}
