//! Events as JSON, for people and scripts.

use serde_json::{Value, json};

use super::answers::ShownEvent;
use crate::ledger::portable;
use crate::model::event::{Event, Recorded};
use crate::model::history::Cause;
use crate::model::history::event::HistoryEvent;
use crate::model::resource::{Resource, ResourceKey};

/// One event with its place in history; values of functions' variables are masked.
pub fn show(recorded: &Recorded) -> ShownEvent {
    let subject = recorded.event.subject();
    ShownEvent {
        sequence: recorded.sequence,
        time: recorded.time.to_string(),
        kind: recorded.event.name().to_owned(),
        resource: subject.arn,
        account: subject.scope.account.to_string(),
        region: subject.scope.region.to_string(),
        name: subject.name,
        request_id: recorded.origin.request_id.clone(),
        access_key_id: recorded.origin.access_key_id.clone(),
        user_agent: recorded.origin.user_agent.clone(),
        details: Some(details(&recorded.event)),
        ..ShownEvent::default()
    }
}

fn details(event: &Event) -> Value {
    match event {
        Event::History(event) => of_history(event),
        // A number that JSON has not is nothing to show.
        event => portable::event_to_json(event).unwrap_or_default(),
    }
}

/// Resources that are listed of an event: it may have thousands, and says how many.
const LISTED: usize = 100;

/// What an event of history itself says: it may carry thousands of resources.
fn of_history(event: &HistoryEvent) -> Value {
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
