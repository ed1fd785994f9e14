//! Events of log groups and streams of the Logs neighbour.

use serde_json::Value;

use crate::model::event::logs::LogsEvent;

/// What an event says.
pub fn details(event: &LogsEvent) -> Value {
    match *event {}
}
