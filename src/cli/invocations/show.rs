//! `larder invocations show`.

use clap::Args;

use super::{Asked, span};
use crate::cli::error::CliError;
use crate::cli::target::Target;
use crate::cli::terminal::{log_lines, plain, pretty, print};
use crate::desk::history::secrets;
use crate::desk::invocations::{self, name_of};
use crate::invoke::record::{Call, Payload, Record};

/// Bytes of a call's parameters that are shown.
const PARAMETERS: usize = 200;

/// Options of `larder invocations show`.
#[derive(Debug, Args)]
pub struct ShowOptions {
    /// Request id, as the list, the log and the answer's header `x-amzn-requestid` have it
    request_id: String,
    /// Show what looks like a secret
    #[arg(long)]
    show_secrets: bool,
    #[command(flatten)]
    asked: Asked,
}

/// Prints an invocation, or all attempts of an asynchronous event.
pub async fn run(options: ShowOptions) -> Result<(), CliError> {
    let found =
        find(&options.asked.target.open_for(options.show_secrets).await?, &options.request_id, options.show_secrets)
            .await?;
    if options.asked.json {
        print(&pretty(&found));
        return Ok(());
    }
    for (at, record) in found.iter().enumerate() {
        if at > 0 {
            print("");
        }
        explain(record);
    }
    Ok(())
}

/// What is remembered of an invocation.
pub async fn find(target: &Target, request_id: &str, show_secrets: bool) -> Result<Vec<Record>, CliError> {
    match target {
        Target::Server(client) => {
            let query = [("show_secrets", show_secrets.to_string())];
            client.get(&format!("/_larder/invocations/{}", escaped(request_id)), &query).await
        }
        Target::Folder(offline) => {
            let found = invocations::find(&offline.ledger, None, request_id)?;
            Ok(found.into_iter().map(|record| invocations::shown(record, secrets(show_secrets))).collect())
        }
    }
}

/// A request id as a part of a path.
fn escaped(id: &str) -> String {
    percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn explain(record: &Record) {
    let row = |name: &str, value: &str| print(&plain(&format!("{name:<12} {value}")));
    row("invocation", &record.request_id);
    let qualifier = record.qualifier.as_deref().map(|qualifier| format!(":{qualifier}")).unwrap_or_default();
    row("function", &format!("{}{qualifier}, version {}", name_of(&record.function), record.version));
    row("began", &format!("{} at sequence {}", record.started, record.sequence));
    row("trigger", &trigger(record));
    row("ended", &ended(record));
    if let Some(environment) = &record.environment {
        let count = environment.invocation.map(|count| format!(", its invocation {count}")).unwrap_or_default();
        let cold = if environment.cold { ", cold" } else { "" };
        row(
            "environment",
            &format!("{} ({}, {}{cold}){count}", environment.id, record.executor, environment.initialization),
        );
        if let Some(ground) = &environment.ground {
            row("ran with", &ground.to_string());
        }
    }
    row("memory", &format!("{} of {} MB", record.max_memory_mb, record.memory_mb));
    row("trace", &record.trace);

    block("event", &record.event);
    if let Some(answer) = &record.answer {
        block(if record.failed() { "error" } else { "response" }, answer);
    }
    if !record.calls.is_empty() {
        print("calls");
        record.calls.iter().for_each(call);
    }
    if record.more_calls > 0 {
        print(&format!("  and {} more", record.more_calls));
    }
    if !record.log.is_empty() {
        print("log");
        indented(&record.log);
    }
}

fn trigger(record: &Record) -> String {
    use crate::invoke::record::Trigger;
    match &record.trigger {
        Trigger::Event { attempt } => format!("asynchronous event, attempt {attempt}"),
        Trigger::Mapping { uuid } => format!("event source mapping {uuid}"),
        other => other.name().to_owned(),
    }
}

fn ended(record: &Record) -> String {
    let how = if record.failed() { invocations::error_of(record) } else { "well".to_owned() };
    let init = record.init_ms.map(|init| format!(" and {} of initialisation", span(init))).unwrap_or_default();
    format!("{how}, after {}{init}", span(record.duration_ms))
}

fn indented(text: &str) {
    for line in log_lines(text.trim_end()) {
        print(&format!("  {}", line.trim_end()));
    }
}

fn block(name: &str, payload: &Payload) {
    print(name);
    match payload {
        Payload::Text(text) => {
            let json = serde_json::from_str::<serde_json::Value>(text).map(|json| pretty(&json));
            let text = json.unwrap_or_else(|_| text.clone());
            indented(&text);
        }
        Payload::Base64(text) => indented(&format!("{} bytes that are no text", text.len() / 4 * 3)),
        Payload::Long { bytes, .. } => indented(&format!("{bytes} bytes that are not kept any more")),
    }
}

fn call(call: &Call) {
    let Call { service, request, status, ms, .. } = call;
    let body = match &call.body {
        Payload::Text(text) => text.as_str(),
        Payload::Base64(_) | Payload::Long { .. } => "",
    };
    let of_head = call.target.as_deref().and_then(|target| target.rsplit('.').next());
    let of_form = body.strip_prefix("Action=").and_then(|rest| rest.split('&').next());
    let what = of_head.or(of_form).unwrap_or(request);
    let parameters: String = body.chars().take(PARAMETERS).collect();
    print(&plain(&format!("  {service} {what}: {status} after {}  {parameters}", span(*ms))));
}
