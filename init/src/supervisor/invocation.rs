//! An invocation: handed over, answered, out of time.

use std::time::Duration;

use bytes::Bytes;
use larder_init::link::{Finished, FromInit, Invoke, Outcome};
use larder_init::platform::{self, Metrics, Status};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::end::Reason;
use super::init_phase::status_of;
use super::{FAR, Run, Stage, Supervisor, microseconds, now_ms};
use crate::api::{ApiAnswer, Event};

/// The invocation that the server waits for.
pub(super) struct Invocation {
    pub(super) invoke: Invoke,
    /// When its event was handed over.
    pub(super) handed: Option<Instant>,
    pub(super) deadline: Option<Instant>,
    /// Bytes of its streamed response so far.
    pub(super) streamed: u64,
    /// Whether its caller has its answer, while extensions still work.
    pub(super) answered: bool,
}

impl Supervisor {
    pub(super) async fn on_invoke(&mut self, invoke: Invoke) {
        if let Some(running) = &self.invocation {
            let id = &running.invoke.request_id;
            eprintln!("larder-init: link: an Invoke while {id} runs is ignored");
            return;
        }

        self.thaw();
        self.invocation = Some(Invocation { invoke, handed: None, deadline: None, streamed: 0, answered: false });
        if self.ending.is_some() {
            // It goes on when the extensions of the last run are gone.
            return;
        }
        let overdue = self.run.as_ref().and_then(Run::init_due).is_some_and(|limit| limit <= Instant::now());
        if overdue {
            return self.restart_within_invocation(Status::Timeout).await;
        }

        match self.run.as_ref().map(|run| &run.stage) {
            None => self.begin_for_invocation().await,
            Some(Stage::Waiting(_) | Stage::Checkpointed(_)) => self.go_on(),
            // A warm runtime that does not come back for the event has its timeout all the same.
            Some(Stage::Working) => self.start_timeout(),
            Some(Stage::Starting | Stage::Restoring(_)) => {}
        }
    }

    /// Hands the pending event to the waiting runtime and the extensions, and lets its timeout begin.
    pub(super) fn hand_over(&mut self) {
        let (Some(run), Some(invocation)) = (&mut self.run, &mut self.invocation) else {
            return;
        };
        let stage = std::mem::replace(&mut run.stage, Stage::Working);
        let Stage::Waiting(reply) = stage else {
            run.stage = stage;
            return;
        };
        if invocation.deadline.is_none() {
            invocation.deadline = Some(deadline_from_now(&invocation.invoke));
        }
        let deadline_ms = deadline_ms(invocation);
        let event = Event { invoke: invocation.invoke.clone(), deadline_ms };

        // Where the client gave up, the event waits for its next call.
        if reply.send(ApiAnswer::Event(Box::new(event))).is_ok() && invocation.handed.is_none() {
            invocation.handed = Some(Instant::now());
            self.tell_invoke(deadline_ms);
        }
    }

    /// Tells the extensions and the subscribers of the event.
    fn tell_invoke(&mut self, deadline_ms: u64) {
        let (Some(run), Some(invocation)) = (&mut self.run, &self.invocation) else {
            return;
        };
        let invoke = &invocation.invoke;
        if run.extensions.all.iter().any(|extension| extension.subscriptions.invoke) {
            let event = json!({
                "eventType": "INVOKE",
                "deadlineMs": deadline_ms,
                "requestId": invoke.request_id,
                "invokedFunctionArn": invoke.function_arn,
                "tracing": { "type": "X-Amzn-Trace-Id", "value": invoke.trace_id.as_deref().unwrap_or_default() },
            });
            for extension in run.extensions.all.iter_mut().filter(|extension| extension.subscriptions.invoke) {
                extension.tell(event.to_string());
            }
        }

        if self.telemetry.is_wanted()
            && let Some(start) = &self.start
        {
            let trace = invoke.trace_id.as_deref();
            let event = platform::start(now_ms(), &invoke.request_id, &start.function.version, trace);
            self.telemetry.platform(&event);
        }
    }

    /// Lets the function's timeout begin now.
    pub(super) fn start_timeout(&mut self) {
        if let Some(invocation) = &mut self.invocation {
            invocation.deadline = Some(deadline_from_now(&invocation.invoke));
        }
    }

    /// The deadline passed. The environment stays, with its /tmp; its processes do not.
    pub(super) async fn time_out(&mut self) {
        self.note_memory();
        let starting = self.run.as_ref().is_some_and(|run| !run.initialised);
        if starting {
            self.tell_unfinished_init();
        }
        self.drain_output();
        self.finish(Outcome::TimedOut);
        self.reset(Reason::Timeout).await;
    }

    fn tell_unfinished_init(&mut self) {
        if let Some(run) = &self.run {
            let duration = microseconds(run.started.elapsed());
            let phase = run.phase;
            self.tell_extensions();
            self.tell(&platform::init_report(now_ms(), &self.facts(), phase, Status::Timeout, duration));
        }
    }

