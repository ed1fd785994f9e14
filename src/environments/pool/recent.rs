//! What was used lately: a note under `run/`, and what is made ahead of it at a start.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::model::names::{FunctionKey, Scope};
use crate::model::qualifier::Version;

/// Versions that the note names at most.
pub(super) const BOUND: usize = 32;

/// The note's file. Like all that is under `run/` it is a cache: without it nothing is made ahead.
#[derive(Debug)]
pub struct Recent {
    path: PathBuf,
    pub(super) changed: Notify,
}

/// A version that was used.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Used {
    account: String,
    region: String,
    function: String,
    pub(super) version: String,
}

impl Used {
    pub(super) fn new(function: &FunctionKey, version: Version) -> Self {
        Self {
            account: function.scope.account.to_string(),
            region: function.scope.region.to_string(),
            function: function.name.to_string(),
            version: version.to_string(),
        }
    }

    pub(super) fn key(&self) -> FunctionKey {
        let scope = Scope { account: self.account.as_str().into(), region: self.region.as_str().into() };
        FunctionKey { scope, name: self.function.as_str().into() }
    }
}

impl Recent {
    /// The note in this folder.
    pub(super) fn new(run_dir: &Path) -> Self {
        Self { path: run_dir.join("recent.json"), changed: Notify::new() }
    }

    /// Says that other versions are in use than were.
    pub(super) fn changed(&self) {
        self.changed.notify_one();
    }

    /// What is noted, the last used first; an unreadable note says nothing.
    pub(super) fn read(&self) -> Vec<Used> {
        let noted = fs::read(&self.path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let noted: Vec<Used> = noted.unwrap_or_default();
        noted.into_iter().take(BOUND).collect()
    }

    /// Renamed into place, so that a killed server leaves a whole note.
    pub(super) fn write(&self, used: &[Used]) {
        let fresh = self.path.with_extension("new");
        let json = serde_json::to_vec(used).expect("texts are JSON");
        if let Err(error) = fs::write(&fresh, json).and_then(|()| fs::rename(&fresh, &self.path)) {
            tracing::warn!(path = %self.path.display(), %error, "what was used lately could not be noted");
        }
    }
}
