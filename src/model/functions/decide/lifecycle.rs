//! Decisions about functions: create, update, settle, delete.

use std::sync::Arc;

use super::checks::{check_settled, check_storage};
use super::{configuration, modes, versions};
use crate::model::code_signing;
use crate::model::code_signing::event::CodeSigningEvent;
use crate::model::command::Stamp;
use crate::model::decide::Decision;
use crate::model::error::ApiError;
use crate::model::functions::command::{CreateFunction, Publication, UpdateFunctionCode, UpdateFunctionConfiguration};
use crate::model::functions::decide::{check_revision, existing_function};
use crate::model::functions::event::FunctionEvent;
use crate::model::functions::{Code, Failure, Function, FunctionState, FunctionVersion};
use crate::model::layers::decide::resolve_layers;
use crate::model::limits::Limits;
use crate::model::names::{FunctionKey, RevisionId};
use crate::model::qualifier::{Qualifier, Version};
use crate::model::state::State;

/// `CreateFunction`.
pub fn create(state: &State, create: &CreateFunction, stamp: &Stamp, limits: &Limits) -> Result<Decision, ApiError> {
    configuration::check(&create.config, &create.code, limits)?;
    let mut config = create.config.clone();
    config.layers = resolve_layers(state, &create.key.scope, &config.layers)?;
    configuration::check_lifecycle(&create.config.runtime, &stamp.time.date(), limits)?;

    // A configuration that is refused is told before a name that is taken (`test_layer_function_exceptions`).
    if state.function(&create.key).is_some() {
        let name = &create.key.name;
        return Err(ApiError::conflict(format!("Function already exist: {name}")));
    }

    modes::check_provider(state, &create.key.scope, &create.config, 1)?;
    check_storage(state, &create.key.scope, create.code.content.size(), limits)?;
    let attachable = |arn: &String| code_signing::decide::attachable(state, arn, &create.key.scope);
    let code_signing = create.code_signing_config.as_ref().map(attachable).transpose()?;

    if code_signing.is_some() {
        code_signing::decide::check_signable(&create.code)?;
        code_signing::decide::check_deployment(state, code_signing.as_ref(), create.signed, &create.key.name)?;
    }

    let latest = FunctionVersion {
        version: Version::Latest,
        code: create.code.clone(),
        config: Arc::new(config),
        description: None,
        state: FunctionState::Pending,
        last_update: None,
        revision: stamp.revision(0),
        deployment: stamp.revision(0),
        modified: stamp.time,
    };
    let created =
        FunctionEvent::FunctionCreated { key: create.key.clone(), latest: Box::new(latest), tags: create.tags.clone() };
    let mut decision = with_version(state, created, create.publish, &create.key, stamp, limits)?;
    let attached = code_signing
        .map(|config| CodeSigningEvent::FunctionCodeSigningConfigPut { function: create.key.clone(), config });
    decision.events.extend(attached.map(Into::into));

    Ok(decision)
}

/// `UpdateFunctionCode`.
pub fn update_code(
    state: &State,
    update: &UpdateFunctionCode,
    stamp: &Stamp,
    limits: &Limits,
) -> Result<Decision, ApiError> {
    let function = updatable(state, &update.key, update.revision.as_ref())?;
    check_package_type(&function.latest.code, &update.code)?;
    code_signing::decide::check_deployment(
        state,
        function.code_signing_config.as_ref(),
        update.signed,
        &update.key.name,
    )?;

    let growth = update.code.content.size().saturating_sub(function.latest.code.content.size());
    check_storage(state, &update.key.scope, growth, limits)?;
    let mut config = Arc::clone(&function.latest.config);
    if let Some(architecture) = update.architecture {
        Arc::make_mut(&mut config).architecture = architecture;
    }
    let updated = FunctionEvent::FunctionCodeUpdated {
        key: update.key.clone(),
        code: update.code.clone(),
        config,
        revision: stamp.revision(0),
        modified: stamp.time,
    };

    with_version(state, updated, update.publish, &update.key, stamp, limits)
}

