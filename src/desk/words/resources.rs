//! What happened to resources that are no functions, in words.

use super::changed_to;
use crate::model::capacity_providers::ProviderState;
use crate::model::capacity_providers::event::CapacityProviderEvent;
use crate::model::code_signing::event::CodeSigningEvent;
use crate::model::event_sources::event::EventSourceEvent;
use crate::model::event_sources::{EventSourceMapping, MappingState, Source};
use crate::model::iam::event::IamEvent;
use crate::model::layers::event::LayerEvent;
use crate::model::logs::event::LogsEvent;
use crate::model::queues::event::QueueEvent;
use crate::model::state::State;

pub fn layer(event: &LayerEvent) -> String {
    match event {
        LayerEvent::LayerVersionPublished { version, .. } => format!("version {} published", version.number),
        LayerEvent::LayerVersionDeleted { number, .. } => format!("version {number} deleted"),
        LayerEvent::LayerPolicyPut { number, .. } => format!("policy of version {number} changed"),
        LayerEvent::LayerPolicyDeleted { number, .. } => format!("policy of version {number} removed"),
    }
}

pub fn code_signing(event: &CodeSigningEvent, before: &State, told: impl Fn() -> String) -> String {
    match event {
        CodeSigningEvent::CodeSigningConfigPut { key, .. } => {
            format!("code-signing config {}", put(before.code_signing_configs.contains_key(key), told))
        }
        CodeSigningEvent::CodeSigningConfigDeleted { .. } => "code-signing config deleted".to_owned(),
        CodeSigningEvent::FunctionCodeSigningConfigPut { config, .. } => format!("code-signing config {}", config.id),
        CodeSigningEvent::FunctionCodeSigningConfigDeleted { .. } => "no code-signing config any more".to_owned(),
    }
}

pub fn event_source(event: &EventSourceEvent, before: &State, told: impl Fn() -> String) -> String {
    let old = before.event_source_mappings.get(event.key()).map(AsRef::as_ref);
    let mapping = match event {
        EventSourceEvent::EventSourceMappingPut { mapping } => Some(&**mapping),
        EventSourceEvent::EventSourceMappingSettled { .. } | EventSourceEvent::EventSourceMappingDeleted { .. } => old,
    };
    let what = mapping.map_or_else(|| event.key().id.to_string(), way);
    let said = match event {
        EventSourceEvent::EventSourceMappingPut { mapping } if mapping.state == MappingState::Deleting => {
            "is being deleted".to_owned()
        }
        EventSourceEvent::EventSourceMappingPut { .. } => put(old.is_some(), told),
        EventSourceEvent::EventSourceMappingSettled { .. } => {
            let is_enabled = old.is_some_and(|mapping| mapping.enabled);
            if is_enabled { "enabled".to_owned() } else { "disabled".to_owned() }
        }
        EventSourceEvent::EventSourceMappingDeleted { .. } => "deleted".to_owned(),
    };

    format!("event source {what}: {said}")
}

/// From where to where a mapping leads.
fn way(mapping: &EventSourceMapping) -> String {
    let source = match &mapping.source {
        // The queue's, table's or stream's name is what people know it by.
        Source::Arn { arn: [arn], .. } => arn.rsplit(':').next().unwrap_or(arn).to_owned(),
        Source::SelfManagedKafka(servers) => servers.join(","),
    };
    format!("{source} → {}", mapping.target.function.name)
}

pub fn capacity_provider(event: &CapacityProviderEvent, before: &State, told: impl Fn() -> String) -> String {
    match event {
        CapacityProviderEvent::CapacityProviderPut { provider } => {
            let old = before.capacity_provider(&provider.key).map(|provider| provider.state);
            match (old, provider.state) {
                (_, ProviderState::Deleting) => "is being deleted".to_owned(),
                (Some(ProviderState::Pending), ProviderState::Active) => "ready".to_owned(),
                (old, _) => put(old.is_some(), told),
            }
        }
        CapacityProviderEvent::CapacityProviderDeleted { .. } => "deleted".to_owned(),
    }
}

/// What an event of IAM is about.
pub fn iam_kind(event: &IamEvent) -> &'static str {
    match event {
        IamEvent::RolePut { .. } | IamEvent::RoleDeleted { .. } => "role",
        IamEvent::PolicyPut { .. } | IamEvent::PolicyDeleted { .. } => "policy",
        IamEvent::InstanceProfilePut { .. } | IamEvent::InstanceProfileDeleted { .. } => "instance profile",
        IamEvent::UserPut { .. } | IamEvent::UserDeleted { .. } => "user",
        IamEvent::GroupPut { .. } | IamEvent::GroupDeleted { .. } => "group",
    }
}

pub fn iam(event: &IamEvent, before: &State, told: impl Fn() -> String) -> String {
    let is_known = match event {
        IamEvent::RolePut { role } => before.iam_roles.contains_key(&role.key),
        IamEvent::PolicyPut { policy } => before.iam_policies.contains_key(&policy.key),
        IamEvent::InstanceProfilePut { profile } => before.iam_profiles.contains_key(&profile.key),
        IamEvent::UserPut { user } => before.iam_users.contains_key(&user.key),
        IamEvent::GroupPut { group } => before.iam_groups.contains_key(&group.key),
        IamEvent::RoleDeleted { .. }
        | IamEvent::PolicyDeleted { .. }
        | IamEvent::InstanceProfileDeleted { .. }
        | IamEvent::UserDeleted { .. }
        | IamEvent::GroupDeleted { .. } => return "deleted".to_owned(),
    };
    put(is_known, told)
}

pub fn logs(event: &LogsEvent, before: &State, told: impl Fn() -> String) -> String {
    match event {
        LogsEvent::LogGroupPut { group } => {
            format!("log group {}: {}", group.key.name, put(before.log_groups.contains_key(&group.key), told))
        }
        LogsEvent::LogGroupDeleted { key } => format!("log group {}: deleted, with its streams", key.name),
        LogsEvent::LogStreamCreated { stream } => {
            format!("log group {}: stream {} created", stream.key.group.name, stream.key.name)
        }
        LogsEvent::LogStreamDeleted { key } => format!("log group {}: stream {} deleted", key.group.name, key.name),
    }
}

pub fn queue(event: &QueueEvent, before: &State, told: impl Fn() -> String) -> String {
    match event {
        QueueEvent::QueuePut { queue } => put(before.queue(&queue.key).is_some(), told),
        QueueEvent::QueueDeleted { .. } => "deleted".to_owned(),
    }
}

/// What is said of a resource that is put as a whole.
fn put(is_known: bool, told: impl Fn() -> String) -> String {
    if is_known { changed_to(told()) } else { "created".to_owned() }
}
