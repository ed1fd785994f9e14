//! CloudWatch Logs, for what functions write: groups, streams, lines, and the search in them.
//!
//! Groups and streams are events of the ledger; lines lie beside them ([`crate::ledger::log_lines`]).

pub mod delivery;
mod filter_events;
mod get_events;
mod groups;
mod listings;
mod named;
mod needs;
mod operations;
mod paging;
mod pattern;
mod put_events;
mod shapes;
mod streams;
mod tags;

use std::sync::Arc;

use crate::ledger::log_lines::LogLines;
use crate::ledger::{CommitError, Committed, Ledger, LedgerError};
use crate::model::error::{ApiError, ErrorCode};
use crate::model::event::Origin;
use crate::model::logs::command::LogsCommand;
use crate::protocol::call::Call;
use crate::protocol::codec::Dialect;
use crate::protocol::error::fault;
use crate::protocol::service::Service;
use crate::services::access::Access;

/// Bytes of a request at most: `PutLogEvents` takes 1 MiB of text, which escapes may make six times as long.
pub const MAX_REQUEST: usize = 16 * 1024 * 1024;

/// The service in `X-Amz-Target`, and in the path.
pub const TARGET: &str = "Logs_20140328";

/// CloudWatch Logs, as a service.
pub static SERVICE: Service<Logs> = Service {
    dialect: Dialect::Rpc { target: TARGET, namespace: "com.amazonaws.cloudwatchlogs" },
    tables: &[operations::OPERATIONS],
    check: named::check,
    admit,
};

/// The error for an operation that is not served.
pub fn not_served(name: &str) -> ApiError {
    let message = format!(
        "Larder's CloudWatch Logs has {}: it does not serve the operation {name:?}. Start it with --upstream logs=URL to \
         pass such operations on to an endpoint that serves them.",
        operations::lack(name)
    );
    ApiError::new(ErrorCode::UnknownOperation, message)
}

/// The error for a body that is too large, or broke off.
pub fn unreadable_body() -> ApiError {
    let message = format!("The body of a request must be readable, and of {MAX_REQUEST} bytes at most.");
    ApiError::new(ErrorCode::RequestEntityTooLarge, message)
}

fn admit(logs: &Logs, call: &Call) -> Result<(), ApiError> {
    logs.access.admit(call, || needs::of_call(&logs.ledger.state(), call))
}

/// What its operations work with.
#[derive(Debug)]
pub struct Logs {
    ledger: Arc<Ledger>,
    access: Arc<Access>,
    lines: LogLines,
}

impl Logs {
    /// The service over a ledger.
    pub fn new(ledger: Arc<Ledger>, access: Arc<Access>) -> Self {
        let lines = ledger.log_lines();
        Self { ledger, access, lines }
    }

    /// Commits a command.
    async fn commit(&self, command: LogsCommand, origin: Origin) -> Result<Committed, ApiError> {
        self.ledger.commit(command.into(), origin, None).await.map_err(|error| match error {
            CommitError::Refused(error) => error,
            CommitError::Closed => ApiError::new(ErrorCode::ServiceUnavailable, "The server is shutting down."),
            CommitError::Storage(_) => fault(&error),
        })
    }

    /// Does work on log lines where it keeps no other call from running.
    async fn on_lines<T: Send + 'static>(
        &self,
        work: impl FnOnce(&LogLines) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let lines = self.lines.clone();
        let done = tokio::task::spawn_blocking(move || work(&lines)).await;
        done.map_err(|error| fault(&error))?.map_err(|error| fault(&error))
    }
}

/// `InvalidParameterException`.
fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::InvalidParameter, message)
}
