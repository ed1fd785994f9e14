//! `larder diff`.

use std::path::Path;
use std::sync::Arc;

use clap::Args;

use super::entry_text::change_text;
use super::error::CliError;
use super::target::{Offline, OutputOptions, Target, TargetOptions};
use super::terminal::{pretty, print};
use crate::desk::answers::Differences;
use crate::desk::history;
use crate::model::state::State;

/// Options of `larder diff`.
#[derive(Debug, Args)]
pub struct DiffOptions {
    /// Two points, `A..B`: sequences, times, marks, pods (files), or data dirs
    #[arg(value_name = "A..B")]
    range: String,
    #[command(flatten)]
    output: OutputOptions,
}

/// Prints what differs.
pub async fn run(options: DiffOptions) -> Result<(), CliError> {
    let OutputOptions { json, show_secrets, target } = options.output;
    let (from, to) = options.range.split_once("..").filter(|(from, to)| !from.is_empty() && !to.is_empty()).ok_or_else(|| {
        "a difference is between two points: `larder diff 10..20`, `larder diff mark:before..5m`, `larder diff ./a/..b`".to_owned()
    })?;
    let difference: Differences = if is_path(from) || is_path(to) {
        let secrets = history::secrets(show_secrets);
        let from = side(from, &target).await?;
        let to = side(to, &target).await?;
        history::differences(from, to, secrets)?.whole()?
    } else {
        match target.open_for(show_secrets).await? {
            Target::Server(client) => {
                let query =
                    [("from", from.to_owned()), ("to", to.to_owned()), ("show_secrets", show_secrets.to_string())];
                client.get("/_larder/diff", &query).await?
            }
            Target::Folder(offline) => {
                let difference = history::diff(&offline.ledger, from, to, show_secrets);
                difference.map_err(|error| error.to_string())?.whole()?
            }
        }
    };
    if json {
        print(&pretty(&difference));
    } else {
        for resource in &difference.resources {
            print(&change_text(resource));
        }
    }

    Ok(())
}

/// Whether a side is a data dir or a pod.
fn is_path(side: &str) -> bool {
    side.contains('/') || Path::new(side).exists()
}

/// One side of a difference with a data dir or a pod.
async fn side(text: &str, target: &TargetOptions) -> Result<Arc<State>, CliError> {
    let path = Path::new(text);
    if path.is_file() {
        return Ok(Arc::new(super::pod::open(path)?.state()));
    }
    if is_path(text) {
        return Ok(Offline::open(path)?.ledger.state());
    }
    let Some(folder) = &target.data_dir else {
        return Err(
            format!("`{text}` beside a data dir or a pod needs --data-dir, whose history it is a point of").into()
        );
    };
    let offline = Offline::open(folder)?;
    let sequence = history::sequence(&offline.ledger, text).map_err(|error| error.to_string())?;

    Ok(offline.ledger.state_at(sequence)?)
}
