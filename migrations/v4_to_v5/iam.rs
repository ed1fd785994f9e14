//! Shapes of schema 4: iam.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ledger::shapes::text::Map;

shape! {
    EntityKey { account: String, name: String }
    Role {
        key: EntityKey, name: String, path: String, id: String, created: u64, description: Option<String>,
        trust_policy: String, max_session_duration_s: u32, boundary: Option<String>, tags: BTreeMap<String, String>,
        inline: BTreeMap<String, String>, attached: Vec<String>,
    }
    PolicyVersion { document: String, created: u64 }
    Policy {
        key: EntityKey, name: String, path: String, id: String, description: Option<String>, created: u64,
        updated: u64, versions: Map<u32, PolicyVersion>, default_version: u32, last_version: u32,
        tags: BTreeMap<String, String>,
    }
    InstanceProfile {
        key: EntityKey, name: String, path: String, id: String, created: u64, role: Option<String>,
        tags: BTreeMap<String, String>,
    }
    AccessKey { id: String, created: u64, active: bool }
    User {
        key: EntityKey, name: String, path: String, id: String, created: u64, boundary: Option<String>,
        tags: BTreeMap<String, String>, inline: BTreeMap<String, String>, attached: Vec<String>, groups: Vec<String>,
        access_keys: Vec<AccessKey>,
    }
    Group {
        key: EntityKey, name: String, path: String, id: String, created: u64, inline: BTreeMap<String, String>,
        attached: Vec<String>,
    }
}

events! {
    100 / 1 RolePut { role: Role }
    101 / 1 RoleDeleted { key: EntityKey }
    102 / 1 PolicyPut { policy: Policy }
    103 / 1 PolicyDeleted { key: EntityKey }
    104 / 1 InstanceProfilePut { profile: InstanceProfile }
    105 / 1 InstanceProfileDeleted { key: EntityKey }
    106 / 1 UserPut { user: User }
    107 / 1 UserDeleted { key: EntityKey }
    108 / 1 GroupPut { group: Group }
    109 / 1 GroupDeleted { key: EntityKey }
}
