//! Events of functions, versions and aliases.

use serde_json::{Value, json};

use super::MASK;
use crate::model::functions::event::FunctionEvent;
use crate::model::functions::{Failure, FunctionConfig, FunctionVersion};

/// What an event says.
pub fn details(event: &FunctionEvent) -> Value {
    match event {
        FunctionEvent::FunctionCreated { latest, tags, .. } => json!({ "latest": version(latest), "tags": tags }),
        FunctionEvent::FunctionCodeUpdated { code, config, revision, .. } => json!({
            "code": code.blob.to_string(), "size": code.size,
            "folder": code.folder.as_ref().map(ToString::to_string), "architecture": config.architecture,
            "revision": revision.to_string(),
        }),
        FunctionEvent::FunctionConfigurationUpdated { config, revision, .. } => {
            json!({ "configuration": configuration(config), "revision": revision.to_string() })
        }
        FunctionEvent::FunctionSettled { version, revision, failure, .. } => json!({
            "version": version.to_string(), "revision": revision.to_string(),
            "failure": failure.as_ref().map(failed),
        }),
        FunctionEvent::FunctionDeleted { .. } => json!({}),
        FunctionEvent::VersionPublished { version: published, latest_revision, .. } => {
            json!({ "version": version(published), "latest_revision": latest_revision.to_string() })
        }
        FunctionEvent::VersionDeleted { number, .. } => json!({ "version": number.to_string() }),
        FunctionEvent::AliasPut { alias, .. } => json!({
            "alias": alias.name.as_str(), "version": alias.version.to_string(), "description": alias.description,
            "routing": alias.routing.map(|routing| json!({ "version": routing.version, "weight": routing.weight })),
            "revision": alias.revision.to_string(),
        }),
        FunctionEvent::AliasDeleted { name, .. } => json!({ "alias": name.as_str() }),
    }
}

fn version(version: &FunctionVersion) -> Value {
    json!({
        "version": version.version.to_string(),
        "code": version.code.blob.to_string(),
        "size": version.code.size,
        "folder": version.code.folder.as_ref().map(ToString::to_string),
        "configuration": configuration(&version.config),
        "description": version.description,
        "revision": version.revision.to_string(),
    })
}

fn configuration(config: &FunctionConfig) -> Value {
    let masked = |names: &crate::model::functions::Variables| {
        names.0.keys().map(|name| (name.clone(), Value::from(MASK))).collect::<serde_json::Map<_, _>>()
    };
    json!({
        "runtime": config.runtime,
        "role": config.role,
        "handler": config.handler,
        "description": config.description,
        "timeout_s": config.timeout_s,
        "memory_mib": config.memory_mib,
        "ephemeral_storage_mib": config.ephemeral_storage_mib,
        "environment": config.environment.as_ref().map(masked),
        "architecture": config.architecture,
        "tracing_mode": config.tracing_mode,
        "log_format": config.logging.format,
        "log_group": config.logging.group,
        "snap_start": config.snap_start,
        "layers": config.layers.iter().map(|layer| &layer.arn).collect::<Vec<_>>(),
        "tenant_isolation": config.tenant_isolation,
        "capacity_provider": config.capacity_provider.as_ref().map(|attachment| &attachment.arn),
        "durable": config.durable.as_ref().map(|durable| json!({
            "execution_timeout_s": durable.execution_timeout_s, "retention_days": durable.retention_days,
        })),
    })
}

fn failed(failure: &Failure) -> Value {
    json!({ "reason": failure.reason, "code": failure.code })
}
