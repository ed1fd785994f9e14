//! `larder state`.

use clap::Args;

use super::error::CliError;
use super::target::{OutputOptions, Target};
use super::terminal::{plain, pretty, print};
use crate::desk::answers::Resources;
use crate::desk::history;

/// Options of `larder state`.
#[derive(Debug, Args)]
pub struct StateOptions {
    /// As it was at a point: a sequence, a time, how long ago, or mark:NAME
    #[arg(long, value_name = "SEQ|TIME")]
    at: Option<String>,
    #[command(flatten)]
    output: OutputOptions,
}

/// Prints the resources.
pub async fn run(options: StateOptions) -> Result<(), CliError> {
    let OutputOptions { json, show_secrets, target } = options.output;
    let state: Resources = match target.open_for(show_secrets).await? {
        Target::Server(client) => {
            let mut query = vec![("show_secrets", show_secrets.to_string())];
            query.extend(options.at.map(|at| ("at", at)));
            client.get("/_larder/state", &query).await?
        }
        Target::Folder(offline) => {
            let state = history::state(&offline.ledger, options.at.as_deref(), show_secrets);
            state?.whole()?
        }
    };
    if json {
        print(&pretty(&state));
        return Ok(());
    }

    print(&format!("sequence {}", state.sequence));
    if state.resources.is_empty() {
        print("There is no resource.");
    }
    for resource in &state.resources {
        print(&format!("{:<22} {}", plain(&resource.kind), plain(&resource.arn)));
    }
    Ok(())
}
