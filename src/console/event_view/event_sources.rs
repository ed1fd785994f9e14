//! Events of event source mappings. Secrets are named in them, by ARN, but not there.

use serde_json::{Value, json};

use crate::model::event_sources::event::EventSourceEvent;
use crate::model::event_sources::{EventSourceMapping, Settings};

/// What an event says.
pub fn details(event: &EventSourceEvent) -> Value {
    match event {
        EventSourceEvent::EventSourceMappingPut { mapping } => shown(mapping),
        EventSourceEvent::EventSourceMappingSettled { revision, .. } => json!({ "revision": revision.to_string() }),
        EventSourceEvent::EventSourceMappingDeleted { .. } => json!({}),
    }
}

fn shown(mapping: &EventSourceMapping) -> Value {
    json!({
        "source": mapping.sources(),
        "function": mapping.target.arn(),
        "state": <&str>::from(mapping.state),
        "enabled": mapping.enabled,
        "settings": settings(&mapping.settings),
        "tags": mapping.tags,
        "revision": mapping.revision.to_string(),
    })
}

fn settings(settings: &Settings) -> Value {
    let access = settings.access.iter().map(|access| json!({ "type": access.kind, "uri": access.uri }));
    json!({
        "batch_size": settings.batch_size,
        "batching_window_s": settings.batching_window_s,
        "filters": settings.filters,
        "parallelization_factor": settings.parallelization_factor,
        "max_concurrency": settings.max_concurrency,
        "max_record_age_s": settings.max_record_age_s,
        "max_retry_attempts": settings.max_retry_attempts,
        "bisect_batch": settings.bisect_batch,
        "tumbling_window_s": settings.tumbling_window_s,
        "on_failure": settings.on_failure,
        "response_types": settings.response_types,
        "access": access.collect::<Vec<_>>(),
        "starting_position": settings.origin.position,
        "topics": settings.origin.topics,
        "queues": settings.origin.queues,
    })
}
