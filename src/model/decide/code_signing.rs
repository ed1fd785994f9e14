//! Decisions about code-signing configurations and what they are attached to.

use super::super::command::Stamp;
use super::super::command::code_signing::CodeSigningCommand;
use super::super::error::ApiError;
use super::super::limits::Limits;
use super::super::state::State;
use super::Decision;

/// Decides a command on the current state.
pub fn decide(
    _state: &State,
    command: &CodeSigningCommand,
    _stamp: &Stamp,
    _limits: &Limits,
) -> Result<Decision, ApiError> {
    match *command {}
}
