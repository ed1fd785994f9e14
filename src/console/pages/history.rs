//! What changed, the newest first; and the way back.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Serialize;

use super::frame::{self, Form, Page};
use crate::console::{Console, time_travel};
use crate::desk::answers::{Differences, Entry, ShownMark};
use crate::desk::history::{self, HistoryError};
use crate::desk::log::{self, LogQuery};
use crate::desk::words::who::who;
use crate::ledger::difference::Field;

/// Changes of a page, with what followed by itself.
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
    /// What differs between two points, where that was asked.
    difference: Option<Differences>,
}

/// Which entries are wanted.
#[derive(Debug, Default, serde::Deserialize)]
pub struct Listed {
    /// Up to this sequence.
    until: Option<u64>,
    /// The points between which differences are wanted: sequences, times, how long ago, marks.
    from: Option<String>,
    to: Option<String>,
}

/// The page.
pub async fn page(
    State(console): State<Arc<Console>>,
    Query(form): Query<Form>,
    Query(listed): Query<Listed>,
) -> Response {
    match tokio::task::spawn_blocking(move || gather(&console, &listed)).await {
        Ok(Ok(page)) => frame::respond(&page, &form),
        Ok(Err(error)) => time_travel::refuse(&error),
        Err(error) => crate::console::unavailable(&error),
    }
}

fn gather(console: &Console, listed: &Listed) -> Result<History, HistoryError> {
    let sequence = console.ledger.state().sequence;
    let query = LogQuery { until: listed.until, newest_first: true, limit: Some(PAGE.into()), ..LogQuery::default() };
    let page = log::log(&console.ledger, &query)?;
    let given = |point: &Option<String>| point.clone().filter(|point| !point.is_empty());
    let difference = match (given(&listed.from), given(&listed.to)) {
        (None, None) => None,
        (from, to) => {
            let from = from.unwrap_or_else(|| "0".to_owned());
            let to = to.unwrap_or_else(|| sequence.to_string());
            Some(history::diff(&console.ledger, &from, &to, false)?.whole()?)
        }
    };

    Ok(History {
        entries: page.entries,
        marks: history::marks(&console.ledger).marks,
        sequence,
        earlier: page.next,
        difference,
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
            h2 { "What differs" }
            form {
                label { "From" input name="from" placeholder="42, 10m, mark:NAME"; }
                label { "To" input name="to" placeholder="now"; }
                button { "Compare" }
            }
            @if let Some(difference) = &self.difference { (between(difference)) }
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
                strong { (event.sequence) } " " (event.says) " "
                (way_back(event.sequence, now))
            }
            div.soft { (event.time) " · " span title=(event.user_agent) { (who(&event.user_agent)) } " · " (event.kind) }
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

/// What differs between two points.
fn between(difference: &Differences) -> Markup {
    html! {
        p { "From sequence " (difference.from) " to " (difference.to) ": " (difference.resources.len()) " resources." }
        @for change in &difference.resources {
            details {
                summary { (format!("{:?}", change.change)) " " (change.kind) " " (change.name) }
                ul { @for field in &change.fields { (field_line(field)) } }
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
