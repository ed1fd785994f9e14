//! Decisions about roles.

use super::held::{Holder, bounding, check_none, counted};
use super::{conflict, exists, limit, no_role, tag, untag};
use crate::model::command::Stamp;
use crate::model::decide::Decision;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::iam::command::{CreateRole, Named, RoleChange};
use crate::model::iam::event::IamEvent;
use crate::model::iam::{HolderKind, Role, Used, unique_id};
use crate::model::state::State;

/// Characters of a trust policy.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
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
        RoleChange::Held(change) => {
            let Role { key, name, inline, attached, .. } = role;
            Holder { kind: HolderKind::Role, account: &key.account, name, inline, attached }.change(state, change)?;
        }
        RoleChange::Bound(boundary) => {
            role.boundary = bounding(state, &role.key.account, boundary.as_deref())?;
        }
        RoleChange::Tag(tags) => tag(&mut role.tags, tags, false)?,
        RoleChange::Untag(keys) => untag(&mut role.tags, keys, false),
    }
    Ok(())
}

fn check_trust(document: &str) -> Result<(), ApiError> {
    if counted(document) > MAX_TRUST {
        return Err(limit(format!("Cannot exceed quota for ACLSizePerRole: {MAX_TRUST}")));
    }
    Ok(())
}

/// `DeleteRole`. Texts as in the same snapshots.
pub fn delete(state: &State, named: &Named) -> Result<Decision, ApiError> {
    let role = existing(state, named)?;
    if role.is_linked() {
        return Err(protected(&role.name));
    }
    check_unused(state, role)?;
    check_none(&role.inline, &role.attached)?;
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
