//! Events of event-invoke configurations, applied.

use std::sync::Arc;

use super::State;
use crate::model::event::event_invoke::EventInvokeEvent;

/// Folds one event.
pub fn apply(state: &mut State, event: &EventInvokeEvent) {
    state.change_function(event.key(), |function| match event {
        EventInvokeEvent::EventInvokePut { qualifier, config, .. } => {
            function.event_invoke.insert(qualifier.clone(), Arc::new((**config).clone()));
        }
        EventInvokeEvent::EventInvokeDeleted { qualifier, .. } => {
            function.event_invoke.remove(qualifier);
        }
    });
}
