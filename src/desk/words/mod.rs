//! Changes in words, one line each: what `larder log` and the console's history say.

pub mod fields;
pub mod folding;
mod functions;
pub mod names;
mod resources;
#[cfg(test)]
mod tests;
pub mod who;

use crate::ledger::difference::Difference;
use crate::model::event::Event;
use crate::model::history::Cause;
use crate::model::history::event::HistoryEvent;
use crate::model::resource::{Changes, Resource};
use crate::model::state::State;

/// What an event did, in words: `orders: version 1 published`. `before` is the state that it changed, and `change` what it
/// made of the first resource of that.
pub fn of(event: &Event, before: &State, change: Option<&Difference>) -> String {
    let told = || fields::told(change);
    let name = event.subject().name;
    match event {
        Event::Function(event) => format!("{name}: {}", functions::function(event, before, told)),
        Event::Policy(event) => format!("{name}: {}", functions::policy(event, before)),
        Event::Url(event) => format!("{name}: {}", functions::url(event, before, told)),
        Event::EventInvoke(event) => format!("{name}: {}", functions::event_invoke(event, told)),
        Event::Concurrency(event) => format!("{name}: {}", functions::concurrency(event)),
        Event::FunctionSettings(event) => format!("{name}: {}", functions::settings(event)),
        Event::Layer(event) => format!("layer {name}: {}", resources::layer(event)),
        Event::Tag(_) => format!("{name}: {}", changed_to(told())),
        Event::CodeSigning(event) => format!("{name}: {}", resources::code_signing(event, before, told)),
        Event::EventSource(event) => resources::event_source(event, before, told),
        Event::CapacityProvider(event) => {
            format!("capacity provider {name}: {}", resources::capacity_provider(event, before, told))
        }
        Event::Iam(event) => format!("{} {name}: {}", resources::iam_kind(event), resources::iam(event, before, told)),
        Event::Logs(event) => resources::logs(event, before, told),
        Event::Queue(event) => format!("queue {name}: {}", resources::queue(event, before, told)),
        Event::History(event) => history(event, before),
    }
}

/// What is said where fields changed; where only what is derived did, as little.
fn changed_to(told: String) -> String {
    if told.is_empty() { "put again, as it was".to_owned() } else { told }
}

fn history(event: &HistoryEvent, before: &State) -> String {
    match event {
        HistoryEvent::StateRestored { cause: Cause::Rewind { to, mark, only }, changes } => {
            let mark = mark.as_ref().map(|mark| format!(" (mark:{mark})")).unwrap_or_default();
            let only = if only.is_empty() { String::new() } else { format!(" only {}", only.join(", ")) };
            format!("rewound{only} to {to}{mark}: {}", counts(changes, before))
        }
        HistoryEvent::StateRestored { cause: Cause::PodLoaded { source, .. }, changes } => {
            format!("pod {source} loaded: {}", counts(changes, before))
        }
        HistoryEvent::MarkPut { name, .. } => format!("mark:{name} put here"),
        HistoryEvent::MarkDeleted { name } => format!("mark:{name} forgotten"),
        HistoryEvent::HistoryCompacted { .. } => "history before this dropped".to_owned(),
    }
}

/// How many resources came, changed and went.
fn counts(changes: &Changes, before: &State) -> String {
    let put = changes.put.len();
    let known = changes.put.iter().map(Resource::key).filter(|key| before.resource(key).is_some()).count();
    let counts = [(put - known, "added"), (known, "changed"), (changes.removed.len(), "removed")];
    let said: Vec<_> = counts.iter().filter(|(count, _)| *count > 0).map(|(n, word)| format!("{n} {word}")).collect();
    said.join(", ")
}
