//! Events of resource-based policies of functions.

use serde_json::Value;

use crate::model::event::policies::PolicyEvent;

/// What an event says.
pub fn details(event: &PolicyEvent) -> Value {
    match *event {}
}
