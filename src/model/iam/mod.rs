//! Roles, policies and instance profiles of the IAM neighbour.

pub mod caller;
pub mod command;
pub mod decide;
pub mod event;
pub mod lookup;
pub mod managed;
pub mod permissions;

use std::collections::{BTreeMap, BTreeSet};

use imbl::OrdMap;
use sha2::{Digest as _, Sha256};

use super::arn::Arn;
use super::command::Stamp;
use super::credentials::base32;
use super::names::{AccountId, EntityKey, EntityName};
use super::time::Timestamp;

/// Tags, by key.
pub type Tags = BTreeMap<String, String>;

/// The path of roles that only a service may change.
pub const LINKED_PATH: &str = "/aws-service-role/";

/// A role with its policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Where it is.
    pub key: EntityKey,
    /// Its name as it was given.
    pub name: String,
    /// Its path, with slashes at both ends.
    pub path: String,
    /// Its unique id, `AROA…`.
    pub id: String,
    /// When it was made.
    pub created: Timestamp,
    /// What it is for.
    pub description: Option<String>,
    /// Who may assume it: a policy document as it was given.
    pub trust_policy: String,
    /// Seconds a session may last.
    pub max_session_duration_s: u32,
    /// ARN of the policy that bounds its permissions.
    pub boundary: Option<String>,
    /// Tags.
    pub tags: Tags,
    /// Documents of its own policies, by name.
    pub inline: BTreeMap<String, String>,
    /// ARNs of the managed policies attached to it.
    pub attached: BTreeSet<String>,
}

impl Role {
    /// Its ARN.
    pub fn arn(&self) -> String {
        arn(&self.key.account, "role", &self.path, &self.name)
    }

    /// Whether only a service may change it.
    pub fn is_linked(&self) -> bool {
        self.path.starts_with(LINKED_PATH)
    }

    /// What it uses.
    pub fn uses(&self) -> impl Iterator<Item = Use> + '_ {
        let policies = policies_used(HolderKind::Role, &self.attached, self.boundary.as_ref());
        policies.map(|used| self.key.uses(used))
    }
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Where it is.
    pub key: EntityKey,
    /// Its name as it was given.
    pub name: String,
    /// Its path, with slashes at both ends.
    pub path: String,
    /// Its unique id, `AIDA…`.
    pub id: String,
    /// When it was made.
    pub created: Timestamp,
    /// ARN of the policy that bounds its permissions.
    pub boundary: Option<String>,
    /// Tags.
    pub tags: Tags,
    /// Documents of its own policies, by name.
    pub inline: BTreeMap<String, String>,
    /// ARNs of the managed policies attached to it.
    pub attached: BTreeSet<String>,
    /// The groups it is in.
    pub groups: BTreeSet<EntityName>,
    /// Its access keys, in the order in which they were made.
    pub access_keys: Vec<AccessKey>,
}

/// An access key of a user. Its secret was told once and is kept nowhere: it follows from the store's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// Its id, `AKIA…`, which holds the account.
    pub id: String,
    /// When it was made.
    pub created: Timestamp,
    /// Whether it is `Active`.
    pub active: bool,
}

/// A group of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Where it is.
    pub key: EntityKey,
    /// Its name as it was given.
    pub name: String,
    /// Its path, with slashes at both ends.
    pub path: String,
    /// Its unique id, `AGPA…`.
    pub id: String,
    /// When it was made.
    pub created: Timestamp,
    /// Documents of its own policies, by name.
    pub inline: BTreeMap<String, String>,
    /// ARNs of the managed policies attached to it.
    pub attached: BTreeSet<String>,
}

impl User {
    /// Its ARN.
    pub fn arn(&self) -> String {
        arn(&self.key.account, "user", &self.path, &self.name)
    }

    /// What it uses.
    pub fn uses(&self) -> impl Iterator<Item = Use> + '_ {
        let policies = policies_used(HolderKind::User, &self.attached, self.boundary.as_ref());
        let groups = self.groups.iter().cloned().map(Used::Group);
        policies.chain(groups).map(|used| self.key.uses(used))
    }
}

impl Group {
    /// Its ARN.
    pub fn arn(&self) -> String {
        arn(&self.key.account, "group", &self.path, &self.name)
    }

    /// What it uses.
    pub fn uses(&self) -> impl Iterator<Item = Use> + '_ {
        policies_used(HolderKind::Group, &self.attached, None).map(|used| self.key.uses(used))
    }
}

fn policies_used<'a>(
    kind: HolderKind,
    attached: &'a BTreeSet<String>,
    boundary: Option<&String>,
) -> impl Iterator<Item = Used> + use<'a> {
    let attached = attached.iter().map(move |arn| Used::Attached(kind, arn.clone()));
    attached.chain(boundary.map(|arn| Used::Boundary(kind, arn.clone())))
}

/// What has policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HolderKind {
    /// A role.
    Role,
    /// A user.
    User,
    /// A group.
    Group,
}

impl HolderKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Role, Self::User, Self::Group];

    /// Its word in errors.
    pub fn word(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::User => "user",
            Self::Group => "group",
        }
    }
}

