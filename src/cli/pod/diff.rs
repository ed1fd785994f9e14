//! `larder pod diff`.

use clap::Args;

use super::keys::Unseal;
use super::transfers::{self, Library};
use crate::cli::entry_text::change_text;
use crate::cli::terminal::{pretty, print};
use crate::console::history;
use crate::ledger::difference::Secrets;

/// Options of `larder pod diff`.
#[derive(Debug, Args)]
pub struct Options {
    /// One pod: a file, NAME[:VERSION] of the pod library, or a remote
    from: String,
    /// The other
    to: String,
    #[command(flatten)]
    unseal: Unseal,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    library: Library,
}

/// Shows what differs.
pub async fn run(options: &Options) -> Result<(), String> {
    let from = transfers::open(&options.from, &options.library, &options.unseal).await?;
    let to = transfers::open(&options.to, &options.library, &options.unseal).await?;
    let difference = history::differences(&from.state(), &to.state(), Secrets::Masked);
    if options.json {
        print(&pretty(&difference));
        return Ok(());
    }
    for resource in difference["resources"].as_array().into_iter().flatten() {
        print(&change_text(resource));
    }
    Ok(())
}
