//! `larder top`: what runs, live.

mod rates;
mod screen;
mod seen;

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;

use self::rates::Rates;
use self::seen::Seen;
use super::error::{CliError, Kind};
use super::target::{Target, TargetOptions};
use super::terminal::{compact, plain, print};

/// Options of `larder top`.
#[derive(Debug, Args)]
pub struct TopOptions {
    /// How often it looks
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// Look once, print, and end; so it does where no terminal is
    #[arg(long)]
    once: bool,
    /// The server's numbers as JSON, once
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetOptions,
}

/// Shows them.
pub async fn run(options: TopOptions) -> Result<(), CliError> {
    let TopOptions { every, once, json, target } = options;
    let Target::Server(client) = target.open()? else {
        let message = "what runs is known to a running server alone: start one with `larder serve`";
        return Err(CliError::new(Kind::Unreachable, message));
    };
    let every = Duration::from_secs(every);
    let first = Seen::now(&client).await?;
    if json {
        print(&compact(&first.top));
        return Ok(());
    }
    if once || !std::io::stdout().is_terminal() {
        tokio::time::sleep(every).await;
        let second = Seen::now(&client).await?;
        for line in Rates::between(&first, &second).lines() {
            print(&plain(&line));
        }
        return Ok(());
    }

    screen::show(&client, first, every).await
}
