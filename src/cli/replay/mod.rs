//! `larder replay`, and what is made of it: reports, their reproduction, smaller events.

pub mod minimize;
pub mod record;
mod rehearsal;
pub mod report;
pub mod reproduce;
mod told;

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use self::rehearsal::Rehearsal;
use super::error::{CliError, Kind};
use super::target::{Client, Target, TargetOptions};
use super::terminal::print;
use crate::config::ExecutorChoice;
use crate::desk::replay::comparison::Comparison;
use crate::desk::replay::{Calls, ReplayRequest, Replayed};
use crate::invoke::record::End;

/// Exit code where an invocation does not go as it went then.
const DIFFERS: u8 = 1;

/// What `--help` shows.
pub const EXAMPLES: &str = "\
Examples:
  larder replay 5f0c1c4e-7a4b-4c39-9d62-8f4a31f0c9b1                as it was then, in a server of its own
  larder replay 5f0c1c4e-7a4b-4c39-9d62-8f4a31f0c9b1 --at now --diff   as it is now
  git bisect run sh -c './deploy || exit 125; larder replay 5f0c1c4e-7a4b-4c39-9d62-8f4a31f0c9b1 --at now
                        case $? in 0) exit 1 ;; 1) exit 0 ;; *) exit 128 ;; esac'

Exit code 0: it went as it went then; 1: it did not; more: it could not be run.";

/// In which state an invocation is run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum When {
    /// As it was then: code, configuration, layers, variables; in a server of its own
    Then,
    /// As it is now
    Now,
}

/// Options of `larder replay`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own, no state of a machine")]
pub struct ReplayOptions {
    /// Request id of the invocation
    request_id: String,
    /// In which state
    #[arg(long, value_enum, default_value = "then")]
    at: When,
    /// Another function, as NAME or NAME:QUALIFIER, or :QUALIFIER of the same
    #[arg(long, value_name = "FUNCTION")]
    function: Option<String>,
    /// So often
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
    /// Run all invocations of its environment before it first, in their order: for what depends on a warm environment's
    /// state
    #[arg(long)]
    environment: bool,
    /// Ask what the function calls for real, instead of answering it from the record
    #[arg(long)]
    live: bool,
    /// Show what differs, also in the log
    #[arg(long)]
    diff: bool,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    target: TargetOptions,
}

/// How it is run, and told.
#[derive(Debug, Clone, Copy, Args)]
struct How {
    /// What runs it in a server of its own, in the place of what ran it then
    #[arg(long, value_enum)]
    executor: Option<ExecutorChoice>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

fn calls(live: bool) -> Calls {
    if live { Calls::Live } else { Calls::Recorded }
}

/// Where invocations are run again.
enum Stage {
    /// In a server that is there.
    Server(Client),
    /// In one of its own.
    Rehearsal(Box<Rehearsal>),
}

impl Stage {
    async fn replay(&self, request: &ReplayRequest) -> Result<(Replayed, Comparison), CliError> {
        let replayed: Replayed = match self {
            Self::Server(client) => client.post("/_larder/replay", &serde_json::to_value(request)?).await?,
            Self::Rehearsal(rehearsal) => rehearsal.replay(request).await?,
        };
        let comparison = Comparison::of(&replayed.recorded, &replayed.replayed);
        Ok((replayed, comparison))
    }

    async fn end(self) -> Result<(), CliError> {
        match self {
            Self::Server(_) => Ok(()),
            Self::Rehearsal(rehearsal) => rehearsal.end().await,
        }
    }
}

/// Runs an invocation again, and says whether it went as it went then.
pub async fn run(options: ReplayOptions) -> Result<ExitCode, CliError> {
    let ReplayOptions { request_id, at, function, times, environment, live, diff, how, target } = options;
    let target = target.open_for(true).await?;
    let request = |request_id: &str| ReplayRequest {
        request_id: Some(request_id.to_owned()),
        function: function.clone(),
        calls: calls(live),
        fresh: true,
        log: diff || how.json,
        ..ReplayRequest::default()
    };

    let (stage, requests) = match target {
        Target::Server(client) if at == When::Now && !environment => {
            (Stage::Server(client), vec![request(&request_id)])
        }
        target => {
            let pod = report::whole(&target, &request_id, (at == When::Now, function.as_deref())).await?;
            drop(target);
            let rehearsal = Rehearsal::start(pod, how.executor).await?;
            let records = rehearsal.reported.records.clone();
            let from = if environment { 0 } else { records.len().saturating_sub(1) };
            let requests = records.into_iter().skip(from).enumerate().map(|(at, record)| ReplayRequest {
                request_id: None,
                record: Some(Box::new(record)),
                fresh: at == 0,
                ..request(&request_id)
            });
            (Stage::Rehearsal(Box::new(rehearsal)), requests.collect())
        }
    };

    let replays = play(&stage, &requests, times, |replay| {
        if !how.json {
            told::tell(&replay.0, &replay.1, diff);
        }
    })
    .await;
    stage.end().await?;
    let replays = replays?;
    if how.json {
        told::as_json(&replays);
    } else {
        hint(&replays, environment);
    }
    Ok(verdict(last_of_each(&replays, requests.len())))
}

/// Runs invocations again in their order, so often; `each` sees how each goes.
async fn play(
    stage: &Stage,
    requests: &[ReplayRequest],
    times: u32,
    mut each: impl FnMut(&(Replayed, Comparison)),
) -> Result<Vec<(Replayed, Comparison)>, CliError> {
    let mut replays = Vec::new();
    for _ in 0..times {
        for request in requests {
            let replay = stage.replay(request).await?;
            each(&replay);
            replays.push(replay);
        }
    }
    Ok(replays)
}

/// The replays of the invocation that was meant: of each round the last.
fn last_of_each(replays: &[(Replayed, Comparison)], round: usize) -> impl Iterator<Item = &Comparison> {
    replays.iter().skip(round.saturating_sub(1)).step_by(round.max(1)).map(|(_, comparison)| comparison)
}

fn verdict<'a>(comparisons: impl Iterator<Item = &'a Comparison>) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for comparison in comparisons {
        if cannot_run(comparison) {
            // That is no answer to how it goes.
            return ExitCode::from(Kind::Unusable.code());
        }
        if !comparison.same {
            code = ExitCode::from(DIFFERS);
        }
    }
    code
}

/// Whether an invocation that ran then could not be run at all now, as where its image is missing.
fn cannot_run(comparison: &Comparison) -> bool {
    let (then, now) = comparison.end;
    now == End::NotRun && then != End::NotRun
}

/// Says what else could be tried.
fn hint(replays: &[(Replayed, Comparison)], with_environment: bool) {
    let Some((Replayed { recorded, .. }, comparison)) = replays.last() else { return };
    let number = recorded.environment.as_ref().and_then(|environment| environment.invocation).unwrap_or(1);
    if !comparison.same && !with_environment && number > 1 {
        print(&format!("It was invocation {number} of its environment: --environment runs those before it first."));
    }
}
