//! `larder pod`: pods on this machine and on remotes.

mod pull;
mod push;
mod transfers;

use clap::Subcommand;

/// What is done with pods.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Send a pod of the library to a remote
    Push(push::Options),
    /// Bring a pod from a remote into the library
    Pull(pull::Options),
}

/// Runs one of the subcommands.
pub async fn run(command: Command) -> Result<(), String> {
    match command {
        Command::Push(options) => push::run(options).await,
        Command::Pull(options) => pull::run(options).await,
    }
}
