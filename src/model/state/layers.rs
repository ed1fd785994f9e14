//! Events of layers and their policies, applied.

use super::State;
use crate::model::event::layers::LayerEvent;

/// Folds one event.
pub fn apply(_state: &mut State, event: &LayerEvent) {
    match *event {}
}
