//! Events of recursion and runtime management of functions, applied.

use crate::model::function_settings::event::FunctionSettingsEvent;
use crate::model::state::State;

/// Folds one event.
pub fn apply(state: &mut State, event: &FunctionSettingsEvent) {
    state.change_function(event.key(), |function| match event {
        FunctionSettingsEvent::RecursionPut { allows, .. } => function.allows_recursion = *allows,
        FunctionSettingsEvent::RuntimeManagementPut { version, management, .. } => {
            function.runtime_management.insert(*version, management.clone());
        }
    });
}
