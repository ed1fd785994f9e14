//! `larder log`.

mod line;

use std::time::Duration;

use clap::Args;

use self::line::{Line, Template};
use super::entry_text::changes_text;
use super::error::CliError;
use super::pager::Output;
use super::target::{Target, TargetOptions};
use super::terminal::{compact, print};
use crate::desk::answers::{Entry, LogPage, Outcome};
use crate::desk::log::{self, LogQuery};
use crate::desk::words::folding::Folding;

/// How often `--follow` looks.
const FOLLOW: Duration = Duration::from_millis(500);

/// What `--help` shows.
pub const EXAMPLES: &str = "\
Examples:
  larder log -n 5
  larder log --function orders -p
  larder log --since 10m --format '{sequence} {who} {what}'

A template of --format has {sequence}, {time}, {local}, {ago}, {who}, {what}, {kind}, {name}, {resource},
{account}, {region}, {agent}, {key} and {request}.";

/// Options of `larder log`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own, no state of a machine")]
pub struct LogOptions {
    /// Only what changed a function; `*` and `?` stand for anything and for one character
    #[arg(long, value_name = "NAME")]
    function: Option<String>,
    /// Only what changed a resource, by ARN or KIND:NAME; with `*` and `?`
    #[arg(long, value_name = "ARN")]
    resource: Option<String>,
    /// Only events of one kind, such as `FunctionCreated`
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// From a sequence on, or after a time: 42, 2026-01-31T12:00:00Z, 10m, mark:NAME
    #[arg(long, value_name = "SEQ|TIME")]
    since: Option<String>,
    /// As many at most
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<usize>,
    /// The fields that changed too, under AWS's names
    #[arg(long, short = 'p')]
    patch: bool,
    /// Also what Larder did by itself after a change or a call, such as making a function ready
    #[arg(long)]
    all: bool,
    /// The oldest first
    #[arg(long)]
    reversed: bool,
    /// Go on with what happens from now on, the oldest first
    #[arg(long, short = 'f')]
    follow: bool,
    /// A line of one's own for each change, such as '{sequence} {what}'
    #[arg(long, value_name = "TEMPLATE", value_parser = Template::parse, conflicts_with = "json")]
    format: Option<Template>,
    /// Print at once, without a pager
    #[arg(long)]
    no_pager: bool,
    /// Show the values of functions' variables
    #[arg(long)]
    show_secrets: bool,
    /// One JSON object a line, the oldest first, all of them
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetOptions,
}

/// Prints the log, page by page.
pub async fn run(options: LogOptions) -> Result<(), CliError> {
    let query = LogQuery {
        since: options.since.clone(),
        function: options.function.clone(),
        resource: options.resource.clone(),
        kind: options.kind.clone(),
        show_secrets: options.show_secrets,
        ..LogQuery::default()
    };
    let target = options.target.open_for(options.show_secrets).await?;
    let is_whole = options.json || options.follow || options.reversed;
    let pager = !options.no_pager && !options.json && !options.follow;
    let mut shown = Shown { output: Output::new(pager), printed: 0, options };

    if is_whole {
        oldest_first(&target, query, &mut shown).await?;
    } else {
        newest_first(&target, query, &mut shown).await?;
    }
    if shown.printed == 0 && !shown.options.json && !shown.options.follow {
        print("Nothing has changed that is meant here.");
    }
    shown.output.end();
    Ok(())
}

/// Prints up to the end, and with `--follow` goes on.
async fn oldest_first(target: &Target, mut query: LogQuery, shown: &mut Shown) -> Result<(), CliError> {
    loop {
        let page = page(target, &query).await?;
        let options = &shown.options;
        let is_told = |entry: &Entry| options.json || options.all || entry.event.follow_up != Some(Outcome::Well);
        let told: Vec<_> = page.entries.into_iter().filter(is_told).collect();
        if !told.iter().all(|entry| shown.print(entry)) {
            return Ok(());
        }
        match page.next {
            Some(next) => query.since = Some(next.to_string()),
            None if shown.options.follow => {
                query.since = Some((page.sequence + 1).to_string());
                tokio::time::sleep(FOLLOW).await;
            }
            None => return Ok(()),
        }
    }
}

/// Prints from the end back, what followed by itself with what caused it.
async fn newest_first(target: &Target, mut query: LogQuery, shown: &mut Shown) -> Result<(), CliError> {
    query.newest_first = true;
    let mut folding = Folding::default();
    loop {
        // Few where few are wanted: what followed by itself is not counted, so a page may have too few.
        query.limit = shown.options.limit.map(|limit| (limit * 2).max(16));
        let page = page(target, &query).await?;
        let told = if shown.options.all { page.entries } else { folding.fold(page.entries) };
        if !told.iter().all(|entry| shown.print(entry)) {
            return Ok(());
        }
        if page.next.is_none() {
            break;
        }
        query.until = page.next;
    }

    let _ = folding.rest().iter().all(|entry| shown.print(entry));
    Ok(())
}

async fn page(target: &Target, query: &LogQuery) -> Result<LogPage, CliError> {
    match target {
        Target::Server(client) => {
            let get = client.request(reqwest::Method::GET, "/_larder/log").query(query);
            client.ask(get).await
        }
        Target::Folder(offline) => Ok(log::log(&offline.ledger, query)?),
    }
}

/// What is printed, and how.
struct Shown {
    options: LogOptions,
    output: Output,
    printed: usize,
}

impl Shown {
    /// Prints an entry; `false` when no more is wanted.
    fn print(&mut self, entry: &Entry) -> bool {
        let options = &self.options;
        if options.limit.is_some_and(|limit| self.printed >= limit) {
            return false;
        }
        let mut text = match &options.format {
            _ if options.json => compact(entry),
            Some(template) => template.fill(entry),
            None => Line::of(entry).to_string(),
        };
        if options.patch && !options.json {
            text.push_str(&changes_text(entry));
        }

        self.printed += 1;
        self.output.print(&text)
    }
}
