//! Events of event source mappings.

use serde_json::Value;

use crate::model::event::event_sources::EventSourceEvent;

/// What an event says.
pub fn details(event: &EventSourceEvent) -> Value {
    match *event {}
}
