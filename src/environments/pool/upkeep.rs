//! Upkeep of the pool: idle environments that are there for long or are outdated, and what a former server left.
//! It sleeps until the next one is due or the state changes, so that an idle server does nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Pool;
use crate::environments::environment::Environment;
use crate::environments::executor::EnvironmentId;

/// Changes of the state come by the thousand a second: those of one pause share a look.
const PAUSE: Duration = Duration::from_millis(50);

/// While nothing is idle, the shortest time until the next look.
const LEAST_SLEEP: Duration = Duration::from_millis(250);

impl Pool {
    /// Looks after the pool until the server stops: ends what is idle for long or outdated, and once,
    /// when adoption is over, what nobody wants.
    pub async fn keep(self: Arc<Self>) {
        tokio::select! {
            () = self.keep_idle() => {}
            () = self.keep_note() => {}
        }
    }

    async fn keep_idle(self: &Arc<Self>) {
        let mut changes = self.ledger.changes();
        let mut swept = false;
        loop {
            let adopted_at = self.started + self.adoption;
            if !swept && adopted_at <= Instant::now() {
                swept = true;
                self.sweep().await;
                self.tasks.spawn(Arc::clone(self).rehydrate());
            }
            let due = if swept { self.next_expiry() } else { self.next_expiry().min(adopted_at) };
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = tokio::time::sleep_until(due.into()) => {}
                seen = changes.changed() => if seen.is_err() { break },
            }
            for environment in self.take_dispensable() {
                self.retire(&environment);
            }
            self.keep_folders();
            if self.stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
                break;
            }
        }
    }

    /// When the next idle environment will have rested for long. None that comes to rest later is due earlier.
    fn next_expiry(&self) -> Instant {
        match self.inner().idle.oldest() {
            Some(oldest) => oldest.idle_since() + self.settings.keep_alive,
            None => Instant::now() + self.settings.keep_alive.max(LEAST_SLEEP),
        }
    }

    /// Takes idle environments that have rested for long, or run what is no longer current. Provisioned ones are
    /// not among them: `environments::provisioning` looks after those.
    fn take_dispensable(&self) -> Vec<Arc<Environment>> {
        let (now, mut taken) = (Instant::now(), Vec::new());
        let mut inner = self.inner();
        while inner.idle.oldest().is_some_and(|oldest| oldest.idle_since() + self.settings.keep_alive <= now) {
            taken.extend(inner.idle.take_oldest());
        }
        let deployments = inner.idle.deployments();
        let outdated: Vec<_> = deployments.filter(|deployment| self.current(deployment).is_none()).cloned().collect();
        for deployment in outdated {
            taken.extend(std::iter::from_fn(|| inner.idle.take(&deployment)));
        }
        taken
    }

    async fn sweep(self: &Arc<Self>) {
        let missing = std::mem::take(&mut self.inner().expected);
        for id in missing.keys() {
            self.records.remove(id);
        }
        self.provisioned_changed.notify_one();
        for environment in self.take_beyond_budget() {
            self.retire(&environment);
        }
        match self.executor.sweep(&|id| self.knows(id)).await {
            Ok(removed) if !removed.is_empty() => {
                tracing::info!(count = removed.len(), "removed environments that a former server left");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "could not look for environments of a former server"),
        }
    }

    /// Whether an environment is one of this server's.
    fn knows(&self, id: &EnvironmentId) -> bool {
        let inner = self.inner();
        inner.live.contains_key(id) || inner.starting.contains_key(id) || inner.standby.contains(id)
    }

    /// Takes idle environments that were adopted beyond the limits, which may be lower than the former server's.
    fn take_beyond_budget(&self) -> Vec<Arc<Environment>> {
        let (mut inner, mut taken) = (self.inner(), Vec::new());
        while inner.budget.is_over()
            && let Some(oldest) = inner.idle.take_oldest()
        {
            inner.budget.ends(&oldest.id);
            taken.push(oldest);
        }
        taken
    }
}
