//! Events of roles and policies of the IAM neighbour.

use strum::IntoStaticStr;

use crate::model::event::Subject;
use crate::model::iam::{Group, InstanceProfile, Policy, Role, User, arn};
use crate::model::names::{EntityKey, Scope};

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
