//! Events of event-invoke configurations.

use serde_json::{Value, json};

use crate::model::event_invoke::event::EventInvokeEvent;

/// What an event says.
pub fn details(event: &EventInvokeEvent) -> Value {
    match event {
        EventInvokeEvent::EventInvokePut { qualifier, config, .. } => json!({
            "qualifier": qualifier.to_string(), "retry_attempts": config.retry_attempts,
            "event_age_s": config.event_age_s, "on_success": config.destinations.on_success,
            "on_failure": config.destinations.on_failure,
        }),
        EventInvokeEvent::EventInvokeDeleted { qualifier, .. } => json!({ "qualifier": qualifier.to_string() }),
    }
}
