//! Commands against state: which events follow, or which error.

mod aliases;
mod capacity_providers;
mod code_signing;
mod concurrency;
mod configuration;
pub mod event_invoke;
mod event_sources;
pub mod function_settings;
mod functions;
mod history;
pub mod iam;
mod layers;
mod logs;
mod modes;
mod policies;
mod tags;
pub mod urls;
mod versions;

use super::command::functions::FunctionCommand;
use super::command::{Command, Stamp};
use super::error::ApiError;
use super::event::Event;
use super::limits::Limits;
use super::names::FunctionKey;
use super::qualifier::Version;
use super::state::State;

pub use aliases::not_found as alias_not_found;
pub use code_signing::{check_package_type as check_signable, not_found as code_signing_config_not_found};
pub use concurrency::{provisionable, provisioned_not_found, unpublished};
pub use configuration::patched;
pub use event_sources::not_found as event_source_mapping_not_found;
pub use layers::{
    allowed as layer_allowed, denied as layer_denied, no_policy as no_layer_policy, not_found as layer_not_found,
    resolve as resolve_layers,
};
pub use logs::{group_not_found as log_group_not_found, stream_not_found as log_stream_not_found};
pub use modes::{check_new as check_new_modes, defaults as mode_defaults};

/// What a command leads to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// The events, in order; none when the state already is as wished.
    pub events: Vec<Event>,
    /// The version an answer shows, where it is not `$LATEST`.
    pub shows: Option<Version>,
}

impl<E: Into<Event>> From<E> for Decision {
    fn from(event: E) -> Self {
        Self { events: vec![event.into()], shows: None }
    }
}

/// Decides a command on the current state. Pure, never panics, changes nothing.
///
/// # Errors
/// AWS's error for a command that is not allowed now.
pub fn decide(state: &State, command: &Command, stamp: &Stamp, limits: &Limits) -> Result<Decision, ApiError> {
    match command {
        Command::Function(command) => decide_function(state, command, stamp, limits),
        Command::Policy(command) => policies::decide(state, command, stamp, limits),
        Command::Layer(command) => layers::decide(state, command, stamp, limits),
        Command::Url(command) => urls::decide(state, command, stamp, limits),
        Command::EventInvoke(command) => event_invoke::decide(state, command, stamp, limits),
        Command::Concurrency(command) => concurrency::decide(state, command, stamp, limits),
        Command::FunctionSettings(command) => function_settings::decide(state, command, stamp, limits),
        Command::Tag(command) => tags::decide(state, command, stamp, limits),
        Command::CodeSigning(command) => code_signing::decide(state, command, stamp, limits),
        Command::EventSource(command) => event_sources::decide(state, command, stamp, limits),
        Command::CapacityProvider(command) => capacity_providers::decide(state, command, stamp, limits),
        Command::Iam(command) => iam::decide(state, command, stamp, limits),
        Command::Logs(command) => logs::decide(state, command, stamp, limits),
        Command::History(command) => history::decide(state, command, stamp, limits),
    }
}

fn decide_function(
    state: &State,
    command: &FunctionCommand,
    stamp: &Stamp,
    limits: &Limits,
) -> Result<Decision, ApiError> {
    match command {
        FunctionCommand::CreateFunction(create) => functions::create(state, create, stamp, limits),
        FunctionCommand::UpdateFunctionCode(update) => functions::update_code(state, update, stamp, limits),
        FunctionCommand::UpdateFunctionConfiguration(update) => {
            functions::update_configuration(state, update, stamp, limits)
        }
        FunctionCommand::DeleteFunction { key, qualifier } => functions::delete(state, key, qualifier.as_ref()),
        FunctionCommand::SettleFunction { key, version, deployment, failure } => {
            Ok(functions::settle(state, (key, *version), *deployment, failure.as_ref(), stamp))
        }
        FunctionCommand::PublishVersion(publish) => versions::publish(state, publish, stamp, limits),
        FunctionCommand::CreateAlias(create) => aliases::create(state, create, stamp),
        FunctionCommand::UpdateAlias(update) => aliases::update(state, update, stamp),
        FunctionCommand::DeleteAlias { key, name } => aliases::delete(state, key, name),
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
