//! `larder minimize`: the smallest event, and the fewest invocations before it, with which a failure stays the same.

use std::cell::Cell;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::rehearsal::Rehearsal;
use super::{DIFFERS, report, told};
use crate::cli::error::CliError;
use crate::cli::target::TargetOptions;
use crate::cli::terminal::{plain, pretty, print, spinner};
use crate::config::ExecutorChoice;
use crate::desk::replay::comparison::Comparison;
use crate::desk::replay::{Calls, ReplayRequest, shrinking};
use crate::invoke::record::{Payload, Record};

/// Options of `larder minimize`.
#[derive(Debug, Args)]
pub struct MinimizeOptions {
    /// Request id of the invocation, or a file that `larder report` wrote
    of: String,
    /// Write the event into this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Runs of the function at most
    #[arg(long, value_name = "N", default_value_t = 1000)]
    runs: u32,
    /// What runs it in a server of its own, in the place of what ran it then
    #[arg(long, value_enum)]
    executor: Option<ExecutorChoice>,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetOptions,
}

/// What is run to see whether it still fails.
struct Trials<'a> {
    rehearsal: &'a Rehearsal,
    last: &'a Record,
    left: Cell<u32>,
}

impl Trials<'_> {
    /// Whether it fails as it did, after these invocations in a new environment, with this event. No more than is
    /// allowed are tried: then nothing does.
    async fn fails(&self, before: &[Record], event: &Value) -> Result<bool, CliError> {
        let runs = u32::try_from(before.len() + 1).unwrap_or(u32::MAX);
        let Some(left) = self.left.get().checked_sub(runs) else { return Ok(false) };
        self.left.set(left);
        for (at, record) in before.iter().enumerate() {
            let record = Some(Box::new(record.clone()));
            self.rehearsal.replay(&ReplayRequest { record, fresh: at == 0, ..ReplayRequest::default() }).await?;
        }
        let request = ReplayRequest {
            record: Some(Box::new(self.last.clone())),
            event: Some(Payload::Text(event.to_string())),
            fresh: before.is_empty(),
            // Of a smaller event the function makes other calls of it.
            calls: Calls::Similar,
            ..ReplayRequest::default()
        };
        let replayed = self.rehearsal.replay(&request).await?.replayed;
        Ok(Comparison::of(self.last, &replayed).same)
    }
}

/// Finds it.
pub async fn run(options: MinimizeOptions) -> Result<ExitCode, CliError> {
    let MinimizeOptions { of, output, runs, executor, json, target } = options;
    let path = PathBuf::from(&of);
    let file = if path.is_file() {
        std::fs::File::open(&path).map_err(|error| crate::cli::error::not_read(&path, &error))?
    } else {
        report::whole(&target.open_for(true).await?, &of, (false, None)).await?
    };
    let rehearsal = Rehearsal::start(file, executor).await?;
    let bar = spinner("looking for a smaller event");
    let found = search(&rehearsal, runs).await;
    bar.finish_and_clear();
    rehearsal.end().await?;

    let Some(Found { event, before, of, runs }) = found? else {
        print(
            "It does not fail as it did: there is nothing to make smaller. `larder reproduce --diff` says what differs.",
        );
        return Ok(ExitCode::from(DIFFERS));
    };
    let text = pretty(&event);
    if let Some(output) = &output {
        std::fs::write(output, format!("{text}\n")).map_err(|error| format!("{}: {error}", output.display()))?;
    }
    if json {
        let ids: Vec<&str> = before.iter().map(|record| record.request_id.as_str()).collect();
        print(&pretty(&json!({ "event": event, "before": ids, "runs": runs })));
        return Ok(ExitCode::SUCCESS);
    }
    print(&plain(&format!("It fails the same ({}) with", told::ended(&of))));
    print(&text);
    if !before.is_empty() {
        print(&format!("after {} other invocations of its environment:", before.len()));
        for record in &before {
            let event = record.event.bytes().unwrap_or_default();
            print(&plain(&format!("  {}  {}", record.request_id, String::from_utf8_lossy(&event))));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What was found.
struct Found {
    event: Value,
    before: Vec<Record>,
    of: Record,
    runs: u32,
}

/// The fewest invocations before it, then the smallest event; nothing where it does not fail at all.
async fn search(rehearsal: &Rehearsal, runs: u32) -> Result<Option<Found>, CliError> {
    let reported = &rehearsal.reported;
    let at = reported.records.iter().rposition(|record| reported.about.request_ids.contains(&record.request_id));
    let Some((last, before)) = at.map(|at| (&reported.records[at], &reported.records[..at])) else { return Ok(None) };
    let event = last.event.bytes().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let event = event.ok_or_else(|| "the event is no JSON, or not kept any more".to_owned())?;
    let trials = Trials { rehearsal, last, left: Cell::new(runs) };
    let neighbours: Vec<Record> = before.iter().filter(|record| record.function == last.function).cloned().collect();

    let before = if trials.fails(&[], &event).await? {
        Vec::new()
    } else if trials.fails(&neighbours, &event).await? {
        shrinking::list(neighbours, async |some: &[Record]| trials.fails(some, &event).await).await?
    } else {
        return Ok(None);
    };
    let event = shrinking::json(event, async |event: &Value| trials.fails(&before, event).await).await?;
    Ok(Some(Found { event, before, of: last.clone(), runs: runs - trials.left.get() }))
}
