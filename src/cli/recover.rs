//! `larder recover`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::error::{CliError, Kind, no_data_dir};
use super::terminal::{print, spinner};
use crate::blobs::upkeep::{self, Recovery};
use crate::server::{self, ServerError};

/// Write what is whole of a data dir into a new one; the old one is only read.
#[derive(Debug, Args)]
pub struct RecoverOptions {
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
pub fn run(options: &RecoverOptions) -> Result<(), CliError> {
    let from = &options.data_dir;
    if !from.join("store").is_dir() {
        return Err(no_data_dir(from));
    }
    // Beside a running server it would be a part of what that server has.
    if let Err(error @ ServerError::InUse(_)) = server::lock(from) {
        return Err(error.into());
    }
    let into = options.into.clone().unwrap_or_else(|| beside(from));
    if fs::read_dir(&into).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(format!("{} is not empty: name another folder with --into", into.display()).into());
    }
    fs::create_dir_all(&into).map_err(|error| format!("{}: {error}", into.display()))?;
    let _lock = server::lock(&into)?;
    let spinner = spinner("recovering");
    let recovery = upkeep::recover(from, options.to.unwrap_or(u64::MAX), &into).map_err(|error| error.to_string())?;
    spinner.finish_and_clear();
    print(&if options.json {
        json!({ "into": into, "recovery": recovery }).to_string()
    } else {
        summary(&recovery, &into)
    });

    match options.to {
        Some(to) if recovery.last < to => {
            let short = format!("there are whole events up to {} only, not {to}", recovery.last);
            Err(CliError::new(Kind::Damaged, short))
        }
        _ if !recovery.complete => Err(CliError::new(Kind::Damaged, "not everything could be saved: see above")),
        _ => Ok(()),
    }
}

fn summary(recovery: &Recovery, into: &Path) -> String {
    let mut lines = vec![format!(
        "events {} to {}, {} functions and {} blobs are in {}",
        recovery.begins,
        recovery.last,
        recovery.functions,
        recovery.blobs,
        into.display()
    )];
    if recovery.from_index > 0 {
        lines.push(format!("{} of the events were in the index only", recovery.from_index));
    }
    lines.extend(recovery.lost.iter().map(|lost| format!("lost: {}: {}", lost.file.display(), lost.problem)));
    lines.extend(recovery.missing.iter().map(|problem| format!("not saved: {problem}")));
    let names = &recovery.functions_without_code;
    if !names.is_empty() {
        lines.push(format!("{} functions lack their code or a layer: {}", names.len(), names.join(", ")));
    }

    lines.join("\n")
}

fn beside(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".recovered");
    folder.with_file_name(name)
}
