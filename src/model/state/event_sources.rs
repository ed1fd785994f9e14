//! Events of event source mappings, applied.

use super::State;
use crate::model::event::event_sources::EventSourceEvent;

/// Folds one event.
pub fn apply(_state: &mut State, event: &EventSourceEvent) {
    match *event {}
}
