//! `larder verify`.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;

use super::error::{CliError, no_data_dir};
use super::target::TargetOptions;
use super::terminal::{compact, print, spinner};
use crate::blobs::upkeep::{self, Report};
use crate::ledger::inspect::Damage;

/// Check every record, event, checkpoint, blob and reference, and the log lines; exit code 1 on damage.
#[derive(Debug, Args)]
pub struct VerifyOptions {
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
pub async fn run(options: VerifyOptions) -> Result<ExitCode, CliError> {
    let report: Report = match &options.target.data_dir {
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
            report.map_err(|error| error.to_string())?
        }
    };
    print(&if options.json { compact(&report) } else { summary(&report) });
    Ok(if report.whole { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn summary(report: &Report) -> String {
    let mut lines = vec![format!(
        "events {} to {} in {} records, {} checkpoints, {} blobs, {} segments of log lines and {} of records",
        report.begins,
        report.last,
        report.records,
        report.checkpoints,
        report.blobs,
        report.log_segments,
        report.record_segments,
    )];
    if report.other_checkpoints > 0 {
        lines.push(format!("{} checkpoints of another build are skipped at a start", report.other_checkpoints));
    }
    lines.extend(report.damage.iter().map(place));
    lines.push(match report.damage.len() {
        0 => "the store is whole".to_owned(),
        count => format!("damaged in {count} places; `larder recover --data-dir DIR --into NEW` saves what is whole"),
    });

    lines.join("\n")
}

fn place(damage: &Damage) -> String {
    let mut line = format!("damaged: {}", damage.file.display());
    if let Some(offset) = damage.offset {
        let _ = write!(line, ", byte {offset}");
    }
    if let Some(sequence) = damage.sequence {
        let _ = write!(line, ", event {sequence}");
    }
    format!("{line}: {}", damage.problem)
}
