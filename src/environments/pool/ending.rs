//! Environments after an invocation: put back, or ended.

use std::sync::Arc;
use std::time::Duration;

use super::Pool;
use crate::environments::deployment::Initialization;
use crate::environments::environment::Environment;
use crate::environments::executor::EnvironmentId;
use crate::model::names::FunctionKey;

/// How soon what could not be removed is tried again; twice as long after each try.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// The longest pause between tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The same at the server's end, which is not held up for long.
const LONGEST_AT_THE_END: Duration = Duration::from_secs(2);

impl Pool {
    /// Puts an environment back after its invocation; one that nobody will want is ended.
    pub fn release(self: &Arc<Self>, environment: &Arc<Environment>) {
        let mut placement = self.placement();
        let wanted = match environment.initialization {
            Initialization::OnDemand => {
                !self.makers.settings.keep_alive.is_zero() && self.current(&environment.deployment).is_some()
            }
            Initialization::Provisioned => !placement.provisioned.is_surplus(&environment.deployment),
        };
        if wanted && placement.live.contains_key(&environment.id) {
            environment.rest();
            placement.rest(environment);
        }

        drop(placement);
        if !wanted {
            self.retire(environment);
        }
        self.freed.notify_waiters();
    }

    /// Ends the environments of a function that rest, but for provisioned ones.
    pub fn end_idle(self: &Arc<Self>, function: &FunctionKey) {
        let taken = self.placement().take_dispensable(|_| false, |deployment| deployment.function != *function);
        for environment in &taken {
            self.retire(environment);
        }
    }

    /// An environment's link is gone: so is the environment.
    pub fn lost(self: &Arc<Self>, environment: &Arc<Environment>) {
        environment.lost();
        if self.makers.stop.is_cancelled() {
            return;
        }
        // One that was asked to end is being removed already.
        if self.remove(environment) {
            self.end(environment.id.clone());
        }
    }

    /// Ends an environment in good order, with the time that its extensions have for their end. Who calls this has
    /// taken it: no invocation can get it any more.
    pub(super) fn retire(self: &Arc<Self>, environment: &Arc<Environment>) {
        self.remove(environment);
        let asked = Arc::clone(environment);
        self.end_after(environment.id.clone(), async move { asked.shutdown().await });
    }

    /// Takes an environment out of the pool; tells whether it was there.
    fn remove(&self, environment: &Arc<Environment>) -> bool {
        let (was_live, was_provisioned) = self.placement().remove(environment);
        if was_provisioned {
            self.provisioned_changed.notify_one();
        }
        was_live
    }

    /// Has the executor remove an environment, whatever is left of it; then its room is free.
    pub(super) fn end(self: &Arc<Self>, id: EnvironmentId) {
        self.end_after(id, std::future::ready(()));
    }

    /// The same, once `asked` is over.
    fn end_after(self: &Arc<Self>, id: EnvironmentId, asked: impl Future<Output = ()> + Send + 'static) {
        self.forget(&id);
        self.placement().budget.ends(&id);
        let pool = Arc::clone(self);
        self.tasks.spawn(async move {
            asked.await;
            let removed = pool.try_remove(&id).await;
            pool.placement().budget.give_back(&id);
            pool.freed.notify_waiters();
            if !removed {
                pool.sweep_soon();
                pool.remove_later(&id).await;
            }
        });
    }

    async fn try_remove(&self, id: &EnvironmentId) -> bool {
        let removed = self.makers.executor.stop(id).await;
        if let Err(error) = &removed {
            tracing::warn!(environment = %id, %error, "an environment could not be removed");
        }
        removed.is_ok()
    }

    /// Removes what could not be removed, again and again: the engine may be away for a while. At the server's end
    /// it is left to the next one, after a few tries.
    async fn remove_later(&self, id: &EnvironmentId) {
        let mut pause = AGAIN_AFTER;
        loop {
            if self.makers.stop.is_cancelled() {
                if pause > LONGEST_AT_THE_END {
                    return;
                }
                tokio::time::sleep(pause).await;
            } else {
                // The end comes before its time, which is why it is counted anew.
                let waited = self.makers.stop.run_until_cancelled(tokio::time::sleep(pause)).await;
                pause = if waited.is_none() { AGAIN_AFTER } else { pause };
            }
            match self.makers.executor.stop(id).await {
                Ok(()) => return tracing::info!(environment = %id, "an environment is removed at last"),
                Err(error) => tracing::debug!(environment = %id, %error, "it is still there"),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    pub(super) fn forget(&self, id: &EnvironmentId) {
        self.placement().expected.remove(id);
        self.makers.records.remove(id);
    }

    /// Ends all environments and waits for that, `limit` at most.
    pub async fn close(self: &Arc<Self>, limit: Duration) {
        self.note_recent();
        let (all, standby): (Vec<_>, _) = {
            let mut placement = self.placement();
            (placement.live.values().cloned().collect(), placement.standby.take_all())
        };
        for environment in &all {
            self.retire(environment);
        }
        for id in standby {
            self.end(id);
        }
        self.tasks.close();

        if tokio::time::timeout(limit, self.tasks.wait()).await.is_err() {
            tracing::warn!("some environments did not end in time; they end by themselves");
        }
        if tokio::time::timeout(limit, self.sweep_at_the_end()).await.is_err() {
            tracing::warn!("environments that nobody knows were not looked for in time");
        }
    }
}
