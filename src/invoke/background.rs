//! Invocations nobody waits for (`InvocationType` `Event`, `InvokeAsync`), in a simple form: an event runs once,
//! as soon as it can, and its result is dropped; a failure goes to the log. There is no queue yet, so there are
//! no retries and no destinations, and an event does not survive the server.

use std::sync::Arc;
use std::time::Duration;

use super::{Invoker, Request, checks};
use crate::model::error::ApiError;
use crate::model::functions::FunctionState;
use crate::model::qualifier::Version;

impl Invoker {
    /// Checks a request and runs it in the background.
    ///
    /// # Errors
    /// What can be told without running the function. A function that is `Pending` is waited for there.
    pub fn accept(self: &Arc<Self>, request: Request) -> Result<(), ApiError> {
        let drawn = self.checked(&request)?;
        let version = self.version(&request.reference, drawn)?;
        checks::runnable(&version)?;
        if version.state != FunctionState::Pending {
            checks::state(&version)?;
        }
        let invoker = Arc::clone(self);
        self.background.spawn(async move { invoker.run_event(request, drawn).await });
        Ok(())
    }

    async fn run_event(self: &Arc<Self>, request: Request, drawn: Version) {
        let (request_id, function) = (request.request_id.clone(), request.reference.arn());
        let ended = match self.prepare_drawn(request, drawn, None).await {
            Ok(prepared) => self.run(prepared).await,
            Err(error) => Err(error),
        };
        match ended {
            Ok(invoked) if invoked.function_error => {
                tracing::warn!(request_id, function, "a function failed on an asynchronous event, which is dropped");
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(request_id, function, %error, "an asynchronous event could not be run and is dropped");
            }
        }
    }

    /// Waits until the events that were accepted have been run, `limit` at most.
    pub async fn close(&self, limit: Duration) {
        self.background.close();
        let waiting = self.background.len();
        if tokio::time::timeout(limit, self.background.wait()).await.is_err() {
            tracing::warn!(accepted = waiting, "asynchronous events were still running and are given up");
        }
    }
}
