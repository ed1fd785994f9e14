//! Commands against state: which events follow, or which error.

mod aliases;
mod configuration;
mod functions;
mod versions;

use super::command::{Command, Stamp};
use super::error::ApiError;
use super::event::Event;
use super::limits::Limits;
use super::names::FunctionKey;
use super::qualifier::Version;
use super::state::State;

pub use aliases::not_found as alias_not_found;
pub use configuration::patched;

/// What a command leads to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// The events, in order; none when the state already is as wished.
    pub events: Vec<Event>,
    /// The version an answer shows, where it is not `$LATEST`.
    pub shows: Option<Version>,
}

impl From<Event> for Decision {
    fn from(event: Event) -> Self {
        Self { events: vec![event], shows: None }
    }
}

/// Decides a command on the current state. Pure, never panics, changes nothing.
///
/// # Errors
/// AWS's error for a command that is not allowed now.
pub fn decide(state: &State, command: &Command, stamp: &Stamp, limits: &Limits) -> Result<Decision, ApiError> {
    match command {
        Command::CreateFunction(create) => functions::create(state, create, stamp, limits),
        Command::UpdateFunctionCode(update) => functions::update_code(state, update, stamp, limits),
        Command::UpdateFunctionConfiguration(update) => functions::update_configuration(state, update, stamp, limits),
        Command::DeleteFunction { key, qualifier } => functions::delete(state, key, qualifier.as_ref()),
        Command::SettleFunction { key, version, deployment, failure } => {
            Ok(functions::settle(state, (key, *version), *deployment, failure.as_ref(), stamp))
        }
        Command::PublishVersion(publish) => versions::publish(state, publish, stamp, limits),
        Command::CreateAlias(create) => aliases::create(state, create, stamp),
        Command::UpdateAlias(update) => aliases::update(state, update, stamp),
        Command::DeleteAlias { key, name } => aliases::delete(state, key, name),
    }
}

/// The function at `key`, or AWS's "Function not found".
fn existing<'a>(state: &'a State, key: &FunctionKey) -> Result<&'a super::function::Function, ApiError> {
    match state.function(key) {
        Some(function) => Ok(function),
        None => Err(ApiError::function_not_found(&super::arn::function(key))),
    }
}

/// Refuses a revision that is not the current one.
fn check_revision(given: Option<&String>, current: super::names::RevisionId) -> Result<(), ApiError> {
    match given {
        Some(given) if *given != current.to_string() => Err(ApiError::new(
            super::error::ErrorCode::PreconditionFailed,
            "The Revision Id provided does not match the latest Revision Id. \
             Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
        )),
        _ => Ok(()),
    }
}
