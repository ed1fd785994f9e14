//! Decisions about resource-based policies of functions. Texts as recorded in
//! `test_remove_multi_permissions` and `test_lambda_permission_fn_versioning`, the rest as the provider of
//! `LocalStack`, which is tested against AWS, has them.
//!
//! `AddPermission` and `PutResourcePolicy` are two doors to one policy: each sees what the other did
//! (<https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html>, "Updating existing policies").

use super::command::{Place, PolicyCommand};
use super::document::Document;
use super::event::PolicyEvent;
use super::{Grant, Policy, Target};
use crate::model::arn;
use crate::model::command::Stamp;
use crate::model::decide::Decision;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::functions::Function;
use crate::model::functions::decide::{alias_not_found, existing_function};
use crate::model::limits::Limits;
use crate::model::names::RevisionId;
use crate::model::qualifier::{Qualifier, Version};
use crate::model::state::State;

/// Decides a command on the current state.
pub fn decide(state: &State, command: &PolicyCommand, stamp: &Stamp, _limits: &Limits) -> Result<Decision, ApiError> {
    match command {
        PolicyCommand::AddPermission { place, grant } => add(state, place, grant, stamp),
        PolicyCommand::RemovePermission { place, sid } => remove(state, place, sid, stamp),
        PolicyCommand::PutResourcePolicy { place, document } => put(state, place, document, stamp),
        PolicyCommand::DeleteResourcePolicy { place } => delete(state, place, stamp),
    }
}

fn add(state: &State, place: &Place, grant: &Grant, stamp: &Stamp) -> Result<Decision, ApiError> {
    check_not_latest(place)?;
    let (function, target) = found(state, place)?;
    check_revision(function, &target, place.revision.as_ref())?;
    let revision = stamp.revision(0);
    let policy = function.policies.get(&target).map_or_else(|| Policy::new(revision), |policy| (**policy).clone());
    let statement = grant.statement(&target.arn(&place.key), &place.key.scope.region)?;
    let policy = policy.with(statement, revision)?;
    Ok(PolicyEvent::PolicyPut { key: place.key.clone(), target, policy }.into())
}

fn remove(state: &State, place: &Place, sid: &str, stamp: &Stamp) -> Result<Decision, ApiError> {
    if state.function(&place.key).is_none() {
        let message = format!("No policy found for: {}", arn::function(&place.key));
        return Err(ApiError::new(ErrorCode::ResourceNotFound, message));
    }

    let (function, target) = found(state, place)?;
    let policy = function.policies.get(&target).ok_or_else(no_policy)?;
    let revision = stamp.revision(0);
    let left = policy.without(sid, revision)?;
    check_revision(function, &target, place.revision.as_ref())?;
    let key = place.key.clone();

    Ok(match left {
        Some(policy) => PolicyEvent::PolicyPut { key, target, policy },
        None => PolicyEvent::PolicyDeleted { key, target, revision },
    }
    .into())
}

fn put(state: &State, place: &Place, document: &Document, stamp: &Stamp) -> Result<Decision, ApiError> {
    check_not_latest(place)?;
    let (function, target) = found(state, place)?;
    check_revision(function, &target, place.revision.as_ref())?;
    let policy = document.clone().into_policy(stamp.revision(0));
    policy.check_size()?;
    Ok(PolicyEvent::PolicyPut { key: place.key.clone(), target, policy }.into())
}

fn delete(state: &State, place: &Place, stamp: &Stamp) -> Result<Decision, ApiError> {
    let (function, target) = found(state, place)?;
    if !function.policies.contains_key(&target) {
        return Err(no_policy());
    }
    check_revision(function, &target, place.revision.as_ref())?;
    Ok(PolicyEvent::PolicyDeleted { key: place.key.clone(), target, revision: stamp.revision(0) }.into())
}

fn check_not_latest(place: &Place) -> Result<(), ApiError> {
    match place.qualifier {
        Some(Qualifier::Version(Version::Latest)) => {
            Err(ApiError::invalid_parameter("We currently do not support adding policies for $LATEST."))
        }
        _ => Ok(()),
    }
}

/// The function and what of it the qualifier stands for, if both are there.
fn found<'a>(state: &'a State, place: &Place) -> Result<(&'a Function, Target), ApiError> {
    let function = existing_function(state, &place.key)?;
    let target = Target::of(place.qualifier.as_ref());
    let missing = || ApiError::function_not_found(&target.arn(&place.key));
    match &target {
        Target::Version(number) if !function.versions.contains_key(number) => Err(missing()),
        Target::LatestPublished if function.latest_published.is_none() => Err(missing()),
        // What else begins with a `$` is no alias.
        Target::Alias(name) if name.as_str().contains('$') => Err(missing()),
        Target::Alias(name) if !function.aliases.contains_key(name) => Err(alias_not_found(&place.key, name)),
        _ => Ok((function, target)),
    }
}

/// Refuses a revision that is neither the policy's nor that of what it is attached to. AWS documents both as
/// the one to give (`PreconditionFailedException`), accepts an alias's while it has no policy, and leaves the
/// policy's as it is when the function changes (`test_lambda_permission_fn_versioning`).
fn check_revision(function: &Function, target: &Target, given: Option<&String>) -> Result<(), ApiError> {
    let Some(given) = given else { return Ok(()) };
    let policy = function.policies.get(target).map(|policy| policy.revision);
    let known = [policy, owner_revision(function, target)];
    if known.into_iter().flatten().any(|revision| revision.to_string() == *given) {
        return Ok(());
    }

    Err(ApiError::new(
        ErrorCode::PreconditionFailed,
        "The Revision Id provided does not match the latest Revision Id. \
         Call the GetPolicy API to retrieve the latest Revision Id",
    ))
}

fn owner_revision(function: &Function, target: &Target) -> Option<RevisionId> {
    match target {
        Target::Function => Some(function.latest.revision),
        Target::LatestPublished => function.latest_published.as_ref().map(|version| version.revision),
        Target::Version(number) => function.versions.get(number).map(|version| version.revision),
        Target::Alias(name) => function.aliases.get(name).map(|alias| alias.revision),
    }
}

fn no_policy() -> ApiError {
    ApiError::new(ErrorCode::ResourceNotFound, "No policy is associated with the given resource.")
}
