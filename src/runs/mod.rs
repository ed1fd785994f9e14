//! What is under way: the second state machine of the ledger, beside the model, and as pure. What is here is on disk when
//! it is acknowledged, as all else; but it is forgotten when it is done, has no history, and no rewind touches it.
//!
//! The state has little of an entry: the rest lies in the journal, and is read by the entry's id (see
//! `ledger::Ledger::waiting_event`). So a million entries cost little memory.

pub mod command;
pub mod cursors;
pub mod decide;
pub mod deliveries;
pub mod event;
pub mod messages;
pub mod move_tasks;
pub mod retry;
pub mod state;
pub mod waits;

use crate::model::names::FunctionKey;
use crate::model::qualifier::Qualifier;
use crate::model::time::Timestamp;

/// The id of an entry: the sequence of the event that began it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(pub u64);

/// An event of a function for which nobody waits, until it has been run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingEvent {
    /// The function.
    pub function: FunctionKey,
    /// What the caller named of it.
    pub qualifier: Option<Qualifier>,
    /// Request id, the same in every attempt.
    pub request_id: String,
    /// X-Ray trace header.
    pub trace_id: Option<String>,
    /// The tenant, for a function with tenant isolation.
    pub tenant_id: Option<String>,
    /// Name of the durable execution, for a durable function.
    pub durable_execution_name: Option<String>,
    /// When it was accepted.
    pub accepted: Timestamp,
    /// When it is to be run.
    pub due: Timestamp,
}

/// When an event is due that is held: it came with a pod that nobody vouched for, and is run when somebody does.
pub const NEVER: Timestamp = Timestamp(u64::MAX);

/// How often an entry was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attempts {
    /// Times that its function ran and failed.
    pub failed: u32,
    /// Times in a row since then that it could not be run.
    pub held_back: u32,
}

impl WaitingEvent {
    /// An event of a function's, with nothing beside.
    pub fn of(function: FunctionKey) -> Self {
        let accepted = Timestamp::default();
        let due = Timestamp::default();
        Self {
            function,
            qualifier: None,
            request_id: String::new(),
            trace_id: None,
            tenant_id: None,
            durable_execution_name: None,
            accepted,
            due,
        }
    }
}
