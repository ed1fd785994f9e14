//! How asynchronous invocations are treated.

pub mod command;
pub mod decide;
pub mod event;

use super::time::Timestamp;

/// `FunctionEventInvokeConfig`: of one version or alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventInvoke {
    /// How often an event is tried again; without it twice.
    pub retry_attempts: Option<u32>,
    /// How long an event may wait, in seconds; without it six hours.
    pub event_age_s: Option<u32>,
    /// Where records of invocations go.
    pub destinations: Destinations,
    /// When it was last changed.
    pub modified: Timestamp,
}

/// `DestinationConfig`: ARNs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Destinations {
    /// Where records of invocations that went well go.
    pub on_success: Option<String>,
    /// Where records of events that were given up go.
    pub on_failure: Option<String>,
}
