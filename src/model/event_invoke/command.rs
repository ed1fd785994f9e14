//! Commands about event-invoke configurations.

use crate::model::event_invoke::Destinations;
use crate::model::names::FunctionKey;
use crate::model::qualifier::Qualifier;

/// A wish to change event-invoke configurations.
#[derive(Debug, Clone, PartialEq)]
pub enum EventInvokeCommand {
    /// The function and qualifier exist; what is not given is reset.
    PutEventInvoke(SetEventInvoke),
    /// The configuration exists; what is not given stays.
    UpdateEventInvoke(SetEventInvoke),
    /// The configuration exists.
    DeleteEventInvoke {
        /// The function.
        key: FunctionKey,
        /// The version or alias.
        qualifier: Qualifier,
    },
}

/// Parameters of `PutFunctionEventInvokeConfig` and `UpdateFunctionEventInvokeConfig`.
#[derive(Debug, Clone, PartialEq)]
pub struct SetEventInvoke {
    /// The function.
    pub key: FunctionKey,
    /// The version or alias.
    pub qualifier: Qualifier,
    /// How often an event is tried again.
    pub retry_attempts: Option<u32>,
    /// How long an event may wait, in seconds.
    pub event_age_s: Option<u32>,
    /// Both destinations.
    pub destinations: Option<Destinations>,
}
