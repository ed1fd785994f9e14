//! Decisions about capacity providers. The rules are those of
//! <https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-capacity-providers.html>; texts are
//! guesses where nothing else is said.

use super::command::{CapacityProviderCommand, CreateCapacityProvider, ScalingPatch, UpdateCapacityProvider};
use super::event::CapacityProviderEvent;
use super::{
    CapacityProvider, CapacityProviderKey, DEFAULT_MAX_VCPUS, InstanceRequirements, MAX_PROVIDERS, PropagateTags,
    ProviderState, Scaling,
};
use crate::model::capacity_providers;
use crate::model::command::Stamp;
use crate::model::decide::Decision;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::limits::Limits;
use crate::model::names::RevisionId;
use crate::model::state::State;

/// Decides a command on the current state.
pub fn decide(
    state: &State,
    command: &CapacityProviderCommand,
    stamp: &Stamp,
    _limits: &Limits,
) -> Result<Decision, ApiError> {
    match command {
        CapacityProviderCommand::Create(create) => self::create(state, create, stamp),
        CapacityProviderCommand::Update(update) => self::update(state, update, stamp),
        CapacityProviderCommand::Delete(key) => delete(state, key, stamp),
        CapacityProviderCommand::Settle { key, revision } => Ok(settle(state, key, *revision, stamp)),
    }
}

fn put(provider: CapacityProvider) -> Decision {
    CapacityProviderEvent::CapacityProviderPut { provider: Box::new(provider) }.into()
}

/// `CreateCapacityProvider`.
fn create(state: &State, create: &CreateCapacityProvider, stamp: &Stamp) -> Result<Decision, ApiError> {
    let key = &create.key;
    check_instances(&create.instances)?;
    check_tags(create.propagate_tags.as_ref())?;
    let scaling = scaling(None, &create.scaling)?;
    if state.capacity_provider(key).is_some() {
        return Err(ApiError::conflict(format!("Capacity provider already exists: {}", key.name)));
    }

    if state.capacity_providers_after(&key.scope, None).take(MAX_PROVIDERS).count() == MAX_PROVIDERS {
        return Err(ApiError::new(
            ErrorCode::CapacityProviderLimitExceeded,
            format!("The maximum number of capacity providers ({MAX_PROVIDERS}) for your account has been exceeded."),
        ));
    }

    Ok(put(CapacityProvider {
        key: key.clone(),
        state: ProviderState::Pending,
        subnets: create.subnets.clone(),
        security_groups: create.security_groups.clone(),
        operator_role: create.operator_role.clone(),
        instances: create.instances.clone(),
        scaling,
        kms_key_arn: create.kms_key_arn.clone(),
        propagate_tags: create.propagate_tags.clone(),
        logging: create.logging.clone(),
        tags: create.tags.clone(),
        modified: stamp.time,
        revision: stamp.revision(0),
    }))
}

/// `UpdateCapacityProvider`. That it stays `Active` meanwhile is a guess.
fn update(state: &State, update: &UpdateCapacityProvider, stamp: &Stamp) -> Result<Decision, ApiError> {
    check_tags(update.propagate_tags.as_ref())?;
    let provider = existing(state, &update.key)?;
    if provider.is_unsettled() {
        return Err(capacity_providers::busy(&update.key, provider.state));
    }
    let mut updated = provider.clone();
    updated.scaling = scaling(Some(&provider.scaling), &update.scaling)?;
    if update.propagate_tags.is_some() {
        updated.propagate_tags.clone_from(&update.propagate_tags);
    }
    if update.system_level.is_some() {
        updated.logging.system_level.clone_from(&update.system_level);
    }
    if let Some(group) = &update.log_group {
        updated.logging.group.clone_from(group);
    }
    updated.modified = stamp.time;
    updated.revision = stamp.revision(0);

    Ok(put(updated))
}

/// `DeleteCapacityProvider`. One that is being deleted already is shown again: the model calls the operation
/// idempotent.
fn delete(state: &State, key: &CapacityProviderKey, stamp: &Stamp) -> Result<Decision, ApiError> {
    let provider = existing(state, key)?;
    match provider.state {
        ProviderState::Deleting => return Ok(Decision::default()),
        ProviderState::Pending => return Err(capacity_providers::busy(key, provider.state)),
        ProviderState::Active => {}
    }

    if state.versions_on_provider(key, None).next().is_some() {
        return Err(ApiError::conflict(format!(
            "The capacity provider cannot be deleted because function versions use it: {}",
            key.arn()
        )));
    }

    let deleting = ProviderState::Deleting;
    Ok(put(CapacityProvider { state: deleting, revision: stamp.revision(0), ..provider.clone() }))
}

/// The end of `Pending` or `Deleting`, unless things moved on meanwhile.
fn settle(state: &State, key: &CapacityProviderKey, revision: RevisionId, stamp: &Stamp) -> Decision {
    let waiting = state.capacity_provider(key).filter(|provider| provider.revision == revision);
    match waiting {
        Some(provider) if provider.state == ProviderState::Pending => {
            put(CapacityProvider { state: ProviderState::Active, revision: stamp.revision(0), ..(**provider).clone() })
        }
        Some(provider) if provider.state == ProviderState::Deleting => {
            CapacityProviderEvent::CapacityProviderDeleted { key: key.clone() }.into()
        }
        _ => Decision::default(),
    }
}

fn existing<'a>(state: &'a State, key: &CapacityProviderKey) -> Result<&'a CapacityProvider, ApiError> {
    state.capacity_provider(key).map(|provider| &**provider).ok_or_else(|| capacity_providers::not_found(key))
}

fn check_instances(instances: &InstanceRequirements) -> Result<(), ApiError> {
    if !instances.allowed_types.is_empty() && !instances.excluded_types.is_empty() {
        return Err(ApiError::invalid_parameter(
            "AllowedInstanceTypes and ExcludedInstanceTypes can't be specified together.",
        ));
    }
    Ok(())
}

fn check_tags(propagate: Option<&PropagateTags>) -> Result<(), ApiError> {
    match propagate {
        Some(PropagateTags { mode, tags }) if mode == "None" && !tags.is_empty() => {
            Err(ApiError::invalid_parameter("ExplicitTags can't be specified when the Mode of PropagateTags is None."))
        }
        _ => Ok(()),
    }
}

/// A scaling configuration after a patch. Going back to `Auto` ends the policies. AWS's text for policies in
/// mode `Auto` is one that users of it met.
fn scaling(old: Option<&Scaling>, patch: &ScalingPatch) -> Result<Scaling, ApiError> {
    let mode = patch.mode.clone().or(old.map(|old| old.mode.clone())).unwrap_or_else(|| "Auto".to_owned());
    let policies = match &patch.policies {
        Some(_) if mode == "Auto" => {
            return Err(ApiError::invalid_parameter(
                "A scaling policy can't be specified when the scalingMode is set to Auto",
            ));
        }
        Some(policies) => policies.clone(),
        None if mode == "Auto" => Vec::new(),
        None => old.map(|old| old.policies.clone()).unwrap_or_default(),
    };
    if mode == "Manual" && policies.is_empty() {
        return Err(ApiError::invalid_parameter(
            "A scaling policy must be specified when the scalingMode is set to Manual",
        ));
    }

    let max_vcpus = patch.max_vcpus.or(old.map(|old| old.max_vcpus)).unwrap_or(DEFAULT_MAX_VCPUS);
    Ok(Scaling { max_vcpus, mode, policies })
}
