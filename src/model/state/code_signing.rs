//! Events of code-signing configurations and what they are attached to, applied.

use super::State;
use crate::model::event::code_signing::CodeSigningEvent;

/// Folds one event.
pub fn apply(_state: &mut State, event: &CodeSigningEvent) {
    match *event {}
}
