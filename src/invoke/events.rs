//! Invocations nobody waits for (`InvocationType` `Event`, `InvokeAsync`): an event is accepted, lies on disk until it has
//! been run, and is forgotten. How one attempt went is told here; when there is another is `runs::retry`'s, and who is told
//! of the end `destinations`'.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{InvokeRequest, Invoked, Invoker, Operation, Trigger, checks};
use crate::model::error::{ApiError, ErrorCode};
use crate::model::functions::FunctionState;
use crate::model::names::FunctionKey;
use crate::model::reference::FunctionReference;
use crate::runs::WaitingEvent;
use crate::runs::command::RunCommand;
use crate::runs::retry::GivenUp;

/// How an attempt to run an event went.
#[derive(Debug)]
pub enum Attempt {
    /// The function ran, well.
    Done(Invoked),
    /// It ran, and failed.
    Failed(Invoked),
    /// It was not run now: too many run already, or something is at fault.
    HeldBack(ApiError),
    /// It is not to be run.
    GivenUp(GivenUp, ApiError),
    /// It cannot be run: it or its version is gone, or nobody can.
    Impossible(ApiError),
}

impl Invoker {
    /// Checks a request; the command that has it run. An alias is drawn anew when it runs, as on AWS.
    ///
    /// # Errors
    /// What can be told without running the function. A function that is `Pending` is waited for there.
    pub fn accept(&self, request: InvokeRequest) -> Result<RunCommand, ApiError> {
        let drawn = self.checked(&request)?;
        let version = self.version(&request.reference, drawn)?;
        checks::runnable(&version)?;
        if version.state != FunctionState::Pending {
            checks::state(&version)?;
        }

        // Times and size are set when it is decided.
        let event = WaitingEvent {
            qualifier: request.reference.qualifier,
            request_id: request.request_id,
            trace_id: request.trace_id,
            tenant_id: request.tenant_id,
            durable_execution_name: request.durable_execution_name,
            ..WaitingEvent::of(request.reference.key)
        };
        Ok(RunCommand::Accept { event: Box::new(event), payload: request.payload })
    }

    /// Runs an event that was accepted, once, and tells how that went.
    /// `attempt` says which this is, from 1.
    pub async fn attempt(self: &Arc<Self>, event: &WaitingEvent, attempt: u32, payload: Bytes) -> Attempt {
        let reference = FunctionReference { key: event.function.clone(), qualifier: event.qualifier.clone() };
        let request = InvokeRequest {
            operation: Operation::Event,
            trigger: Trigger::Event { attempt },
            answers: None,
            request_id: event.request_id.clone(),
            reference,
            trace_id: event.trace_id.clone(),
            client_context: None,
            tenant_id: event.tenant_id.clone(),
            wants_log: false,
            durable_execution_name: event.durable_execution_name.clone(),
            payload,
        };

        match self.invoke(request).await {
            Ok(invoked) if invoked.function_error => Attempt::Failed(invoked),
            Ok(invoked) => Attempt::Done(invoked),
            Err(error) if error.code == ErrorCode::TooManyRequests && self.may_never_run(&event.function) => {
                Attempt::GivenUp(GivenUp::ZeroReservedConcurrency, error)
            }
            Err(error) if error.code == ErrorCode::RecursiveInvocation => {
                Attempt::GivenUp(GivenUp::RecursiveInvocation, error)
            }
            // One that is in no state to run may be in another one later.
            Err(error)
                if matches!(error.code, ErrorCode::TooManyRequests | ErrorCode::ResourceConflict)
                    || error.code.status() >= 500 =>
            {
                tracing::debug!(event.request_id, %error, "an event is held back");
                Attempt::HeldBack(error)
            }
            Err(error) => Attempt::Impossible(error),
        }
    }

    /// Whether a function's concurrency is reserved down to nothing.
    fn may_never_run(&self, function: &FunctionKey) -> bool {
        self.ledger.state().function(function).is_some_and(|function| function.reserved_concurrency == Some(0))
    }

    /// Has something done that the server waits for at its end.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.running.spawn(work);
    }

    /// Waits until what runs has ended, `limit` at most.
    pub async fn close(&self, limit: Duration) {
        self.running.close();
        let running = self.running.len();
        if tokio::time::timeout(limit, self.running.wait()).await.is_err() {
            tracing::warn!(running, "invocations were still running; asynchronous events among them run again");
        }
    }
}
