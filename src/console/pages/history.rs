//! What changed, the newest first; and the way back.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Serialize;

use super::frame::{self, Form, Page, address};
use crate::console::{Console, time_travel};
use crate::desk::answers::{Differences, Entry, ShownMark};
use crate::desk::history::{self, HistoryError};
use crate::desk::log::{self, LogQuery};
use crate::desk::words::who::who;
use crate::ledger::difference::Field;
use crate::model::resource_pattern::is_like;

/// Changes of a page, with what followed by itself.
const PAGE: u16 = 50;

/// Fields of a change that are shown.
const FIELDS: usize = 12;

/// Services whose changes can be looked at alone: their name here, what a form calls them, and what their ARNs have.
const AREAS: [(&str, &str, &str); 4] = [
    ("lambda", "Lambda: functions, layers, mappings", "arn:*:lambda:*"),
    ("iam", "IAM: roles, policies, users, groups", "arn:*:iam:*"),
    ("logs", "CloudWatch Logs: groups and streams", "arn:*:logs:*"),
    ("sqs", "SQS: queues", "arn:*:sqs:*"),
];

#[derive(Debug, Serialize)]
struct History {
    /// The newest first.
    entries: Vec<Entry>,
    /// The service whose changes are shown alone.
    area: Option<&'static str>,
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
    /// Only changes of resources of this service, also those that a rewind or a pod made.
    area: Option<String>,
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
    let area = match area_of(&listed) {
        Ok(area) => area,
        Err(message) => return frame::refuse(StatusCode::BAD_REQUEST, &message, &form),
    };
    match tokio::task::spawn_blocking(move || gather(&console, &listed, area)).await {
        Ok(Ok(page)) => frame::respond(&page, &form),
        Ok(Err(error)) => time_travel::refuse(&error),
        Err(error) => crate::console::unavailable(&error),
    }
}

/// The service that is wanted, by its name and its ARNs; a field that was left empty wants all.
fn area_of(listed: &Listed) -> Result<Option<(&'static str, &'static str)>, String> {
    let Some(wanted) = listed.area.as_deref().filter(|area| !area.is_empty()) else { return Ok(None) };
    let found = AREAS.iter().find(|(name, ..)| *name == wanted);
    let names = || AREAS.map(|(name, ..)| name).join(", ");
    let (name, _, arns) = found.ok_or_else(|| format!("There is no area `{wanted}`: write one of {}.", names()))?;
    Ok(Some((name, arns)))
}

fn gather(console: &Console, listed: &Listed, area: Option<(&'static str, &str)>) -> Result<History, HistoryError> {
    let sequence = console.ledger.state().sequence;
    let query = LogQuery {
        until: listed.until,
        newest_first: true,
        resource: area.map(|(_, arns)| arns.to_owned()),
        limit: Some(PAGE.into()),
        ..LogQuery::default()
    };
    let mut page = log::log(&console.ledger, &query)?;
    if let Some((_, arns)) = area {
        // A rewind or a pod changes much else.
        page.entries.iter_mut().for_each(|entry| entry.changes.retain(|change| is_like(&change.arn, arns)));
    }
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
        area: area.map(|(name, _)| name),
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
            (self.choice())
            @if self.entries.is_empty() { p.soft { (self.nothing()) } }
            ol.time { @for entry in &self.entries { (change(entry, self.sequence)) } }
            @if let Some(earlier) = self.earlier {
                p { a rel="next" href=(self.before(earlier)) { "Earlier changes" } }
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

impl History {
    /// The form that chooses a service.
    fn choice(&self) -> Markup {
        html! {
            form role="search" {
                label { "Changes of"
                    select name="area" {
                        option value="" { "all" }
                        @for (name, says, _) in AREAS { option value=(name) selected[self.area == Some(name)] { (says) } }
                    }
                }
                button { "Show" }
            }
        }
    }

    /// What is said where there is no entry. A page looks at so many changes, of which none may be meant.
    fn nothing(&self) -> &'static str {
        match (self.area, self.earlier) {
            (None, _) => "Nothing has changed yet.",
            (Some(_), None) => "Nothing has changed there.",
            (Some(_), Some(_)) => "Nothing of these changes: there are earlier ones.",
        }
    }

    fn before(&self, earlier: u64) -> String {
        address("/_larder/console/history", &[("until", Some(&earlier.to_string())), ("area", self.area)])
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
