//! Events of function URLs.

use serde_json::Value;

use crate::model::event::urls::UrlEvent;

/// What an event says.
pub fn details(event: &UrlEvent) -> Value {
    match *event {}
}
