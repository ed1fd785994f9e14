//! Decisions about reserved and provisioned concurrency, and scaling. Texts as recorded in
//! `test_function_concurrency_*` and `test_provisioned_concurrency_*`, where no other source is named.

use super::command::ConcurrencyCommand;
use super::event::ConcurrencyEvent;
use super::{ProvisionedConcurrency, ProvisionedStatus, Scaling};
use crate::model::arn;
use crate::model::command::Stamp;
use crate::model::decide::Decision;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::functions::alias::Alias;
use crate::model::functions::decide::alias_not_found;
use crate::model::functions::{Function, FunctionState};
use crate::model::limits::Limits;
use crate::model::names::{FunctionKey, RevisionId};
use crate::model::qualifier::{Qualifier, Version};
use crate::model::state::State;

/// Decides a command on the current state.
pub fn decide(
    state: &State,
    command: &ConcurrencyCommand,
    stamp: &Stamp,
    limits: &Limits,
) -> Result<Decision, ApiError> {
    match command {
        ConcurrencyCommand::PutFunctionConcurrency { key, reserved } => reserve(state, key, *reserved, limits),
        ConcurrencyCommand::DeleteFunctionConcurrency { key } => {
            if latest(state, key)?.reserved_concurrency.is_none() {
                return Ok(Decision::default());
            }
            Ok(ConcurrencyEvent::FunctionConcurrencyDeleted { key: key.clone() }.into())
        }
        ConcurrencyCommand::PutProvisionedConcurrency { key, qualifier, requested } => {
            provision(state, (key, qualifier), *requested, stamp, limits)
        }
        ConcurrencyCommand::DeleteProvisionedConcurrency { key, qualifier } => {
            if provisionable(state, key, qualifier)?.provisioned_concurrency.get(qualifier).is_none() {
                return Ok(Decision::default());
            }
            let key = key.clone();
            let qualifier = qualifier.clone();
            Ok(ConcurrencyEvent::ProvisionedConcurrencyDeleted { key, qualifier }.into())
        }
        ConcurrencyCommand::SettleProvisionedConcurrency { key, qualifier, allocation, failure } => {
            Ok(settle(state, (key, qualifier), *allocation, failure.as_ref()))
        }
        ConcurrencyCommand::PutFunctionScaling { key, qualifier, scaling } => scale(state, key, qualifier, *scaling),
    }
}

/// `PutFunctionConcurrency`.
fn reserve(state: &State, key: &FunctionKey, reserved: u32, limits: &Limits) -> Result<Decision, ApiError> {
    let function = latest(state, key)?;
    let wanted = u64::from(reserved);
    if available(state, function, limits) < wanted + u64::from(limits.minimum_unreserved_concurrency) {
        return Err(below_minimum("ReservedConcurrentExecutions", limits));
    }
    let provisioned = function.provisioned();

    if provisioned > wanted {
        // The blanks are AWS's.
        return Err(ApiError::invalid_parameter(format!(
            " ReservedConcurrentExecutions  {reserved} should not be lower than function's total provisioned \
             concurrency [{provisioned}]."
        ))
        .without_type());
    }

    Ok(ConcurrencyEvent::FunctionConcurrencyPut { key: key.clone(), reserved }.into())
}

/// `PutProvisionedConcurrencyConfig`.
fn provision(
    state: &State,
    (key, qualifier): (&FunctionKey, &Qualifier),
    requested: u32,
    stamp: &Stamp,
    limits: &Limits,
) -> Result<Decision, ApiError> {
    let function = provisionable(state, key, qualifier)?;
    check_room(state, function, qualifier, requested, limits)?;
    match qualifier {
        Qualifier::Alias(name) => check_alias(function, function.aliases.get(name).map(|alias| &**alias))?,
        Qualifier::Version(version) => check_version(function, *version)?,
    }

    let before = function.provisioned_concurrency.get(qualifier);
    let provisioned = ProvisionedConcurrency {
        requested,
        allocated: before.map_or(0, |before| before.allocated.min(requested)),
        status: ProvisionedStatus::InProgress,
        modified: stamp.time,
        allocation: stamp.revision(0),
    };
    let key = key.clone();
    let qualifier = qualifier.clone();

    Ok(ConcurrencyEvent::ProvisionedConcurrencyPut { key, qualifier, provisioned }.into())
}

