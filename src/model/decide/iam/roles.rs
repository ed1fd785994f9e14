//! Decisions about roles.

use super::super::super::command::Stamp;
use super::super::super::command::iam::{CreateRole, Named, RoleChange};
use super::super::super::error::{ApiError, ErrorCode};
use super::super::super::event::iam::IamEvent;
use super::super::super::iam::{PolicyArn, Role, Used, unique_id};
use super::super::super::names::AccountId;
use super::super::super::state::State;
use super::super::Decision;
use super::{conflict, exists, limit, no_policy, no_policy_arn, no_role, no_role_policy, tag, untag};

/// Managed policies of a role.
///
/// Source of the three: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
const MAX_ATTACHED: usize = 10;

/// Characters of all of a role's own policies, without white space.
const MAX_INLINE: usize = 10_240;

/// Characters of a trust policy.
const MAX_TRUST: usize = 2048;

/// `CreateRole` and `CreateServiceLinkedRole`.
pub fn create(state: &State, create: &CreateRole, stamp: &Stamp) -> Result<Decision, ApiError> {
    let key = create.role.key();
    if state.iam_roles.contains_key(&key) {
        return Err(exists(format!("Role with name {} already exists.", create.role.name)));
    }
    let boundary = bounding(state, &key.account, create.boundary.as_deref())?;
    check_trust(&create.trust_policy)?;
    let role = Role {
        key,
        name: create.role.name.clone(),
        path: create.path.clone(),
        id: unique_id("AROA", stamp),
        created: stamp.time,
        description: create.description.clone(),
        trust_policy: create.trust_policy.clone(),
        max_session_duration_s: create.max_session_duration_s,
        boundary,
        tags: create.tags.clone(),
        inline: std::collections::BTreeMap::new(),
        attached: create.attached.iter().cloned().collect(),
    };
    Ok(put(role))
}

/// Everything that changes a role.
pub fn change(state: &State, named: &Named, change: &RoleChange) -> Result<Decision, ApiError> {
    let role = existing(state, named)?;
    let is_allowed = matches!(
        change,
        RoleChange::Update { max_session_duration_s: None, .. } | RoleChange::Tag(_) | RoleChange::Untag(_)
    );
    if role.is_linked() && !is_allowed {
        return Err(protected(&role.name));
    }
    let mut changed = role.clone();
    apply(state, &mut changed, change)?;
    Ok(if changed == *role { Decision::default() } else { put(changed) })
}

fn apply(state: &State, role: &mut Role, change: &RoleChange) -> Result<(), ApiError> {
    match change {
        RoleChange::Update { description, max_session_duration_s } => {
            if let Some(description) = description {
                role.description = Some(description.clone());
            }
            role.max_session_duration_s = max_session_duration_s.unwrap_or(role.max_session_duration_s);
        }
        RoleChange::Trust(document) => {
            check_trust(document)?;
            role.trust_policy.clone_from(document);
        }
        RoleChange::Put(name, document) => {
            role.inline.insert(name.clone(), document.clone());
            let size: usize = role.inline.values().map(|document| counted(document)).sum();
            if size > MAX_INLINE {
                let message = format!("Maximum policy size of {MAX_INLINE} bytes exceeded for role {}", role.name);
                return Err(limit(message));
            }
        }
        RoleChange::Remove(name) => {
            role.inline.remove(name).ok_or_else(|| no_role_policy(name))?;
        }
        RoleChange::Attach(arn) => attach(state, role, arn)?,
        RoleChange::Detach(arn) => {
            PolicyArn::parse(arn).ok_or_else(|| no_policy_arn(arn))?;
            if !role.attached.remove(arn) {
                return Err(no_policy(arn));
            }
        }
        RoleChange::Bound(boundary) => {
            role.boundary = bounding(state, &role.key.account, boundary.as_deref())?;
        }
        RoleChange::Tag(tags) => tag(&mut role.tags, tags, false)?,
        RoleChange::Untag(keys) => untag(&mut role.tags, keys, false),
    }
    Ok(())
}

