//! Events of roles and policies of the IAM neighbour, applied.

use super::State;
use crate::model::event::iam::IamEvent;

/// Folds one event.
pub fn apply(_state: &mut State, event: &IamEvent) {
    match *event {}
}
