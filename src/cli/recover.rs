//! `larder recover`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::terminal::{print, spinner};
use crate::blobs::upkeep;
use crate::server;

/// Write what is whole of a data dir into a new one; the old one is only read.
#[derive(Debug, Args)]
pub struct Options {
    /// Data dir to recover; no server may have it
    #[arg(long, value_name = "DIR", default_value = ".larder")]
    data_dir: PathBuf,
    /// Last event to take [default: as far as the events are whole]
    #[arg(long, value_name = "SEQ")]
    to: Option<u64>,
    /// New data dir: not there yet, or empty [default: the old one's name with .recovered]
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

/// Recovers, and says how far.
pub fn run(options: &Options) -> Result<(), String> {
    let from = &options.data_dir;
    if !from.join("store").is_dir() {
        return Err(format!("{} is no data dir of larder: it has no folder `store`", from.display()));
    }
    let into = options.into.clone().unwrap_or_else(|| beside(from));
    if fs::read_dir(&into).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(format!("{} is not empty: name another folder with --into", into.display()));
    }
    fs::create_dir_all(&into).map_err(|error| format!("{}: {error}", into.display()))?;
    let _lock = server::lock(&into).map_err(|error| error.to_string())?;
    let spinner = spinner("recovering");
    let recovery = upkeep::recover(from, options.to.unwrap_or(u64::MAX), &into).map_err(|error| error.to_string())?;
    spinner.finish_and_clear();
    if options.json {
        print(&json!({ "into": into, "recovery": recovery }).to_string());
    } else {
        print(&format!("events up to {} are in {}", recovery.last, into.display()));
        if let Some(ended) = &recovery.ended {
            print(&format!("it ends there because of {}: {}", ended.file.display(), ended.problem));
        }
        for problem in &recovery.missing {
            print(&format!("not saved: {problem}"));
        }
    }
    match options.to {
        Some(to) if recovery.last < to => Err(format!("there are whole events up to {} only, not {to}", recovery.last)),
        _ => Ok(()),
    }
}

fn beside(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".recovered");
    folder.with_file_name(name)
}
