//! The end of processes: killed, ended by themselves, told of the shutdown.
//!
//! Limits of the shutdown phase: none without extensions, 500 ms with internal ones, 2 s with external ones.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown>.

use std::time::Duration;

use larder_init::link::Outcome;
use larder_init::platform::Phase;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;
use serde_json::json;
use tokio::time::Instant;

use super::{Run, Stage, Supervisor, now_ms};
use crate::extensions::State;
use crate::preloaded::Preloaded;
use crate::program::reason;
use crate::reaper;

/// The shutdown phase with external extensions.
const EXTERNAL_LIMIT: Duration = Duration::from_secs(2);

/// The shutdown phase with internal extensions only.
const INTERNAL_LIMIT: Duration = Duration::from_millis(500);

/// How long of it the runtime may take, before the extensions are told.
const RUNTIME_LIMIT: Duration = Duration::from_millis(300);

/// Why processes end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// The environment is not needed any more.
    Spindown,
    /// The function took too long.
    Timeout,
    /// The runtime or an extension failed.
    Failure,
}

impl Reason {
    fn word(self) -> &'static str {
        match self {
            Reason::Spindown => "spindown",
            Reason::Timeout => "timeout",
            Reason::Failure => "failure",
        }
    }
}

/// Extensions are given time to end.
pub(super) struct Ending {
    reason: Reason,
    /// When the extensions are told, unless the runtime ends before.
    tell_at: Option<Instant>,
    deadline: Instant,
    over: bool,
}

impl Ending {
    pub(super) fn wake_at(&self) -> Instant {
        self.tell_at.unwrap_or(self.deadline)
    }
}

