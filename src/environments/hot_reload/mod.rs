//! Hot reload: functions and layers whose files stay in a folder of this machine, and environments that read them
//! anew when they change.
//!
//! No invocation sees half of a change: before an environment gets one, the folder is waited for until it is
//! quiet, and the environment until its runtime has read what is there then.

mod contents;
mod folder;
mod layers;
mod loaded;
mod mounts;
mod watcher;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use folder::{FolderError, Folders, Found};
pub use layers::MergedLayers;
pub use loaded::LoadedCode;
use watcher::Watcher;

use crate::model::functions::FunctionVersion;
use crate::model::hot_folder::HotFolder;

/// How long a folder that does not become quiet is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long a folder that is missing is waited for: bundlers take theirs away and make it again.
const COME_BACK: Duration = Duration::from_secs(1);

/// Between two looks for a folder that is missing.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Watches the folders of functions that run.
#[derive(Debug)]
pub struct HotReload {
    folders: Folders,
    watcher: Arc<Watcher>,
    /// Folders that were walked and hold nothing that leads out, and as of which change.
    walked: Mutex<HashMap<PathBuf, (Root, u64)>>,
}

/// Folders as they were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The latest change of any of them.
    pub change: u64,
    /// Which folders they are: a path may lead to another one later.
    pub roots: Vec<Root>,
    /// Whether nobody wrote to them; else the wait was given up.
    pub quiet: bool,
}

/// A folder as the kernel knows it: device, number, and when it was made (nanoseconds since the epoch; 0 where the
/// file system does not know), as numbers are given again.
pub type Root = (u64, u64, u64);

impl HotReload {
    /// Watches nothing yet; `run_dir` gets files of its own.
    pub fn new(folders: Folders, run_dir: &Path) -> io::Result<Self> {
        let watcher = Arc::new(Watcher::new(&run_dir.join("hot-reload"))?);
        Ok(Self { folders, watcher, walked: Mutex::default() })
    }

    /// The rules that folders have to obey.
    pub fn rules(&self) -> &Folders {
        &self.folders
    }

    /// Finds a folder that a function may have now, by all rules. Blocking: a folder that has changed is walked.
    ///
    /// # Errors
    /// It cannot be run from.
    pub fn admit(&self, folder: &HotFolder) -> Result<Found, FolderError> {
        let found = self.folders.find(folder)?;
        // Read before the walk: what is made meanwhile is a later change.
        let seen = (found.root, self.watcher.change(&found.path));
        let walked = self.walked.lock().unwrap_or_else(PoisonError::into_inner).get(&found.path).copied();
        if seen.1 == 0 || walked != Some(seen) {
            Folders::refuse_contents(folder, &found)?;
            self.walked.lock().unwrap_or_else(PoisonError::into_inner).insert(found.path.clone(), seen);
        }

        Ok(found)
    }

    /// The latest known change of folders: 0 where one is not watched yet.
    pub fn change(&self, folders: &[HotFolder]) -> u64 {
        let changes =
            folders.iter().map(|folder| self.folders.find(folder).map_or(0, |found| self.watcher.change(&found.path)));
        let changes: Vec<u64> = changes.collect();
        if changes.contains(&0) { 0 } else { changes.into_iter().max().unwrap_or(0) }
    }

    /// Which folders they are now; none where one cannot be used. Blocking.
    pub fn roots(&self, folders: &[HotFolder]) -> Vec<Root> {
        let roots = folders.iter().map(|folder| self.folders.find(folder).map(|found| found.root));
        roots.collect::<Result<_, _>>().unwrap_or_default()
    }

    /// Waits until nobody writes to the folders.
    ///
    /// # Errors
    /// One cannot be used.
    pub async fn settle(self: &Arc<Self>, folders: &[HotFolder]) -> Result<Settled, FolderError> {
        let settled = self.quiet(folders).await?;
        let hot_reload = Arc::clone(self);
        let wanted = folders.to_vec();
        let walk = move || wanted.iter().try_for_each(|folder| hot_reload.admit(folder).map(drop));
        let walked = tokio::task::spawn_blocking(walk).await;
        walked.unwrap_or(Err(FolderError::Closing)).map(|()| settled)
    }

    /// Waits until nobody writes to the folders, or for long enough.
    async fn quiet(&self, folders: &[HotFolder]) -> Result<Settled, FolderError> {
        let start = Instant::now();
        loop {
            let watcher = Arc::clone(&self.watcher);
            let rules = self.folders.clone();
            let wanted = folders.to_vec();
            let looked = tokio::task::spawn_blocking(move || look(&watcher, &rules, &wanted)).await;
            match looked.unwrap_or(Err(FolderError::Closing)) {
                Err(error) if error.may_pass() && start.elapsed() < COME_BACK => tokio::time::sleep(LOOK_AGAIN).await,
                Err(error) => return Err(error),
                Ok((paths, settled)) => {
                    self.watcher.catch_up().await;
                    let busy = self.watcher.busy_for(&paths);
                    let change = self.watcher.latest(&paths);
                    match busy {
                        // Nothing happened since the look, or nothing that has not ended.
                        None if change == settled.change => return Ok(settled),
                        Some(wait) if start.elapsed() < PATIENCE => tokio::time::sleep(wait).await,
                        Some(_) => return Ok(Settled { change, quiet: false, ..settled }),
                        None => {}
                    }
                }
            }
        }
    }

    /// Waits until files of any watched folder change.
    pub async fn changed(&self) {
        self.watcher.changed().await;
    }

    /// Watches no more than what `folders` lead to.
    pub fn keep(&self, folders: impl Iterator<Item = HotFolder>) {
        let paths: Vec<PathBuf> =
            folders.filter_map(|folder| self.folders.find(&folder).ok()).map(|found| found.path).collect();
        self.watcher.keep(&paths);
        self.walked.lock().unwrap_or_else(PoisonError::into_inner).retain(|path, _| paths.contains(path));
    }
}

/// Finds the folders, and has them watched. Blocking.
fn look(watcher: &Watcher, rules: &Folders, folders: &[HotFolder]) -> Result<(Vec<PathBuf>, Settled), FolderError> {
    let mut paths = Vec::new();
    let mut roots = Vec::new();
    let mut change = 0;
    for folder in folders {
        let found = rules.find(folder)?;
        change = change.max(watcher.watch(&found.path, found.root));
        paths.push(found.path);
        roots.push(found.root);
    }

    Ok((paths, Settled { change, roots, quiet: true }))
}

/// The folders that a version runs from: that of its code, and those of its layers in order.
pub fn folders_of(version: &FunctionVersion) -> Vec<HotFolder> {
    let layers = version.config.layers.iter().filter_map(|layer| layer.folder.clone());
    version.code.content.folder().into_iter().cloned().chain(layers).collect()
}
