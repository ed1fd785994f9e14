//! One function, with a form to try it.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Serialize;

use super::frame::{self, Form, Page, ended, escaped};
use super::invocations::lines;
use crate::console::Console;
use crate::desk::functions::{self, AliasLine, DurableLine, FunctionDetails};
use crate::desk::history::secrets;
use crate::desk::invocations::{self, InvocationLine, InvocationsQuery};
use crate::desk::mappings::MappingLine;
use crate::invoke::record::Payload;
use crate::model::names::{FunctionKey, Scope};

/// Invocations that are shown.
const RECENT: usize = 10;

/// Events of AWS's kinds, to begin with.
const TEMPLATES: [(&str, &str); 6] = [
    (
        "API Gateway or function URL",
        r#"{"version":"2.0","rawPath":"/","headers":{},"requestContext":{"http":{"method":"GET","path":"/"}},"isBase64Encoded":false}"#,
    ),
    (
        "SQS",
        r#"{"Records":[{"messageId":"1","body":"hello","attributes":{},"messageAttributes":{},"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-1:000000000000:queue","awsRegion":"us-east-1"}]}"#,
    ),
    (
        "SNS",
        r#"{"Records":[{"EventSource":"aws:sns","EventVersion":"1.0","Sns":{"Message":"hello","Subject":"a subject"}}]}"#,
    ),
    (
        "S3",
        r#"{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","awsRegion":"us-east-1","s3":{"bucket":{"name":"bucket"},"object":{"key":"key","size":1}}}]}"#,
    ),
    (
        "DynamoDB stream",
        r#"{"Records":[{"eventID":"1","eventName":"INSERT","eventSource":"aws:dynamodb","dynamodb":{"Keys":{"id":{"S":"1"}},"NewImage":{"id":{"S":"1"}}}}]}"#,
    ),
    (
        "EventBridge",
        r#"{"version":"0","id":"1","detail-type":"order","source":"shop","account":"000000000000","region":"us-east-1","resources":[],"detail":{}}"#,
    ),
];

#[derive(Debug, Serialize)]
struct FunctionPage {
    #[serde(flatten)]
    function: FunctionDetails,
    mappings: Vec<MappingLine>,
    recent: Vec<InvocationLine>,
    /// Events that it got lately, without what looks like a secret.
    events: Vec<String>,
}

/// The page.
pub async fn page(
    State(console): State<Arc<Console>>,
    Path((account, region, name)): Path<(String, String, String)>,
    Query(form): Query<Form>,
) -> Response {
    let gathered = tokio::task::spawn_blocking(move || gather(&console, (&account, &region, &name))).await;
    match gathered {
        Ok(Some(page)) => frame::respond(&page, &form),
        Ok(None) => frame::refuse(StatusCode::NOT_FOUND, "There is no such function.", &form),
        Err(error) => crate::console::unavailable(&error),
    }
}

fn gather(console: &Console, (account, region, name): (&str, &str, &str)) -> Option<FunctionPage> {
    let function = functions::show(&console.ledger.state(), account, region, name)?;
    let arn = function.line.arn.clone();
    let query = InvocationsQuery { function: Some(arn), limit: Some(RECENT), ..InvocationsQuery::default() };
    let recorder = Some(console.invoker.recorder());
    let recent = invocations::list(&console.ledger, recorder, &query).map(|page| page.invocations).unwrap_or_default();

    let mut events: Vec<String> = Vec::new();
    for line in recent.iter().take(3) {
        let found = invocations::last_of(&console.ledger, &line.function, &line.request_id).ok();
        let event = found.map(|record| invocations::shown(record, secrets(false)).event);
        if let Some(Payload::Text(event)) = event
            && !events.contains(&event)
        {
            events.push(event);
        }
    }
    let key = FunctionKey { scope: Scope { account: account.into(), region: region.into() }, name: name.into() };
    let mappings = console.mappings().of_function(&key);
    Some(FunctionPage { function, mappings, recent, events })
}

impl Page for FunctionPage {
    fn title(&self) -> String {
        self.function.line.name.clone()
    }

