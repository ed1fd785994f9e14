//! Events of history itself.

use serde_json::{Value, json};

use crate::model::history::Cause;
use crate::model::history::event::HistoryEvent;
use crate::model::resource::{Resource, ResourceKey};

/// Resources that are listed of an event: it may have thousands, and says how many.
const LISTED: usize = 100;

/// What an event says.
pub fn details(event: &HistoryEvent) -> Value {
    match event {
        HistoryEvent::StateRestored { cause, changes } => {
            let put: Vec<_> = changes.put.iter().take(LISTED).map(Resource::arn).collect();
            let removed: Vec<_> = changes.removed.iter().take(LISTED).map(ResourceKey::arn).collect();
            json!({
                "cause": self::cause(cause), "put": put, "removed": removed,
                "counts": { "put": changes.put.len(), "removed": changes.removed.len() },
            })
        }
        HistoryEvent::MarkPut { name, .. } | HistoryEvent::MarkDeleted { name } => json!({ "mark": name.as_str() }),
        HistoryEvent::HistoryCompacted { resources, marks } => {
            json!({ "resources": resources.len(), "marks": marks.len() })
        }
    }
}

fn cause(cause: &Cause) -> Value {
    match cause {
        Cause::Rewind { to, mark, only } => json!({ "rewind": { "to": to, "mark": mark, "only": only } }),
        Cause::PodLoaded { digest, source, message, strategy } => {
            json!({ "pod": { "digest": digest, "source": source, "message": message, "strategy": strategy } })
        }
    }
}
