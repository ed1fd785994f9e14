//! What brings pods here and there: the library, whatever a user names as a pod, the progress bar.

use std::fs::File;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::keys::Unseal;
use crate::cli::error::{CliError, Kind};
use crate::cli::terminal::{plain, print};
use crate::pods::hot_folders::NeededVariable;
use crate::pods::library;
use crate::pods::location::Location;
use crate::pods::read::Pod;
use crate::pods::references::Reference;
use crate::pods::remotes::Progress;

/// Entries of a list that are shown.
pub const SHOWN: usize = 20;

/// Where the pod library is.
#[derive(Debug, Args)]
pub struct Library {
    /// Pod library [default: the folder larder/pods of the user's data folder]
    #[arg(long, env = "LARDER_PODS_DIR", value_name = "DIR")]
    pods_dir: Option<PathBuf>,
}

impl Library {
    /// Its folder.
    pub fn folder(&self) -> Result<PathBuf, CliError> {
        Ok(library::folder(self.chosen()).map_err(|error| error.to_string())?)
    }

    /// The folder that was given.
    pub fn chosen(&self) -> Option<&Path> {
        self.pods_dir.as_deref()
    }
}

/// Name and version of a pod of the library, the newest where `pod` has no version.
pub fn pod_of(library: &Path, pod: &str) -> Result<(String, u64), CliError> {
    library::find(library, pod).map_err(|error| CliError::new(Kind::NotFound, error))
}

/// How pods that are read are found and opened, and what is said of them.
#[derive(Debug, Args)]
pub struct Reading {
    #[command(flatten)]
    unseal: Unseal,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    library: Library,
}

impl Reading {
    /// A pod as an open file of this machine, decrypted if it is encrypted.
    pub async fn bring(&self, location: &Location) -> Result<File, CliError> {
        let bar = bar();
        let local = location.bring(self.library.chosen(), |progress| show(&bar, progress)).await;
        bar.finish_and_clear();
        self.unseal.open(local.map_err(|error| error.to_string())?.path())
    }

    /// Reads a pod whole, wherever it is.
    pub async fn open(&self, source: &str) -> Result<Pod, CliError> {
        let location = Location::parse(source).map_err(|error| error.to_string())?;
        let file = self.bring(&location).await?;
        let bar = bar();
        bar.set_length(file.metadata().map_or(0, |about| about.len()));
        let pod = super::whole(source, bar.wrap_read(file));
        bar.finish_and_clear();
        pod
    }
}

/// Says which variables a server has to be started with, to find the hot-reload folders of a pod.
pub fn print_needed(needed: &[NeededVariable]) {
    for NeededVariable { variable, folder, resource } in needed {
        let resource = plain(resource);
        let folder = plain(folder);
        let variable = plain(variable);
        print(&format!("{resource} runs from {folder}: start the server with {variable}=/path"));
    }
}

/// Says which resources functions of a pod refer to that the upstream has to have; `count`: of how many.
pub fn referred(upstream: &[Reference], count: usize) -> Vec<String> {
    let one = |Reference { resource, needed_by }: &Reference| {
        format!("  the upstream has to have {}, which {} refers to", plain(resource), plain(needed_by))
    };
    let shown = upstream.iter().take(SHOWN).map(one);
    let more = count.saturating_sub(SHOWN);
    shown.chain((more > 0).then(|| format!("  and {more} more that functions refer to"))).collect()
}

/// A bar where a person looks, and nothing else.
pub fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Moves the bar.
pub fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_length(progress.total);
    bar.set_position(progress.done);
}
