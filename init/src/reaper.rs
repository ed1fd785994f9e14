//! The processes of the environment: collects the ended ones and kills the rest.
//!
//! The first process of a PID namespace inherits every orphan in it, so it must wait for children
//! it never started. That is why nothing here uses tokio's or std's own way to wait.

use std::io;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tokio::signal::unix::{self, SignalKind};
use tokio::time::{Instant, timeout_at};

/// How long killed processes are waited for; one that hangs in the kernel must not hang the init.
const KILL_LIMIT: Duration = Duration::from_millis(500);

/// Collects and kills processes.
pub struct Reaper {
    child_ended: unix::Signal,
    /// True where this is the first process of its PID namespace: it then may kill every other one.
    first: bool,
}

/// What is left after ended children were collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Children {
    /// Some still run.
    Some,
    /// Nobody is left to wait for.
    None,
}

impl Reaper {
    /// Listens for ended children from now on.
    pub fn new() -> io::Result<Self> {
        Ok(Self { child_ended: unix::signal(SignalKind::child())?, first: std::process::id() == 1 })
    }

    /// Whether this is the first process of its PID namespace.
    pub fn is_first(&self) -> bool {
        self.first
    }

    /// Waits until a child may have ended.
    pub async fn child_ended(&mut self) {
        if self.child_ended.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until `process` ended, `limit` at most.
    pub async fn wait_for(&mut self, process: Pid, limit: Duration) -> Option<WaitStatus> {
        let end = Instant::now() + limit;
        loop {
            let (status, children) = collect(Some(process));
            if status.is_some() || children == Children::None {
                return status;
            }
            if timeout_at(end, self.child_ended.recv()).await.is_err() {
                return None;
            }
        }
    }

    /// Kills every process of the environment but this one, and waits until they are gone. Where
    /// other processes share the PID namespace (tests), it kills the group of `runtime` alone.
    pub async fn kill_all(&mut self, runtime: Option<Pid>) {
        let killed = match runtime {
            _ if self.first => kill(Pid::from_raw(-1), Signal::SIGKILL),
            Some(group) => killpg(group, Signal::SIGKILL),
            None => return,
        };
        // ESRCH: nobody is left, which is what is wanted.
        if let Err(error) = killed
            && error != Errno::ESRCH
        {
            eprintln!("larder-init: kill: {error}");
        }
        let end = Instant::now() + KILL_LIMIT;
        loop {
            let (status, children) = collect(runtime);
            let gone = if self.first { children == Children::None } else { status.is_some() };
            if gone || children == Children::None {
                return;
            }
            if timeout_at(end, self.child_ended.recv()).await.is_err() {
                return;
            }
        }
    }
}

/// Collects all ended children; tells how `process` ended, and whether children are left.
pub fn collect(process: Option<Pid>) -> (Option<WaitStatus>, Children) {
    let mut found = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => return (found, Children::Some),
            Ok(status) => {
                if status.pid().is_some() && status.pid() == process {
                    found = Some(status);
                }
            }
            Err(Errno::EINTR) => {}
            Err(_) => return (found, Children::None),
        }
    }
}
