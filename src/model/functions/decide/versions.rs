//! Decisions about published versions.

use super::checks::{check_settled, check_storage};
use super::modes;
use crate::model::arn;
use crate::model::command::Stamp;
use crate::model::decide::Decision;
use crate::model::error::ApiError;
use crate::model::functions::command::{Publication, PublishVersion};
use crate::model::functions::decide::{check_revision, existing_function};
use crate::model::functions::event::FunctionEvent;
use crate::model::functions::{Function, FunctionVersion};
use crate::model::limits::Limits;
use crate::model::qualifier::Version;
use crate::model::state::State;

/// `PublishVersion`.
pub fn publish(state: &State, publish: &PublishVersion, stamp: &Stamp, limits: &Limits) -> Result<Decision, ApiError> {
    let function = existing_function(state, &publish.key)?;
    check_revision(publish.revision.as_ref(), function.latest.revision)?;
    check_settled(function)?;
    check_digest(publish, &function.latest)?;
    publish_latest(state, function, publish.to, publish.description.clone(), stamp, limits)
}

/// Publishes `$LATEST` as it is, or shows the last version when nothing changed since.
pub fn publish_latest(
    state: &State,
    function: &Function,
    to: Publication,
    description: Option<String>,
    stamp: &Stamp,
    limits: &Limits,
) -> Result<Decision, ApiError> {
    check_publication(function, to)?;
    let (number, last) = match to {
        Publication::Numbered => {
            (Version::Number(function.last_version + 1), function.versions.get(&function.last_version))
        }
        Publication::LatestPublished => (Version::LatestPublished, function.latest_published.as_ref()),
    };
    if let Some(same) = last.filter(|last| unchanged(&function.latest, last)) {
        return Ok(Decision { events: Vec::new(), shows: Some(same.version) });
    }
    check_storage(state, &function.key.scope, function.latest.code.content.size(), limits)?;
    modes::check_provider(state, &function.key.scope, &function.latest.config, 1)?;
    let version = FunctionVersion {
        version: number,
        description,
        revision: stamp.revision(1),
        state: function.latest.state.clone(),
        ..(*function.latest).clone()
    };

    // Versions of managed instances, and those with a snapshot, are made when they are published; others are there
    // with `$LATEST`.
    let config = &function.latest.config;
    let is_made = function.latest.is_unsettled() || config.capacity_provider.is_some() || config.has_snapshots();
    let version = if is_made { pending(version) } else { version };
    let event = FunctionEvent::VersionPublished {
        key: function.key.clone(),
        version: Box::new(version),
        latest_revision: stamp.revision(2),
    };

    Ok(Decision { events: vec![event.into()], shows: Some(number) })
}

/// The text is a guess; AWS has `$LATEST.PUBLISHED` for managed instances only.
fn check_publication(function: &Function, to: Publication) -> Result<(), ApiError> {
    if to == Publication::LatestPublished && function.latest.config.capacity_provider.is_none() {
        return Err(ApiError::invalid_parameter("PublishTo isn't supported for Lambda Default functions."));
    }
    Ok(())
}

/// A version published together with an update is created, not updated
/// (`test_publish_with_update`).
fn pending(version: FunctionVersion) -> FunctionVersion {
    FunctionVersion { state: crate::model::functions::FunctionState::Pending, last_update: None, ..version }
}

/// Whether code and configuration are those of the last version; its own description aside.
fn unchanged(latest: &FunctionVersion, last: &FunctionVersion) -> bool {
    latest.code == last.code && latest.config == last.config
}

/// Recorded in `test_publish_with_wrong_sha256`. Code in a folder has no digest, and deployment tools send that of
/// the zip that they made: any will do.
fn check_digest(publish: &PublishVersion, latest: &FunctionVersion) -> Result<(), ApiError> {
    if latest.code.content.folder().is_some() {
        return Ok(());
    }
    let current = latest.code.content.sha256();
    match &publish.code_sha256 {
        Some(given) if *given != current => Err(ApiError::invalid_parameter(format!(
            "CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST ({current}). \
             Please try again with the CodeSHA256 in $LATEST."
        ))),
        _ => Ok(()),
    }
}

/// `DeleteFunction` of one version. A version that is not there is no error
/// (`test_delete_on_nonexisting_version`).
pub fn delete(function: &Function, number: u64) -> Result<Decision, ApiError> {
    if !function.versions.contains_key(&number) {
        return Ok(Decision::default());
    }
    let aliases: Vec<String> = function
        .aliases
        .values()
        .filter(|alias| {
            alias.version == Version::Number(number) || alias.routing.is_some_and(|routing| routing.version == number)
        })
        .map(|alias| arn::qualified(&function.key, &alias.name))
        .collect();
    if !aliases.is_empty() {
        return Err(ApiError::conflict(format!(
            "Unable to delete version because the following aliases reference it: [{}]",
            aliases.join(", ")
        )));
    }

    Ok(FunctionEvent::VersionDeleted { key: function.key.clone(), number }.into())
}
