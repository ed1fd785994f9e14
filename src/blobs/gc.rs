//! Garbage collection: removes blobs and code trees that no kept event refers to.
//!
//! Beside a running server it is safe: a blob is held from before it is looked for in the store until its event
//! can be there, and no held one is removed.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use serde::{Deserialize, Serialize};

use super::{BlobError, code_tree, io_error};
use crate::disk;
use crate::ledger::Ledger;
use crate::model::blob::BlobId;
use crate::model::uses::BlobUses;

/// How old a temporary file is at least that nobody writes any more.
const ABANDONED: Duration = Duration::from_secs(15 * 60);

/// What was removed, or would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Collected {
    /// Whether nothing was removed, only counted.
    pub dry_run: bool,
    /// Blobs.
    pub blobs: u64,
    /// Code trees.
    pub trees: u64,
    /// Temporary files and folders that a crash left behind.
    pub leftovers: u64,
    /// Bytes of all of them.
    pub freed_bytes: u64,
}

/// Collects the garbage of the data dir `data_dir`, whose ledger is open: what neither an event of the journal, read
/// to its end, nor anything there is now refers to. Blocking.
///
/// # Errors
/// The ledger or a file cannot be read or removed; what was removed until then was garbage.
pub fn collect(data_dir: &Path, ledger: &Ledger, dry_run: bool) -> Result<Collected, BlobError> {
    let uses = ledger.blob_uses()?;
    let mut collected = Collected { dry_run, ..Collected::default() };
    small_blobs(ledger, &uses, &mut collected)?;
    files(&data_dir.join("blobs").join("sha256"), ledger, &uses, &mut collected)?;
    trees(&data_dir.join("trees"), ledger, &uses, &mut collected)?;
    Ok(collected)
}

/// Small blobs leave the index here; the journal drops them when it is compacted.
fn small_blobs(ledger: &Ledger, uses: &BlobUses, collected: &mut Collected) -> Result<(), BlobError> {
    let small = ledger.small_blobs();
    for (id, size) in small.list().into_iter().filter(|(id, _)| !uses.blobs.contains(id)) {
        let remove = || {
            if !collected.dry_run {
                small.remove(&id);
            }
            Ok::<_, BlobError>(())
        };
        let removed = small.held().unless_held(&id, remove)?;
        collected.blobs += u64::from(removed);
        collected.freed_bytes += if removed { size } else { 0 };
    }

    Ok(())
}

fn files(folder: &Path, ledger: &Ledger, uses: &BlobUses, collected: &mut Collected) -> Result<(), BlobError> {
    let small = ledger.small_blobs();
    for (name, path) in entries(folder)? {
        let size = bytes(&path);
        let Some(id) = BlobId::from_hex(&name) else {
            collected.leftover(&path, size)?;
            continue;
        };
        if uses.blobs.contains(&id) {
            continue;
        }
        let removed = small.held().unless_held(&id, || collected.remove(&path))?;
        collected.blobs += u64::from(removed);
        collected.freed_bytes += if removed { size } else { 0 };
    }

    Ok(())
}

/// A tree is a cache: one that is missed is made anew.
fn trees(folder: &Path, ledger: &Ledger, uses: &BlobUses, collected: &mut Collected) -> Result<(), BlobError> {
    let small = ledger.small_blobs();
    let merged: HashSet<String> = uses.layers.iter().map(|ids| code_tree::merged_name(ids)).collect();
    for (name, path) in entries(folder)? {
        let id = BlobId::from_hex(&name);
        let is_used = id.is_some_and(|id| uses.blobs.contains(&id) || small.held().contains(&id));
        if !path.is_dir() || is_used || merged.contains(&name) {
            continue;
        }
        let size = bytes(&path);
        if id.is_none() {
            // One that is being made, or of layers whose function is on its way.
            collected.leftover(&path, size)?;
            continue;
        }
        collected.remove(&path)?;
        collected.trees += 1;
        collected.freed_bytes += size;
    }

    Ok(())
}

impl Collected {
    /// Removes what nobody has touched for a while.
    fn leftover(&mut self, path: &Path, size: u64) -> Result<(), BlobError> {
        let modified = fs::symlink_metadata(path).and_then(|found| found.modified());
        let age = modified.ok().and_then(|modified| modified.elapsed().ok());
        if age.is_some_and(|age| age >= ABANDONED) {
            self.remove(path)?;
            self.leftovers += 1;
            self.freed_bytes += size;
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> Result<(), BlobError> {
        if self.dry_run {
            return Ok(());
        }
        let removed = if path.is_dir() { disk::remove_folder(path) } else { disk::remove_file(path) };
        removed.map_err(io_error(path))
    }
}

/// Names and paths in a folder; none if it is not there.
fn entries(folder: &Path) -> Result<Vec<(String, std::path::PathBuf)>, BlobError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let read = |entry: io::Result<fs::DirEntry>| {
        entry.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
    };
    fs::read_dir(folder).and_then(|found| found.map(read).collect()).map_err(io_error(folder))
}

/// Bytes of a file, or of all files of a folder.
fn bytes(path: &Path) -> u64 {
    let Ok(found) = fs::symlink_metadata(path) else { return 0 };
    if !found.is_dir() {
        return found.len();
    }
    fs::read_dir(path).map_or(0, |entries| entries.filter_map(Result::ok).map(|entry| bytes(&entry.path())).sum())
}
