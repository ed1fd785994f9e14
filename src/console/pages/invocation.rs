//! One invocation: its event and its end, where its time went, and what it called.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Serialize;

use super::frame::{self, Form, Page, ended, function_page};
use crate::console::Console;
use crate::desk::history::secrets;
use crate::desk::invocations::{self, InvocationsError, error_of, name_of};
use crate::invoke::record::{Payload, Record};

#[derive(Debug, Serialize)]
struct Invocation {
    /// Its attempts, the last first.
    attempts: Vec<Record>,
}

/// The page.
pub async fn page(State(console): State<Arc<Console>>, Path(id): Path<String>, Query(form): Query<Form>) -> Response {
    let find = move || invocations::find(&console.ledger, Some(console.invoker.recorder()), &id);
    match tokio::task::spawn_blocking(find).await {
        Ok(Ok(found)) => {
            let attempts = found.into_iter().rev().map(|record| invocations::shown(record, secrets(false)));
            frame::respond(&Invocation { attempts: attempts.collect() }, &form)
        }
        Ok(Err(error @ InvocationsError::Unknown(_))) => {
            frame::refuse(StatusCode::NOT_FOUND, &error.to_string(), &form)
        }
        Ok(Err(error)) => crate::console::unavailable(&error),
        Err(error) => crate::console::unavailable(&error),
    }
}

impl Page for Invocation {
    fn title(&self) -> String {
        let id = self.attempts.first().map_or("", |record| record.request_id.as_str());
        format!("Invocation {id}")
    }

    fn section(&self) -> &'static str {
        "Invocations"
    }

    fn content(&self) -> Markup {
        html! {
            @if let Some(record) = self.attempts.first() {
                (again(record))
            }
            @for record in &self.attempts { (whole(record)) }
        }
    }
}

/// The buttons that run it again: here, and as it was then in a server beside this one.
fn again(record: &Record) -> Markup {
    let number = record.environment.as_ref().and_then(|environment| environment.invocation).unwrap_or(1);
    html! {
        form data-replay=(record.request_id) {
            button name="at" value="now" { "Run it again, as things are now" }
            button name="at" value="then" { "Run it again, as they were then" }
            @if number > 1 {
                label title="What depends on a warm environment's state goes as it went only after them." {
                    "with the " (number - 1) " before it, as then"
                    input type="checkbox" name="environment";
                }
            }
        }
        div id="result" aria-live="polite" { p {} pre.answer {} }
        p.soft {
            "As then: code, configuration, layers and variables of sequence " (record.sequence) ", in a server of its own that \
             ends with it; what it calls is answered from the record. The same as larder replay " (record.request_id) "."
        }
    }
}

fn whole(record: &Record) -> Markup {
    let failed = record.failed();
    let how = if failed { error_of(record) } else { "It ended well.".to_owned() };
    html! {
        h2 { (record.trigger.name()) ", " (record.started) }
        p { (ended(!failed, &how)) }
        (times(record))
        (facts(record))
        h2 { "Event" } (payload(&record.event))
        @if let Some(answer) = &record.answer {
            h2 { @if failed { "Error" } @else { "Response" } }
            (payload(answer))
        }
        @if !record.calls.is_empty() {
            h2 { "Calls" }
            (calls(record))
        }
        h2 { "Log" }
        // Python's runtime ends lines of a traceback as a typewriter does.
        pre { (record.log.replace('\r', "\n")) }
    }
}

/// Where its time went: initialisation, then the handler, and in both the calls that were made.
fn times(record: &Record) -> Markup {
    let init = record.init_ms.unwrap_or_default();
    let all = (init + record.duration_ms).max(0.001);
    let share = |ms: f64| format!("{:.2}", ms / all * 100.0);
    let label = format!("{init:.1} ms of initialisation, {:.1} ms of the handler", record.duration_ms);
    html! {
        svg.fall viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label=(label) {
            rect.init x="0" y="1" height="8" width=(share(init)) {}
            rect.run x=(share(init)) y="1" height="8" width=(share(record.duration_ms)) {}
            @for call in &record.calls {
                rect.call x=(share(call.after_ms.min(all))) y="6" height="3" width=(share(call.ms.min(all))) {}
            }
        }
        p.soft { (label) }
    }
}

fn facts(record: &Record) -> Markup {
    html! {
        dl.facts {
            dt { "Function" }
            dd { a href=(function_page(&record.function)) { (name_of(&record.function)) } ", version " (record.version) }
            dt { "State" } dd { "sequence " (record.sequence) }
            @if let Some(environment) = &record.environment {
                dt { "Environment" }
                dd {
                    (environment.id) " (" (record.executor) ", " (environment.initialization)
                    @if environment.cold { ", cold" } ")"
                    @if let Some(count) = environment.invocation { ", its invocation " (count) }
                }
                @if let Some(ground) = &environment.ground { dt { "Ran with" } dd { (ground) } }
            }
            dt { "Memory" } dd { (record.max_memory_mb) " of " (record.memory_mb) " MB" }
            dt { "Trace" } dd { (record.trace) }
        }
    }
}

fn calls(record: &Record) -> Markup {
    html! {
        div.wide { table {
            thead { tr { th { "Service" } th { "Operation" } th { "Status" } th.number { "After" } th.number { "Took" } th { "Sent" } th { "Answered" } } }
            tbody { @for call in &record.calls { tr {
                td { (call.service) }
                td { (call.target.as_deref().unwrap_or(&call.request)) }
                td { (ended(call.status < 400, &call.status.to_string())) }
                td.number { (format!("{:.1} ms", call.after_ms)) }
                td.number { (format!("{:.1} ms", call.ms)) }
                td { (payload(&call.body)) }
                td { (payload(&call.answer)) }
            } } }
        } }
    }
}

fn payload(payload: &Payload) -> Markup {
    let text = match payload {
        Payload::Text(text) => {
            let json = serde_json::from_str::<serde_json::Value>(text).ok();
            json.and_then(|json| serde_json::to_string_pretty(&json).ok()).unwrap_or_else(|| text.clone())
        }
        Payload::Base64(text) => format!("{} bytes that are no text", text.len() / 4 * 3),
        Payload::Long { bytes, .. } => format!("{bytes} bytes that are not kept any more"),
    };
    html! { pre { (text) } }
}
