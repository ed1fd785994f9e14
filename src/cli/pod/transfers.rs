//! What push and pull share: the library, the progress bar, JSON.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::pods::remotes::Progress;

/// Where the pod library is.
#[derive(Debug, Args)]
pub struct Library {
    /// Pod library [default: the folder larder/pods of the user's data folder]
    #[arg(long, env = "LARDER_PODS_DIR", value_name = "DIR")]
    pods_dir: Option<PathBuf>,
}

impl Library {
    /// Its folder.
    pub fn folder(&self) -> Result<PathBuf, String> {
        if let Some(folder) = &self.pods_dir {
            return Ok(folder.clone());
        }
        let data = std::env::var_os("XDG_DATA_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
        let data = data.or_else(|| std::env::home_dir().map(|home| home.join(".local/share")));
        data.map(|data| data.join("larder/pods"))
            .ok_or_else(|| "there is no home folder for the pod library: give --pods-dir".to_owned())
    }
}

/// Name and version of a pod of the library, the newest where `pod` has no version.
pub fn pod_of(library: &Path, pod: &str) -> Result<(String, u64), String> {
    if let Some((name, version)) = pod.split_once(':') {
        let number = version.parse().map_err(|_| format!("{pod}: the version {version} is no number"))?;
        return Ok((name.to_owned(), number));
    }
    let folder = library.join("names").join(pod);
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let number = |path: PathBuf| path.file_name()?.to_str()?.strip_suffix(".json")?.parse().ok();
    let newest = entries.filter_map(|entry| number(entry.path())).max();
    let newest = newest.ok_or_else(|| format!("the pod library {} has no pod {pod}", library.display()))?;
    Ok((pod.to_owned(), newest))
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

/// Prints a value as JSON.
pub fn print(value: &impl Serialize) -> Result<(), String> {
    let text = serde_json::to_string_pretty(value).map_err(|error| error.to_string())?;
    println!("{text}");
    Ok(())
}
