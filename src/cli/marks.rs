//! `larder marks`.

use clap::Args;

use super::error::CliError;
use super::target::{Target, TargetOptions};
use super::terminal::{plain, pretty, print};
use crate::desk::answers::Marks;
use crate::desk::history;

/// Options of `larder marks`.
#[derive(Debug, Args)]
pub struct MarksOptions {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetOptions,
}

/// Prints the marks.
pub async fn run(options: MarksOptions) -> Result<(), CliError> {
    let marks: Marks = match options.target.open()? {
        Target::Server(client) => client.get("/_larder/marks", &[]).await?,
        Target::Folder(offline) => history::marks(&offline.ledger),
    };
    if options.json {
        print(&pretty(&marks));
        return Ok(());
    }

    if marks.marks.is_empty() {
        print("There is no mark: `larder mark NAME` puts one.");
    }
    for mark in &marks.marks {
        print(&format!("mark:{:<24} {:>8}  {}", plain(&mark.mark), mark.sequence, plain(&mark.time)));
    }
    Ok(())
}