/// Whether the reservation, or else the account, has as much.
fn check_room(
    state: &State,
    function: &Function,
    qualifier: &Qualifier,
    requested: u32,
    limits: &Limits,
) -> Result<(), ApiError> {
    let before = function.provisioned_concurrency.get(qualifier).map_or(0, |before| before.requested);
    let others = function.provisioned() - u64::from(before);
    let wanted = u64::from(requested);
    if let Some(reserved) = function.reserved_concurrency {
        if others + wanted > u64::from(reserved) {
            return Err(ApiError::invalid_parameter(
                "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function",
            ));
        }
        // What is provisioned is part of what is reserved, which the account has given already.
        return Ok(());
    }

    let available = available(state, function, limits).saturating_sub(others);
    if wanted > available {
        return Err(ApiError::invalid_parameter(format!(
            "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [{available}]."
        ))
        .without_type());
    }

    if available - wanted < u64::from(limits.minimum_unreserved_concurrency) {
        return Err(below_minimum("ConcurrentExecutions", limits));
    }
    Ok(())
}

/// An alias may not have what its version has, nor share its calls.
fn check_alias(function: &Function, alias: Option<&Alias>) -> Result<(), ApiError> {
    let Some(alias) = alias else { return Ok(()) };
    if alias.version == Version::Latest {
        return Err(unpublished());
    }
    if alias.routing.is_some() {
        // Source: <https://github.com/hashicorp/terraform/issues/24957>.
        return Err(ApiError::invalid_parameter("Alias with weights can not be used with Provisioned Concurrency"));
    }
    check_version_of_alias(function, alias)
}

fn check_version_of_alias(function: &Function, alias: &Alias) -> Result<(), ApiError> {
    if function.provisioned_concurrency.contains_key(&Qualifier::Version(alias.version)) {
        return Err(ApiError::conflict(
            "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
        ));
    }
    Ok(())
}

/// A version may not have what an alias of it has.
fn check_version(function: &Function, version: Version) -> Result<(), ApiError> {
    let has = |alias: &Alias| function.provisioned_concurrency.contains_key(&Qualifier::Alias(alias.name.clone()));
    if function.aliases.values().any(|alias| alias.version == version && has(alias)) {
        return Err(ApiError::conflict("Version is pointed by a Provisioned Concurrency alias"));
    }
    Ok(())
}

/// What becomes of an alias's provisioned concurrency when the alias changes: that of another version has
/// to be allocated anew.
///
/// # Errors
/// The new version has provisioned concurrency of its own, or is `$LATEST`. (Not recorded: the rules of
/// `PutProvisionedConcurrencyConfig`.)
pub fn alias_moved(
    function: &Function,
    before: &Alias,
    after: &Alias,
    stamp: &Stamp,
) -> Result<Option<ConcurrencyEvent>, ApiError> {
    let qualifier = Qualifier::Alias(after.name.clone());
    let Some(provisioned) = function.provisioned_concurrency.get(&qualifier) else { return Ok(None) };
    if before.version == after.version {
        return Ok(None);
    }
    if after.version == Version::Latest {
        return Err(unpublished());
    }
    check_version_of_alias(function, after)?;
    let provisioned = ProvisionedConcurrency {
        allocated: 0,
        status: ProvisionedStatus::InProgress,
        allocation: stamp.revision(1),
        ..provisioned.clone()
    };

    Ok(Some(ConcurrencyEvent::ProvisionedConcurrencyPut { key: function.key.clone(), qualifier, provisioned }))
}

