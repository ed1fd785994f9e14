//! The command line: one file per subcommand.

mod demo;
mod pod;
mod serve;
mod target;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A local AWS Lambda service that never forgets.
///
/// Point the AWS CLI, an SDK, Terraform or SAM at one port: functions are created, run, versioned and
/// wired up as on AWS, and everything acknowledged survives a crash.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  larder demo                       see it work, in ten seconds
  larder serve                      serve on http://127.0.0.1:4566, keep everything in ./.larder
  aws --endpoint-url http://127.0.0.1:4566 lambda list-functions";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the Lambda API
    Serve(Box<crate::config::ServeOptions>),
    /// Show in a few seconds what Larder does: create, invoke, crash, recover, invoke again
    Demo(demo::Options),
    /// Move pods between this machine and remotes
    #[command(subcommand)]
    Pod(pod::Command),
}

/// Exit code for what the user can mend: a port in use, a folder that cannot be written.
const UNUSABLE: u8 = 2;

/// Parses the command line, runs it, turns its end into an exit code.
pub fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return complain(&format!("cannot start threads: {error}")),
    };
    let ended = match Cli::parse().command {
        Command::Serve(options) => runtime.block_on(serve::run(*options)),
        Command::Pod(command) => runtime.block_on(pod::run(command)),
        Command::Demo(options) => return runtime.block_on(demo::run(options)),
    };
    // Blocking work that is still going on (a pull, an unpack) must not hold up the exit.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error),
    }
}

fn complain(error: &str) -> ExitCode {
    eprintln!("larder: {error}");
    ExitCode::from(UNUSABLE)
}
