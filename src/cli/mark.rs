//! `larder mark`.

use clap::Args;
use serde_json::json;

use super::error::CliError;
use super::target::{Target, TargetOptions, cli};
use super::terminal::print;
use crate::desk::history;
use crate::model::history::MarkName;

/// Options of `larder mark`.
#[derive(Debug, Args)]
pub struct Options {
    /// The mark's name; one that is taken moves here
    name: String,
    /// Forget the mark instead
    #[arg(long)]
    delete: bool,
    #[command(flatten)]
    target: TargetOptions,
}

/// Puts or forgets the mark.
pub async fn run(options: Options) -> Result<(), CliError> {
    MarkName::parse(&options.name)?;
    let path = format!("/_larder/marks/{}", options.name);
    let answer = match options.target.open()? {
        Target::Server(client) if options.delete => client
            .send(client.request(reqwest::Method::DELETE, &path))
            .await?
            .json()
            .await
            .map_err(|e| e.to_string())?,
        Target::Server(client) => client.post(&path, &json!({})).await?,
        Target::Folder(offline) => {
            let answer = if options.delete {
                history::unmark(&offline.ledger, &options.name, cli()).await
            } else {
                history::mark(&offline.ledger, &options.name, cli()).await
            };
            offline.ledger.close().map_err(|error| error.to_string())?;
            answer.map_err(|error| error.to_string())?
        }
    };
    match answer["sequence"].as_u64() {
        Some(sequence) => print(&format!("mark:{} is at {sequence}", options.name)),
        None => print(&format!("mark:{} is forgotten", options.name)),
    };
    Ok(())
}
