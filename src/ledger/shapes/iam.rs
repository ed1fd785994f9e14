//! Roles and policies of the IAM neighbour, as stored.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::stored::Stored;
use super::text::Map;
use crate::model::iam::event::IamEvent;
use crate::model::{iam, names};

impl Stored<names::EntityName> for String {
    fn store(model: &names::EntityName) -> Self {
        model.to_string()
    }
    fn load(self) -> names::EntityName {
        self.into()
    }
}

/// A set is stored as its items, in order.
impl Stored<BTreeSet<String>> for Vec<String> {
    fn store(model: &BTreeSet<String>) -> Self {
        model.iter().cloned().collect()
    }
    fn load(self) -> BTreeSet<String> {
        self.into_iter().collect()
    }
}

impl Stored<BTreeSet<names::EntityName>> for Vec<String> {
    fn store(model: &BTreeSet<names::EntityName>) -> Self {
        model.iter().map(ToString::to_string).collect()
    }
    fn load(self) -> BTreeSet<names::EntityName> {
        self.into_iter().map(Into::into).collect()
    }
}

shape! {
    EntityKey = names::EntityKey { account: String, name: String }
    Role = iam::Role {
        key: EntityKey, name: String, path: String, id: String, created: u64, description: Option<String>,
        trust_policy: String, max_session_duration_s: u32, boundary: Option<String>, tags: BTreeMap<String, String>,
        inline: BTreeMap<String, String>, attached: Vec<String>,
    }
    PolicyVersion = iam::PolicyVersion { document: String, created: u64 }
    Policy = iam::Policy {
        key: EntityKey, name: String, path: String, id: String, description: Option<String>, created: u64,
        updated: u64, versions: Map<u32, PolicyVersion>, default_version: u32, last_version: u32,
        tags: BTreeMap<String, String>,
    }
    InstanceProfile = iam::InstanceProfile {
        key: EntityKey, name: String, path: String, id: String, created: u64, role: Option<String>,
        tags: BTreeMap<String, String>,
    }
    AccessKey = iam::AccessKey { id: String, created: u64, active: bool }
    User = iam::User {
        key: EntityKey, name: String, path: String, id: String, created: u64, boundary: Option<String>,
        tags: BTreeMap<String, String>, inline: BTreeMap<String, String>, attached: Vec<String>, groups: Vec<String>,
        access_keys: Vec<AccessKey>,
    }
    Group = iam::Group {
        key: EntityKey, name: String, path: String, id: String, created: u64, inline: BTreeMap<String, String>,
        attached: Vec<String>,
    }
}

events! { IamEvent {
    100 RolePut { role: Role }
    101 RoleDeleted { key: EntityKey }
    102 PolicyPut { policy: Policy }
    103 PolicyDeleted { key: EntityKey }
    104 InstanceProfilePut { profile: InstanceProfile }
    105 InstanceProfileDeleted { key: EntityKey }
    106 UserPut { user: User }
    107 UserDeleted { key: EntityKey }
    108 GroupPut { group: Group }
    109 GroupDeleted { key: EntityKey }
} }
