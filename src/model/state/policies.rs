//! Events of resource-based policies of functions, applied.

use super::State;
use crate::model::event::policies::PolicyEvent;

/// Folds one event.
pub fn apply(_state: &mut State, event: &PolicyEvent) {
    match *event {}
}
