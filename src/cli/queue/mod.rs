//! `larder queue`: asynchronous events that wait until they have been run. One file per subcommand, or for several that do
//! nearly the same.

mod change;
mod list;
mod show;
mod wait;

use clap::{Args, Subcommand};

use super::error::CliError;
use crate::desk::answers::QueuedEvent;

/// What to do with events that wait.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the events that wait or run, function by function, those that are due first first
    #[command(after_help = list::EXAMPLES)]
    List(list::ListOptions),
    /// Count them for each function
    Functions(list::ListOptions),
    /// Show one of them, with its payload
    Show(show::ShowOptions),
    /// Run events now, whenever they are due; attempts that were made stay counted
    #[command(after_help = change::RETRY_EXAMPLES)]
    Retry(change::ChangeOptions),
    /// Drop events: they are not run any more
    #[command(after_help = change::DROP_EXAMPLES)]
    Drop(change::ChangeOptions),
    /// Wait until nothing waits or runs, and show how far it is
    Drain(wait::WaitOptions),
    /// Wait until nothing waits or runs: for test suites
    #[command(after_help = wait::EXAMPLES)]
    Wait(wait::WaitOptions),
}

/// Which functions' events are meant.
#[derive(Debug, Args)]
pub struct OfFunction {
    /// Only the events of a function: its name or ARN, with `*`
    #[arg(long, value_name = "NAME")]
    function: Option<String>,
}

/// Runs one of them.
pub async fn run(command: Command) -> Result<(), CliError> {
    match command {
        Command::List(options) => list::events(options).await,
        Command::Functions(options) => list::functions(options).await,
        Command::Show(options) => show::run(options).await,
        Command::Retry(options) => change::retry(options).await,
        Command::Drop(options) => change::drop_events(options).await,
        Command::Drain(options) => wait::drain(options).await,
        Command::Wait(options) => wait::wait(options).await,
    }
}

/// A function as people call it: its name, with what the caller named of it.
fn called(arn: &str, qualifier: Option<&str>) -> String {
    let name = arn.split_once(":function:").map_or(arn, |(_, name)| name);
    qualifier.map_or_else(|| name.to_owned(), |qualifier| format!("{name}:{qualifier}"))
}

/// How often an event was tried.
fn attempts(event: &QueuedEvent) -> String {
    match event.attempts.held_back {
        0 => event.attempts.failed.to_string(),
        held_back => format!("{} (+{held_back} held back)", event.attempts.failed),
    }
}

/// A time as people say it.
fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_names_are_short() {
        assert_eq!([0, 59, 60, 3599, 3600, 90_061].map(span), ["0s", "59s", "1m00s", "59m59s", "1h00m", "25h01m"]);
        assert_eq!(called("arn:aws:lambda:us-east-1:000000000000:function:f", Some("live")), "f:live");
        assert_eq!(called("f", None), "f");
    }
}
