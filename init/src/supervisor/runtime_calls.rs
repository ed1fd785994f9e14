//! Calls of the Runtime API: what the runtime may ask and tell in which state.

use larder_init::link::{FromInit, Outcome};
use larder_init::platform;
use tokio::sync::oneshot;

use super::end::Reason;
use super::init_phase::status_of;
use super::invocation::Invocation;
use super::{Stage, Supervisor, now_ms};
use crate::api::{ApiAnswer, ApiRequest, Call, Posted, RuntimeRequest};

impl Supervisor {
    /// Decides on a call.
    pub(super) async fn on_call(&mut self, call: Call) {
        if self.run.is_none() || call.generation != self.generation {
            // Of a runtime that is gone; its connection is closed.
            return;
        }
        match call.request {
            ApiRequest::Runtime(request) => self.on_runtime_call(request, call.reply).await,
            ApiRequest::Extension(request) => self.on_extension_call(request, call.reply).await,
            ApiRequest::Subscribe(request) => self.on_subscribe(request, call.reply),
        }
    }

    async fn on_runtime_call(&mut self, request: RuntimeRequest, reply: oneshot::Sender<ApiAnswer>) {
        match request {
            RuntimeRequest::Next => self.on_next(reply).await,
            RuntimeRequest::Result { request_id, posted } => {
                self.on_result(&request_id, posted, reply);
                self.rest();
            }
            RuntimeRequest::InitError(posted) => self.on_init_error(posted, reply).await,
            RuntimeRequest::RestoreNext => self.on_restore_next(reply).await,
            RuntimeRequest::RestoreError(posted) => self.on_restore_error(posted, reply).await,
            RuntimeRequest::Stream { request_id, content_type } => {
                let streams = self.handed_to(&request_id).map(|invocation| invocation.invoke.streams);
                let answer = match streams {
                    Some(true) => {
                        self.send(&FromInit::Streams { request_id, content_type });
                        ApiAnswer::Stream
                    }
                    Some(false) => ApiAnswer::Collect,
                    None => self.not_running(&request_id, "InvocationResponse"),
                };
                let _ = reply.send(answer);
            }
            RuntimeRequest::Chunk { request_id, data } => self.on_chunk(&request_id, data, reply),
        }
    }

    /// The runtime asks for an event: the pending one, or again the one it has (its connection may
    /// have broken), or the next to come.
    async fn on_next(&mut self, reply: oneshot::Sender<ApiAnswer>) {
        let Some(run) = &mut self.run else {
            return;
        };
        // A second waiter replaces the first, whose client gave up.
        let stage = std::mem::replace(&mut run.stage, Stage::Waiting(reply));
        if let Stage::Restoring(since) = stage {
            self.restored(since);
        }
        self.check_initialised().await;
        self.go_on();

        self.rest();
    }

    /// The runtime is initialised and could be put into a snapshot: the next event restores it.
    async fn on_restore_next(&mut self, reply: oneshot::Sender<ApiAnswer>) {
        let Some(run) = &mut self.run else {
            return;
        };
        if !matches!(run.stage, Stage::Starting | Stage::Checkpointed(_)) {
            let _ = reply.send(ApiAnswer::InvalidState { from: self.state_name(), to: "RuntimeRestoreReady" });
            return;
        }

        run.stage = Stage::Checkpointed(reply);
        self.check_initialised().await;
        self.rest();
    }

    /// A hook failed after the restore: the invocation fails with its error.
    async fn on_restore_error(&mut self, posted: Posted, reply: oneshot::Sender<ApiAnswer>) {
        if !matches!(self.run.as_ref().map(|run| &run.stage), Some(Stage::Restoring(_))) {
            let _ = reply.send(ApiAnswer::InvalidState { from: self.state_name(), to: "RuntimeRestoreError" });
            return;
        }
        let _ = reply.send(answer_to(&posted, self.result_limit()));
        let outcome = outcome(posted, false);
        self.tell(&platform::restore_runtime_done(now_ms(), status_of(&outcome)));
        self.finish(outcome);
        self.reset(Reason::Failure).await;
    }

    /// The runtime answers an event. What it wrote before is sent before.
    fn on_result(&mut self, request_id: &str, posted: Posted, reply: oneshot::Sender<ApiAnswer>) {
        let answer = if self.handed_to(request_id).is_some() {
            self.drain_output();
            let answer = answer_to(&posted, self.result_limit());
            self.answered(outcome(posted, false));
            answer
        } else {
            self.not_running(request_id, result_name(&posted))
        };
        // A client that hung up needs no answer.
        let _ = reply.send(answer);
    }

    /// The running invocation, if it has this id and no answer yet.
    pub(super) fn handed_to(&mut self, request_id: &str) -> Option<&mut Invocation> {
        let running = self.invocation.as_mut()?;
        (running.handed.is_some() && !running.answered && running.invoke.request_id == request_id).then_some(running)
    }

    /// Why an answer is not taken.
    pub(super) fn not_running(&self, request_id: &str, to: &'static str) -> ApiAnswer {
        let answered = self.invocation.as_ref().filter(|invocation| invocation.answered);
        let last = answered.map_or(self.last_request_id.as_str(), |invocation| &invocation.invoke.request_id);
        if !request_id.is_empty() && request_id == last {
            ApiAnswer::InvalidState { from: self.state_name(), to }
        } else {
            ApiAnswer::InvalidRequestId
        }
    }

    /// The runtime cannot begin; it may say so until its first `/next`.
    async fn on_init_error(&mut self, posted: Posted, reply: oneshot::Sender<ApiAnswer>) {
        let starting = matches!(self.run.as_ref().map(|run| &run.stage), Some(Stage::Starting));
        if !starting {
            let _ = reply.send(ApiAnswer::InvalidState { from: self.state_name(), to: "InitError" });
            return;
        }
        let _ = reply.send(answer_to(&posted, self.result_limit()));
        self.init_failed(outcome(posted, true)).await;
    }

    /// The runtime's state in the words of AWS's emulator.
    fn state_name(&self) -> &'static str {
        match self.run.as_ref().map(|run| &run.stage) {
            Some(Stage::Starting) | None => "Started",
            Some(Stage::Checkpointed(_)) => "RestoreReady",
            Some(Stage::Restoring(_)) => "Restoring",
            Some(Stage::Waiting(_)) => "Ready",
            Some(Stage::Working)
                if self.invocation.as_ref().is_some_and(|one| one.handed.is_some() && !one.answered) =>
            {
                "Running"
            }
            Some(Stage::Working) => "RuntimeResponseSentState",
        }
    }
}

/// What the runtime hears of its result.
fn answer_to(posted: &Posted, limit: u64) -> ApiAnswer {
    match posted {
        Posted::Response(_) | Posted::Streamed | Posted::Error { .. } => ApiAnswer::Accepted,
        Posted::TooLarge { .. } => ApiAnswer::TooLarge { limit },
    }
}

/// The state that a result leads to, in the emulator's words.
fn result_name(posted: &Posted) -> &'static str {
    match posted {
        Posted::Response(_) | Posted::Streamed | Posted::TooLarge { .. } => "InvocationResponse",
        Posted::Error { .. } => "InvocationErrorResponse",
    }
}

/// What the server hears of it.
fn outcome(posted: Posted, init: bool) -> Outcome {
    match posted {
        Posted::Response(body) => Outcome::Response(body),
        Posted::Streamed => Outcome::Streamed,
        Posted::Error { error_type, body } => Outcome::Error { error_type, body, init },
        Posted::TooLarge { bytes } => Outcome::TooLarge { bytes },
    }
}