/// `SettleProvisionedConcurrency`.
fn settle(
    state: &State,
    (key, qualifier): (&FunctionKey, &Qualifier),
    allocation: RevisionId,
    failure: Option<&String>,
) -> Decision {
    if state.provisioning.get(&(key.clone(), qualifier.clone())) != Some(&allocation) {
        return Decision::default();
    }
    let Some(version) = state.function(key).and_then(|function| function.resolve(Some(qualifier))) else {
        return Decision::default();
    };
    let failure = match &version.state {
        FunctionState::Pending => return Decision::default(),
        FunctionState::Active => failure.cloned(),
        FunctionState::Failed(failure) => Some(failure.reason.clone()),
    };
    let key = key.clone();
    let qualifier = qualifier.clone();

    ConcurrencyEvent::ProvisionedConcurrencySettled { key, qualifier, failure }.into()
}

/// `PutFunctionScalingConfig`. Its errors are not recorded; that the function must run on managed instances
/// is documented: <https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionScalingConfig.html>.
fn scale(
    state: &State,
    key: &FunctionKey,
    qualifier: &Qualifier,
    scaling: Option<Scaling>,
) -> Result<Decision, ApiError> {
    let version = state.function(key).and_then(|function| function.resolve(Some(qualifier)));
    let Some(version) = version else { return Err(ApiError::function_not_found(&arn::qualified(key, qualifier))) };
    if version.config.capacity_provider.is_none() {
        return Err(ApiError::invalid_parameter(
            "Function scaling configuration is only supported for functions with a capacity provider configuration.",
        ));
    }

    if let Some(Scaling { least: Some(least), most: Some(most) }) = scaling
        && least > most
    {
        return Err(ApiError::invalid_parameter(
            "MinExecutionEnvironments must be less than or equal to MaxExecutionEnvironments.",
        ));
    }

    let key = key.clone();
    let qualifier = qualifier.clone();
    Ok(ConcurrencyEvent::FunctionScalingPut { key, qualifier, scaling }.into())
}

/// The function; one that is not there is called by its `$LATEST`.
fn latest<'a>(state: &'a State, key: &FunctionKey) -> Result<&'a Function, ApiError> {
    match state.function(key) {
        Some(function) => Ok(function),
        None => Err(ApiError::function_not_found(&arn::qualified(key, &Version::Latest))),
    }
}

/// The function of a version or alias that can have provisioned concurrency and is there.
///
/// # Errors
/// It is not there.
pub fn provisionable<'a>(state: &'a State, key: &FunctionKey, qualifier: &Qualifier) -> Result<&'a Function, ApiError> {
    let found = state.function(key).filter(|function| match qualifier {
        Qualifier::Alias(name) => function.aliases.contains_key(name),
        Qualifier::Version(version) => function.version(*version).is_some(),
    });
    found.map(|function| &**function).ok_or_else(|| match qualifier {
        Qualifier::Alias(name) => alias_not_found(key, name),
        Qualifier::Version(version) => ApiError::function_not_found(&arn::qualified(key, version)),
    })
}

/// The error for provisioned concurrency of `$LATEST`.
pub fn unpublished() -> ApiError {
    ApiError::invalid_parameter("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
}

/// The error for a version or alias without provisioned concurrency.
pub fn provisioned_not_found() -> ApiError {
    ApiError::new(
        ErrorCode::ProvisionedConcurrencyConfigNotFound,
        "No Provisioned Concurrency Config found for this function",
    )
}

/// Concurrent executions that nobody but this function has.
fn available(state: &State, function: &Function, limits: &Limits) -> u64 {
    let others = state.usage(&function.key.scope).concurrency() - function.concurrency();
    u64::from(limits.concurrent_executions).saturating_sub(others)
}

fn below_minimum(what: &str, limits: &Limits) -> ApiError {
    ApiError::invalid_parameter(format!(
        "Specified {what} for function decreases account's UnreservedConcurrentExecution below its minimum value of [{}].",
        limits.minimum_unreserved_concurrency
    ))
    .without_type()
}
