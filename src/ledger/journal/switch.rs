//! One journal in the place of another: after a compaction, or after damage was mended.
//!
//! The new journal is written whole beside the old one, in `journal.new`, and proven. Then one rename gives the
//! marker its name: from there on the new journal is the store's. The folders' renames follow, and are done again by
//! whoever finds the marker. What else has to follow (engine, checkpoints) comes before the marker goes.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::disk;
use crate::ledger::{LedgerError, io_error};

/// Why there is another journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// History was dropped; the old journal goes.
    Compaction,
    /// The old journal was damaged; it is kept beside.
    Mending,
}

const MARKER: &str = "journal.switch";

/// The folder in which a new journal is written; empty, and nothing of an earlier try is left.
pub fn new_folder(store: &Path) -> Result<std::path::PathBuf, LedgerError> {
    // A marker would make the store's what is not proven yet.
    if let Some(why) = redo(store)? {
        finish(store, why)?;
    }
    let new = store.join("journal.new");
    disk::remove_folder(&new).and_then(|()| disk::create_folder(&new)).map_err(io_error(&new))?;
    Ok(new)
}

/// Makes `journal.new` the store's. After an error it may or may not be: [`redo`] tells.
pub fn commit(store: &Path, why: Why) -> Result<(), LedgerError> {
    let new = store.join("journal.new");
    let marker = store.join(MARKER);
    disk::sync_folder(&new).map_err(io_error(&new))?;
    let text = serde_json::to_vec(&why).expect("a word can be written");
    disk::write_whole(&marker, &text).map_err(io_error(&marker))
}

/// Takes a [`commit`] back that failed. An error: it may have succeeded.
pub fn withdraw(store: &Path) -> Result<(), LedgerError> {
    let marker = store.join(MARKER);
    disk::remove_file(&marker).and_then(|()| disk::sync_folder(store)).map_err(io_error(&marker))
}

/// Gives the folders the names that the marker says; whether and why there is one.
pub fn redo(store: &Path) -> Result<Option<Why>, LedgerError> {
    let [folder, new, old, marker] = ["journal", "journal.new", "journal.old", MARKER].map(|name| store.join(name));
    if !marker.try_exists().map_err(io_error(&marker))? {
        return Ok(None);
    }
    if new.exists() {
        if folder.exists() {
            disk::remove_folder(&old).and_then(|()| disk::rename(&folder, &old)).map_err(io_error(&folder))?;
        }
        disk::rename(&new, &folder).map_err(io_error(&new))?;
    } else if !folder.exists() && old.exists() {
        // The new one is lost: what it was made from is not.
        disk::rename(&old, &folder).map_err(io_error(&old))?;
    }

    disk::sync_folder(store).map_err(io_error(store))?;
    // It has its name only when it is whole: one that cannot be read was damaged since.
    let why = disk::read(&marker).ok().and_then(|text| serde_json::from_slice(&text).ok());
    Ok(Some(why.unwrap_or(Why::Mending)))
}

/// Removes the old journal, or puts it aside, and then the marker.
pub fn finish(store: &Path, why: Why) -> Result<(), LedgerError> {
    let [folder, old, aside, marker] =
        ["journal", "journal.old", "journal.damaged", MARKER].map(|name| store.join(name));
    if !folder.exists() {
        return Err(LedgerError::DamagedMeta("a new journal was put in the place of the old one, and is not there"));
    }
    if why == Why::Mending && old.exists() {
        disk::remove_folder(&aside).and_then(|()| disk::rename(&old, &aside)).map_err(io_error(&aside))?;
    }
    disk::remove_folder(&old).map_err(io_error(&old))?;

    disk::remove_file(&marker).and_then(|()| disk::sync_folder(store)).map_err(io_error(&marker))
}

/// Puts the folders right before anything is opened; says which switch has still to be finished.
pub fn settle(store: &Path) -> Result<Option<Why>, LedgerError> {
    if let Some(why) = redo(store)? {
        tracing::info!(?why, "a new journal takes the place of the old one");
        return Ok(Some(why));
    }

    let [folder, new, old] = ["journal", "journal.new", "journal.old"].map(|name| store.join(name));
    // Without a marker, what was written beside is not proven.
    disk::remove_folder(&new).map_err(io_error(&new))?;
    match (folder.exists(), old.exists()) {
        (false, true) => {
            tracing::info!("a compaction did not come to its end: the former journal goes on");
            disk::rename(&old, &folder).and_then(|()| disk::sync_folder(store)).map_err(io_error(&old))?;
            Ok(None)
        }
        // As larders before the marker left it.
        (true, true) => Ok(Some(Why::Compaction)),
        (_, false) => Ok(None),
    }
}
