//! Events of event-invoke configurations, applied.

use super::State;
use crate::model::event::event_invoke::EventInvokeEvent;

/// Folds one event.
pub fn apply(_state: &mut State, event: &EventInvokeEvent) {
    match *event {}
}
