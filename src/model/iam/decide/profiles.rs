//! Decisions about instance profiles. Texts as in `LocalStack`'s snapshots of AWS's IAM
//! (`test_iam_instance_profiles.snapshot.json`).

use super::{conflict, exists, limit, no_instance_profile, no_role, tag, untag};
use crate::model::command::Stamp;
use crate::model::decide::Decision;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::iam::command::{InstanceProfileChange, Named};
use crate::model::iam::event::IamEvent;
use crate::model::iam::{InstanceProfile, Tags, unique_id};
use crate::model::state::State;

/// `CreateInstanceProfile`.
pub fn create(state: &State, named: &Named, path: &str, tags: &Tags, stamp: &Stamp) -> Result<Decision, ApiError> {
    let key = named.key();
    if state.iam_profiles.contains_key(&key) {
        return Err(exists(format!("Instance Profile {} already exists.", named.name)));
    }
    let profile = InstanceProfile {
        key,
        name: named.name.clone(),
        path: path.to_owned(),
        id: unique_id("AIPA", stamp),
        created: stamp.time,
        role: None,
        tags: tags.clone(),
    };
    Ok(put(profile))
}

/// Everything that changes an instance profile.
pub fn change(state: &State, named: &Named, change: &InstanceProfileChange) -> Result<Decision, ApiError> {
    let profile = existing(state, named)?;
    let mut changed = profile.clone();
    match change {
        InstanceProfileChange::AddRole(name) => {
            let role = state.role(&named.account, name).ok_or_else(|| no_role(name))?;
            if profile.role.is_some() {
                return Err(limit("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1"));
            }
            changed.role = Some(role.key.name.clone());
        }
        InstanceProfileChange::RemoveRole(name) => {
            let role = state.role(&named.account, name).ok_or_else(|| no_role(name))?;
            if profile.role.as_ref() != Some(&role.key.name) {
                let message = format!("Role {name} in Instance Profile {} cannot be found.", named.name);
                return Err(ApiError::new(ErrorCode::NoSuchEntity, message));
            }
            changed.role = None;
        }
        InstanceProfileChange::Tag(tags) => tag(&mut changed.tags, tags, true)?,
        InstanceProfileChange::Untag(keys) => untag(&mut changed.tags, keys, true),
    }

    Ok(if changed == *profile { Decision::default() } else { put(changed) })
}

/// `DeleteInstanceProfile`.
pub fn delete(state: &State, named: &Named) -> Result<Decision, ApiError> {
    let profile = existing(state, named)?;
    if profile.role.is_some() {
        return Err(conflict("Cannot delete entity, must remove roles from instance profile first."));
    }
    Ok(IamEvent::InstanceProfileDeleted { key: profile.key.clone() }.into())
}

fn existing<'a>(state: &'a State, named: &Named) -> Result<&'a InstanceProfile, ApiError> {
    let profile = state.instance_profile(&named.account, &named.name);
    profile.map(|profile| &**profile).ok_or_else(|| no_instance_profile(&named.name))
}

fn put(profile: InstanceProfile) -> Decision {
    IamEvent::InstanceProfilePut { profile: Box::new(profile) }.into()
}
