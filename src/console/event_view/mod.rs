//! Events as JSON, for people and scripts. Values of functions' variables are masked: they are
//! secrets. One file an area.

mod capacity_providers;
mod code_signing;
mod concurrency;
mod event_invoke;
mod event_sources;
mod function_settings;
mod functions;
mod history;
mod iam;
mod layers;
mod logs;
mod policies;
mod tags;
mod urls;

use serde_json::{Value, json};

use crate::model::event::{Event, Recorded};

/// Shown for a value that is a secret.
const MASK: &str = "***";

/// One event with its place in history.
pub fn show(recorded: &Recorded) -> Value {
    let subject = recorded.event.subject();
    json!({
        "sequence": recorded.sequence,
        "time": recorded.time.to_string(),
        "kind": recorded.event.name(),
        "resource": subject.arn,
        "account": subject.scope.account.as_str(),
        "region": subject.scope.region.as_str(),
        "name": subject.name,
        "request_id": recorded.origin.request_id,
        "access_key_id": recorded.origin.access_key_id,
        "user_agent": recorded.origin.user_agent,
        "details": details(&recorded.event),
    })
}

fn details(event: &Event) -> Value {
    match event {
        Event::Function(event) => functions::details(event),
        Event::Policy(event) => policies::details(event),
        Event::Layer(event) => layers::details(event),
        Event::Url(event) => urls::details(event),
        Event::EventInvoke(event) => event_invoke::details(event),
        Event::Concurrency(event) => concurrency::details(event),
        Event::FunctionSettings(event) => function_settings::details(event),
        Event::Tag(event) => tags::details(event),
        Event::CodeSigning(event) => code_signing::details(event),
        Event::EventSource(event) => event_sources::details(event),
        Event::CapacityProvider(event) => capacity_providers::details(event),
        Event::Iam(event) => iam::details(event),
        Event::Logs(event) => logs::details(event),
        Event::History(event) => history::details(event),
    }
}
