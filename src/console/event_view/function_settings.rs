//! Events of recursion and runtime management of functions.

use serde_json::Value;

use crate::model::event::function_settings::FunctionSettingsEvent;

/// What an event says.
pub fn details(event: &FunctionSettingsEvent) -> Value {
    match *event {}
}
