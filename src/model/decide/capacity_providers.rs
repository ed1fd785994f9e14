//! Decisions about capacity providers.

use super::super::command::Stamp;
use super::super::command::capacity_providers::CapacityProviderCommand;
use super::super::error::ApiError;
use super::super::limits::Limits;
use super::super::state::State;
use super::Decision;

/// Decides a command on the current state.
pub fn decide(
    _state: &State,
    command: &CapacityProviderCommand,
    _stamp: &Stamp,
    _limits: &Limits,
) -> Result<Decision, ApiError> {
    match *command {}
}
