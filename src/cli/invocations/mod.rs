//! `larder invocations`: what is remembered of invocations.

mod list;
mod show;

use clap::{Args, Subcommand};

use super::error::CliError;
use super::target::TargetOptions;

/// What to do with them.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show one of them: its event, answer and log, where it ran, and what it called
    Show(show::ShowOptions),
}

/// Options of `larder invocations`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = list::EXAMPLES)]
pub struct InvocationsOptions {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: list::ListOptions,
}

/// Runs it.
pub async fn run(options: InvocationsOptions) -> Result<(), CliError> {
    match options.command {
        Some(Command::Show(options)) => show::run(options).await,
        None => list::run(options.list).await,
    }
}

/// Where to look, and how to print.
#[derive(Debug, Args)]
struct Asked {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetOptions,
}

/// Milliseconds as people say them.
fn span(ms: f64) -> String {
    if ms < 1000.0 { format!("{ms:.1}ms") } else { format!("{:.2}s", ms / 1000.0) }
}
