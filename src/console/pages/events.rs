//! Asynchronous events that wait, and messages of queues.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Serialize;

use super::frame::{self, Form, Page, function_page};
use crate::console::Console;
use crate::desk::answers::QueuePage;
use crate::desk::invocations::name_of;
use crate::desk::queue::list::{self, QueueQuery};
use crate::runs::messages::MessageQueue;

#[derive(Debug, Serialize)]
struct Events {
    #[serde(flatten)]
    page: QueuePage,
    queues: Vec<QueueLine>,
}

/// A queue, and how many messages it holds.
#[derive(Debug, Serialize)]
struct QueueLine {
    arn: String,
    messages: usize,
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
        let messages = |key| runs.messages.queue(key).map_or(0, MessageQueue::len);
        let queues = state.queues.keys().map(|key| QueueLine { arn: key.arn(), messages: messages(key) }).collect();
        list::events(&console.queue, &wanted).map(|page| Events { page, queues })
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
        let Self { page, queues } = self;
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
            @if queues.is_empty() { p.soft { "There is none." } } @else {
                div.wide { table {
                    thead { tr { th { "Queue" } th.number { "Messages" } } }
                    tbody { @for queue in queues { tr { td { (queue.arn) } td.number { (queue.messages) } } } }
                } }
            }
        }
    }
}
