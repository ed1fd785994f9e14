//! Event-invoke configurations, as stored.

use serde::{Deserialize, Serialize};

use super::stored::{FunctionKey, Stored};
use crate::model::event_invoke;
use crate::model::event_invoke::event::EventInvokeEvent;

shape! {
    Destinations = event_invoke::Destinations { on_success: Option<String>, on_failure: Option<String> }
    EventInvoke = event_invoke::EventInvoke {
        retry_attempts: Option<u32>, event_age_s: Option<u32>, destinations: Destinations, modified: u64,
    }
}

events! { EventInvokeEvent {
    45 EventInvokePut { key: FunctionKey, qualifier: String, config: EventInvoke }
    46 EventInvokeDeleted { key: FunctionKey, qualifier: String }
} }
