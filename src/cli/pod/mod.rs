//! `larder pod`: one file per subcommand, or for several that do nearly the same.

mod diff;
mod inspect;
pub mod keys;
mod library;
mod load;
mod pull;
mod push;
mod save;
pub mod transfers;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use clap::Subcommand;

use super::target::Offline;
use crate::blobs::BlobStore;
use crate::cli::error::{CliError, Kind, not_read};
use crate::pods::read::{self, Pod};

/// What to do with pods.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Save the state, or a part of it, as one file
    Save(save::SaveOptions),
    /// Load a pod, by one change that can be rewound
    Load(load::LoadOptions),
    /// Show what a pod holds
    Inspect(inspect::InspectOptions),
    /// Check every byte of a pod
    Verify(inspect::InspectOptions),
    /// Show what differs between two pods
    Diff(diff::PodDiffOptions),
    /// List the pods of the library
    List(library::List),
    /// List the versions of a pod of the library
    Versions(library::Versions),
    /// Delete a pod of the library, or one version of it
    Delete(library::Delete),
    /// Send a pod of the library to a remote
    Push(push::PushOptions),
    /// Bring a pod from a remote into the library
    Pull(pull::PullOptions),
}

/// Runs one of them.
pub async fn run(command: Command) -> Result<(), CliError> {
    match command {
        Command::Save(options) => save::run(options).await,
        Command::Load(options) => load::run(options).await,
        Command::Inspect(options) => inspect::inspect(&options).await,
        Command::Verify(options) => inspect::verify(&options).await,
        Command::Diff(options) => diff::run(&options).await,
        Command::List(options) => library::list(&options),
        Command::Versions(options) => library::versions(&options),
        Command::Delete(options) => library::delete(&options),
        Command::Push(options) => push::run(options).await,
        Command::Pull(options) => pull::run(options).await,
    }
}

/// The blobs of a data dir.
pub fn blobs(offline: &Offline) -> Result<BlobStore, CliError> {
    let blobs = BlobStore::open(&offline.data_dir.join("blobs"), offline.ledger.small_blobs());
    Ok(blobs.map_err(|error| error.to_string())?)
}

/// Reads a pod from a file.
pub fn open(path: &Path) -> Result<Pod, CliError> {
    let file = File::open(path).map_err(|error| not_read(path, &error))?;
    whole(&path.display().to_string(), file)
}

/// Reads a pod whole; `name` is what errors call it.
fn whole(name: &str, source: impl Read) -> Result<Pod, CliError> {
    let pod = read::read(BufReader::new(source), &std::env::temp_dir(), read::MAX_SIZE);
    pod.map_err(|error| CliError::new(Kind::Damaged, format!("{name}: {error}")))
}
