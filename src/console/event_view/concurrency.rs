//! Events of reserved and provisioned concurrency, and scaling.

use serde_json::Value;

use crate::model::event::concurrency::ConcurrencyEvent;

/// What an event says.
pub fn details(event: &ConcurrencyEvent) -> Value {
    match *event {}
}
