//! Events of layers and their policies.

use serde_json::{Value, json};

use super::policies::document;
use crate::model::layers::LayerVersion;
use crate::model::layers::event::LayerEvent;

/// What an event says.
pub fn details(event: &LayerEvent) -> Value {
    match event {
        LayerEvent::LayerVersionPublished { version, .. } => published(version),
        LayerEvent::LayerVersionDeleted { number, .. } | LayerEvent::LayerPolicyDeleted { number, .. } => {
            json!({ "version": number })
        }
        LayerEvent::LayerPolicyPut { number, policy, .. } => {
            json!({ "version": number, "policy": document(policy), "revision": policy.revision.to_string() })
        }
    }
}

fn published(version: &LayerVersion) -> Value {
    json!({
        "version": version.number,
        "code": version.blob.to_string(),
        "size": version.size,
        "folder": version.folder.as_ref().map(ToString::to_string),
        "description": version.description,
        "license": version.license,
        "runtimes": version.runtimes,
        "architectures": version.architectures,
    })
}
