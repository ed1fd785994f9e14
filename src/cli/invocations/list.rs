//! `larder invocations`: a line each.

use std::time::Duration;

use clap::Args;

use super::{Asked, span};
use crate::cli::error::CliError;
use crate::cli::target::Target;
use crate::cli::terminal::{compact, plain, print};
use crate::desk::invocations::{self, InvocationLine, InvocationPage, InvocationsQuery, LONGEST_PAGE, name_of};
use crate::invoke::record::{End, Trigger};

/// What `--help` shows.
pub const EXAMPLES: &str = "\
Examples:
  larder invocations --errors --since 10m
  larder invocations --function orders --text 'out of stock' --json | jq -r .request_id
  larder invocations show 5f0c1c4e-7a4b-4c39-9d62-8f4a31f0c9b1";

/// How often `--follow` looks.
const FOLLOW: Duration = Duration::from_millis(500);

/// Which are listed.
#[derive(Debug, Args)]
pub struct ListOptions {
    /// Only those of a function: its name, with `*`, or its ARN
    #[arg(long, value_name = "NAME")]
    function: Option<String>,
    /// Only those that failed
    #[arg(long)]
    errors: bool,
    /// Only those since a time, or so long ago: 2026-01-31T12:00:00Z, 10m
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only those that this had run
    #[arg(long, value_name = "TRIGGER", value_parser = ["invoke", "event", "url", "mapping", "replay"])]
    trigger: Option<String>,
    /// Only those with this in event, answer or log
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// As many at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Go on with those that come from now on
    #[arg(long, short = 'f')]
    follow: bool,
    #[command(flatten)]
    asked: Asked,
}

/// Prints them: the newest last, as a log.
pub async fn run(options: ListOptions) -> Result<(), CliError> {
    let target = options.asked.target.open()?;
    let mut query = InvocationsQuery {
        function: options.function,
        errors: options.errors,
        since: options.since,
        trigger: options.trigger,
        text: options.text,
        limit: None,
        before: None,
        after: None,
    };
    let (mut found, newest) = latest(&target, &mut query, options.limit).await?;
    found.reverse();
    if found.is_empty() && !options.asked.json && !options.follow {
        print("No invocation is remembered that is meant here.");
    }
    if !found.iter().all(|line| print_line(line, options.asked.json)) {
        return Ok(());
    }

    query.after = Some(newest);
    if !options.follow {
        return Ok(());
    }
    loop {
        tokio::time::sleep(FOLLOW).await;
        query.limit = Some(LONGEST_PAGE);
        let page = page(&target, &query).await?;
        if !page.invocations.iter().all(|line| print_line(line, options.asked.json)) {
            return Ok(());
        }
        query.after = Some(page.newest);
    }
}

/// The latest, the newest first, and where those begin that come after them.
async fn latest(
    target: &Target,
    query: &mut InvocationsQuery,
    limit: usize,
) -> Result<(Vec<InvocationLine>, String), CliError> {
    query.limit = Some(limit.clamp(1, LONGEST_PAGE));
    let first = page(target, query).await?;
    let (mut found, newest) = (first.invocations, first.newest);
    query.before = first.next;
    while query.before.is_some() && found.len() < limit {
        query.limit = Some((limit - found.len()).min(LONGEST_PAGE));
        let next = page(target, query).await?;
        found.extend(next.invocations);
        query.before = next.next;
    }

    query.before = None;
    Ok((found, newest))
}

async fn page(target: &Target, query: &InvocationsQuery) -> Result<InvocationPage, CliError> {
    match target {
        Target::Server(client) => {
            let get = client.request(reqwest::Method::GET, "/_larder/invocations").query(query);
            client.ask(get).await
        }
        Target::Folder(offline) => Ok(invocations::list(&offline.ledger, None, query)?),
    }
}

fn print_line(line: &InvocationLine, json: bool) -> bool {
    if json {
        return print(&compact(line));
    }
    let InvocationLine { started, request_id, function, qualifier, version, trigger, end, duration_ms, .. } = line;
    let name = name_of(function);
    let version = match qualifier {
        Some(qualifier) if qualifier != version => format!(":{qualifier}({version})"),
        Some(_) => format!(":{version}"),
        None => String::new(),
    };
    let trigger = match trigger {
        Trigger::Event { attempt } => format!("event {attempt}"),
        other => other.name().to_owned(),
    };
    let end = match end {
        End::Response => "ok",
        End::Error => "error",
        End::Timeout => "timeout",
        End::Exit => "exit",
        End::NotRun => "not run",
    };
    let cold = if line.cold { " cold" } else { "" };
    let calls = if line.calls > 0 { format!(" {} calls", line.calls) } else { String::new() };
    let error = line.error.as_deref().map(|error| format!("  {error}")).unwrap_or_default();
    let span = span(*duration_ms);
    print(&plain(&format!(
        "{started}  {request_id}  {name}{version}  {trigger:<8} {end:<7} {span:>9}{cold}{calls}{error}"
    )))
}
