//! Standby environments made, and given their functions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use larder_init::link::Hello;
use tokio::sync::oneshot;

use super::Pool;
use crate::environments::deployment::{Initialization, Target};
use crate::environments::environment::Environment;
use crate::environments::executor::{Base, EnvironmentId, ExecutorError, StandbySpec};
use crate::environments::{hot_reload, token};

/// How long after a cold start its standby environment is replaced: making one takes a processor for a while, which
/// the function wants now.
pub(super) const REPLACE_AFTER: Duration = Duration::from_millis(300);

/// How long after its end one is replaced that served no function, and after a failure one is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

impl Pool {
    /// Makes ready what the environments of a runtime or an image share, and has its standby environments made.
    /// `None`: the server stops.
    pub async fn prepare(self: &Arc<Self>, base: &Base) -> Option<Result<(), ExecutorError>> {
        let prepared = self.makers.stop.run_until_cancelled(self.makers.executor.prepare(base)).await?;
        if prepared.is_ok() {
            self.stand_by(base, Duration::ZERO);
        }
        Some(prepared)
    }

    /// Has the standby environments of a runtime filled up, a little later.
    pub(super) fn stand_by(self: &Arc<Self>, base: &Base, after: Duration) {
        if self.makers.settings.standby == 0 || !self.makers.executor.has_standby() {
            return;
        }
        let pool = Arc::clone(self);
        let base = base.clone();
        self.tasks.spawn(async move {
            if pool.makers.stop.run_until_cancelled(tokio::time::sleep(after)).await.is_some() {
                pool.fill(&base).await;
            }
        });
    }

    pub(super) async fn fill(self: &Arc<Self>, base: &Base) {
        // An image is its function's own: its environments are kept warm as such.
        if !self.makers.executor.has_standby() || base.image.is_some() {
            return;
        }
        while let Some(id) = self.next_standby(base) {
            let spec = StandbySpec {
                token: token::of(self.makers.ledger.secret(), self.makers.settings.place, &id),
                id: id.clone(),
                store_id: self.makers.ledger.store_id().to_owned(),
                base: base.clone(),
                grace_s: self.makers.settings.grace.as_secs(),
            };
            if let Err(error) = self.makers.executor.stand_by(&spec).await {
                tracing::warn!(%base, %error, "no standby environment could be made");
                self.placement().standby.starting.remove(&id);
                self.end(id);
                // An engine stumbles under load.
                if error.may_pass() {
                    self.stand_by(base, AGAIN_AFTER);
                }
                return;
            }
        }
    }

    /// The id of one more standby environment, where there are too few.
    fn next_standby(&self, base: &Base) -> Option<EnvironmentId> {
        let mut placement = self.placement();
        if self.makers.stop.is_cancelled() || placement.standby.of(base) >= self.makers.settings.standby {
            return None;
        }
        let id = EnvironmentId::random();
        placement.standby.starting.insert(id.clone(), base.clone());
        Some(id)
    }

    /// Takes a standby environment that dialled. The receiver hears of its function, or of its end; `None` where it
    /// is none.
    pub fn standby_dialled(&self, hello: &Hello) -> Option<oneshot::Receiver<()>> {
        let id = EnvironmentId(hello.environment.clone());
        let mut placement = self.placement();
        let base = placement.standby.starting.remove(&id)?;
        let (wake, assigned) = oneshot::channel();
        placement.standby.waiting.entry(base).or_default().push((id, wake));
        Some(assigned)
    }

    /// A standby environment has ended. Another one takes its place, not at once: it may have ended for a reason.
    pub fn standby_lost(self: &Arc<Self>, hello: &Hello) {
        let id = EnvironmentId(hello.environment.clone());
        let mut placement = self.placement();
        let base = placement.standby.forget(&id);
        // One that was just assigned: who waits hears of it.
        placement.starting.remove(&id);
        drop(placement);
        self.end(id);

        if let Some(base) = base {
            self.stand_by(&base, AGAIN_AFTER);
        }
    }

    /// Makes a standby environment the target's, and waits until it has begun. `None` where there is none, or where
    /// it fails: then one is made in the ordinary way. The room of `id` becomes its room.
    pub(super) async fn start_standby(
        self: &Arc<Self>,
        target: &Target,
        initialization: Initialization,
        id: &EnvironmentId,
        by: Instant,
    ) -> Option<Arc<Environment>> {
        let config = &target.version.config;
        // A folder is mounted, which takes a container of its own.
        if target.version.code.content.image().is_some() || !hot_reload::folders_of(&target.version).is_empty() {
            return None;
        }
        let base = Base::of(&target.version);
        let (standby, wake) = self.placement().standby.take(&base)?;

        // A task of its own: a caller that goes away must not leave half an environment.
        let pool = Arc::clone(self);
        let owned = target.clone();
        let ids = (standby.clone(), id.clone());
        let assigning =
            self.tasks.spawn(async move { pool.assign(&owned, initialization, &ids.0, &ids.1, wake).await });
        let begun = async {
            let dialled = assigning.await.map_err(|error| error.to_string())??;
            dialled.await.map_err(|_| "it has ended".to_owned())
        };
        let begun = tokio::time::timeout_at(by.into(), begun).await;
        let begun = begun.unwrap_or_else(|_| Err("it does not begin in time".to_owned()));
        self.stand_by(&base, REPLACE_AFTER);

        match begun {
            Ok(environment) => Some(environment),
            Err(reason) => {
                let function = &target.function.name;
                tracing::warn!(environment = %standby, %function, reason, "a standby environment was of no use");
                let mut placement = self.placement();
                placement.starting.remove(&standby);
                placement.standby.assigning.remove(&standby);
                placement.budget.take(id, config.memory_mib);
                drop(placement);
                self.end(standby);
                None
            }
        }
    }

    /// Gives a standby environment its function, and wakes it; the receiver gets it when it has begun.
    async fn assign(
        &self,
        target: &Target,
        initialization: Initialization,
        standby: &EnvironmentId,
        room: &EnvironmentId,
        wake: oneshot::Sender<()>,
    ) -> Result<oneshot::Receiver<Arc<Environment>>, String> {
        {
            let mut placement = self.placement();
            placement.budget.give_back(room);
            placement.budget.take(standby, target.version.config.memory_mib);
        }

        let spec = self.makers.spec(target, standby.clone()).await.map_err(|error| error.to_string())?;
        self.makers.executor.assign(&spec).await.map_err(|error| error.to_string())?;
        let dialled = self.announce(target, initialization, standby);
        self.placement().standby.assigning.remove(standby);
        wake.send(()).map_err(|()| "it has ended".to_owned())?;

        Ok(dialled)
    }
}
