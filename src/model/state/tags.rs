//! Events of tags of functions, applied.

use super::State;
use crate::model::event::tags::TagEvent;

/// Folds one event.
pub fn apply(_state: &mut State, event: &TagEvent) {
    match *event {}
}
