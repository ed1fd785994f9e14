//! `larder reproduce`: runs what a report is about, and says whether it fails as it did.

use std::process::ExitCode;

use clap::Args;

use super::rehearsal::Rehearsal;
use super::{How, Stage, calls, cannot_run, play, told, verdict};
use crate::cli::error::CliError;
use crate::cli::pod::transfers::Reading;
use crate::cli::terminal::{plain, print};
use crate::desk::replay::ReplayRequest;
use crate::desk::report::About;
use crate::invoke::record::Record;
use crate::pods::location::Location;

/// Options of `larder reproduce`.
#[derive(Debug, Args)]
pub struct ReproduceOptions {
    /// The report: a file, NAME[:VERSION] of the pod library, or a remote
    source: String,
    /// So often
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
    /// Ask what functions call for real, instead of answering it from the record
    #[arg(long)]
    live: bool,
    /// Show what differs, also in the log
    #[arg(long)]
    diff: bool,
    /// What runs it, in the place of what ran it then
    #[arg(long, value_enum)]
    executor: Option<crate::config::ExecutorChoice>,
    #[command(flatten)]
    reading: Reading,
}

/// Reproduces it.
pub async fn run(options: ReproduceOptions) -> Result<ExitCode, CliError> {
    let ReproduceOptions { source, times, live, diff, executor, reading } = options;
    let how = How { executor, json: reading.json };
    let location = Location::parse(&source).map_err(|error| error.to_string())?;
    let rehearsal = Rehearsal::start(reading.bring(&location).await?, how.executor).await?;
    let about = rehearsal.reported.about.clone();
    let records = rehearsal.reported.records.clone();
    if !how.json {
        what_differs(&about, &records);
    }

    let requests = records.into_iter().enumerate().map(|(at, record)| ReplayRequest {
        record: Some(Box::new(record)),
        fresh: at == 0,
        calls: calls(live),
        log: diff || how.json,
        ..ReplayRequest::default()
    });
    let stage = Stage::Rehearsal(Box::new(rehearsal));
    let is_meant = |record: &Record| about.request_ids.contains(&record.request_id);
    let replays = play(&stage, &requests.collect::<Vec<_>>(), times, |(replayed, comparison)| {
        if how.json {
        } else if is_meant(&replayed.recorded) {
            told::tell(replayed, comparison, diff);
        } else if !comparison.same {
            told::line(replayed, comparison);
        }
    })
    .await;
    stage.end().await?;
    let replays = replays?;

    if how.json {
        told::as_json(&replays);
    } else {
        told::other_grounds(&replays);
    }
    let meant =
        || replays.iter().filter(|(replayed, _)| is_meant(&replayed.recorded)).map(|(_, comparison)| comparison);
    if !how.json {
        print(if replays.is_empty() {
            "Nothing was invoked there: `larder pod load` brings the state back."
        } else if meant().all(|comparison| comparison.same) {
            "Reproduced: it goes as it went there."
        } else if meant().any(cannot_run) {
            "Not reproduced: it cannot be run here."
        } else {
            "Not reproduced: it goes otherwise here."
        });
    }
    Ok(verdict(meant()))
}

/// Says plainly where this machine is another one than that of the report.
fn what_differs(about: &About, records: &[Record]) {
    let here = std::env::consts::ARCH;
    if about.architecture != here {
        print(&plain(&format!("note: it was reported on {}, this machine is {here}", about.architecture)));
    }
    let version = env!("CARGO_PKG_VERSION");
    if about.larder != version {
        print(&plain(&format!("note: it was reported by larder {}, this is {version}", about.larder)));
    }
    let cut = records.iter().flat_map(|record| &record.calls).filter(|call| call.cut).count();
    if cut > 0 {
        print(&format!("note: {cut} calls were too long to be recorded whole: they cannot be answered"));
    }
    let redacted =
        records.iter().any(|record| serde_json::to_string(record).is_ok_and(|text| text.contains("REDACTED")));
    if redacted {
        print("note: what looked like a secret was left out of the report");
    }
}
