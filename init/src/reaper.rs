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

    /// Waits until `process` ended, `limit` at most. Its end is not lost for others: it is collected, and its
    /// caller acts on it.
    pub async fn wait_for(&mut self, process: Pid, limit: Duration) {
        let end = Instant::now() + limit;
        loop {
            let (ended, children) = collect(&[process]);
            if !ended.is_empty() || children == Children::None {
                return;
            }
            if timeout_at(end, self.child_ended.recv()).await.is_err() {
                return;
            }
        }
    }

    /// Kills every process of the environment but this one, and waits until they are gone. Where
    /// other processes share the PID namespace (tests), it kills `groups` alone.
    pub async fn kill_all(&mut self, groups: &[Pid]) {
        self.signal_all(groups, Signal::SIGKILL);
        let end = Instant::now() + KILL_LIMIT;
        let mut left = groups.to_vec();
        while self.first || !left.is_empty() {
            let (ended, children) = collect(groups);
            left.retain(|group| !ended.iter().any(|(pid, _)| pid == group));
            if children == Children::None {
                return;
            }
            if left.is_empty() && !self.first {
                return;
            }
            if timeout_at(end, self.child_ended.recv()).await.is_err() {
                return;
            }
        }
    }

    /// Stops every process of the environment but this one, or `groups` alone: see [`Self::kill_all`].
    ///
    /// By signals, not by the freezer of cgroups: that would stop the init as well, which could then neither find
    /// out that its server is gone nor end the environment.
    pub fn stop(&self, groups: &[Pid]) {
        self.signal_all(groups, Signal::SIGSTOP);
    }

    /// Lets them go on.
    pub fn go_on(&self, groups: &[Pid]) {
        self.signal_all(groups, Signal::SIGCONT);
    }

    fn signal_all(&self, groups: &[Pid], signal: Signal) {
        let sent = |result: nix::Result<()>| match result {
            // ESRCH: nobody is left.
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => eprintln!("larder-init: send {signal}: {error}"),
        };
        if self.first {
            return sent(kill(Pid::from_raw(-1), signal));
        }
        for group in groups {
            sent(killpg(*group, signal));
        }
    }
}

/// Sends a signal to the group of a process.
pub fn signal(group: Pid, signal: Signal) {
    match killpg(group, signal) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => eprintln!("larder-init: send {signal} to {group}: {error}"),
    }
}

/// Collects all ended children; tells how those of `processes` ended, and whether children are left.
pub fn collect(processes: &[Pid]) -> (Vec<(Pid, WaitStatus)>, Children) {
    let mut found = Vec::new();
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => return (found, Children::Some),
            Ok(status) => {
                if let Some(pid) = status.pid().filter(|pid| processes.contains(pid)) {
                    found.push((pid, status));
                }
            }
            Err(Errno::EINTR) => {}
            Err(_) => return (found, Children::None),
        }
    }
}
