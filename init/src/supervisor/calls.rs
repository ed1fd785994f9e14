//! Calls of the Runtime API: what the runtime may ask and tell in which state.

use larder_init::link::Outcome;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Invocation, Stage, Supervisor, now_ms};
use crate::api::{Answer, Call, Event, Posted, RuntimeRequest};

impl Supervisor {
    /// Decides on a call.
    pub(super) async fn on_call(&mut self, call: Call) {
        if self.runtime.is_none() || call.generation != self.generation {
            // Of a runtime that is gone; its connection is closed.
            return;
        }
        match call.request {
            RuntimeRequest::Next => self.on_next(call.reply),
            RuntimeRequest::Result { request_id, posted } => {
                self.on_result(&request_id, posted, call.reply);
            }
            RuntimeRequest::InitError(posted) => self.on_init_error(posted, call.reply).await,
        }
    }

    /// The runtime asks for an event: the pending one, or again the one it has (its connection may
    /// have broken), or the next to come.
    fn on_next(&mut self, reply: oneshot::Sender<Answer>) {
        let Some(runtime) = &mut self.runtime else {
            return;
        };
        let init = matches!(runtime.stage, Stage::Starting { .. }).then(|| runtime.started.elapsed());
        // A second waiter replaces the first, whose client gave up.
        runtime.stage = Stage::Waiting(reply);
        if let Some(init) = init {
            self.note_ready(init);
        }
        if self.invocation.is_some() {
            self.hand_over();
        }
    }

    /// Hands the pending event to the waiting runtime, and lets its timeout begin.
    pub(super) fn hand_over(&mut self) {
        let (Some(runtime), Some(invocation)) = (&mut self.runtime, &mut self.invocation) else {
            return;
        };
        let stage = std::mem::replace(&mut runtime.stage, Stage::Working);
        let Stage::Waiting(reply) = stage else {
            runtime.stage = stage;
            return;
        };
        if invocation.deadline.is_none() {
            self.start_timeout();
        }
        let Some(invocation) = &mut self.invocation else {
            return;
        };
        let event = Event { invoke: invocation.invoke.clone(), deadline_ms: deadline_ms(invocation) };
        // Where the client gave up, the event waits for its next call.
        if reply.send(Answer::Event(Box::new(event))).is_ok() {
            invocation.handed.get_or_insert_with(Instant::now);
        }
    }

    /// The runtime answers an event. What it wrote before is sent before.
    fn on_result(&mut self, request_id: &str, posted: Posted, reply: oneshot::Sender<Answer>) {
        let running = self.invocation.as_ref().filter(|invocation| invocation.handed.is_some());
        let answer = if running.is_some_and(|running| running.invoke.request_id == request_id) {
            self.drain_output();
            let answer = answer_to(&posted, self.result_limit());
            self.finish(outcome(posted, false));
            answer
        } else if !request_id.is_empty() && request_id == self.last_request_id {
            Answer::InvalidState { from: self.state_name(), to: result_name(&posted) }
        } else {
            Answer::InvalidRequestId
        };
        // A client that hung up needs no answer.
        let _ = reply.send(answer);
    }

    /// The runtime cannot begin; it may say so until its first `/next`.
    async fn on_init_error(&mut self, posted: Posted, reply: oneshot::Sender<Answer>) {
        let starting = matches!(self.runtime.as_ref().map(|runtime| &runtime.stage), Some(Stage::Starting { .. }));
        if !starting {
            let _ = reply.send(Answer::InvalidState { from: self.state_name(), to: "InitError" });
            return;
        }
        let _ = reply.send(answer_to(&posted, self.result_limit()));
        self.fail_init(outcome(posted, true)).await;
    }

    /// The runtime's state in the words of AWS's emulator.
    fn state_name(&self) -> &'static str {
        match self.runtime.as_ref().map(|runtime| &runtime.stage) {
            Some(Stage::Starting { .. }) | None => "Started",
            Some(Stage::Waiting(_)) => "Ready",
            Some(Stage::Working) if self.invocation.as_ref().is_some_and(|one| one.handed.is_some()) => "Running",
            Some(Stage::Working) => "RuntimeResponseSentState",
        }
    }
}

/// The deadline in milliseconds since the epoch, as the Runtime API tells it.
fn deadline_ms(invocation: &Invocation) -> u64 {
    let left = invocation.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    now_ms().saturating_add(left.map_or(0, |left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)))
}

/// What the runtime hears of its result.
fn answer_to(posted: &Posted, limit: u64) -> Answer {
    match posted {
        Posted::Response(_) | Posted::Error { .. } => Answer::Accepted,
        Posted::TooLarge { .. } => Answer::TooLarge { limit },
    }
}

/// The state that a result leads to, in the emulator's words.
fn result_name(posted: &Posted) -> &'static str {
    match posted {
        Posted::Response(_) | Posted::TooLarge { .. } => "InvocationResponse",
        Posted::Error { .. } => "InvocationErrorResponse",
    }
}

/// What the server hears of it.
fn outcome(posted: Posted, init: bool) -> Outcome {
    match posted {
        Posted::Response(body) => Outcome::Response(body),
        Posted::Error { error_type, body } => Outcome::Error { error_type, body, init },
        Posted::TooLarge { bytes } => Outcome::TooLarge { bytes },
    }
}
