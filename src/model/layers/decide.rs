//! Decisions about layers and their policies. Texts as recorded in `test_layer_policy_exceptions` and
//! `test_layer_function_exceptions`.

use std::sync::Arc;

use super::command::{LayerCommand, PublishLayerVersion};
use super::event::LayerEvent;
use super::{LayerArn, LayerVersion};
use crate::model::arn;
use crate::model::command::Stamp;
use crate::model::decide::Decision;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::functions::LayerReference;
use crate::model::functions::decide::checks::check_storage;
use crate::model::limits::Limits;
use crate::model::names::{AccountId, LayerKey, Scope};
use crate::model::policies::{Grant, Policy};
use crate::model::state::State;

/// Decides a command on the current state.
pub fn decide(state: &State, command: &LayerCommand, stamp: &Stamp, limits: &Limits) -> Result<Decision, ApiError> {
    match command {
        LayerCommand::PublishLayerVersion(publish) => {
            let number = state.layers.get(&publish.key).map_or(0, |layer| layer.last_version) + 1;
            publish_version(state, (publish, number), None, stamp, limits)
        }
        LayerCommand::ImportLayerVersion { number, layer } => {
            if state.layer_version(&layer.key, *number).is_some() {
                return Ok(Decision::default());
            }
            let policy = public_policy(&layer.key, *number, stamp)?;
            publish_version(state, (layer, *number), Some(Arc::new(policy)), stamp, limits)
        }
        LayerCommand::DeleteLayerVersion { key, number } => Ok(delete(state, key, *number)),
        LayerCommand::AddLayerVersionPermission { key, number, grant, revision } => {
            add_permission(state, (key, *number), grant, revision.as_ref(), stamp)
        }
        LayerCommand::RemoveLayerVersionPermission { key, number, sid, revision } => {
            remove_permission(state, (key, *number), sid, revision.as_ref(), stamp)
        }
    }
}

fn publish_version(
    state: &State,
    (publish, number): (&PublishLayerVersion, u64),
    policy: Option<Arc<Policy>>,
    stamp: &Stamp,
    limits: &Limits,
) -> Result<Decision, ApiError> {
    check_storage(state, &publish.key.scope, publish.content.size(), limits)?;
    let version = LayerVersion {
        number,
        description: publish.description.clone(),
        license: publish.license.clone(),
        runtimes: publish.runtimes.clone(),
        architectures: publish.architectures.clone(),
        blob: publish.content.digest(),
        size: publish.content.size(),
        created: stamp.time,
        policy,
        folder: publish.content.folder().cloned(),
    };
    Ok(LayerEvent::LayerVersionPublished { key: publish.key.clone(), version: Box::new(version) }.into())
}

/// What lets every account use a version.
fn public_policy(key: &LayerKey, number: u64, stamp: &Stamp) -> Result<Policy, ApiError> {
    let grant = Grant {
        sid: "public".to_owned(),
        action: "lambda:GetLayerVersion".to_owned(),
        principal: "*".to_owned(),
        ..Grant::default()
    };
    let statement = grant.statement(&arn::layer_version(key, number), &key.scope.region)?;
    let revision = stamp.revision(0);
    Policy::new(revision).with(statement, revision)
}

fn delete(state: &State, key: &LayerKey, number: u64) -> Decision {
    match state.layer_version(key, number) {
        Some(_) => LayerEvent::LayerVersionDeleted { key: key.clone(), number }.into(),
        None => Decision::default(),
    }
}

fn add_permission(
    state: &State,
    (key, number): (&LayerKey, u64),
    grant: &Grant,
    given: Option<&String>,
    stamp: &Stamp,
) -> Result<Decision, ApiError> {
    let version = state.layer_version(key, number).ok_or_else(|| layer_not_found(key, number))?;
    let revision = stamp.revision(0);
    let statement = grant.statement(&arn::layer_version(key, number), &key.scope.region)?;
    let before = version.policy.as_deref().cloned().unwrap_or_else(|| Policy::new(revision));
    // A taken id is told before a wrong revision.
    let policy = before.with(statement, revision)?;
    check_revision(given, version.policy.as_deref())?;
    Ok(LayerEvent::LayerPolicyPut { key: key.clone(), number, policy }.into())
}