    /// The runtime answered: its caller is told at once, also where extensions still work.
    pub(super) fn answered(&mut self, outcome: Outcome) {
        let works = self.run.as_ref().is_some_and(|run| run.extensions.working());
        let Some(invocation) = self.invocation.as_mut().filter(|_| works) else {
            self.tell_runtime_done(&outcome);
            return self.finish(outcome);
        };
        invocation.answered = true;
        let request_id = invocation.invoke.request_id.clone();
        self.tell_runtime_done(&outcome);

        self.send(&FromInit::Answered { request_id, outcome });
    }

    /// Tells the subscribers that the runtime is done.
    fn tell_runtime_done(&mut self, outcome: &Outcome) {
        if !self.telemetry.is_wanted() {
            return;
        }
        let Some(invocation) = &self.invocation else {
            return;
        };
        let produced = match outcome {
            Outcome::Response(body) | Outcome::Error { body, .. } => body.len() as u64,
            _ => invocation.streamed,
        };
        let duration = invocation.handed.map_or(0, |handed| microseconds(handed.elapsed()));
        let id = &invocation.invoke.request_id;
        let trace = invocation.invoke.trace_id.as_deref();
        let event = platform::runtime_done(now_ms(), id, status_of(outcome), trace, (duration, produced));

        self.telemetry.platform(&event);
    }

    /// Ends the invocation: tells the server, with all that the outcome needs.
    pub(super) fn finish(&mut self, outcome: Outcome) {
        let Some(invocation) = self.invocation.take() else {
            return;
        };
        self.waiting_chunk = None;
        let since = invocation.handed.or_else(|| {
            // Never handed over, but under the clock: it ran from where its timeout began.
            invocation.deadline?.checked_sub(Duration::from_millis(invocation.invoke.timeout_ms))
        });
        self.last_request_id.clone_from(&invocation.invoke.request_id);
        let duration_us = since.map_or(0, |since| microseconds(since.elapsed()));
        let max_memory_bytes = self.peak_memory();
        let init_us = self.init_us.take();
        let restore_us = self.restore_us.take();
        self.tell_report(&invocation, &outcome, (duration_us, max_memory_bytes), (init_us, restore_us));
        let request_id = invocation.invoke.request_id;
        let finished = Finished { request_id, outcome, duration_us, init_us, restore_us, max_memory_bytes };

        self.send(&FromInit::Finished(finished));
    }

    fn tell_report(
        &mut self,
        invocation: &Invocation,
        outcome: &Outcome,
        (duration_us, max_memory_bytes): (u64, u64),
        (init_us, restore_us): (Option<u64>, Option<u64>),
    ) {
        if !self.telemetry.is_wanted() {
            return;
        }
        let memory_mb = self.start.as_ref().map_or(0, |start| start.function.memory_mb);
        let max_memory_mb = max_memory_bytes.div_ceil(1024 * 1024);
        let metrics = Metrics { duration_us, memory_mb, max_memory_mb, init_us, restore_us };
        let id = &invocation.invoke.request_id;
        let trace = invocation.invoke.trace_id.as_deref();
        self.telemetry.platform(&platform::end(now_ms(), id));

        self.telemetry.platform(&platform::report(now_ms(), id, status_of(outcome), trace, metrics));
    }

    /// Takes a part of a streamed response; the next one is asked for when the link has room.
    pub(super) fn on_chunk(&mut self, request_id: &str, data: Bytes, reply: oneshot::Sender<ApiAnswer>) {
        let limit = self.start.as_ref().map_or(0, |start| start.max_stream_bytes);
        let Some(invocation) = self.handed_to(request_id) else {
            let _ = reply.send(self.not_running(request_id, "InvocationResponse"));
            return;
        };
        invocation.streamed += data.len() as u64;
        let bytes = invocation.streamed;

        if bytes > limit {
            let _ = reply.send(ApiAnswer::TooLarge { limit });
            return self.answered(Outcome::TooLarge { bytes });
        }

        self.send(&FromInit::Chunk { request_id: request_id.to_owned(), data });
        self.waiting_chunk = Some(reply);
        self.on_link_changed();
    }

    /// Asks for the next part of a streamed response, once there is room for it.
    pub(super) fn on_link_changed(&mut self) {
        if self.link.has_chunk_room()
            && let Some(reply) = self.waiting_chunk.take()
        {
            let _ = reply.send(ApiAnswer::Stream);
        }
    }
}

fn deadline_from_now(invoke: &Invoke) -> Instant {
    Instant::now() + Duration::from_millis(invoke.timeout_ms).min(FAR)
}

/// The deadline in milliseconds since the epoch, as the Runtime API tells it.
fn deadline_ms(invocation: &Invocation) -> u64 {
    let left = invocation.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    now_ms().saturating_add(left.map_or(0, |left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)))
}
