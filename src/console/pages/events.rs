//! Asynchronous events that wait, messages of queues, and what reads event sources.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Serialize;

use super::frame::{self, Form, Page, function_page};
use crate::clock;
use crate::console::Console;
use crate::desk::answers::QueuePage;
use crate::desk::invocations::name_of;
use crate::desk::mappings::{MappingLine, MappingList};
use crate::desk::queue::list::{self, QueueQuery};
use crate::model::queues::QueueKey;
use crate::model::time::Timestamp;
use crate::runs::messages::{MessageQueue, Messages};

#[derive(Debug, Serialize)]
struct Events {
    #[serde(flatten)]
    page: QueuePage,
    queues: Vec<QueueLine>,
    #[serde(flatten)]
    sources: MappingList,
}

/// A queue, how many messages it holds, and how long they wait.
#[derive(Debug, Serialize)]
struct QueueLine {
    arn: String,
    messages: usize,
    /// Those of them that are received or delayed.
    hidden: usize,
    /// How long the one has been there, in seconds, that comes next.
    next_waits_s: Option<u64>,
}

impl QueueLine {
    fn of(key: &QueueKey, messages: &Messages, now: Timestamp) -> Self {
        let queue = messages.queue(key);
        let next = queue.and_then(|queue| queue.by_time().get_min()).filter(|(visible, _)| *visible <= now);
        let next = next.and_then(|(_, id)| messages.get(*id));
        Self {
            arn: key.arn(),
            messages: queue.map_or(0, MessageQueue::len),
            hidden: queue.map_or(0, |queue| messages.hidden(queue, now).count()),
            next_waits_s: next.map(|message| now.0.saturating_sub(message.sent.0) / 1000),
        }
    }
}

/// The page.
pub async fn page(
    State(console): State<Arc<Console>>,
    Query(form): Query<Form>,
    Query(query): Query<Listed>,
) -> Response {
    let wanted = QueueQuery { after: query.after, ..QueueQuery::default() };
    let gather = move || {
        let (state, runs) = (console.ledger.state(), console.ledger.runs());
        let now = clock::now();
        let queues = state.queues.keys().map(|key| QueueLine::of(key, &runs.messages, now)).collect();
        let sources = console.mappings().all();
        list::events(&console.queue, &wanted).map(|page| Events { page, queues, sources })
    };
    match tokio::task::spawn_blocking(gather).await {
        Ok(Ok(page)) => frame::respond(&page, &form),
        Ok(Err(error)) => crate::console::unavailable(&error),
        Err(error) => crate::console::unavailable(&error),
    }
}

/// Which are listed.
#[derive(Debug, Default, serde::Deserialize)]
pub struct Listed {
    after: Option<String>,
}

impl Page for Events {
    fn title(&self) -> String {
        "Events and queues".to_owned()
    }

    fn section(&self) -> &'static str {
        "Events"
    }

    fn content(&self) -> Markup {
        let Self { page, queues, sources } = self;
        html! {
            h2 { "Asynchronous events" }
            p { (page.waiting) " wait, " (page.running) " of them run." }
            @if !page.events.is_empty() {
                div.wide { table {
                    thead { tr { th { "Event" } th { "Function" } th { "Accepted" } th.number { "Failed attempts" } } }
                    tbody { @for event in &page.events { tr {
                        td { (event.id) }
                        td { a href=(function_page(&event.function)) { (name_of(&event.function)) } }
                        td { (event.accepted) }
                        td.number { (event.attempts.failed) }
                    } } }
                } }
            }
            @if let Some(next) = &page.next {
                p { a rel="next" href=(format!("/_larder/console/events?after={}", frame::escaped(next))) { "More" } }
            }
            h2 { "Queues" }
            @if queues.is_empty() { p.soft { "There is none." } } @else { (queues_shown(queues)) }
            h2 { "Event source mappings" }
            @if sources.mappings.is_empty() { p.soft { "There is none." } } @else { (mappings_shown(&sources.mappings)) }
            @if sources.more > 0 { p.soft { "And " (sources.more) " more." } }
        }
    }
}

fn queues_shown(queues: &[QueueLine]) -> Markup {
    html! {
        div.wide { table {
            thead { tr {
                th { "Queue" } th.number { "Messages" } th.number { "Received or delayed" } th.number { "Next waits, s" }
            } }
            tbody { @for queue in queues { tr {
                td { (queue.arn) } td.number { (queue.messages) } td.number { (queue.hidden) }
                td.number { @if let Some(seconds) = queue.next_waits_s { (seconds) } }
            } } }
        } }
    }
}

fn mappings_shown(mappings: &[MappingLine]) -> Markup {
    html! {
        div.wide { table {
            thead { tr { th { "Source" } th { "Function" } th { "State" } th { "Last result" } th { "Read up to" } } }
            tbody { @for mapping in mappings { tr {
                td { (mapping.source) }
                td { a href=(function_page(&mapping.function)) { (name_of(&mapping.function)) } }
                td { (mapping.state) }
                td { @if let Some(result) = &mapping.last_result { (result) } }
                td { @for place in &mapping.places { div { (place.shard) ": " (place.position) } } }
            } } }
        } }
    }
}
