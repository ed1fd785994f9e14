//! What changed, the newest first; and the way back.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Serialize;

use super::frame::{self, Form, Page};
use crate::console::{Console, time_travel};
use crate::desk::answers::{Entry, ShownMark};
use crate::desk::history::{self, HistoryError, LogQuery};
use crate::ledger::difference::Field;

/// Sequences of a page.
const PAGE: u16 = 50;

/// Fields of a change that are shown.
const FIELDS: usize = 12;

#[derive(Debug, Serialize)]
struct History {
    /// The newest first.
    entries: Vec<Entry>,
    marks: Vec<ShownMark>,
    /// The newest sequence.
    sequence: u64,
    /// Where the page before this one ends.
    earlier: Option<u64>,
}

/// Which entries are wanted.
#[derive(Debug, Default, serde::Deserialize)]
pub struct Listed {
    /// Up to this sequence.
    until: Option<u64>,
}

/// The page.
pub async fn page(
    State(console): State<Arc<Console>>,
    Query(form): Query<Form>,
    Query(listed): Query<Listed>,
) -> Response {
    match tokio::task::spawn_blocking(move || gather(&console, listed.until)).await {
        Ok(Ok(page)) => frame::respond(&page, &form),
        Ok(Err(error)) => time_travel::refuse(&error),
        Err(error) => crate::console::unavailable(&error),
    }
}

fn gather(console: &Console, until: Option<u64>) -> Result<History, HistoryError> {
    let sequence = console.ledger.state().sequence;
    let until = until.unwrap_or(sequence).min(sequence);
    let first = until.saturating_sub(u64::from(PAGE) - 1).max(1);
    let query = LogQuery { since: Some(first.to_string()), limit: Some(PAGE.into()), ..LogQuery::default() };
    let mut entries = if until == 0 { Vec::new() } else { history::log(&console.ledger, &query)?.entries };
    entries.retain(|entry| entry.event.sequence <= until);
    entries.reverse();

    Ok(History {
        entries,
        marks: history::marks(&console.ledger).marks,
        sequence,
        earlier: (first > 1).then(|| first - 1),
    })
}

impl Page for History {
    fn title(&self) -> String {
        "History".to_owned()
    }

    fn section(&self) -> &'static str {
        "History"
    }

    fn content(&self) -> Markup {
        html! {
            @if !self.marks.is_empty() {
                h2 { "Marks" }
                ul { @for mark in &self.marks {
                    li { (mark.mark) ", sequence " (mark.sequence) " " (way_back(mark.sequence, self.sequence)) }
                } }
            }
            h2 { "Changes" }
            @if self.entries.is_empty() { p.soft { "Nothing has changed yet." } }
            ol.time { @for entry in &self.entries { (change(entry, self.sequence)) } }
            @if let Some(earlier) = self.earlier {
                p { a rel="next" href=(format!("/_larder/console/history?until={earlier}")) { "Earlier changes" } }
            }
            dialog id="rewind" data-now=(self.sequence) aria-labelledby="rewind-says" {
                p id="rewind-says" {}
                pre {}
                p.soft { "It is a change itself: history goes on, and it can be undone here." }
                button data-do="" { "Rewind" } " "
                button.plain data-cancel="" { "Leave it" }
            }
        }
    }
}

fn change(entry: &Entry, now: u64) -> Markup {
    let event = &entry.event;
    html! {
        li id=(format!("s{}", event.sequence)) {
            div {
                strong { (event.sequence) } " " (event.kind) " " (event.name) " "
                (way_back(event.sequence, now))
            }
            div.soft { (event.time) " · " (event.user_agent) }
            @if !entry.changes.is_empty() {
                details {
                    summary { (entry.changes.len()) " resources" }
                    @for change in &entry.changes {
                        div { (change.kind) " " (change.name) }
                        ul { @for field in change.fields.iter().take(FIELDS) { (field_line(field)) } }
                    }
                }
            }
        }
    }
}

fn field_line(field: &Field) -> Markup {
    let value =
        |value: &Option<serde_json::Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
    html! { li { (field.path) ": " (value(&field.old)) " → " (value(&field.new)) } }
}

/// The button that rewinds to a sequence.
fn way_back(sequence: u64, now: u64) -> Markup {
    html! {
        @if sequence < now {
            button.plain data-rewind=(sequence) aria-label=(format!("Rewind to sequence {sequence}")) { "Rewind to here" }
        }
    }
}
