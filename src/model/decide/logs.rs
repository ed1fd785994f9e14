//! Decisions about log groups and streams of the Logs neighbour.

use super::super::command::Stamp;
use super::super::command::logs::LogsCommand;
use super::super::error::ApiError;
use super::super::limits::Limits;
use super::super::state::State;
use super::Decision;

/// Decides a command on the current state.
pub fn decide(_state: &State, command: &LogsCommand, _stamp: &Stamp, _limits: &Limits) -> Result<Decision, ApiError> {
    match *command {}
}
