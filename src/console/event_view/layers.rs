//! Events of layers and their policies.

use serde_json::Value;

use crate::model::event::layers::LayerEvent;

/// What an event says.
pub fn details(event: &LayerEvent) -> Value {
    match *event {}
}
