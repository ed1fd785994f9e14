//! Events of reserved and provisioned concurrency, and scaling, applied.

use super::State;
use crate::model::event::concurrency::ConcurrencyEvent;

/// Folds one event.
pub fn apply(_state: &mut State, event: &ConcurrencyEvent) {
    match *event {}
}