/// A function's code stays of its package type.
fn check_package_type(old: &Code, new: &Code) -> Result<(), ApiError> {
    match (old.content.image(), new.content.image()) {
        (Some(_), None) => {
            Err(ApiError::invalid_parameter("Please provide ImageUri when updating a function with packageType Image."))
        }
        (None, Some(_)) => Err(ApiError::invalid_parameter(
            "Please don't provide ImageUri when updating a function with packageType Zip.",
        )),
        _ => Ok(()),
    }
}

/// Adds the publication that `Publish: true` asks for, decided on the state after `event`.
fn with_version(
    state: &State,
    event: FunctionEvent,
    publish: Option<Publication>,
    key: &FunctionKey,
    stamp: &Stamp,
    limits: &Limits,
) -> Result<Decision, ApiError> {
    let mut decision = Decision::from(event);
    if let Some(to) = publish {
        let mut after = state.clone();
        after.apply(&decision.events[0]);
        let published = versions::publish_latest(&after, existing_function(&after, key)?, to, None, stamp, limits)?;
        decision.events.extend(published.events);
        decision.shows = published.shows;
    }

    Ok(decision)
}

/// `UpdateFunctionConfiguration`.
pub fn update_configuration(
    state: &State,
    update: &UpdateFunctionConfiguration,
    stamp: &Stamp,
    limits: &Limits,
) -> Result<Decision, ApiError> {
    let function = updatable(state, &update.key, update.revision.as_ref())?;
    modes::check_update(&function.latest.config, &update.patch)?;
    let mut config = function.latest.config.patched(&update.patch);
    configuration::check(&config, &function.latest.code, limits)?;

    if update.patch.environment.as_ref().is_some_and(|variables| variables.0.is_empty()) {
        // Terraform takes the variables away so, and then looks for no environment at all; a creation with an empty
        // one keeps it.
        config.environment = None;
    }
    if update.patch.layers.is_some() {
        config.layers = resolve_layers(state, &update.key.scope, &config.layers)?;
    }
    if config.capacity_provider != function.latest.config.capacity_provider {
        modes::check_provider(state, &update.key.scope, &config, 1)?;
    }
    if let Some(runtime) = &update.patch.runtime {
        configuration::check_lifecycle(runtime, &stamp.time.date(), limits)?;
    }

    Ok(FunctionEvent::FunctionConfigurationUpdated {
        key: update.key.clone(),
        config: Arc::new(config),
        revision: stamp.revision(0),
        modified: stamp.time,
    }
    .into())
}

/// The function, if it has the revision and nothing else is being done to it.
fn updatable<'a>(state: &'a State, key: &FunctionKey, revision: Option<&String>) -> Result<&'a Function, ApiError> {
    let function = existing_function(state, key)?;
    check_revision(revision, function.latest.revision)?;
    check_settled(function)?;
    Ok(function)
}

/// `DeleteFunction`, of the function or of one version.
pub fn delete(state: &State, key: &FunctionKey, qualifier: Option<&Qualifier>) -> Result<Decision, ApiError> {
    match qualifier {
        None => {
            existing_function(state, key)?;
            Ok(FunctionEvent::FunctionDeleted { key: key.clone() }.into())
        }
        Some(Qualifier::Version(Version::Latest)) => {
            Err(ApiError::invalid_parameter("$LATEST version cannot be deleted without deleting the function."))
        }
        // In the words of `$LATEST`: a guess.
        Some(Qualifier::Version(Version::LatestPublished)) => Err(ApiError::invalid_parameter(
            "$LATEST.PUBLISHED version cannot be deleted without deleting the function.",
        )),
        Some(Qualifier::Alias(_)) => {
            existing_function(state, key)?;
            Err(ApiError::invalid_parameter("Deletion of aliases is not currently supported."))
        }
        Some(Qualifier::Version(Version::Number(number))) => versions::delete(existing_function(state, key)?, *number),
    }
}

/// `SettleFunction`: the end of `Pending` or `InProgress`, unless things moved on meanwhile.
pub fn settle(
    state: &State,
    (key, version): (&FunctionKey, Version),
    deployment: RevisionId,
    failure: Option<&Failure>,
    stamp: &Stamp,
) -> Decision {
    if state.unsettled.get(&(key.clone(), version)) != Some(&deployment) {
        return Decision::default();
    }
    FunctionEvent::FunctionSettled { key: key.clone(), version, revision: stamp.revision(0), failure: failure.cloned() }
        .into()
}
