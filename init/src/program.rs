//! The programs of an environment, its runtime and its extensions: how their processes are started, and how
//! their ends are told.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

use crate::output::Output;
use crate::sandbox::raw;

/// Tells processes where the Runtime API is.
pub const API_VARIABLE: &str = "AWS_LAMBDA_RUNTIME_API";

/// Where a function that brings its own runtime has it, in the order in which they are tried.
const BOOTSTRAPS: [&str; 2] = ["/var/task/bootstrap", "/opt/bootstrap"];

/// Why there is no process. Texts are those of Go's `os/exec`, as AWS shows them.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// Neither the code nor a layer has a `bootstrap`.
    #[error("Couldn't find valid bootstrap(s): [{}]", BOOTSTRAPS.join(" "))]
    NoBootstrap,
    /// The folder is not there, which the kernel would report as a missing program.
    #[error("chdir {0}: {1}")]
    WorkingDir(String, &'static str),
    /// No folder of `PATH` has the program.
    #[error("exec: {0:?}: executable file not found in $PATH")]
    NotOnPath(String),
    /// The kernel refused the program.
    #[error("fork/exec {0}: {1}")]
    Program(String, &'static str),
    /// There is no pipe or process id left.
    #[error("pipe for the output: {0}")]
    Pipe(io::Error),
}

impl SpawnError {
    /// Lambda's type of it.
    pub fn error_type(&self) -> &'static str {
        match self {
            SpawnError::WorkingDir(..) => "Runtime.InvalidWorkingDir",
            _ => "Runtime.InvalidEntrypoint",
        }
    }
}

/// A started program.
#[derive(Debug)]
pub struct Program {
    /// Its process id, which is its process group's as well.
    pub pid: Pid,
    /// What it writes.
    pub output: Output,
}

/// The function's own runtime, whatever may be wrong with it; a folder is none.
pub fn bootstrap() -> Result<Vec<String>, SpawnError> {
    let found = BOOTSTRAPS.into_iter().find(|path| Path::new(path).metadata().is_ok_and(|meta| !meta.is_dir()));
    found.map(|path| vec![path.to_owned()]).ok_or(SpawnError::NoBootstrap)
}

/// Starts a program in `folder` with exactly `variables` and one more, under this user and group. One that the kernel
/// does not know (a script without interpreter, the program of another processor) is refused, as by Lambda.
///
/// std clears the supplementary groups by itself where a user is given and the init may do so, and
/// gives the child a clean signal mask and the default SIGPIPE.
pub fn spawn(
    argv: &[String],
    variables: &[(String, String)],
    one_more: (&str, &str),
    folder: &str,
    user: Option<(u32, u32)>,
    input: Stdio,
) -> Result<Program, SpawnError> {
    let program = argv.first().ok_or(SpawnError::NoBootstrap)?;
    let (output, writer) = Output::pipe().map_err(SpawnError::Pipe)?;
    let stderr = writer.try_clone().map_err(SpawnError::Pipe)?;
    let variables: Vec<_> =
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain([one_more]).collect();
    let mut argv = argv.to_vec();
    if !program.contains('/') {
        argv[0] = on_path(program, &variables).ok_or_else(|| refusal(folder, program, &Errno::ENOENT.into()))?;
    }
    let mut command = Command::new(&argv[0]);
    command.current_dir(folder).process_group(0).stdin(input).stdout(writer).stderr(stderr);
    if let Some((user, group)) = user {
        command.uid(user).gid(group);
    }
    raw::exec_directly(&mut command, &argv, &variables).map_err(|error| refusal(folder, program, &error.into()))?;
    let child = command.spawn().map_err(|error| refusal(folder, program, &error))?;
    let pid = i32::try_from(child.id()).map_err(|error| SpawnError::Pipe(io::Error::other(error)))?;

    Ok(Program { pid: Pid::from_raw(pid), output })
}

/// The first program of a name in the folders of `PATH`.
fn on_path(name: &str, variables: &[(&str, &str)]) -> Option<String> {
    let (_, path) = variables.iter().rfind(|(variable, _)| *variable == "PATH")?;
    path.split(':').map(|folder| format!("{folder}/{name}")).find(|place| {
        Path::new(place).metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    })
}

/// Names what is missing: the folder or the program.
fn refusal(folder: &str, program: &str, error: &io::Error) -> SpawnError {
    let reason = |error: &io::Error| match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT) => "no such file or directory",
        Some(Errno::EACCES) => "permission denied",
        Some(Errno::ENOEXEC) => "exec format error",
        Some(Errno::ENOTDIR) => "not a directory",
        Some(Errno::EAGAIN) => "resource temporarily unavailable",
        Some(errno) => errno.desc(),
        None => "it cannot be started",
    };
    match Path::new(folder).metadata() {
        Err(missing) => SpawnError::WorkingDir(folder.to_owned(), reason(&missing)),
        Ok(_) if !program.contains('/') && error.kind() == io::ErrorKind::NotFound => {
            SpawnError::NotOnPath(program.to_owned())
        }
        Ok(_) => SpawnError::Program(program.to_owned(), reason(error)),
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
