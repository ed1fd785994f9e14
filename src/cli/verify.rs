//! `larder verify`.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::error::{CliError, no_data_dir};
use super::target::TargetOptions;
use super::terminal::{print, spinner};
use crate::blobs::upkeep;

/// Check every record, event, checkpoint, blob and reference, and the log lines; exit code 1 on damage.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    target: TargetOptions,
    /// Compare the blobs and the log lines with their digests and the checkpoints with the events too
    #[arg(long)]
    deep: bool,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

/// Verifies; a data dir is only read, also one that is damaged or that a server has.
pub async fn run(options: Options) -> Result<ExitCode, CliError> {
    let report = match &options.target.data_dir {
        None => {
            let client = options.target.client()?;
            client.get("/_larder/verify", &[("deep", options.deep.to_string())]).await?
        }
        Some(folder) => {
            if !folder.join("store").is_dir() {
                return Err(no_data_dir(folder));
            }
            let bar = spinner("");
            let report = upkeep::verify(folder, None, options.deep, |what, count| {
                bar.set_message(format!("{what} {count}"));
            });
            bar.finish_and_clear();
            json!(report.map_err(|error| error.to_string())?)
        }
    };
    print(&if options.json { report.to_string() } else { summary(&report) });
    Ok(if report["whole"] == true { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn summary(report: &Value) -> String {
    let number = |name: &str| report[name].as_u64().unwrap_or_default();
    let mut lines = vec![format!(
        "events {} to {} in {} records, {} checkpoints, {} blobs, {} segments of log lines",
        number("begins"),
        number("last"),
        number("records"),
        number("checkpoints"),
        number("blobs"),
        number("log_segments"),
    )];
    if number("other_checkpoints") > 0 {
        lines.push(format!("{} checkpoints of another build are skipped at a start", number("other_checkpoints")));
    }
    let damage = report["damage"].as_array().map(Vec::as_slice).unwrap_or_default();
    lines.extend(damage.iter().map(place));
    lines.push(match damage.len() {
        0 => "the store is whole".to_owned(),
        count => format!("damaged in {count} places; `larder recover --data-dir DIR --into NEW` saves what is whole"),
    });
    lines.join("\n")
}

fn place(damage: &Value) -> String {
    let mut line = format!("damaged: {}", damage["file"].as_str().unwrap_or_default());
    if let Some(offset) = damage["offset"].as_u64() {
        let _ = write!(line, ", byte {offset}");
    }
    if let Some(sequence) = damage["sequence"].as_u64() {
        let _ = write!(line, ", event {sequence}");
    }
    format!("{line}: {}", damage["problem"].as_str().unwrap_or_default())
}
