//! Events of function URLs, applied.

use super::State;
use crate::model::event::urls::UrlEvent;

/// Folds one event.
pub fn apply(_state: &mut State, event: &UrlEvent) {
    match *event {}
}
