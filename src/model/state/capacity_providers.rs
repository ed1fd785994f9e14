//! Events of capacity providers, applied.

use super::State;
use crate::model::event::capacity_providers::CapacityProviderEvent;

/// Folds one event.
pub fn apply(_state: &mut State, event: &CapacityProviderEvent) {
    match *event {}
}
