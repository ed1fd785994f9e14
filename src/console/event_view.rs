//! Events as JSON, for people and scripts. Values of functions' variables are masked: they are
//! secrets.

use serde_json::{Value, json};

use crate::model::event::{Event, Recorded};
use crate::model::function::{Failure, FunctionConfig, FunctionVersion};

/// Shown for a value that is a secret.
const MASK: &str = "***";

/// One event with its place in history.
pub fn show(recorded: &Recorded) -> Value {
    let resource = recorded.event.resource();
    json!({
        "sequence": recorded.sequence,
        "time": recorded.time.to_string(),
        "kind": recorded.event.name(),
        "resource": resource.arn(),
        "account": resource.scope().account.as_str(),
        "region": resource.scope().region.as_str(),
        "name": resource.name(),
        "request_id": recorded.origin.request_id,
        "access_key_id": recorded.origin.access_key_id,
        "user_agent": recorded.origin.user_agent,
        "details": details(&recorded.event),
    })
}

fn details(event: &Event) -> Value {
    match event {
        Event::FunctionCreated { latest, tags, .. } => json!({ "latest": version(latest), "tags": tags }),
        Event::FunctionCodeUpdated { code, config, revision, .. } => json!({
            "code": code.blob.to_string(), "size": code.size, "architecture": config.architecture,
            "revision": revision.to_string(),
        }),
        Event::FunctionConfigurationUpdated { config, revision, .. } => {
            json!({ "configuration": configuration(config), "revision": revision.to_string() })
        }
        Event::FunctionSettled { version, revision, failure, .. } => json!({
            "version": version.to_string(), "revision": revision.to_string(),
            "failure": failure.as_ref().map(failed),
        }),
        Event::FunctionDeleted { .. } => json!({}),
        Event::VersionPublished { version: published, latest_revision, .. } => {
            json!({ "version": version(published), "latest_revision": latest_revision.to_string() })
        }
        Event::VersionDeleted { number, .. } => json!({ "version": number.to_string() }),
        Event::AliasPut { alias, .. } => json!({
            "alias": alias.name.as_str(), "version": alias.version.to_string(), "description": alias.description,
            "routing": alias.routing.map(|routing| json!({ "version": routing.version, "weight": routing.weight })),
            "revision": alias.revision.to_string(),
        }),
        Event::AliasDeleted { name, .. } => json!({ "alias": name.as_str() }),
    }
}

fn version(version: &FunctionVersion) -> Value {
    json!({
        "version": version.version.to_string(),
        "code": version.code.blob.to_string(),
        "size": version.code.size,
        "configuration": configuration(&version.config),
        "description": version.description,
        "revision": version.revision.to_string(),
    })
}

fn configuration(config: &FunctionConfig) -> Value {
    let masked = |names: &crate::model::function::Variables| {
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
    })
}

fn failed(failure: &Failure) -> Value {
    json!({ "reason": failure.reason, "code": failure.code })
}