/// A managed policy of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Where it is.
    pub key: EntityKey,
    /// Its name as it was given.
    pub name: String,
    /// Its path, with slashes at both ends.
    pub path: String,
    /// Its unique id, `ANPA…`.
    pub id: String,
    /// What it is for.
    pub description: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When its versions last changed.
    pub updated: Timestamp,
    /// Its versions by number.
    pub versions: OrdMap<u32, PolicyVersion>,
    /// The version in force.
    pub default_version: u32,
    /// The highest number ever given; those of deleted versions are not given again.
    pub last_version: u32,
    /// Tags.
    pub tags: Tags,
}

impl Policy {
    /// Its ARN.
    pub fn arn(&self) -> String {
        arn(&self.key.account, "policy", &self.path, &self.name)
    }
}

/// A version of a managed policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyVersion {
    /// The document as it was given.
    pub document: String,
    /// When it was made.
    pub created: Timestamp,
}

/// An instance profile: a role for EC2 instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceProfile {
    /// Where it is.
    pub key: EntityKey,
    /// Its name as it was given.
    pub name: String,
    /// Its path, with slashes at both ends.
    pub path: String,
    /// Its unique id, `AIPA…`.
    pub id: String,
    /// When it was made.
    pub created: Timestamp,
    /// The role in it; there is one at most.
    pub role: Option<EntityName>,
    /// Tags.
    pub tags: Tags,
}

impl InstanceProfile {
    /// Its ARN.
    pub fn arn(&self) -> String {
        arn(&self.key.account, "instance-profile", &self.path, &self.name)
    }

    /// The key of its role.
    pub fn role_key(&self) -> Option<EntityKey> {
        self.role.clone().map(|name| EntityKey { account: self.key.account.clone(), name })
    }

    /// What it uses.
    pub fn uses(&self) -> impl Iterator<Item = Use> + '_ {
        self.role.iter().map(|role| self.key.uses(Used::Role(role.clone())))
    }
}

/// That one entity uses another: what must not be deleted, and what counts as attached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// The account of the user.
    pub account: AccountId,
    /// What is used, and as what.
    pub used: Used,
    /// Who uses it.
    pub by: EntityName,
}

/// What is used, and as what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Used {
    /// A managed policy, by ARN, attached to what the user is.
    Attached(HolderKind, String),
    /// A managed policy, by ARN, as the boundary of what the user is.
    Boundary(HolderKind, String),
    /// A role, in an instance profile.
    Role(EntityName),
    /// A group, by a user in it.
    Group(EntityName),
}

impl EntityKey {
    fn uses(&self, used: Used) -> Use {
        Use { account: self.account.clone(), used, by: self.name.clone() }
    }
}

/// The ARN of an entity. IAM is global, and Larder's accounts are those of the partition `aws`.
pub fn arn(account: &AccountId, kind: &str, path: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:{kind}{path}{name}")
}

/// A unique id that begins with the four letters of its kind.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>.
pub fn unique_id(kind: &str, stamp: &Stamp) -> String {
    let digest = Sha256::new_with_prefix(kind).chain_update(stamp.seed.as_bytes()).finalize();
    format!("{kind}{}", &base32(&digest)[..17])
}

/// A policy's ARN in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyArn<'a> {
    /// `aws`, or a customer's account.
    pub owner: &'a str,
    /// With slashes at both ends.
    pub path: &'a str,
    /// The policy's name.
    pub name: &'a str,
}

impl<'a> PolicyArn<'a> {
    /// The parts of an ARN, if it is one of a policy.
    pub fn parse(arn: &'a str) -> Option<Self> {
        let Arn { service: "iam", region: "", account: owner, resource, .. } = Arn::parse(arn)? else { return None };
        let rest = resource.strip_prefix("policy").filter(|rest| rest.starts_with('/'))?;
        let name = rest.rsplit('/').next().filter(|name| !name.is_empty())?;
        let is_owner = owner == "aws" || (owner.len() == 12 && owner.bytes().all(|byte| byte.is_ascii_digit()));
        is_owner.then(|| Self { owner, path: &rest[..rest.len() - name.len()], name })
    }

    /// Whether it is one of AWS's own.
    pub fn is_managed_by_aws(&self) -> bool {
        self.owner == "aws"
    }

    /// Where a customer's policy is in the state.
    pub fn key(&self) -> EntityKey {
        EntityKey::new(&self.owner.into(), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_arn_has_parts() {
        let parsed = PolicyArn::parse("arn:aws:iam::aws:policy/service-role/AWSLambdaRole").expect("is one");
        assert_eq!((parsed.path, parsed.name), ("/service-role/", "AWSLambdaRole"));
        assert!(parsed.is_managed_by_aws());
        let parsed = PolicyArn::parse("arn:aws:iam::123456789012:policy/x").expect("is one");
        assert_eq!((parsed.owner, parsed.path, parsed.name), ("123456789012", "/", "x"));
        for other in ["arn:aws:iam::aws:role/x", "policy/x", "arn:aws:iam::aws:policy/", "arn:aws:iam::1:policy/x"] {
            assert_eq!(PolicyArn::parse(other), None, "{other}");
        }
    }
}
