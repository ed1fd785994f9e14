//! Decisions about recursion and runtime management of functions.

use super::command::FunctionSettingsCommand;
use super::event::FunctionSettingsEvent;
use super::{RuntimeManagement, RuntimeUpdate};
use crate::model::arn;
use crate::model::command::Stamp;
use crate::model::decide::Decision;
use crate::model::error::ApiError;
use crate::model::functions::decide::existing_function;
use crate::model::limits::Limits;
use crate::model::names::FunctionKey;
use crate::model::qualifier::{Qualifier, Version};
use crate::model::state::State;

/// Decides a command on the current state.
pub fn decide(
    state: &State,
    command: &FunctionSettingsCommand,
    _stamp: &Stamp,
    _limits: &Limits,
) -> Result<Decision, ApiError> {
    match command {
        FunctionSettingsCommand::PutRecursion { key, allows } => {
            existing_function(state, key)?;
            Ok(FunctionSettingsEvent::RecursionPut { key: key.clone(), allows: *allows }.into())
        }
        FunctionSettingsCommand::PutRuntimeManagement { key, qualifier, management } => {
            let version = version(state, key, qualifier.as_ref())?;
            check(management)?;
            let key = key.clone();
            let management = management.clone();
            Ok(FunctionSettingsEvent::RuntimeManagementPut { key, version, management }.into())
        }
    }
}

/// The version that has a runtime management of its own.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_PutRuntimeManagementConfig.html>: `$LATEST` or
/// the number of a published version. What AWS says of an alias is not recorded; here it is no version.
///
/// # Errors
/// There is no such version, or function.
pub fn version(state: &State, key: &FunctionKey, qualifier: Option<&Qualifier>) -> Result<Version, ApiError> {
    let version = match qualifier {
        None => Some(Version::Latest),
        Some(Qualifier::Version(version)) => Some(*version),
        Some(Qualifier::Alias(_)) => None,
    };
    let function = state.function(key);
    let found = version.filter(|version| function.is_some_and(|function| function.version(*version).is_some()));
    found.ok_or_else(|| {
        let arn = qualifier.map_or_else(|| arn::function(key), |qualifier| arn::qualified(key, qualifier));
        ApiError::function_not_found(&arn)
    })
}

/// `Manual` and a runtime version belong together, says AWS's documentation. Its texts are not recorded:
/// these are Larder's own.
fn check(management: &RuntimeManagement) -> Result<(), ApiError> {
    match (management.mode, &management.runtime_version_arn) {
        (RuntimeUpdate::Manual, None) => Err(ApiError::invalid_parameter(
            "You must specify RuntimeVersionArn when UpdateRuntimeOn is set to Manual.",
        )),
        (RuntimeUpdate::Auto | RuntimeUpdate::FunctionUpdate, Some(_)) => Err(ApiError::invalid_parameter(
            "You can specify RuntimeVersionArn only when UpdateRuntimeOn is set to Manual.",
        )),
        _ => Ok(()),
    }
}
