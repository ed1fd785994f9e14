//! Events that wait until they have been run: seen (`list`), brought forward and dropped (`change`), waited for (`wait`).
//! Nothing here goes through all events for one answer, but for what is to be done with all of them.

pub mod change;
mod chosen;
pub mod list;
pub mod wait;

use std::sync::Arc;

pub use chosen::Chosen;

use crate::ledger::{CommitError, Ledger, LedgerError};
use crate::reactors::lost::LostDeliveries;
use crate::reactors::running::RunningNow;

/// What is asked: the store, and what runs by it. In a store that no server has nothing runs.
#[derive(Debug, Clone)]
pub struct Queue {
    /// The store.
    pub ledger: Arc<Ledger>,
    /// What runs right now.
    pub running: Arc<RunningNow>,
    /// What could not be delivered.
    pub lost: Arc<LostDeliveries>,
}

impl Queue {
    /// That of a store where nothing runs yet, or that no server has.
    pub fn at_rest(ledger: &Arc<Ledger>) -> Self {
        Self { ledger: Arc::clone(ledger), running: Arc::default(), lost: Arc::default() }
    }
}

/// Why a question about events has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The question is none.
    #[error("{0}")]
    Invalid(String),
    /// No function is called so.
    #[error("there is no function {0}, and no event that waits for one: `larder state` lists what there is")]
    NoFunction(String),
    /// No event has the id.
    #[error("no event {0} waits: it has been run, or was given up or dropped; `larder queue list` shows those that do")]
    NoEvent(u64),
    /// It runs, so that it cannot be brought forward.
    #[error("event {0} runs right now: if its function fails it is tried again by itself, and can be retried then")]
    Runs(u64),
    /// The store cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The store cannot be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
}
