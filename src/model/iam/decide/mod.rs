//! Decisions about roles and policies of the IAM neighbour.
//!
//! Texts are as AWS gave them to `LocalStack`'s tests (`tests/aws/services/iam`), where a snapshot is named; else
//! as AWS's users report them.

mod groups;
mod held;
mod policies;
mod profiles;
mod roles;
mod users;

pub use policies::version_number;

use super::command::IamCommand;
use super::{HolderKind, Tags};
use crate::model::command::Stamp;
use crate::model::decide::Decision;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::limits::Limits;
use crate::model::state::State;

/// Tags of an entity.
const MAX_TAGS: usize = 50;

/// Decides a command on the current state.
pub fn decide(state: &State, command: &IamCommand, stamp: &Stamp, _limits: &Limits) -> Result<Decision, ApiError> {
    match command {
        IamCommand::CreateRole(create) => roles::create(state, create, stamp),
        IamCommand::ChangeRole(role, change) => roles::change(state, role, change),
        IamCommand::DeleteRole(role) => roles::delete(state, role),
        IamCommand::DeleteLinkedRole(role) => roles::delete_linked(state, role),
        IamCommand::CreateUser(create) => users::create(state, create, stamp),
        IamCommand::ChangeUser(user, change) => users::change(state, user, change, stamp),
        IamCommand::DeleteUser(user) => users::delete(state, user),
        IamCommand::CreateGroup { group, path } => groups::create(state, group, path, stamp),
        IamCommand::ChangeGroup(group, change) => groups::change(state, group, change),
        IamCommand::DeleteGroup(group) => groups::delete(state, group),
        IamCommand::CreatePolicy(create) => policies::create(state, create, stamp),
        IamCommand::ChangePolicy(policy, change) => policies::change(state, policy, change, stamp),
        IamCommand::DeletePolicy(policy) => policies::delete(state, policy),
        IamCommand::CreateInstanceProfile { profile, path, tags } => {
            profiles::create(state, profile, path, tags, stamp)
        }
        IamCommand::ChangeInstanceProfile(profile, change) => profiles::change(state, profile, change),
        IamCommand::DeleteInstanceProfile(profile) => profiles::delete(state, profile),
    }
}

/// `NoSuchEntity` for a role.
pub fn no_role(name: &str) -> ApiError {
    ApiError::new(ErrorCode::NoSuchEntity, format!("The role with name {name} cannot be found."))
}

/// `NoSuchEntity` for a user.
pub fn no_user(name: &str) -> ApiError {
    ApiError::new(ErrorCode::NoSuchEntity, format!("The user with name {name} cannot be found."))
}

/// `NoSuchEntity` for a group.
pub fn no_group(name: &str) -> ApiError {
    ApiError::new(ErrorCode::NoSuchEntity, format!("The group with name {name} cannot be found."))
}

/// `NoSuchEntity` for an access key.
pub fn no_access_key(id: &str) -> ApiError {
    ApiError::new(ErrorCode::NoSuchEntity, format!("The Access Key with id {id} cannot be found."))
}

/// `NoSuchEntity` for a policy of a role's, a user's or a group's own.
pub fn no_own_policy(kind: HolderKind, name: &str) -> ApiError {
    let kind = kind.word();
    ApiError::new(ErrorCode::NoSuchEntity, format!("The {kind} policy with name {name} cannot be found."))
}

/// `NoSuchEntity` for a managed policy.
pub fn no_policy(arn: &str) -> ApiError {
    ApiError::new(ErrorCode::NoSuchEntity, format!("Policy {arn} was not found."))
}

/// `NoSuchEntity` for a version of a managed policy.
pub fn no_policy_version(arn: &str, version: &str) -> ApiError {
    let message = format!("Policy {arn} version {version} does not exist or is not attachable.");
    ApiError::new(ErrorCode::NoSuchEntity, message)
}

/// `NoSuchEntity` for an instance profile.
pub fn no_instance_profile(name: &str) -> ApiError {
    ApiError::new(ErrorCode::NoSuchEntity, format!("Instance Profile {name} cannot be found."))
}

/// `InvalidInput` for what is no ARN at all, and `ValidationError` for one that is not of a policy. The two blanks are
/// AWS's (`LocalStack`'s recordings).
pub fn no_policy_arn(arn: &str) -> ApiError {
    if !arn.starts_with("arn:") {
        return ApiError::new(ErrorCode::InvalidInput, "Invalid ARN:  Could not be parsed!");
    }
    ApiError::new(ErrorCode::ValidationError, format!("ARN {arn} is not valid."))
}

fn exists(message: String) -> ApiError {
    ApiError::new(ErrorCode::EntityAlreadyExists, message)
}

fn conflict(message: &str) -> ApiError {
    ApiError::new(ErrorCode::DeleteConflict, message)
}

fn limit(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::LimitExceeded, message)
}

/// Adds tags; a key that differs in its case only takes the place of the other where keys are not told
/// by their case.
fn tag(tags: &mut Tags, added: &Tags, by_case: bool) -> Result<(), ApiError> {
    for (key, value) in added {
        if !by_case {
            tags.retain(|other, _| !other.eq_ignore_ascii_case(key));
        }
        tags.insert(key.clone(), value.clone());
    }

    if tags.len() > MAX_TAGS {
        return Err(limit(format!("The number of tags has reached the maximum limit. Maximum: {MAX_TAGS}.")));
    }
    Ok(())
}

fn untag(tags: &mut Tags, removed: &[String], by_case: bool) {
    tags.retain(|key, _| !removed.iter().any(|other| other == key || (!by_case && other.eq_ignore_ascii_case(key))));
}
