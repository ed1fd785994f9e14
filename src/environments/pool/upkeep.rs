//! Upkeep of the pool: environments that are idle for long, outdated, or left by a former server.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::{ADOPTION, Pool};
use crate::environments::environment::Environment;

/// How often idle and outdated environments are looked for.
const SWEEP_EVERY: Duration = Duration::from_millis(250);

impl Pool {
    /// Looks after the pool until the server stops: ends what is idle for long or outdated, and once,
    /// when adoption is over, what nobody wants.
    pub async fn keep(self: Arc<Self>) {
        let mut swept = false;
        while self.stop.run_until_cancelled(tokio::time::sleep(SWEEP_EVERY)).await.is_some() {
            for environment in self.dispensable() {
                self.retire(&environment);
            }
            self.keep_folders();
            if !swept && self.started.elapsed() > ADOPTION {
                swept = true;
                self.sweep().await;
            }
        }
    }

    /// Idle environments that are too old or run what is no longer current.
    fn dispensable(&self) -> Vec<Arc<Environment>> {
        let idle: Vec<_> = self.inner().idle.values().flatten().cloned().collect();
        let keep_alive = self.settings.keep_alive;
        idle.into_iter()
            .filter(|environment| {
                environment.idle_for() > keep_alive || self.current(&environment.deployment).is_none()
            })
            .collect()
    }

    async fn sweep(&self) {
        let (keep, missing) = {
            let mut inner = self.inner();
            let keep: HashSet<_> = inner.live.keys().chain(inner.starting.keys()).cloned().collect();
            (keep, std::mem::take(&mut inner.expected))
        };
        for id in missing.keys() {
            self.records.remove(id);
        }
        match self.executor.sweep(&keep).await {
            Ok(removed) if !removed.is_empty() => {
                tracing::info!(count = removed.len(), "removed environments that a former server left");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "could not look for environments of a former server"),
        }
    }

    /// Ends all environments and waits for that, `limit` at most.
    pub async fn close(&self, limit: Duration) {
        let all: Vec<_> = self.inner().live.values().cloned().collect();
        for environment in &all {
            self.retire(environment);
        }
        self.tasks.close();
        if tokio::time::timeout(limit, self.tasks.wait()).await.is_err() {
            tracing::warn!("some environments did not end in time; they end by themselves");
        }
    }
}
