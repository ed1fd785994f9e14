//! Decisions about managed policies.

use imbl::OrdMap;

use super::held::counted;
use super::{conflict, exists, limit, no_policy, no_policy_arn, no_policy_version, tag, untag};
use crate::model::command::Stamp;
use crate::model::decide::Decision;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::iam::command::{CreatePolicy, PolicyChange, PolicyRef};
use crate::model::iam::event::IamEvent;
use crate::model::iam::{Policy, PolicyArn, PolicyVersion, unique_id};
use crate::model::state::State;

/// Characters of a document, without white space.
///
/// Source of both: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
const MAX_SIZE: usize = 6144;

/// Versions of a policy.
const MAX_VERSIONS: usize = 5;

/// `CreatePolicy`.
pub fn create(state: &State, create: &CreatePolicy, stamp: &Stamp) -> Result<Decision, ApiError> {
    let key = create.policy.key();
    let name = &create.policy.name;
    if state.iam_policies.contains_key(&key) {
        let message = format!("A policy called {name} already exists. Duplicate names are not allowed.");
        return Err(exists(message));
    }

    check_size(&create.document)?;
    let first = PolicyVersion { document: create.document.clone(), created: stamp.time };
    let policy = Policy {
        key,
        name: name.clone(),
        path: create.path.clone(),
        id: unique_id("ANPA", stamp),
        description: create.description.clone(),
        created: stamp.time,
        updated: stamp.time,
        versions: OrdMap::unit(1, first),
        default_version: 1,
        last_version: 1,
        tags: create.tags.clone(),
    };
    Ok(put(policy))
}

/// Everything that changes a managed policy.
pub fn change(state: &State, named: &PolicyRef, change: &PolicyChange, stamp: &Stamp) -> Result<Decision, ApiError> {
    let arn = parse(named)?;
    let missing = match change {
        PolicyChange::SetDefault(version) | PolicyChange::RemoveVersion(version) => {
            no_policy_version(&named.arn, version)
        }
        _ => no_policy(&named.arn),
    };
    let policy = state.policy(&arn).ok_or(missing)?;
    let mut changed = (**policy).clone();
    apply(&mut changed, named, change, stamp)?;

    Ok(if changed == **policy { Decision::default() } else { put(changed) })
}

fn apply(policy: &mut Policy, named: &PolicyRef, change: &PolicyChange, stamp: &Stamp) -> Result<(), ApiError> {
    match change {
        PolicyChange::AddVersion { document, set_as_default } => {
            check_size(document)?;
            if policy.versions.len() >= MAX_VERSIONS {
                return Err(limit(format!(
                    "A managed policy can have up to {MAX_VERSIONS} versions. Before you create a new version, you \
                     must delete an existing version."
                )));
            }
            policy.last_version += 1;
            let version = PolicyVersion { document: document.clone(), created: stamp.time };
            policy.versions.insert(policy.last_version, version);
            if *set_as_default {
                policy.default_version = policy.last_version;
            }
            policy.updated = stamp.time;
        }
        PolicyChange::SetDefault(version) => {
            policy.default_version = existing(policy, named, version)?;
            policy.updated = stamp.time;
        }
        PolicyChange::RemoveVersion(version) => {
            let number = existing(policy, named, version)?;
            if number == policy.default_version {
                return Err(conflict("Cannot delete the default version of a policy."));
            }
            policy.versions.remove(&number);
            policy.updated = stamp.time;
        }
        PolicyChange::Tag(tags) => tag(&mut policy.tags, tags, true)?,
        PolicyChange::Untag(keys) => untag(&mut policy.tags, keys, true),
    }
    Ok(())
}

/// The number of a version that is there.
fn existing(policy: &Policy, named: &PolicyRef, version: &str) -> Result<u32, ApiError> {
    let number = version_number(version).filter(|number| policy.versions.contains_key(number));
    number.ok_or_else(|| no_policy_version(&named.arn, version))
}

/// The number of `v1`.
pub fn version_number(text: &str) -> Option<u32> {
    text.strip_prefix('v')?.parse().ok()
}

/// `DeletePolicy`.
pub fn delete(state: &State, named: &PolicyRef) -> Result<Decision, ApiError> {
    let arn = parse(named)?;
    let policy = state.policy(&arn).ok_or_else(|| no_policy(&named.arn))?;
    let account = &policy.key.account;
    let arn = policy.arn();
    if state.attachments(account, &arn) > 0 || state.bounded(account, &arn) > 0 {
        return Err(conflict("Cannot delete a policy attached to entities."));
    }

    if policy.versions.len() > 1 {
        return Err(conflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. \
             The default version is deleted with the policy.",
        ));
    }

    Ok(IamEvent::PolicyDeleted { key: policy.key.clone() }.into())
}

/// The parts of an ARN; AWS's own policies are nobody's to change.
fn parse(named: &PolicyRef) -> Result<PolicyArn<'_>, ApiError> {
    let arn = PolicyArn::parse(&named.arn).ok_or_else(|| no_policy_arn(&named.arn))?;
    if arn.is_managed_by_aws() {
        let message = format!("Policy {} is managed by AWS and cannot be changed.", named.arn);
        return Err(ApiError::new(ErrorCode::QueryAccessDenied, message));
    }

    if arn.owner != named.account.as_str() {
        return Err(no_policy(&named.arn));
    }
    Ok(arn)
}

fn check_size(document: &str) -> Result<(), ApiError> {
    if counted(document) > MAX_SIZE {
        return Err(limit(format!("Cannot exceed quota for PolicySize: {MAX_SIZE}")));
    }
    Ok(())
}

fn put(policy: Policy) -> Decision {
    IamEvent::PolicyPut { policy: Box::new(policy) }.into()
}
