//! `larder mark`.

use clap::Args;
use serde_json::json;

use super::error::CliError;
use super::target::{Target, TargetOptions, cli};
use super::terminal::print;
use crate::desk::answers::{Marked, Unmarked};
use crate::desk::history;
use crate::model::history::MarkName;

/// Options of `larder mark`.
#[derive(Debug, Args)]
pub struct MarkOptions {
    /// The mark's name; one that is taken moves here
    name: String,
    /// Forget the mark instead
    #[arg(long)]
    delete: bool,
    #[command(flatten)]
    target: TargetOptions,
}

/// Puts or forgets the mark.
pub async fn run(options: MarkOptions) -> Result<(), CliError> {
    MarkName::parse(&options.name)?;
    let target = options.target.open()?;
    if options.delete {
        let Unmarked { deleted } = forget(target, &options.name).await?;
        print(&format!("mark:{deleted} is forgotten"));
    } else {
        let Marked { mark, sequence } = put(target, &options.name).await?;
        print(&format!("mark:{mark} is at {sequence}"));
    }

    Ok(())
}

async fn put(target: Target, name: &str) -> Result<Marked, CliError> {
    match target {
        Target::Server(client) => client.post(&path(name), &json!({})).await,
        Target::Folder(offline) => {
            let marked = history::mark(&offline.ledger, name, cli()).await;
            offline.ledger.close().map_err(|error| error.to_string())?;
            Ok(marked?)
        }
    }
}

async fn forget(target: Target, name: &str) -> Result<Unmarked, CliError> {
    match target {
        Target::Server(client) => {
            let answer = client.send(client.request(reqwest::Method::DELETE, &path(name))).await?;
            Ok(answer.json().await.map_err(|error| error.to_string())?)
        }
        Target::Folder(offline) => {
            let unmarked = history::unmark(&offline.ledger, name, cli()).await;
            offline.ledger.close().map_err(|error| error.to_string())?;
            Ok(unmarked?)
        }
    }
}

fn path(name: &str) -> String {
    format!("/_larder/marks/{name}")
}
