//! `larder show`.

use clap::Args;

use super::entry_text::entry_text;
use super::error::CliError;
use super::target::{OutputOptions, Target};
use super::terminal::{pretty, print};
use crate::desk::answers::Entry;
use crate::desk::log;

/// Options of `larder show`.
#[derive(Debug, Args)]
pub struct ShowOptions {
    /// The event's sequence
    sequence: u64,
    #[command(flatten)]
    output: OutputOptions,
}

/// Prints one event.
pub async fn run(options: ShowOptions) -> Result<(), CliError> {
    let OutputOptions { json, show_secrets, target } = options.output;
    let entry: Entry = match target.open_for(show_secrets).await? {
        Target::Server(client) => {
            let query = [("show_secrets", show_secrets.to_string())];
            client.get(&format!("/_larder/log/{}", options.sequence), &query).await?
        }
        Target::Folder(offline) => {
            let shown = log::show(&offline.ledger, options.sequence, show_secrets);
            shown?.whole()?
        }
    };
    print(&if json { pretty(&entry) } else { entry_text(&entry) });
    Ok(())
}
