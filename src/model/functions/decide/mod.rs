//! Decisions about functions, their versions and aliases.

mod aliases;
pub mod checks;
mod configuration;
mod lifecycle;
mod modes;
mod versions;

pub use aliases::alias_not_found;
pub use modes::{check_new_modes, mode_defaults};

use super::Function;
use super::command::FunctionCommand;
use crate::model::command::Stamp;
use crate::model::decide::Decision;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::limits::Limits;
use crate::model::names::{FunctionKey, RevisionId};
use crate::model::state::State;

/// Decides a command on the current state.
pub fn decide(state: &State, command: &FunctionCommand, stamp: &Stamp, limits: &Limits) -> Result<Decision, ApiError> {
    match command {
        FunctionCommand::CreateFunction(create) => lifecycle::create(state, create, stamp, limits),
        FunctionCommand::UpdateFunctionCode(update) => lifecycle::update_code(state, update, stamp, limits),
        FunctionCommand::UpdateFunctionConfiguration(update) => {
            lifecycle::update_configuration(state, update, stamp, limits)
        }
        FunctionCommand::DeleteFunction { key, qualifier } => lifecycle::delete(state, key, qualifier.as_ref()),
        FunctionCommand::SettleFunction { key, version, deployment, failure } => {
            Ok(lifecycle::settle(state, (key, *version), *deployment, failure.as_ref(), stamp))
        }
        FunctionCommand::PublishVersion(publish) => versions::publish(state, publish, stamp, limits),
        FunctionCommand::CreateAlias(create) => aliases::create(state, create, stamp),
        FunctionCommand::UpdateAlias(update) => aliases::update(state, update, stamp),
        FunctionCommand::DeleteAlias { key, name } => aliases::delete(state, key, name),
    }
}

/// The function at `key`, or AWS's "Function not found".
pub fn existing_function<'a>(state: &'a State, key: &FunctionKey) -> Result<&'a Function, ApiError> {
    match state.function(key) {
        Some(function) => Ok(function),
        None => Err(ApiError::function_not_found(&crate::model::arn::function(key))),
    }
}

/// Refuses a revision that is not the current one.
pub fn check_revision(given: Option<&String>, current: RevisionId) -> Result<(), ApiError> {
    match given {
        Some(given) if *given != current.to_string() => Err(ApiError::new(
            ErrorCode::PreconditionFailed,
            "The Revision Id provided does not match the latest Revision Id. \
             Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
        )),
        _ => Ok(()),
    }
}
