//! Events of code-signing configurations and what they are attached to.

use serde_json::Value;

use crate::model::event::code_signing::CodeSigningEvent;

/// What an event says.
pub fn details(event: &CodeSigningEvent) -> Value {
    match *event {}
}
