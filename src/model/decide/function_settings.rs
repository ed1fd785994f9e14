//! Decisions about recursion and runtime management of functions.

use super::super::command::Stamp;
use super::super::command::function_settings::FunctionSettingsCommand;
use super::super::error::ApiError;
use super::super::limits::Limits;
use super::super::state::State;
use super::Decision;

/// Decides a command on the current state.
pub fn decide(
    _state: &State,
    command: &FunctionSettingsCommand,
    _stamp: &Stamp,
    _limits: &Limits,
) -> Result<Decision, ApiError> {
    match *command {}
}