impl Supervisor {
    /// Whether the environment has ended, but for what `stop_all` kills.
    pub(super) fn is_over(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| ending.over && ending.reason == Reason::Spindown)
    }

    /// The environment is not needed any more.
    pub(super) async fn shut_down(&mut self) {
        self.thaw();
        match &mut self.ending {
            // A reset is under way: it becomes the end.
            Some(ending) => ending.reason = Reason::Spindown,
            None => self.begin_end(Reason::Spindown).await,
        }
    }

    /// Ends all processes, and starts them again: after a timeout ahead of the next invocation, after a failure with
    /// it.
    pub(super) async fn reset(&mut self, reason: Reason) {
        self.thaw();
        self.begin_end(reason).await;
    }

    async fn begin_end(&mut self, reason: Reason) {
        let limit = match &self.run {
            Some(run) if run.extensions.external_run() => EXTERNAL_LIMIT,
            Some(run) if !run.extensions.all.is_empty() && reason == Reason::Spindown => INTERNAL_LIMIT,
            _ => Duration::ZERO,
        };
        let now = Instant::now();
        let over = limit.is_zero();
        self.ending = Some(Ending { reason, tell_at: Some(now + RUNTIME_LIMIT), deadline: now + limit, over });
        if over {
            return self.end_over().await;
        }

        if let Some(pid) = self.runtime_pid() {
            // After a timeout the runtime hears no signal that could be handled.
            let signal = if reason == Reason::Spindown { Signal::SIGTERM } else { Signal::SIGKILL };
            reaper::signal(pid, signal);
        } else {
            self.tell_shutdown();
        }
    }

    /// Tells the extensions of the shutdown; one that did not subscribe gets a signal.
    fn tell_shutdown(&mut self) {
        let (Some(ending), Some(run)) = (&mut self.ending, &mut self.run) else {
            return;
        };
        if ending.tell_at.take().is_none() {
            return;
        }
        let left = ending.deadline.saturating_duration_since(Instant::now());
        let deadline_ms = now_ms() + u64::try_from(left.as_millis()).unwrap_or(0);
        let event = json!({
            "eventType": "SHUTDOWN", "shutdownReason": ending.reason.word(), "deadlineMs": deadline_ms,
        });

        for extension in run.extensions.all.iter_mut().filter(|extension| extension.is_external()) {
            if extension.subscriptions.shutdown {
                extension.tell(event.to_string());
            } else if let Some(pid) = extension.process {
                reaper::signal(pid, Signal::SIGTERM);
            }
        }
    }

    /// The event of the shutdown for an extension that asks late.
    pub(super) fn is_telling_shutdown(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| ending.tell_at.is_none())
    }

    /// The shutdown event, for an extension that was at work when it was told.
    pub(super) fn shutdown_event(&self) -> String {
        let reason = self.ending.as_ref().map_or(Reason::Spindown, |ending| ending.reason);
        let left = self.ending.as_ref().map(|ending| ending.deadline.saturating_duration_since(Instant::now()));
        let left = u64::try_from(left.unwrap_or_default().as_millis()).unwrap_or(0);
        json!({ "eventType": "SHUTDOWN", "shutdownReason": reason.word(), "deadlineMs": now_ms() + left }).to_string()
    }

    pub(super) async fn on_ending_clock(&mut self, now: Instant) {
        let Some(ending) = &self.ending else {
            return;
        };
        if ending.deadline <= now {
            return self.end_over().await;
        }
        if ending.tell_at.is_some_and(|at| at <= now) {
            self.tell_shutdown();
        }
    }

    /// Time is up, or all have ended.
    async fn end_over(&mut self) {
        let Some(ending) = &mut self.ending else {
            return;
        };
        ending.over = true;
        let reason = ending.reason;
        if reason == Reason::Spindown {
            return;
        }
        self.stop_all().await;
        self.ending = None;

        if self.invocation.is_some() {
            Box::pin(self.begin_for_invocation()).await;
        } else if reason == Reason::Timeout {
            Box::pin(self.begin(Phase::Invoke)).await;
        }
    }

    /// Collects ended processes, and acts when the runtime or an extension is one of them.
    pub(super) async fn on_child_ended(&mut self) {
        let processes = self.groups();
        let (ended, _) = reaper::collect(&processes);
        for (pid, status) in ended {
            // Its number may be another process's from here on.
            if self.preloaded.as_ref().is_some_and(|preloaded| preloaded.pid() == pid) {
                self.preloaded = None;
                continue;
            }
            if self.run.is_none() {
                return;
            }
            if self.runtime_pid() == Some(pid) {
                self.on_runtime_ended(status).await;
            } else {
                self.on_extension_ended(pid, status).await;
            }
        }
    }

    /// The runtime ended by itself, or the kernel killed it.
    async fn on_runtime_ended(&mut self, status: WaitStatus) {
        if self.ending.is_some() {
            self.drain_output();
            if let Some(run) = &mut self.run {
                run.runtime = None;
            }
            self.tell_shutdown();
            return self.check_ended().await;
        }

        let init = self.run.as_ref().is_some_and(|run| !run.initialised);
        let outcome = self.end_of_runtime(status, init);
        if init {
            return self.init_failed(outcome).await;
        }
        self.drain_output();
        let handed = self.invocation.as_ref().is_some_and(|invocation| invocation.handed.is_some());

        if handed {
            self.note_memory();
            self.finish(outcome);
            self.forget_runtime();
            return self.reset(Reason::Failure).await;
        }

        // It ended between two events: the pending one gets a fresh runtime.
        self.stop_all().await;
        if self.invocation.is_some() {
            self.begin_for_invocation().await;
        }
    }

    fn end_of_runtime(&mut self, status: WaitStatus, init: bool) -> Outcome {
        let killed = matches!(status, WaitStatus::Signaled(_, Signal::SIGKILL, _));
        if self.oom.has_risen() && killed {
            return Outcome::OutOfMemory;
        }
        Outcome::Exited { reason: reason(status), init }
    }

    /// The processes use more memory than they may.
    pub(super) async fn out_of_memory(&mut self) {
        if self.run.as_ref().is_some_and(|run| !run.initialised) {
            return self.init_failed(Outcome::OutOfMemory).await;
        }
        self.drain_output();
        self.note_memory();
        self.finish(Outcome::OutOfMemory);
        self.reset(Reason::Failure).await;
    }

    /// An extension ended, which it may only when it is told to.
    async fn on_extension_ended(&mut self, pid: Pid, status: WaitStatus) {
        self.drain_output();
        let ending = self.ending.is_some();
        let Some(extension) = self.run.as_mut().and_then(|run| run.extensions.ended(pid)) else {
            return;
        };
        if ending {
            extension.state = State::Exited;
            return self.check_ended().await;
        }
        let reported = match extension.state {
            State::InitError => Some("Extension.InitError"),
            State::ExitError => Some("Extension.ExitError"),
            _ => None,
        };
        let error_type = reported.unwrap_or("Extension.Crash");
        if reported.is_none() {
            extension.state = State::Exited;
            extension.error_type = Some(error_type.to_owned());
        }
        let reason = reason(status).unwrap_or_else(|| "exit code 0".to_owned());
        self.extension_failed(error_type, reason).await;
    }

    /// An extension failed: the init phase, or the invocation, fails with it, and all is started anew.
    pub(super) async fn extension_failed(&mut self, error_type: &str, reason: String) {
        let outcome = Outcome::ExtensionFailed { error_type: error_type.to_owned(), reason };
        if self.run.as_ref().is_some_and(|run| !run.initialised) {
            return self.init_failed(outcome).await;
        }
        self.drain_output();
        self.note_memory();
        self.finish(outcome);
        self.reset(Reason::Failure).await;
    }

    /// Ends the shutdown phase when nobody is left.
    async fn check_ended(&mut self) {
        let left = self.run.as_ref().is_some_and(|run| run.runtime.is_some() || run.extensions.external_run());
        if !left {
            self.end_over().await;
        }
    }

    /// Kills every process of the environment and sends the last of their output.
    pub(super) async fn stop_all(&mut self) {
        let groups = self.groups();
        self.reaper.kill_all(&groups).await;
        self.preloaded = None;
        (self.frozen, self.freeze_at) = (false, None);
        self.telemetry.awake(true);
        self.drain_output();
        self.end_lines();

        // The next start of the runtime may have to listen at the same address.
        if let Some(run) = self.run.take() {
            run.api.close().await;
        }
        self.waiting_chunk = None;
        self.memory.look_again();
    }

    /// Lets go of a runtime that has ended, not of the extensions beside it.
    fn forget_runtime(&mut self) {
        if let Some(run) = &mut self.run {
            run.runtime = None;
            run.stage = Stage::Working;
        }
    }

    /// The processes that were started, each the head of a group.
    pub(super) fn groups(&self) -> Vec<Pid> {
        let of = |run: &Run| {
            let runtime = run.runtime.iter().map(|runtime| runtime.pid);
            runtime.chain(run.extensions.processes()).collect()
        };
        let mut groups: Vec<_> = self.run.as_ref().map(of).unwrap_or_default();
        groups.extend(self.preloaded.as_ref().map(Preloaded::pid));
        groups
    }

    /// The runtime's process.
    pub(super) fn runtime_pid(&self) -> Option<Pid> {
        Some(self.run.as_ref()?.runtime.as_ref()?.pid)
    }

    /// Looks at the memory of processes that are about to be killed.
    pub(super) fn note_memory(&mut self) {
        self.peak_memory();
    }

    /// Peak memory of the environment in bytes.
    pub(super) fn peak_memory(&mut self) -> u64 {
        let pid = self.runtime_pid();
        self.memory.bytes(self.reaper.is_first(), pid)
    }
}
