//! `larder gc`.

use clap::Args;
use indicatif::HumanBytes;
use serde_json::json;

use super::error::CliError;
use super::target::{Target, TargetOptions};
use super::terminal::{compact, print, spinner};
use crate::blobs::gc::{self, Collected};

/// Remove blobs and code trees that no kept event refers to.
#[derive(Debug, Args)]
pub struct GcOptions {
    #[command(flatten)]
    target: TargetOptions,
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

/// Collects, and says what was freed.
pub async fn run(options: GcOptions) -> Result<(), CliError> {
    let target = options.target.open()?;
    let spinner = spinner("collecting");
    let collected: Collected = match target {
        Target::Server(client) => client.post("/_larder/gc", &json!({ "dry_run": options.dry_run })).await?,
        Target::Folder(offline) => {
            let collected = gc::collect(&offline.data_dir, &offline.ledger, options.dry_run);
            offline.ledger.close().map_err(|error| error.to_string())?;
            collected.map_err(|error| error.to_string())?
        }
    };
    spinner.finish_and_clear();
    print(&if options.json { compact(&collected) } else { summary(&collected) });

    Ok(())
}

fn summary(collected: &Collected) -> String {
    let Collected { dry_run, blobs, trees, leftovers, freed_bytes } = *collected;
    let verb = if dry_run { "would remove" } else { "removed" };
    let freed = HumanBytes(freed_bytes);
    format!("{verb} {blobs} blobs, {trees} code trees and {leftovers} leftovers: {freed}")
}
