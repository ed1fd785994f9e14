//! `larder logs`.

use std::time::Duration;

use chrono::{DateTime, Local};
use clap::Args;
use reqwest::Method;

use super::background;
use super::error::CliError;
use super::target::{Target, TargetOptions};
use super::terminal::{self, compact, plain, print};
use crate::desk::log_lines::{self, LinesPage, LinesQuery, LogLine};

/// How often `--follow` looks.
const FOLLOW: Duration = Duration::from_millis(500);

/// When a line was written, in local time.
const LOCAL: &str = "%Y-%m-%d %H:%M:%S%.3f";

/// Options of `larder logs`.
#[derive(Debug, Args)]
pub struct LogsOptions {
    /// The function's name; those of all functions where there is none
    name: Option<String>,
    /// Only lines with this in them
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Go on with what is written from now on
    #[arg(long, short = 'f')]
    follow: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// What the server itself logs that `larder start -d` started
    #[arg(long, conflicts_with_all = ["name", "text", "json", "endpoint"])]
    server: bool,
    #[command(flatten)]
    target: TargetOptions,
}

/// Prints the latest lines, the newest last, and goes on with `--follow`.
pub async fn run(options: LogsOptions) -> Result<(), CliError> {
    if options.server {
        return background::log::show(&options.target.usual_data_dir(), options.follow).await;
    }
    let target = options.target.open()?;
    let mut query = LinesQuery { function: options.name.clone(), text: options.text.clone(), ..LinesQuery::default() };
    let mut latest = page(&target, &query).await?;
    latest.lines.reverse();
    if latest.lines.is_empty() && !options.json && !options.follow {
        print("No line of a log is kept that is meant here.");
    }

    loop {
        if !latest.lines.iter().all(|line| print_line(line, &options)) || !options.follow {
            return Ok(());
        }
        query.after = Some(latest.newest);
        if latest.lines.is_empty() {
            tokio::time::sleep(FOLLOW).await;
        }
        latest = page(&target, &query).await?;
    }
}

async fn page(target: &Target, query: &LinesQuery) -> Result<LinesPage, CliError> {
    match target {
        Target::Server(client) => {
            let get = client.request(Method::GET, "/_larder/console/logs").query(&[("format", "json")]).query(query);
            client.ask(get).await
        }
        Target::Folder(offline) => Ok(log_lines::lines(&offline.ledger, query)?),
    }
}

fn print_line(line: &LogLine, options: &LogsOptions) -> bool {
    if options.json {
        return print(&compact(line));
    }
    let time = i64::try_from(line.time_ms).ok().and_then(DateTime::from_timestamp_millis);
    let time = time.map_or_else(String::new, |time| time.with_timezone(&Local).format(LOCAL).to_string());
    let of = if options.name.is_some() { String::new() } else { format!("{}  ", line.group) };
    let before = format!("{time}  {}", plain(&of));
    terminal::log_lines(line.text.trim_end()).all(|text| print(&format!("{before}{text}")))
}
