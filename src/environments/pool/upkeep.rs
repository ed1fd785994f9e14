//! Upkeep of the pool: idle environments that are there for long or are outdated, and what a former server left.
//! It sleeps until the next one is due or the state changes, so that an idle server does nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Pool;
use crate::environments::deployment::DeploymentKey;
use crate::environments::environment::Environment;

/// Changes of the state come by the thousand a second: those of one pause share a look.
const PAUSE: Duration = Duration::from_millis(50);

/// While nothing is idle, the shortest time until the next look.
const LEAST_SLEEP: Duration = Duration::from_millis(250);

/// How soon after the server's start, and after a start or an end that failed, it is looked for what came of it, and how
/// often: an engine may do later what it was asked for.
const SWEEP_AFTER: Duration = Duration::from_secs(5);
const SWEEPS: u32 = 4;

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
        let mut changes = self.makers.ledger.changes();
        let mut swept = false;
        loop {
            let adopted_at = self.adopts_until();
            if !swept && adopted_at <= Instant::now() {
                swept = true;
                self.sweep().await;
                self.tasks.spawn(Arc::clone(self).rehydrate());
            }
            let due = if swept { self.next_expiry() } else { self.next_expiry().min(adopted_at) };
            let due = self.next_sweep().map_or(due, |sweep| due.min(sweep));
            tokio::select! {
                () = self.makers.stop.cancelled() => break,
                () = tokio::time::sleep_until(due.into()) => {}
                () = self.unswept.notified() => {}
                seen = changes.changed() => if seen.is_err() { break },
            }
            for environment in self.take_dispensable() {
                self.retire(&environment);
            }
            self.end_unused_standby();
            if swept && self.is_sweep_due() {
                self.sweep_unknown().await;
            }
            self.keep_folders();
            if self.makers.stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
                break;
            }
        }
    }

    /// When the next idle environment will have rested for long. None that comes to rest later is due earlier.
    fn next_expiry(&self) -> Instant {
        let placement = self.placement();
        let idle = match placement.idle.oldest() {
            Some(oldest) => oldest.idle_since() + self.makers.settings.keep_alive,
            None => Instant::now() + self.makers.settings.keep_alive.max(LEAST_SLEEP),
        };
        placement.standby.next_unused().map_or(idle, |unused| unused.min(idle))
    }

    /// Takes idle environments that have rested for long, or run what is no longer current.
    fn take_dispensable(&self) -> Vec<Arc<Environment>> {
        let now = Instant::now();
        let keep_alive = self.makers.settings.keep_alive;
        let is_current = |deployment: &DeploymentKey| self.current(deployment).is_some();
        self.placement().take_dispensable(|since| since + keep_alive <= now, is_current)
    }

    async fn sweep(self: &Arc<Self>) {
        let missing = std::mem::take(&mut self.placement().expected);
        for id in missing.keys() {
            self.makers.records.remove(id);
        }
        self.provisioned_changed.notify_one();
        for environment in self.placement().take_beyond_budget() {
            self.retire(&environment);
        }

        self.sweep_unknown().await;
        // An engine may make still what a killed server had asked it for: no sweep at the start sees that.
        self.sweep_soon();
    }

    /// Looks once more, as nobody will later, if something may have come since.
    pub(super) async fn sweep_at_the_end(self: &Arc<Self>) {
        if self.next_sweep().is_some() {
            self.sweep_unknown().await;
        }
    }

    /// Ends what nobody knows: of a former server, or of a request whose answer was lost.
    async fn sweep_unknown(self: &Arc<Self>) {
        match self.makers.executor.sweep(&|id| self.placement().knows(id)).await {
            Ok(removed) if !removed.is_empty() => {
                tracing::info!(count = removed.len(), "removed environments that nobody knows");
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "could not look for environments that nobody knows");
                self.sweep_soon();
            }
        }
    }

    /// Has it looked for what nobody knows, some times from now on.
    pub(super) fn sweep_soon(&self) {
        self.placement().next_sweep = Some((Instant::now() + SWEEP_AFTER, SWEEPS));
        self.unswept.notify_one();
    }

    fn next_sweep(&self) -> Option<Instant> {
        self.placement().next_sweep.map(|(at, _)| at)
    }

    /// Whether it is time to look; then the next time is thrice as far away.
    fn is_sweep_due(&self) -> bool {
        let mut placement = self.placement();
        let Some((at, left)) = placement.next_sweep.filter(|(at, _)| *at <= Instant::now()) else { return false };
        let pause = SWEEP_AFTER * 3_u32.pow(SWEEPS.saturating_sub(left) + 1);
        placement.next_sweep = (left > 1).then(|| (at + pause, left - 1));
        true
    }
}
