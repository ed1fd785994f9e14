//! `larder queue wait` and `larder queue drain`.

use std::time::{Duration, Instant};

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::OfFunction;
use crate::cli::error::{CliError, Kind};
use crate::cli::target::{Client, Target, TargetOptions};
use crate::cli::terminal::{pretty, print, spinner};
use crate::desk::answers::Waited;
use crate::desk::queue::{Chosen, Queue, wait};

/// How long one call waits; the server wakes it when the end has come.
const CALL: Duration = Duration::from_secs(30);

/// How often it is shown how far it is.
const SHOW: Duration = Duration::from_secs(1);

/// What `--help` shows.
pub const EXAMPLES: &str = "\
Examples:
  aws lambda invoke --function-name orders --invocation-type Event --payload '{}' answer.json
  larder queue wait --function orders --timeout 60 && pytest

Exit codes: 0 when nothing waits or runs any more, 8 when the time was up.";

/// Options of `larder queue wait` and `larder queue drain`.
#[derive(Debug, Args)]
pub struct WaitOptions {
    #[command(flatten)]
    of: OfFunction,
    /// Seconds to wait at most [default: as long as it takes]
    #[arg(long, value_name = "S")]
    timeout: Option<u64>,
    /// The answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetOptions,
}

/// Waits in silence.
pub async fn wait(options: WaitOptions) -> Result<(), CliError> {
    let waited = until_done(&options, CALL, |_| {}).await?;
    tell(&options, waited)
}

/// Waits and shows how far it is.
pub async fn drain(options: WaitOptions) -> Result<(), CliError> {
    let bar = spinner("draining");
    let mut shown = None;
    let waited = until_done(&options, SHOW, |now| {
        let counts = format!("{} events wait, {} of them run", now.waiting, now.running);
        bar.set_message(counts.clone());
        // Where no terminal shows the bar: what changed.
        if bar.is_hidden() && shown.replace((now.waiting, now.running)) != Some((now.waiting, now.running)) {
            eprintln!("larder: {counts}");
        }
    })
    .await;
    bar.finish_and_clear();
    tell(&options, waited?)
}

/// Waits until it is done or the time is up; `look` is shown how far it is.
async fn until_done(options: &WaitOptions, call: Duration, mut look: impl FnMut(&Waited)) -> Result<Waited, CliError> {
    let started = Instant::now();
    let client = match options.target.open()? {
        Target::Server(client) => client,
        Target::Folder(offline) => {
            return at_rest(&Queue::at_rest(&offline.ledger), options.of.function.as_deref()).await;
        }
    };
    loop {
        let left = options.timeout.map(|most| Duration::from_secs(most).saturating_sub(started.elapsed()));
        let waited = ask(&client, options, left.map_or(call, |left| left.min(call))).await?;
        if waited.done || left == Some(Duration::ZERO) {
            return Ok(waited);
        }
        look(&waited);
    }
}

async fn ask(client: &Client, options: &WaitOptions, limit: Duration) -> Result<Waited, CliError> {
    let mut query = vec![("timeout_ms", limit.as_millis().to_string())];
    query.extend(options.of.function.clone().map(|function| ("function", function)));
    client.get("/_larder/queue/wait", &query).await
}

/// How it is in a store that no server has: nothing becomes of what waits there.
async fn at_rest(queue: &Queue, function: Option<&str>) -> Result<Waited, CliError> {
    let chosen = Chosen::parse(queue, function)?;
    let waited = wait::wait(queue, &chosen, Duration::ZERO, &CancellationToken::new()).await;
    match waited {
        Waited { done: true, .. } => Ok(waited),
        Waited { waiting, .. } => {
            let message = format!("{waiting} events wait, and no server has the data dir: `larder serve` runs them");
            Err(CliError::new(Kind::Unreachable, message))
        }
    }
}

/// Says how it ended.
fn tell(options: &WaitOptions, waited: Waited) -> Result<(), CliError> {
    let Waited { done, waiting, running, held, deliveries } = waited;
    if options.json {
        print(&pretty(&waited));
    } else if done {
        let held = if held == 0 { String::new() } else { format!("; {held} are held: `larder queue list` shows them") };
        print(&format!("no event waits or runs{held}"));
    }

    if done {
        return Ok(());
    }
    let message = format!(
        "the time is up: {waiting} events wait or run, {running} of them run right now, and {deliveries} records or dead \
         letters wait to be delivered; `larder queue list` shows the events, and `larder queue retry --all` runs those at once \
         that are put off"
    );
    Err(CliError::new(Kind::TimedOut, message))
}
