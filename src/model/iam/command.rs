//! Commands about roles and policies of the IAM neighbour.

use crate::model::iam::Tags;
use crate::model::names::{AccountId, EntityKey};

/// An entity as a caller names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The account.
    pub account: AccountId,
    /// The name as it was written.
    pub name: String,
}

impl Named {
    /// Where it is in the state.
    pub fn key(&self) -> EntityKey {
        EntityKey::new(&self.account, &self.name)
    }
}

/// A policy as a caller names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRef {
    /// The caller's account.
    pub account: AccountId,
    /// The ARN.
    pub arn: String,
}

/// A wish to change roles and policies of the IAM neighbour. What is asked for must be there, and what
/// is made must not; the rest stands with each variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IamCommand {
    /// Makes a role. Its boundary must exist.
    CreateRole(Box<CreateRole>),
    /// Changes a role. One that is linked to a service takes another description only.
    ChangeRole(Named, RoleChange),
    /// Deletes a role that has no policies and is in no instance profile.
    DeleteRole(Named),
    /// Deletes a role that is linked to a service, with what it has.
    DeleteLinkedRole(Named),
    /// Makes a user. Its boundary must exist.
    CreateUser(Box<CreateUser>),
    /// Changes a user.
    ChangeUser(Named, UserChange),
    /// Deletes a user without policies, groups and access keys.
    DeleteUser(Named),
    /// Makes a group.
    CreateGroup {
        /// Its name.
        group: Named,
        /// Its path.
        path: String,
    },
    /// Changes a group.
    ChangeGroup(Named, GroupChange),
    /// Deletes a group without policies and users.
    DeleteGroup(Named),
    /// Makes a managed policy.
    CreatePolicy(Box<CreatePolicy>),
    /// Changes a managed policy of a customer.
    ChangePolicy(PolicyRef, PolicyChange),
    /// Deletes a managed policy that is not attached and has one version only.
    DeletePolicy(PolicyRef),
    /// Makes an instance profile.
    CreateInstanceProfile {
        /// Its name.
        profile: Named,
        /// Its path.
        path: String,
        /// Its tags.
        tags: Tags,
    },
    /// Changes an instance profile.
    ChangeInstanceProfile(Named, InstanceProfileChange),
    /// Deletes an instance profile without a role.
    DeleteInstanceProfile(Named),
}

/// `CreateRole`, and the roles that services make for themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateRole {
    /// Its name.
    pub role: Named,
    /// Its path.
    pub path: String,
    /// Who may assume it.
    pub trust_policy: String,
    /// What it is for.
    pub description: Option<String>,
    /// Seconds a session may last.
    pub max_session_duration_s: u32,
    /// ARN of its boundary.
    pub boundary: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// ARNs of policies it has from the start.
    pub attached: Vec<String>,
}

/// What to change of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleChange {
    /// Description and length of sessions, where they are given.
    Update {
        /// What it is for.
        description: Option<String>,
        /// Seconds a session may last.
        max_session_duration_s: Option<u32>,
    },
    /// Who may assume it.
    Trust(String),
    /// Its policies.
    Held(HeldChange),
    /// Sets or takes away the boundary.
    Bound(Option<String>),
    /// Adds tags or gives them other values.
    Tag(Tags),
    /// Takes away tags.
    Untag(Vec<String>),
}

/// What to change of the policies that a role, a user or a group has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldChange {
    /// A policy of its own: name and document.
    Put(String, String),
    /// Takes away a policy of its own.
    Remove(String),
    /// Attaches a managed policy, by ARN; one that is attached already stays.
    Attach(String),
    /// Takes away a managed policy.
    Detach(String),
}

/// `CreateUser`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateUser {
    /// Its name.
    pub user: Named,
    /// Its path.
    pub path: String,
    /// ARN of its boundary.
    pub boundary: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// What to change of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserChange {
    /// Name and path, where they are given.
    Update {
        /// Its new name, which nobody else has.
        name: Option<String>,
        /// Its new path.
        path: Option<String>,
    },
    /// Its policies.
    Held(HeldChange),
    /// Sets or takes away the boundary.
    Bound(Option<String>),
    /// Adds tags or gives them other values.
    Tag(Tags),
    /// Takes away tags.
    Untag(Vec<String>),
    /// Puts it in a group; in one that it is in already it stays.
    Join(String),
    /// Takes it out of a group.
    Leave(String),
    /// Makes an access key.
    AddKey,
    /// Makes an access key usable or not.
    SetKey {
        /// The key's id.
        id: String,
        /// Whether it is `Active`.
        active: bool,
    },
    /// Deletes an access key.
    RemoveKey(String),
}

/// What to change of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupChange {
    /// Name and path, where they are given.
    Update {
        /// Its new name, which no other group has.
        name: Option<String>,
        /// Its new path.
        path: Option<String>,
    },
    /// Its policies.
    Held(HeldChange),
}

/// `CreatePolicy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatePolicy {
    /// Its name.
    pub policy: Named,
    /// Its path.
    pub path: String,
    /// The document of its first version.
    pub document: String,
    /// What it is for.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// What to change of a managed policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyChange {
    /// Adds a version.
    AddVersion {
        /// Its document.
        document: String,
        /// Whether it is in force from now on.
        set_as_default: bool,
    },
    /// Puts a version in force.
    SetDefault(String),
    /// Deletes a version that is not in force.
    RemoveVersion(String),
    /// Adds tags or gives them other values.
    Tag(Tags),
    /// Takes away tags.
    Untag(Vec<String>),
}

/// What to change of an instance profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstanceProfileChange {
    /// Puts a role in; there must be none.
    AddRole(String),
    /// Takes the role out.
    RemoveRole(String),
    /// Adds tags or gives them other values.
    Tag(Tags),
    /// Takes away tags.
    Untag(Vec<String>),
}
