//! Events of recursion and runtime management of functions, applied.

use super::State;
use crate::model::event::function_settings::FunctionSettingsEvent;

/// Folds one event.
pub fn apply(_state: &mut State, event: &FunctionSettingsEvent) {
    match *event {}
}
