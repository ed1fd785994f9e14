//! Events of tags.

use serde_json::{Value, json};

use crate::model::tags::event::TagEvent;

/// What an event says.
pub fn details(event: &TagEvent) -> Value {
    let TagEvent::TagsPut { tags, .. } = event;
    json!({ "tags": tags })
}
