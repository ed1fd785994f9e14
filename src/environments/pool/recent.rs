//! What was used lately: a note under `run/`, and what is made ahead of it at a start.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::{Pool, Target};
use crate::environments::Rehydrate;
use crate::environments::environment::Initialization;
use crate::environments::executor::Base;
use crate::model::functions::FunctionState;
use crate::model::names::{FunctionKey, Scope};
use crate::model::qualifier::Version;

/// Versions that the note names at most.
const BOUND: usize = 32;

/// Pause before the note is written again: many environments may start at once.
const PAUSE: Duration = Duration::from_secs(1);

/// The note's file. Like all that is under `run/` it is a cache: without it nothing is made ahead.
#[derive(Debug)]
pub struct Recent {
    path: PathBuf,
    changed: Notify,
}

/// A version that was used.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Used {
    account: String,
    region: String,
    function: String,
    version: String,
}

impl Used {
    fn new(function: &FunctionKey, version: Version) -> Self {
        Self {
            account: function.scope.account.to_string(),
            region: function.scope.region.to_string(),
            function: function.name.to_string(),
            version: version.to_string(),
        }
    }

    fn key(&self) -> FunctionKey {
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
    fn read(&self) -> Vec<Used> {
        let noted = fs::read(&self.path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let noted: Vec<Used> = noted.unwrap_or_default();
        noted.into_iter().take(BOUND).collect()
    }

    /// Renamed into place, so that a killed server leaves a whole note.
    fn write(&self, used: &[Used]) {
        let fresh = self.path.with_extension("new");
        let json = serde_json::to_vec(used).expect("texts are JSON");
        if let Err(error) = fs::write(&fresh, json).and_then(|()| fs::rename(&fresh, &self.path)) {
            tracing::warn!(path = %self.path.display(), %error, "what was used lately could not be noted");
        }
    }
}

impl Pool {
    /// Keeps the note up to date for ever.
    pub(super) async fn keep_note(&self) {
        loop {
            self.recent.changed.notified().await;
            tokio::time::sleep(PAUSE).await;
            self.note_recent();
        }
    }

    /// Notes what has an environment, the last used first, and behind it what was noted before.
    pub(super) fn note_recent(&self) {
        let mut live: Vec<_> = self.inner().live.values().cloned().collect();
        live.sort_by_key(|environment| std::cmp::Reverse(environment.idle_since()));
        // Nobody knows which tenant comes back.
        let live = live.iter().filter(|environment| environment.deployment.tenant.is_none());
        let used = live.map(|environment| Used::new(&environment.deployment.function, environment.deployment.version));
        let before = self.recent.read();
        let mut seen = HashSet::new();
        let used: Vec<_> =
            used.chain(before.iter().cloned()).filter(|used| seen.insert(used.clone())).take(BOUND).collect();
        if used != before {
            self.recent.write(&used);
        }
    }

    /// Makes standby environments for what was used lately, and environments ahead where that is wanted and it has
    /// none: one after the other, as far as there is room.
    pub(super) async fn rehydrate(self: Arc<Self>) {
        let targets: Vec<_> = self.recent.read().iter().filter_map(|used| self.usable(used)).collect();
        let bases: BTreeSet<_> = targets.iter().map(|target| Base::of(&target.version)).collect();
        for base in bases {
            self.fill(&base).await;
        }
        if self.settings.rehydrate != Rehydrate::Recent {
            return;
        }
        for target in targets {
            let (function, deployment) = (target.function.name.clone(), target.deployment());
            let there = self.inner().live.values().any(|environment| environment.deployment == deployment);
            if there || self.stop.is_cancelled() {
                continue;
            }
            let made = match self.room_ahead(target.version.config.memory_mib, false).await {
                Ok(id) => self.start(&target, Initialization::OnDemand, id, self.start_limit()).await,
                Err(error) => Err(error),
            };
            match made {
                Ok(environment) => {
                    tracing::info!(environment = %environment.id, %function, "made ahead for a function used lately");
                    self.release(&environment);
                }
                Err(error) => tracing::info!(%function, %error, "no environment was made ahead"),
            }
        }
    }

    /// The noted version, if it can run.
    fn usable(&self, used: &Used) -> Option<Target> {
        let (function, state) = (used.key(), self.ledger.state());
        let found = state.function(&function).filter(|function| !function.is_inert())?;
        let version = found.version(Version::parse(&used.version)?)?;
        let runs = version.state == FunctionState::Active
            && version.is_invocable()
            && version.config.tenant_isolation.is_none();
        runs.then(|| Target { function, version: Arc::clone(version), tenant: None })
    }
}
