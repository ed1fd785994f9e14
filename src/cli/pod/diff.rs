//! `larder pod diff`.

use clap::Args;

use super::transfers::Reading;
use crate::cli::entry_text::print_differences;
use crate::cli::error::CliError;
use crate::cli::terminal::{pretty, print};
use crate::desk::history;
use crate::ledger::difference::Secrets;

/// Options of `larder pod diff`.
#[derive(Debug, Args)]
pub struct PodDiffOptions {
    /// One pod: a file, NAME[:VERSION] of the pod library, or a remote
    from: String,
    /// The other
    to: String,
    #[command(flatten)]
    reading: Reading,
}

/// Shows what differs.
pub async fn run(options: &PodDiffOptions) -> Result<(), CliError> {
    let from = options.reading.open(&options.from).await?;
    let to = options.reading.open(&options.to).await?;
    let difference = history::differences(from.state().into(), to.state().into(), Secrets::Masked)?.whole()?;
    if options.reading.json {
        print(&pretty(&difference));
        return Ok(());
    }

    print_differences(&difference, "Nothing differs.");
    Ok(())
}
