//! Events of code-signing configurations and what they are attached to.

use serde_json::{Value, json};

use crate::model::code_signing::event::CodeSigningEvent;

/// What an event says.
pub fn details(event: &CodeSigningEvent) -> Value {
    match event {
        CodeSigningEvent::CodeSigningConfigPut { config, .. } => json!({
            "description": config.description, "publishers": config.publishers, "enforce": config.enforce,
            "tags": config.tags,
        }),
        CodeSigningEvent::CodeSigningConfigDeleted { .. }
        | CodeSigningEvent::FunctionCodeSigningConfigDeleted { .. } => json!({}),
        CodeSigningEvent::FunctionCodeSigningConfigPut { config, .. } => json!({ "config": config.arn() }),
    }
}
