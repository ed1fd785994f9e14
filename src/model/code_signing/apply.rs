//! Events of code-signing configurations and what they are attached to, applied.

use std::sync::Arc;

use crate::model::code_signing::event::CodeSigningEvent;
use crate::model::state::State;

/// Folds one event.
pub fn apply(state: &mut State, event: &CodeSigningEvent) {
    match event {
        CodeSigningEvent::CodeSigningConfigPut { key, config } => {
            state.code_signing_configs.insert(key.clone(), Arc::new(config.clone()));
        }
        CodeSigningEvent::CodeSigningConfigDeleted { key } => {
            state.code_signing_configs.remove(key);
        }
        CodeSigningEvent::FunctionCodeSigningConfigPut { function, config } => {
            state.change_function(function, |function| function.code_signing_config = Some(config.clone()));
        }
        CodeSigningEvent::FunctionCodeSigningConfigDeleted { function } => {
            state.change_function(function, |function| function.code_signing_config = None);
        }
    }
}
