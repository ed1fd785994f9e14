//! What is remembered of invocations.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Serialize;

use super::frame::{self, Form, Page, address, ended, escaped, function_page};
use crate::console::Console;
use crate::desk::invocations::{self, InvocationLine, InvocationPage, InvocationsError, InvocationsQuery, name_of};
use crate::invoke::record::End;

/// What can have a function run.
const TRIGGERS: [&str; 5] = ["invoke", "event", "url", "mapping", "replay"];

#[derive(Debug, Serialize)]
struct Invocations {
    #[serde(flatten)]
    page: InvocationPage,
    query: InvocationsQuery,
}

/// What a form sends: a field that was left empty is none.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct Asked {
    function: Option<String>,
    errors: Option<String>,
    since: Option<String>,
    trigger: Option<String>,
    text: Option<String>,
    before: Option<String>,
}

impl Asked {
    fn query(self) -> InvocationsQuery {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        InvocationsQuery {
            function: given(self.function),
            errors: given(self.errors).is_some(),
            since: given(self.since),
            trigger: given(self.trigger),
            text: given(self.text),
            before: given(self.before),
            ..InvocationsQuery::default()
        }
    }
}

/// The page.
pub async fn page(
    State(console): State<Arc<Console>>,
    Query(form): Query<Form>,
    Query(asked): Query<Asked>,
) -> Response {
    let query = asked.query();
    let wanted = query.clone();
    let ask = move || invocations::list(&console.ledger, Some(console.invoker.recorder()), &wanted);
    match tokio::task::spawn_blocking(ask).await {
        Ok(Ok(page)) => frame::respond(&Invocations { page, query }, &form),
        Ok(Err(error @ InvocationsError::Invalid(_))) => {
            frame::refuse(StatusCode::BAD_REQUEST, &error.to_string(), &form)
        }
        Ok(Err(error)) => crate::console::unavailable(&error),
        Err(error) => crate::console::unavailable(&error),
    }
}

impl Page for Invocations {
    fn title(&self) -> String {
        "Invocations".to_owned()
    }

    fn section(&self) -> &'static str {
        "Invocations"
    }

    fn content(&self) -> Markup {
        let Self { page, query } = self;
        let value = |text: &Option<String>| text.clone().unwrap_or_default();
        html! {
            form role="search" {
                label { "Function" input type="search" name="function" value=(value(&query.function)); }
                label { "Text" input type="search" name="text" value=(value(&query.text)); }
                label { "Since" input name="since" placeholder="10m" value=(value(&query.since)); }
                label { "Run by"
                    select name="trigger" {
                        option value="" { "any" }
                        @for trigger in TRIGGERS { option selected[query.trigger.as_deref() == Some(trigger)] { (trigger) } }
                    }
                }
                label { "Failed" input type="checkbox" name="errors" value="true" checked[query.errors]; }
                button { "Search" }
            }
            @if page.invocations.is_empty() {
                p.soft { "No invocation is remembered that is meant." }
            } @else {
                (lines(&page.invocations))
            }
            @if let Some(next) = &page.next { p { a rel="next" href=(next_page(query, next)) { "Earlier ones" } } }
        }
    }
}

fn next_page(query: &InvocationsQuery, next: &str) -> String {
    let asked = [
        ("function", query.function.as_deref()),
        ("text", query.text.as_deref()),
        ("since", query.since.as_deref()),
        ("trigger", query.trigger.as_deref()),
        ("errors", query.errors.then_some("true")),
        ("before", Some(next)),
    ];
    address("/_larder/console/invocations", &asked)
}

/// Invocations as a table.
pub fn lines(invocations: &[InvocationLine]) -> Markup {
    html! {
        div.wide { table {
            thead { tr { th { "Began" } th { "Function" } th { "Run by" } th { "Ended" } th.number { "Took" } th { "Invocation" } } }
            tbody { @for line in invocations { tr {
                td { (line.started) }
                td { a href=(function_page(&line.function)) { (name_of(&line.function)) } " " span.soft { (line.version) } }
                td { (line.trigger.name()) @if line.cold { span.soft { ", cold" } } }
                td { (how(line)) }
                td.number { (format!("{:.1} ms", line.duration_ms)) }
                td { a href=(format!("/_larder/console/invocations/{}", escaped(&line.request_id))) { (line.request_id) } }
            } } }
        } }
    }
}

fn how(line: &InvocationLine) -> Markup {
    match &line.error {
        Some(error) => ended(false, error),
        None => ended(line.end == End::Response, "well"),
    }
}
