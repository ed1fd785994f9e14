//! Events of event-invoke configurations.

use serde_json::Value;

use crate::model::event::event_invoke::EventInvokeEvent;

/// What an event says.
pub fn details(event: &EventInvokeEvent) -> Value {
    match *event {}
}
