//! What a source of events is to the poller that reads it.

use std::collections::HashSet;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::Instant;

/// A source of events, as one mapping reads it.
#[async_trait]
pub trait Source: fmt::Debug + Send + Sync {
    /// Waits for what the function is to get next, while so many batches are `running`; nothing, where a while passed
    /// without any, or nobody reads any more.
    async fn poll(&self, running: usize) -> Result<Vec<Batch>, Problem>;

    /// Does with the records of a batch what the function made of them.
    async fn settle(&self, batch: &Batch, outcome: &Outcome) -> Result<(), Problem>;
}

/// What a function gets at once.
#[derive(Debug)]
pub struct Batch {
    /// The event.
    pub payload: Bytes,
    /// Its records, in their order.
    pub records: Vec<Handle>,
    /// The X-Ray header that its one record came with.
    pub trace_id: Option<String>,
    /// Batches of one lane run one after the other.
    pub lane: Option<String>,
    /// Until when it may be tried: then somebody else may have its records.
    pub deadline: Instant,
}

/// What is kept of a record while the function has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handle {
    /// What the function names it by.
    pub id: String,
    /// What the source names it by.
    pub receipt: String,
}

/// How a batch went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What became of it.
    pub verdict: Verdict,
    /// The call of the function that says so, if it ran.
    pub call: Option<Call>,
}

impl Outcome {
    /// Of a batch that nobody was given.
    pub const UNTRIED: Self = Self { verdict: Verdict::Untried, call: None };
}

/// A call of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its request id.
    pub request_id: String,
    /// The version that ran.
    pub version: String,
    /// Whether it ended with an error.
    pub is_error: bool,
    /// The state that it answered with, where it was called for a tumbling window.
    pub state: Option<String>,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All of it is done.
    Done,
    /// None of it is done.
    Failed,
    /// All is done but the records with these ids.
    Partly(HashSet<String>),
    /// The function was not asked, and will not be.
    Untried,
}

impl Verdict {
    /// Whether the record with this id is done.
    pub fn is_done(&self, id: &str) -> bool {
        match self {
            Self::Done => true,
            Self::Failed | Self::Untried => false,
            Self::Partly(failed) => !failed.contains(id),
        }
    }
}

/// Why a source cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Problem(pub String);

impl Problem {
    /// That of what no version of Larder has read yet.
    pub fn not_read(what: &str) -> Self {
        Self(format!("This version of Larder reads no {what}."))
    }
}
