//! Events of roles and policies of the IAM neighbour.

use serde_json::{Value, json};

use crate::model::iam::event::IamEvent;

/// What an event says.
pub fn details(event: &IamEvent) -> Value {
    match event {
        IamEvent::RolePut { role } => json!({
            "path": role.path, "id": role.id, "description": role.description, "trust_policy": role.trust_policy,
            "max_session_duration_s": role.max_session_duration_s, "boundary": role.boundary, "tags": role.tags,
            "inline": role.inline, "attached": role.attached,
        }),
        IamEvent::PolicyPut { policy } => json!({
            "path": policy.path, "id": policy.id, "description": policy.description,
            "default_version": policy.default_version, "tags": policy.tags,
            "versions": policy.versions.iter().map(|(number, version)| (format!("v{number}"), version.document.clone()))
                .collect::<std::collections::BTreeMap<_, _>>(),
        }),
        IamEvent::InstanceProfilePut { profile } => json!({
            "path": profile.path, "id": profile.id, "tags": profile.tags,
            "role": profile.role.as_ref().map(ToString::to_string),
        }),
        IamEvent::UserPut { user } => json!({
            "path": user.path, "id": user.id, "boundary": user.boundary, "tags": user.tags, "inline": user.inline,
            "attached": user.attached, "groups": user.groups.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "access_keys": user.access_keys.iter().map(|key| json!({ "id": key.id, "active": key.active }))
                .collect::<Vec<_>>(),
        }),
        IamEvent::GroupPut { group } => json!({
            "path": group.path, "id": group.id, "inline": group.inline, "attached": group.attached,
        }),
        IamEvent::RoleDeleted { .. }
        | IamEvent::PolicyDeleted { .. }
        | IamEvent::InstanceProfileDeleted { .. }
        | IamEvent::UserDeleted { .. }
        | IamEvent::GroupDeleted { .. } => json!({}),
    }
}
