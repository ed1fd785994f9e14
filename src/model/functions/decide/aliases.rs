//! Decisions about aliases. Texts and their order as recorded in
//! `test_notfound_and_invalid_routingconfigs`.

use crate::model::command::Stamp;
use crate::model::decide::Decision;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::functions::Function;
use crate::model::functions::alias::{Alias, Routing};
use crate::model::functions::command::{PutAlias, UpdateAlias};
use crate::model::functions::decide::{check_revision, existing_function};
use crate::model::functions::event::FunctionEvent;
use crate::model::names::{AliasName, FunctionKey};
use crate::model::qualifier::Version;
use crate::model::state::State;
use crate::model::{arn, concurrency};

/// `CreateAlias`.
pub fn create(state: &State, create: &PutAlias, stamp: &Stamp) -> Result<Decision, ApiError> {
    check_routing(create.version, &create.routing)?;
    let Some(function) = state.function(&create.key) else {
        return Err(ApiError::function_not_found(&arn::qualified(&create.key, &create.version)));
    };
    check_versions(function, create.version, &create.routing)?;
    if function.aliases.contains_key(&create.name) {
        let arn = arn::qualified(&create.key, &create.name);
        return Err(ApiError::conflict(format!("Alias already exists: {arn}")));
    }

    let alias = Alias {
        name: create.name.clone(),
        version: create.version,
        description: create.description.clone(),
        routing: create.routing.first().copied(),
        revision: stamp.revision(0),
    };
    Ok(FunctionEvent::AliasPut { key: create.key.clone(), alias }.into())
}

/// `UpdateAlias`.
pub fn update(state: &State, update: &UpdateAlias, stamp: &Stamp) -> Result<Decision, ApiError> {
    let function = existing_function(state, &update.key)?;
    let Some(alias) = function.aliases.get(&update.name) else {
        // This operation has a text of its own (LocalStack's recordings of AWS, 2025-11).
        let arn = arn::qualified(&update.key, &update.name);
        return Err(ApiError::new(ErrorCode::ResourceNotFound, format!("Alias not found: {arn}")));
    };
    check_revision(update.revision.as_ref(), alias.revision)?;
    let version = update.version.unwrap_or(alias.version);
    let routing = update.routing.clone().unwrap_or_else(|| alias.routing.into_iter().collect());
    check_routing(version, &routing)?;
    check_versions(function, version, &routing)?;
    let before = alias;
    let alias = Alias {
        name: alias.name.clone(),
        version,
        description: update.description.clone().unwrap_or_else(|| alias.description.clone()),
        routing: routing.first().copied(),
        revision: stamp.revision(0),
    };
    let moved = concurrency::decide::alias_moved(function, before, &alias, stamp)?;
    let mut decision = Decision::from(FunctionEvent::AliasPut { key: update.key.clone(), alias });
    decision.events.extend(moved.map(Into::into));

    Ok(decision)
}

/// `DeleteAlias`.
pub fn delete(state: &State, key: &FunctionKey, name: &AliasName) -> Result<Decision, ApiError> {
    let function = existing_function(state, key)?;
    if !function.aliases.contains_key(name) {
        return Ok(Decision::default());
    }
    Ok(FunctionEvent::AliasDeleted { key: key.clone(), name: name.clone() }.into())
}

/// The error for an alias that is not there.
pub fn alias_not_found(key: &FunctionKey, name: &AliasName) -> ApiError {
    ApiError::new(ErrorCode::ResourceNotFound, format!("Cannot find alias arn: {}", arn::qualified(key, name)))
}

/// What can be said of weights without looking at the function.
fn check_routing(version: Version, routing: &[Routing]) -> Result<(), ApiError> {
    let Some(additional) = routing.first() else { return Ok(()) };
    if routing.len() > 1 {
        return Err(ApiError::invalid_parameter(
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ));
    }

    match version {
        Version::Number(number) if number == additional.version => Err(ApiError::invalid_parameter(format!(
            "Invalid function version {number}. Function version {number} is already included in routing configuration."
        ))),
        Version::Latest | Version::LatestPublished => Err(ApiError::invalid_parameter(format!(
            "{version} is not supported for an alias pointing to more than 1 version"
        ))
        .without_type()),
        Version::Number(_) => Ok(()),
    }
}

fn check_versions(function: &Function, version: Version, routing: &[Routing]) -> Result<(), ApiError> {
    let additional = routing.iter().map(|routing| Version::Number(routing.version));
    for version in std::iter::once(version).chain(additional) {
        if function.version(version).is_none() {
            return Err(ApiError::function_not_found(&arn::qualified(&function.key, &version)));
        }
    }
    Ok(())
}