fn remove_permission(
    state: &State,
    (key, number): (&LayerKey, u64),
    sid: &str,
    given: Option<&String>,
    stamp: &Stamp,
) -> Result<Decision, ApiError> {
    let version = state.layer_version(key, number).ok_or_else(|| layer_not_found(key, number))?;
    let policy = version.policy.as_deref().ok_or_else(no_layer_policy)?;
    check_revision(given, Some(policy))?;
    let key = key.clone();

    Ok(match policy.without(sid, stamp.revision(0))? {
        Some(policy) => LayerEvent::LayerPolicyPut { key, number, policy },
        None => LayerEvent::LayerPolicyDeleted { key, number },
    }
    .into())
}

fn check_revision(given: Option<&String>, policy: Option<&Policy>) -> Result<(), ApiError> {
    match given {
        Some(given) if policy.is_none_or(|policy| policy.revision.to_string() != *given) => Err(ApiError::new(
            ErrorCode::PreconditionFailed,
            "The Revision Id provided does not match the latest Revision Id. \
             Call the GetLayerPolicy API to retrieve the latest Revision Id",
        )),
        _ => Ok(()),
    }
}

/// The layers of a function in `scope` with their zips looked up.
///
/// # Errors
/// A layer version that is not there, not in the function's region, or not allowed to the account; two of one
/// layer.
pub fn resolve_layers(
    state: &State,
    scope: &Scope,
    layers: &[LayerReference],
) -> Result<Vec<LayerReference>, ApiError> {
    let mut resolved: Vec<(LayerKey, LayerReference)> = Vec::with_capacity(layers.len());
    for LayerReference { arn, .. } in layers {
        let named = LayerArn::parse(scope, arn);
        let version = usable(state, scope, &named, arn)?;
        if let Some((_, other)) = resolved.iter().find(|(key, _)| *key == named.key) {
            return Err(ApiError::invalid_parameter(format!(
                "Two different versions of the same layer are not allowed to be referenced in the same function. {} \
                 and {arn} are versions of the same layer.",
                other.arn
            )));
        }
        let content = version.content();
        let reference = LayerReference {
            arn: arn.clone(),
            blob: content.zip_blob(),
            size: content.size(),
            folder: content.folder().cloned(),
        };
        resolved.push((named.key, reference));
    }

    Ok(resolved.into_iter().map(|(_, reference)| reference).collect())
}

fn usable<'a>(state: &'a State, scope: &Scope, named: &LayerArn, arn: &str) -> Result<&'a LayerVersion, ApiError> {
    let own = named.key.scope.account == scope.account;
    if own && named.key.scope.region != scope.region {
        let region = &scope.region;
        return Err(ApiError::invalid_parameter(format!(
            "Layers are not in the same region as the function. Layers are expected to be in region {region}."
        )));
    }

    let version = named.number.and_then(|number| state.layer_version(&named.key, number));
    match version {
        Some(version) if own || layer_allowed(scope, &named.key, version) => Ok(version),
        // AWS's own layers (`awslayer`) are no one's: they are not there, either.
        None if own => Err(ApiError::invalid_parameter(format!("Layer version {arn} does not exist."))),
        _ => Err(layer_denied(&scope.account, "GetLayerVersion", arn)),
    }
}

/// Whether a caller in `scope` may use another account's version.
pub fn layer_allowed(scope: &Scope, key: &LayerKey, version: &LayerVersion) -> bool {
    key.scope.account == scope.account
        || key.scope.region == scope.region
            && version.policy.as_ref().is_some_and(|policy| policy.allows_account(scope.account.as_str()))
}

/// The error for a layer of another account. The text is that of errors reported by users of AWS, such as
/// <https://github.com/crucial-project/serverless-shell/issues/2>; identities are not Larder's matter: each
/// caller is the account's root.
pub fn layer_denied(account: &AccountId, action: &str, arn: &str) -> ApiError {
    ApiError::new(
        ErrorCode::AccessDenied,
        format!(
            "User: arn:aws:iam::{account}:root is not authorized to perform: lambda:{action} on resource: {arn} because \
             no resource-based policy allows the lambda:{action} action"
        ),
    )
}

/// The error for a layer version that is not there.
pub fn layer_not_found(key: &LayerKey, number: u64) -> ApiError {
    let message = format!("Layer version {} does not exist.", arn::layer_version(key, number));
    ApiError::new(ErrorCode::ResourceNotFound, message)
}

/// The error for a layer version without a policy.
pub fn no_layer_policy() -> ApiError {
    ApiError::new(ErrorCode::ResourceNotFound, "No policy is associated with the given resource.")
}
