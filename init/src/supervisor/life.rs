//! The runtime's life: started, killed, ended by itself, out of time.

use std::time::Duration;

use larder_init::link::{FromInit, Outcome, Start};
use nix::sys::wait::WaitStatus;
use tokio::time::Instant;

use super::{FAR, Runtime, Stage, Supervisor, log_frame};
use crate::api::ApiServer;
use crate::reaper;
use crate::runtime_process::{self, reason};

/// Bytes that a drain reads at most. A pipe holds 64 KiB, or 1 MiB where the function enlarged it:
/// so all that was there is read, though a background process may write without end.
const DRAIN_LIMIT: usize = 1024 * 1024;

/// How long a runtime that posted an init error may take to end by itself, so that its last words
/// are in the log.
const LAST_WORDS: Duration = Duration::from_millis(100);

impl Supervisor {
    /// Starts the runtime, with the init phase's limit on it.
    pub(super) fn start_runtime(&mut self) -> Result<(), String> {
        let start = self.start.as_ref().ok_or("no Start was sent")?;
        self.generation += 1;
        self.init_us = None;
        let api = ApiServer::listen(&start.runtime_api, self.generation, self.result_limit(), self.call_sender.clone())
            .map_err(|error| format!("listen at {}: {error}", start.runtime_api))?;
        let started = Instant::now();
        let process = runtime_process::spawn(start, api.address).map_err(|error| error.to_string())?;
        let limit = Some(started + init_limit(start));
        self.runtime = Some(Runtime { process, started, stage: Stage::Starting { limit }, api });
        Ok(())
    }

    /// Starts the runtime for the pending invocation, or ends that.
    pub(super) fn start_for_invocation(&mut self) {
        if let Err(reason) = self.start_runtime() {
            self.finish(Outcome::NotStarted { reason });
        }
    }

    /// The init phase took too long: as on AWS the runtime is started once more, now as part of the
    /// invocation and within the function's timeout.
    pub(super) async fn restart_within_invocation(&mut self) {
        self.stop_runtime().await;
        self.start_timeout();
        self.start_for_invocation();
        if let Some(runtime) = &mut self.runtime {
            runtime.stage = Stage::Starting { limit: None };
        }
    }

    /// Lets the function's timeout begin now.
    pub(super) fn start_timeout(&mut self) {
        if let Some(invocation) = &mut self.invocation {
            let timeout = Duration::from_millis(invocation.invoke.timeout_ms).min(FAR);
            invocation.deadline = Some(Instant::now() + timeout);
        }
    }

    /// The deadline passed. The environment stays, with its /tmp; its processes do not.
    pub(super) async fn time_out(&mut self) {
        self.note_memory();
        self.stop_runtime().await;
        self.finish(Outcome::TimedOut);
        if let Err(reason) = self.start_runtime() {
            eprintln!("larder-init: start the runtime again: {reason}");
        }
    }

    /// The runtime said that it cannot begin. Without an invocation nobody hears of it: the next
    /// one starts it again.
    pub(super) async fn fail_init(&mut self, outcome: Outcome) {
        let pid = self.runtime.as_ref().map(|runtime| runtime.process.pid);
        if let Some(pid) = pid {
            self.reaper.wait_for(pid, LAST_WORDS).await;
        }
        self.stop_runtime().await;
        self.note_loaded();
        self.finish(outcome);
    }

    /// Collects ended processes, and acts when the runtime is one of them.
    pub(super) async fn on_child_ended(&mut self) {
        let pid = self.runtime.as_ref().map(|runtime| runtime.process.pid);
        if let (Some(status), _) = reaper::collect(pid) {
            self.on_runtime_ended(status).await;
        }
    }

    /// The runtime ended by itself, or the kernel killed it.
    async fn on_runtime_ended(&mut self, status: WaitStatus) {
        let init = matches!(&self.runtime, Some(Runtime { stage: Stage::Starting { .. }, .. }));
        self.stop_runtime().await;
        if init {
            self.note_loaded();
        }
        let Some(invocation) = &mut self.invocation else {
            return;
        };
        if init || invocation.handed.is_some() {
            self.finish(Outcome::Exited { reason: reason(status), init });
        } else {
            // It ended between two events: the pending one gets a fresh runtime.
            invocation.deadline = None;
            self.start_for_invocation();
        }
    }

    /// Kills every process of the environment and sends the last of their output.
    pub(super) async fn stop_runtime(&mut self) {
        let pid = self.runtime.as_ref().map(|runtime| runtime.process.pid);
        self.reaper.kill_all(pid).await;
        self.drain_output();
        // The next start of the runtime may have to listen at the same address.
        if let Some(runtime) = self.runtime.take() {
            runtime.api.close().await;
        }
        self.memory.look_again();
    }

    /// Sends everything that the runtime wrote before now.
    pub(super) fn drain_output(&mut self) {
        let mut count = 0;
        while count < DRAIN_LIMIT {
            let Some(runtime) = &mut self.runtime else {
                return;
            };
            let Some(piece) = runtime.process.output.take_now() else {
                return;
            };
            count += piece.len();
            let frame = log_frame(piece);
            self.send(&frame);
        }
    }

    /// Looks at the memory of processes that are about to be killed.
    fn note_memory(&mut self) {
        let pid = self.runtime.as_ref().map(|runtime| runtime.process.pid);
        self.memory.bytes(self.reaper.is_first(), pid);
    }

    /// The runtime asked for its first event.
    pub(super) fn note_ready(&mut self, init: Duration) {
        let init_us = super::microseconds(init);
        self.init_us = Some(init_us);
        self.send(&FromInit::Ready { init_us });
        self.note_loaded();
    }
}

/// Limit of the init phase.
fn init_limit(start: &Start) -> Duration {
    Duration::from_millis(start.init_timeout_ms).min(FAR)
}
