//! Events of event-invoke configurations, applied.

use std::sync::Arc;

use crate::model::event_invoke::event::EventInvokeEvent;
use crate::model::state::State;

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
