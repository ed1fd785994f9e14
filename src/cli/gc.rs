//! `larder gc`.

use clap::Args;
use indicatif::HumanBytes;
use serde_json::{Value, json};

use super::error::CliError;
use super::target::{Target, TargetOptions};
use super::terminal::{print, spinner};
use crate::blobs::gc;

/// Remove blobs and code trees that no kept event refers to.
#[derive(Debug, Args)]
pub struct Options {
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
pub async fn run(options: Options) -> Result<(), CliError> {
    let target = options.target.open()?;
    let spinner = spinner("collecting");
    let collected = match target {
        Target::Server(client) => client.post("/_larder/gc", &json!({ "dry_run": options.dry_run })).await?,
        Target::Folder(offline) => {
            let collected = gc::collect(&offline.data_dir, &offline.ledger, options.dry_run);
            let collected = collected.map_err(|error| error.to_string())?;
            offline.ledger.close().map_err(|error| error.to_string())?;
            json!(collected)
        }
    };
    spinner.finish_and_clear();
    print(&if options.json { collected.to_string() } else { summary(&collected, options.dry_run) });
    Ok(())
}

fn summary(collected: &Value, dry_run: bool) -> String {
    let number = |name: &str| collected[name].as_u64().unwrap_or_default();
    format!(
        "{} {} blobs, {} code trees and {} leftovers: {}",
        if dry_run { "would remove" } else { "removed" },
        number("blobs"),
        number("trees"),
        number("leftovers"),
        HumanBytes(number("freed_bytes")),
    )
}
