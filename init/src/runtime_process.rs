//! The function's runtime: how its process is started, and how its end is told.

use std::io;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use larder_init::link::Start;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

use crate::output::Output;

/// Tells the runtime where the Runtime API is.
const API_VARIABLE: &str = "AWS_LAMBDA_RUNTIME_API";

/// Why there is no runtime process.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The server sent no program.
    #[error("no program is given")]
    NoProgram,
    /// The folder is not there, which the kernel would report as a missing program.
    #[error("working folder {0}: {1}")]
    WorkingDir(String, io::Error),
    /// The kernel refused the program.
    #[error("{0}: {1}")]
    Program(String, io::Error),
    /// There is no pipe or process id left.
    #[error("pipe for the output: {0}")]
    Pipe(io::Error),
}

/// A started runtime.
pub struct RuntimeProcess {
    /// Its process id, which is its process group's as well.
    pub pid: Pid,
    /// What it writes.
    pub output: Output,
}

/// Starts the runtime with exactly the variables of `start`, and the address of the Runtime API.
///
/// std clears the supplementary groups by itself where a user is given and the init may do so, and
/// gives the child a clean signal mask and the default SIGPIPE.
pub fn spawn(start: &Start, api: SocketAddr) -> Result<RuntimeProcess, SpawnError> {
    let (program, arguments) = start.argv.split_first().ok_or(SpawnError::NoProgram)?;
    let (output, writer) = Output::pipe().map_err(SpawnError::Pipe)?;
    let stderr = writer.try_clone().map_err(SpawnError::Pipe)?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(start.variables.iter().map(|(name, value)| (name, value)))
        .env(API_VARIABLE, api.to_string())
        .current_dir(&start.working_dir)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(stderr);
    if let Some((user, group)) = start.user {
        command.uid(user).gid(group);
    }
    let child = command.spawn().map_err(|error| refusal(start, program, error))?;
    let pid = i32::try_from(child.id()).map_err(|error| SpawnError::Pipe(io::Error::other(error)))?;
    Ok(RuntimeProcess { pid: Pid::from_raw(pid), output })
}

/// Names what is missing: the folder or the program.
fn refusal(start: &Start, program: &str, error: io::Error) -> SpawnError {
    match Path::new(&start.working_dir).metadata() {
        Err(folder) => SpawnError::WorkingDir(start.working_dir.clone(), folder),
        Ok(_) => SpawnError::Program(program.to_owned(), error),
    }
}

/// How a process ended, in the words that AWS shows (they are Go's); `None` for exit status 0.
pub fn reason(status: WaitStatus) -> Option<String> {
    match status {
        WaitStatus::Exited(_, 0) => None,
        WaitStatus::Exited(_, code) => Some(format!("exit status {code}")),
        WaitStatus::Signaled(_, signal, _) => Some(format!("signal: {}", signal_name(signal))),
        _ => Some("unknown".to_owned()),
    }
}

/// Go's names of signals.
fn signal_name(signal: Signal) -> String {
    let name = match signal {
        Signal::SIGHUP => "hangup",
        Signal::SIGINT => "interrupt",
        Signal::SIGQUIT => "quit",
        Signal::SIGILL => "illegal instruction",
        Signal::SIGTRAP => "trace/breakpoint trap",
        Signal::SIGABRT => "aborted",
        Signal::SIGBUS => "bus error",
        Signal::SIGFPE => "floating point exception",
        Signal::SIGKILL => "killed",
        Signal::SIGUSR1 => "user defined signal 1",
        Signal::SIGSEGV => "segmentation fault",
        Signal::SIGUSR2 => "user defined signal 2",
        Signal::SIGPIPE => "broken pipe",
        Signal::SIGALRM => "alarm clock",
        Signal::SIGTERM => "terminated",
        other => return format!("signal {}", other as i32),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_told_in_gos_words() {
        let pid = Pid::from_raw(1);
        assert_eq!(reason(WaitStatus::Exited(pid, 0)), None);
        assert_eq!(reason(WaitStatus::Exited(pid, 127)).as_deref(), Some("exit status 127"));
        let killed = WaitStatus::Signaled(pid, Signal::SIGKILL, false);
        assert_eq!(reason(killed).as_deref(), Some("signal: killed"));
        let crash = WaitStatus::Signaled(pid, Signal::SIGSEGV, true);
        assert_eq!(reason(crash).as_deref(), Some("signal: segmentation fault"));
    }
}
