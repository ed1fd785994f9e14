//! Events of log groups and streams of the Logs neighbour, applied.

use super::State;
use crate::model::event::logs::LogsEvent;

/// Folds one event.
pub fn apply(_state: &mut State, event: &LogsEvent) {
    match *event {}
}
