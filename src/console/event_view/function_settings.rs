//! Events of recursion and runtime management of functions.

use serde_json::{Value, json};

use crate::model::function_settings::event::FunctionSettingsEvent;

/// What an event says.
pub fn details(event: &FunctionSettingsEvent) -> Value {
    match event {
        FunctionSettingsEvent::RecursionPut { allows, .. } => json!({ "allows": allows }),
        FunctionSettingsEvent::RuntimeManagementPut { version, management, .. } => json!({
            "version": version.to_string(), "mode": management.mode.as_str(),
            "runtime_version_arn": management.runtime_version_arn,
        }),
    }
}
