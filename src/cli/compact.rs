//! `larder compact`.

use clap::Args;
use indicatif::HumanBytes;
use serde_json::json;

use super::error::CliError;
use super::target::{Target, TargetOptions};
use super::terminal::{self, print, spinner};
use crate::desk::upkeep;
use crate::ledger::compact::Compaction;

/// Drop history: one event that holds everything takes the place of all events before it.
#[derive(Debug, Args)]
pub struct CompactOptions {
    #[command(flatten)]
    target: TargetOptions,
    /// Keep the events of the last days [default: keep nothing before now]
    #[arg(long, value_name = "N", conflicts_with = "keep_events")]
    keep_days: Option<u64>,
    /// Keep the newest events
    #[arg(long, value_name = "N")]
    keep_events: Option<u64>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

/// Compacts, and says what was freed.
pub async fn run(options: CompactOptions) -> Result<(), CliError> {
    let target = options.target.open()?;
    let spinner = spinner("compacting");
    let compaction: Compaction = match target {
        Target::Server(client) => {
            let keep = json!({ "keep_days": options.keep_days, "keep_events": options.keep_events });
            client.post("/_larder/compact", &keep).await?
        }
        Target::Folder(offline) => {
            let keep = upkeep::keep(options.keep_days, options.keep_events)?;
            let compaction =
                upkeep::compact(&offline.data_dir, &offline.ledger, keep).map_err(|error| error.to_string())?;
            offline.ledger.close().map_err(|error| error.to_string())?;
            compaction
        }
    };
    spinner.finish_and_clear();
    print(&if options.json { terminal::compact(&compaction) } else { summary(&compaction) });

    Ok(())
}

fn summary(compaction: &Compaction) -> String {
    let Compaction { begins, dropped, freed_bytes } = *compaction;
    let freed = HumanBytes(freed_bytes);
    format!(
        "dropped {dropped} events: history begins at event {begins}; freed {freed} (`larder gc` frees the blobs that only \
         they named)"
    )
}
