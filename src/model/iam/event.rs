//! Events of roles and policies of the IAM neighbour, and what they do to the state.

use std::sync::Arc;

use imbl::OrdSet;
use strum::IntoStaticStr;

use crate::model::event::Subject;
use crate::model::iam::{Group, InstanceProfile, Policy, Role, Use, User, arn};
use crate::model::names::{EntityKey, Scope};
use crate::model::state::State;

/// The region that global services sign for.
const GLOBAL: &str = "us-east-1";

/// What happened to roles and policies of the IAM neighbour.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum IamEvent {
    /// A role came to be or changed: the whole of it.
    RolePut {
        /// The role.
        role: Box<Role>,
    },
    /// A role is gone.
    RoleDeleted {
        /// Where it was.
        key: EntityKey,
    },
    /// A managed policy came to be or changed: the whole of it.
    PolicyPut {
        /// The policy.
        policy: Box<Policy>,
    },
    /// A managed policy is gone.
    PolicyDeleted {
        /// Where it was.
        key: EntityKey,
    },
    /// An instance profile came to be or changed: the whole of it.
    InstanceProfilePut {
        /// The profile.
        profile: Box<InstanceProfile>,
    },
    /// An instance profile is gone.
    InstanceProfileDeleted {
        /// Where it was.
        key: EntityKey,
    },
    /// A user came to be or changed: the whole of it.
    UserPut {
        /// The user.
        user: Box<User>,
    },
    /// A user is gone.
    UserDeleted {
        /// Where it was.
        key: EntityKey,
    },
    /// A group came to be or changed: the whole of it.
    GroupPut {
        /// The group.
        group: Box<Group>,
    },
    /// A group is gone.
    GroupDeleted {
        /// Where it was.
        key: EntityKey,
    },
}

impl IamEvent {
    /// What it is about, for people.
    pub fn subject(&self) -> Subject {
        match self {
            Self::RolePut { role } => resource(&role.key, role.arn(), &role.name),
            Self::PolicyPut { policy } => resource(&policy.key, policy.arn(), &policy.name),
            Self::InstanceProfilePut { profile } => resource(&profile.key, profile.arn(), &profile.name),
            Self::UserPut { user } => resource(&user.key, user.arn(), &user.name),
            Self::GroupPut { group } => resource(&group.key, group.arn(), &group.name),
            Self::UserDeleted { key } => deleted(key, "user"),
            Self::GroupDeleted { key } => deleted(key, "group"),
            Self::RoleDeleted { key } => deleted(key, "role"),
            Self::PolicyDeleted { key } => deleted(key, "policy"),
            Self::InstanceProfileDeleted { key } => deleted(key, "instance-profile"),
        }
    }
}

fn resource(key: &EntityKey, arn: String, name: &str) -> Subject {
    let scope = Scope { account: key.account.clone(), region: GLOBAL.into() };
    Subject { arn, scope, name: name.to_owned() }
}

/// What is gone has a key only.
fn deleted(key: &EntityKey, kind: &str) -> Subject {
    resource(key, arn(&key.account, kind, "/", key.name.as_str()), key.name.as_str())
}

/// Folds one event.
pub fn apply(state: &mut State, event: &IamEvent) {
    match event {
        IamEvent::RolePut { role } => {
            let role = Arc::new((**role).clone());
            let before = state.iam_roles.insert(role.key.clone(), Arc::clone(&role));
            exchange(&mut state.iam_uses, before.iter().flat_map(|role| role.uses()), role.uses());
        }
        IamEvent::RoleDeleted { key } => {
            let before = state.iam_roles.remove(key);
            exchange(&mut state.iam_uses, before.iter().flat_map(|role| role.uses()), []);
        }
        IamEvent::PolicyPut { policy } => {
            state.iam_policies.insert(policy.key.clone(), Arc::new((**policy).clone()));
        }
        IamEvent::PolicyDeleted { key } => {
            state.iam_policies.remove(key);
        }
        IamEvent::InstanceProfilePut { profile } => {
            let profile = Arc::new((**profile).clone());
            let before = state.iam_profiles.insert(profile.key.clone(), Arc::clone(&profile));
            exchange(&mut state.iam_uses, before.iter().flat_map(|profile| profile.uses()), profile.uses());
        }
        IamEvent::InstanceProfileDeleted { key } => {
            let before = state.iam_profiles.remove(key);
            exchange(&mut state.iam_uses, before.iter().flat_map(|profile| profile.uses()), []);
        }
        IamEvent::UserPut { user } => replace_user(state, &user.key, Some(&Arc::new((**user).clone()))),
        IamEvent::UserDeleted { key } => replace_user(state, key, None),
        IamEvent::GroupPut { group } => {
            let group = Arc::new((**group).clone());
            let before = state.iam_groups.insert(group.key.clone(), Arc::clone(&group));
            exchange(&mut state.iam_uses, before.iter().flat_map(|group| group.uses()), group.uses());
        }
        IamEvent::GroupDeleted { key } => {
            let before = state.iam_groups.remove(key);
            exchange(&mut state.iam_uses, before.iter().flat_map(|group| group.uses()), []);
        }
    }
}

fn replace_user(state: &mut State, key: &EntityKey, after: Option<&Arc<User>>) {
    let before = match after {
        Some(user) => state.iam_users.insert(key.clone(), Arc::clone(user)),
        None => state.iam_users.remove(key),
    };
    let old = before.iter();
    let new = after.into_iter();
    exchange(&mut state.iam_uses, old.clone().flat_map(|user| user.uses()), new.clone().flat_map(|user| user.uses()));
    for gone in old.flat_map(|user| &user.access_keys) {
        state.iam_access_keys.remove(&(gone.id.clone(), key.clone()));
    }

    for made in new.flat_map(|user| &user.access_keys) {
        state.iam_access_keys.insert((made.id.clone(), key.clone()));
    }
}

fn exchange(uses: &mut OrdSet<Use>, before: impl IntoIterator<Item = Use>, after: impl IntoIterator<Item = Use>) {
    for gone in before {
        uses.remove(&gone);
    }
    uses.extend(after);
}