    fn section(&self) -> &'static str {
        "Functions"
    }

    fn content(&self) -> Markup {
        let FunctionDetails { line, published, all_aliases, policies, urls, .. } = &self.function;
        html! {
            p {
                (ended(line.state != "Failed", line.state))
                @if let Some(reason) = &line.reason { ": " (reason) }
                " · " (line.arn)
            }
            (self.trial())
            h2 { "Configuration" }
            (self.configuration())
            h2 { "Versions" }
            @if published.is_empty() { p.soft { "None was published." } }
            ul { @for version in published {
                li { "Version " (version.version) ", " (version.modified) " " span.soft { (version.description) } }
            } }
            h2 { "Aliases" }
            @if all_aliases.is_empty() { p.soft { "It has none." } }
            @for alias in all_aliases { (shares(alias)) }
            h2 { "URLs" }
            @if urls.is_empty() { p.soft { "It has none." } }
            ul { @for url in urls {
                li {
                    a href=(format!("/_url/{}/", escaped(&url.id))) { "/_url/" (url.id) "/" }
                    " " (url.auth_type)
                    @if let Some(alias) = &url.alias { ", of the alias " (alias) }
                }
            } }
            h2 { "Event source mappings" }
            @if self.mappings.is_empty() { p.soft { "It has none." } }
            ul { @for mapping in &self.mappings {
                li { (mapping.source) ": " (mapping.state) " "
                    @if let Some(result) = &mapping.last_result { span.soft { (result) } } }
            } }
            h2 { "Policies" }
            @if policies.is_empty() { p.soft { "It has none." } }
            @for policy in policies { pre { (policy) } }
            h2 { "Invocations" }
            @if self.recent.is_empty() { p.soft { "None is remembered." } } @else { (lines(&self.recent)) }
        }
    }
}

impl FunctionPage {
    /// The form that invokes it.
    fn trial(&self) -> Markup {
        let line = &self.function.line;
        let path = format!("/2015-03-31/functions/{}/invocations", escaped(&line.name));
        // An access key id of twelve digits is taken for the account.
        let caller = format!(
            "AWS4-HMAC-SHA256 Credential={}/20260101/{}/lambda/aws4_request, SignedHeaders=host, Signature=00",
            line.account, line.region
        );
        html! {
            h2 { "Try it" }
            form data-invoke=(path) data-caller=(caller) {
                label { "Begin with"
                    select name="template" {
                        option value="" { "an event …" }
                        @for event in &self.events { option value=(event) { "lately: " (event.chars().take(60).collect::<String>()) } }
                        @for (name, event) in TEMPLATES { option value=(event) { (name) } }
                    }
                }
                label.wide for="event" { "Event" }
                textarea id="event" name="event" spellcheck="false" { "{}" }
                button { "Invoke" }
            }
            div id="result" aria-live="polite" {
                p {} pre.answer {} pre.log {} a href="" {}
            }
        }
    }

    fn configuration(&self) -> Markup {
        let FunctionDetails { line, handler, role, description, variables, layers, tags, log_group, .. } =
            &self.function;
        let joined = |texts: &[String]| if texts.is_empty() { "none".to_owned() } else { texts.join(", ") };
        let tags: Vec<String> = tags.iter().map(|(key, value)| format!("{key}: {value}")).collect();
        let reserved = self.function.reserved_concurrency.map_or_else(|| "none".to_owned(), |count| count.to_string());
        let rows = [
            ("Runtime", if line.runtime.is_empty() { "image".to_owned() } else { line.runtime.clone() }),
            ("Handler", handler.clone()),
            ("Description", description.clone()),
            ("Memory", format!("{} MB", line.memory_mb)),
            ("Timeout", format!("{} s", line.timeout_s)),
            ("Role", role.clone()),
            ("Variables", joined(variables)),
            ("Layers", joined(layers)),
            ("Tags", joined(&tags)),
            ("Reserved concurrency", reserved),
            ("Log group", log_group.clone()),
            ("Changed", line.modified.clone()),
        ];
        let durable = self.function.durable.as_ref();
        html! {
            dl.facts {
                @for (name, value) in rows { dt { (name) } dd { (value) } }
                @if let Some(durable) = durable { dt { "Durable" } dd { (kept_not_run(durable)) } }
            }
        }
    }
}

/// What there is of a durable function: its configuration. Its executions are not run, so that none can be shown.
fn kept_not_run(durable: &DurableLine) -> Markup {
    html! {
        "executions of up to " (durable.execution_timeout_s) " s, kept for " (durable.retention_days) " days. "
        span.warn { "This version of Larder keeps durable functions and does not run them: an invocation is refused." }
    }
}

/// Where the calls of an alias go.
fn shares(alias: &AliasLine) -> Markup {
    let first = alias.shares.first().map_or(100.0, |(_, share)| *share);
    let shares = alias.shares.iter().map(|(version, share)| format!("version {version}: {share:.0} %"));
    let label = shares.collect::<Vec<_>>().join(", ");
    html! {
        div { strong { (alias.name) } " " (label) }
        svg.fall viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label=(label) {
            rect.run x="0" y="1" height="8" width=(format!("{first:.2}")) {}
            rect.init x=(format!("{first:.2}")) y="1" height="8" width=(format!("{:.2}", 100.0 - first)) {}
        }
    }
}
