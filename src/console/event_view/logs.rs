//! Events of log groups and streams of the Logs neighbour.

use serde_json::{Value, json};

use crate::model::logs::event::LogsEvent;

/// What an event says.
pub fn details(event: &LogsEvent) -> Value {
    match event {
        LogsEvent::LogGroupPut { group } => json!({
            "class": group.class, "kms_key": group.kms_key, "retention_days": group.retention_days,
            "deletion_protection": group.protected, "tags": group.tags,
        }),
        LogsEvent::LogStreamCreated { stream } => json!({ "group": stream.key.group.name.as_str() }),
        LogsEvent::LogStreamDeleted { key } => json!({ "group": key.group.name.as_str() }),
        LogsEvent::LogGroupDeleted { .. } => json!({}),
    }
}
