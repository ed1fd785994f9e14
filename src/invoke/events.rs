//! Invocations nobody waits for (`InvocationType` `Event`, `InvokeAsync`): an event is accepted, lies on disk until it has
//! been run, and is forgotten. It runs once, at least: again where the server was killed meanwhile. A failure goes to the
//! log; there are no further attempts and no destinations yet.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{InvokeRequest, Invoker, Operation, checks};
use crate::model::error::ApiError;
use crate::model::functions::FunctionState;
use crate::model::reference::FunctionReference;
use crate::runs::WaitingEvent;
use crate::runs::command::RunCommand;

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

    /// Runs an event that was accepted, to its end.
    pub async fn run_event(self: &Arc<Self>, event: WaitingEvent, payload: Bytes) {
        let reference = FunctionReference { key: event.function, qualifier: event.qualifier };
        let request_id = event.request_id;
        let function = reference.arn();
        let request = InvokeRequest {
            operation: Operation::Event,
            request_id: request_id.clone(),
            reference,
            trace_id: event.trace_id,
            client_context: None,
            tenant_id: event.tenant_id,
            wants_log: false,
            durable_execution_name: event.durable_execution_name,
            payload,
        };

        match self.invoke(request).await {
            Ok(invoked) if invoked.function_error => {
                tracing::warn!(request_id, function, "a function failed on an asynchronous event, which is dropped");
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(request_id, function, %error, "an asynchronous event could not be run and is dropped");
            }
        }
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
