//! `larder queue retry` and `larder queue drop`.

use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::OfFunction;
use crate::cli::error::CliError;
use crate::cli::target::{Target, TargetOptions};
use crate::cli::terminal::{pretty, print};
use crate::desk::answers::{DroppedEvents, Retried};
use crate::desk::queue::change::{self, ChangeRequest};
use crate::desk::queue::{Queue, QueueError};

/// What `--help` of `larder queue retry` shows.
pub const RETRY_EXAMPLES: &str = "\
Examples:
  larder queue retry 42
  larder queue retry --all --function orders";

/// What `--help` of `larder queue drop` shows.
pub const DROP_EXAMPLES: &str = "\
Examples:
  larder queue drop 42
  larder queue drop --all

An event that runs right now is run to the end of this attempt, which is its last. What is dropped goes to no
destination and no dead-letter queue.";

/// Options of `larder queue retry` and `larder queue drop`.
#[derive(Debug, Args)]
pub struct ChangeOptions {
    /// An event, by its id
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    id: Option<u64>,
    /// All events
    #[arg(long)]
    all: bool,
    /// With --all: only the events of a function
    #[command(flatten)]
    of: OfFunction,
    /// The answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetOptions,
}

/// Has a server, or this process, change events.
async fn changed<T: Serialize + DeserializeOwned>(
    options: ChangeOptions,
    path: &str,
    change: impl AsyncFnOnce(&Queue, &ChangeRequest) -> Result<T, QueueError>,
    told: impl FnOnce(&T) -> String,
) -> Result<(), CliError> {
    let ChangeOptions { id, all, of, json, target } = options;
    if of.function.is_some() && !all {
        return Err("--function goes with --all: an event has an id of its own".to_owned().into());
    }
    let request = ChangeRequest { id, all, function: of.function };
    let changed = match target.open()? {
        Target::Server(client) => client.post(path, &json!(request)).await?,
        Target::Folder(offline) => {
            let changed = change(&Queue::at_rest(&offline.ledger), &request).await;
            offline.ledger.close().map_err(|error| error.to_string())?;
            changed?
        }
    };
    print(&if json { pretty(&changed) } else { told(&changed) });

    Ok(())
}

/// Brings events forward.
pub async fn retry(options: ChangeOptions) -> Result<(), CliError> {
    changed(options, "/_larder/queue/retry", change::retry, retried).await
}

fn retried(Retried { retried, due, running }: &Retried) -> String {
    let mut told = vec![format!("{retried} events are due now")];
    if *due > 0 {
        told.push(format!("{due} were already, and wait for room"));
    }
    if *running > 0 {
        told.push(format!("{running} run right now, and are left alone"));
    }
    told.join("; ")
}

/// Drops events.
pub async fn drop_events(options: ChangeOptions) -> Result<(), CliError> {
    changed(options, "/_larder/queue/drop", change::drop_events, dropped).await
}

fn dropped(DroppedEvents { dropped, running }: &DroppedEvents) -> String {
    match running {
        0 => format!("{dropped} events are dropped"),
        running => format!(
            "{dropped} events are dropped; {running} of them run right now: these attempts go on to their end, and are the \
             last"
        ),
    }
}
