//! What was used lately: noted while it runs, made ahead after a start.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::Pool;
use super::recent::{BOUND, Used};
use crate::environments::Rehydrate;
use crate::environments::deployment::{Initialization, Target};
use crate::environments::executor::Base;
use crate::model::functions::FunctionState;
use crate::model::qualifier::Version;

/// Pause before the note is written again: many environments may start at once.
const PAUSE: Duration = Duration::from_secs(1);

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
        let mut live: Vec<_> = self.placement().live.values().cloned().collect();
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
            self.stand_by(&base, Duration::ZERO);
        }
        if self.makers.settings.rehydrate != Rehydrate::Recent {
            return;
        }

        for target in targets {
            let function = target.function.name.clone();
            let deployment = target.deployment();
            let there = self.placement().live.values().any(|environment| environment.deployment == deployment);
            if there || self.makers.stop.is_cancelled() {
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
        let function = used.key();
        let state = self.makers.ledger.state();
        let found = state.function(&function).filter(|function| !function.is_inert())?;
        let version = found.version(Version::parse(&used.version)?)?;
        let runs = version.state == FunctionState::Active
            && version.is_invocable()
            && version.config.tenant_isolation.is_none();
        runs.then(|| Target { function, version: Arc::clone(version), tenant: None })
    }
}