/// Texts as in `LocalStack`'s snapshots of AWS's IAM (`test_iam_roles.snapshot.json`).
fn attach(state: &State, role: &mut Role, arn: &str) -> Result<(), ApiError> {
    let parsed = PolicyArn::parse(arn).ok_or_else(|| no_policy_arn(arn))?;
    let Some(found) = attachable(state, &role.key.account, &parsed, arn) else {
        let message = format!("Policy {arn} does not exist or is not attachable.");
        return Err(ApiError::new(ErrorCode::NoSuchEntity, message));
    };
    role.attached.insert(found);
    if role.attached.len() > MAX_ATTACHED {
        return Err(limit(format!("Cannot exceed quota for PoliciesPerRole: {MAX_ATTACHED}")));
    }
    Ok(())
}

/// The ARN of a policy that a role of an account may have, as the policy writes it: names are found whatever
/// their case. Any policy of AWS is one: a list of all of them would always be an old one.
fn attachable(state: &State, account: &AccountId, arn: &PolicyArn<'_>, text: &str) -> Option<String> {
    if arn.is_managed_by_aws() {
        return Some(text.to_owned());
    }
    let is_own = arn.owner == account.as_str();
    state.policy(arn).filter(|_| is_own).map(|policy| policy.arn())
}

/// The boundary that a call asks for. Texts as in the same snapshots.
fn bounding(state: &State, account: &AccountId, boundary: Option<&str>) -> Result<Option<String>, ApiError> {
    let Some(arn) = boundary else { return Ok(None) };
    let parsed = PolicyArn::parse(arn)
        .ok_or_else(|| ApiError::new(ErrorCode::InvalidInput, format!("ARN {arn} is not valid.")))?;
    let found = attachable(state, account, &parsed, arn).ok_or_else(|| {
        let message = format!("Scope ARN: {arn} does not exist or is not attachable.");
        ApiError::new(ErrorCode::NoSuchEntity, message)
    })?;
    Ok(Some(found))
}

fn check_trust(document: &str) -> Result<(), ApiError> {
    if counted(document) > MAX_TRUST {
        return Err(limit(format!("Cannot exceed quota for ACLSizePerRole: {MAX_TRUST}")));
    }
    Ok(())
}

/// What of a document counts: all but white space.
pub fn counted(document: &str) -> usize {
    document.chars().filter(|letter| !letter.is_whitespace()).count()
}

/// `DeleteRole`. Texts as in the same snapshots.
pub fn delete(state: &State, named: &Named) -> Result<Decision, ApiError> {
    let role = existing(state, named)?;
    if role.is_linked() {
        return Err(protected(&role.name));
    }
    check_unused(state, role)?;
    if !role.attached.is_empty() {
        return Err(conflict("Cannot delete entity, must detach all policies first."));
    }
    if !role.inline.is_empty() {
        return Err(conflict("Cannot delete entity, must delete policies first."));
    }
    Ok(IamEvent::RoleDeleted { key: role.key.clone() }.into())
}

/// `DeleteServiceLinkedRole`.
pub fn delete_linked(state: &State, named: &Named) -> Result<Decision, ApiError> {
    let role = existing(state, named)?;
    if !role.is_linked() {
        return Err(no_role(&named.name));
    }
    check_unused(state, role)?;
    Ok(IamEvent::RoleDeleted { key: role.key.clone() }.into())
}

/// Refuses to delete a role that an instance profile has.
fn check_unused(state: &State, role: &Role) -> Result<(), ApiError> {
    if state.users_of(&role.key.account, &Used::Role(role.key.name.clone()), "").next().is_some() {
        return Err(conflict("Cannot delete entity, must remove roles from instance profile first."));
    }
    Ok(())
}

fn protected(name: &str) -> ApiError {
    let message =
        format!("Cannot perform the operation on the protected role '{name}' - this role is only modifiable by AWS");
    ApiError::new(ErrorCode::UnmodifiableEntity, message)
}

fn existing<'a>(state: &'a State, named: &Named) -> Result<&'a Role, ApiError> {
    state.role(&named.account, &named.name).map(|role| &**role).ok_or_else(|| no_role(&named.name))
}

fn put(role: Role) -> Decision {
    IamEvent::RolePut { role: Box::new(role) }.into()
}
