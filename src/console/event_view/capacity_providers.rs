//! Events of capacity providers.

use serde_json::Value;

use crate::model::event::capacity_providers::CapacityProviderEvent;

/// What an event says.
pub fn details(event: &CapacityProviderEvent) -> Value {
    match *event {}
}
