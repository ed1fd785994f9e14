//! Events of tags of functions.

use serde_json::Value;

use crate::model::event::tags::TagEvent;

/// What an event says.
pub fn details(event: &TagEvent) -> Value {
    match *event {}
}
