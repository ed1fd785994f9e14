//! What is to be told to another service when an event has been run, or was given up: a record of the invocation to a
//! destination, or the event itself to a dead-letter queue.

use crate::model::names::FunctionKey;
use crate::model::time::Timestamp;

/// A delivery, until it was made or given up. What is delivered is its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The function whose event it was.
    pub function: FunctionKey,
    /// The ARN of what it goes to.
    pub target: String,
    /// What it is.
    pub kind: DeliveryKind,
    /// Request id of the event.
    pub request_id: String,
    /// X-Ray trace header, with the lineage of the function's run.
    pub trace_id: Option<String>,
    /// ARN of the function, as records have it: qualified.
    pub function_arn: String,
    /// The folder of a bucket that it goes to, where it is none of an asynchronous event.
    pub folder: Option<String>,
    /// When it was decided.
    pub begun: Timestamp,
}

impl Delivery {
    /// Its lane.
    pub fn lane(&self) -> DeliveryLane {
        DeliveryLane { function: self.function.clone(), target: self.target.clone() }
    }
}

/// Deliveries of one function to one target.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryLane {
    /// The function.
    pub function: FunctionKey,
    /// The ARN of what they go to.
    pub target: String,
}

/// What a delivery is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryKind {
    /// The record of an invocation that went well.
    OnSuccess,
    /// The record of an event that was given up.
    OnFailure,
    /// The event itself.
    DeadLetter {
        /// The status of its last attempt, in digits.
        error_code: String,
        /// What it said.
        error_message: String,
    },
}
