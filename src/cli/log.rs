//! `larder log`.

use std::time::Duration;

use clap::Args;

use super::entry_text::entry_text;
use super::error::CliError;
use super::target::{Target, TargetOptions};
use super::terminal::{compact, print};
use crate::desk::answers::LogPage;
use crate::desk::history;
use crate::desk::history::LogQuery;

/// How often `--follow` looks.
const FOLLOW: Duration = Duration::from_millis(500);

/// Options of `larder log`.
#[derive(Debug, Args)]
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
    /// Go on with what happens from now on
    #[arg(long)]
    follow: bool,
    /// Show the values of functions' variables
    #[arg(long)]
    show_secrets: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetOptions,
}

/// Prints the log, page by page.
pub async fn run(options: LogOptions) -> Result<(), CliError> {
    let mut query = LogQuery {
        since: options.since,
        function: options.function,
        resource: options.resource,
        kind: options.kind,
        limit: None,
        show_secrets: options.show_secrets,
    };
    let target = options.target.open_for(options.show_secrets).await?;
    loop {
        let page: LogPage = match &target {
            Target::Server(client) => client.get("/_larder/log", &pairs(&query)).await?,
            Target::Folder(offline) => history::log(&offline.ledger, &query).map_err(|error| error.to_string())?,
        };
        for entry in &page.entries {
            let text = if options.json { compact(entry) } else { entry_text(entry) };
            if !print(&text) {
                return Ok(());
            }
        }
        match page.next {
            Some(next) => query.since = Some(next.to_string()),
            None if options.follow => {
                query.since = Some((page.sequence + 1).to_string());
                tokio::time::sleep(FOLLOW).await;
            }
            None => return Ok(()),
        }
    }
}

fn pairs(query: &LogQuery) -> Vec<(&'static str, String)> {
    let texts =
        [("since", &query.since), ("function", &query.function), ("resource", &query.resource), ("kind", &query.kind)];
    let given = texts.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
    given.chain([("show_secrets", query.show_secrets.to_string())]).collect()
}
