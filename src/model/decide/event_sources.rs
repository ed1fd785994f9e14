//! Decisions about event source mappings.

use super::super::command::Stamp;
use super::super::command::event_sources::EventSourceCommand;
use super::super::error::ApiError;
use super::super::limits::Limits;
use super::super::state::State;
use super::Decision;

/// Decides a command on the current state.
pub fn decide(
    _state: &State,
    command: &EventSourceCommand,
    _stamp: &Stamp,
    _limits: &Limits,
) -> Result<Decision, ApiError> {
    match *command {}
}
