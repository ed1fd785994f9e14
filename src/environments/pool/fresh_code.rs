//! Environments of functions that run from folders: each reads the files anew when they have changed, before it
//! gets another event.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use larder_init::link::Outcome;

use super::concurrency::Running;
use super::error::RunError;
use super::{Pool, making};
use crate::environments::deployment::{DeploymentKey, Target};
use crate::environments::environment::Environment;
use crate::environments::hot_reload::{self, FolderError, Settled};
use crate::environments::invocation::Completed;
use crate::model::hot_folder::HotFolder;

/// Longest wait for a runtime to read its code, however often it changes: the limit of the init phase. After that the
/// init phase is repeated within the invocation.
const READ: Duration = Duration::from_secs(10);

/// How often an environment is told to read its code before it gets an event all the same, and how many are tried:
/// files that always change must not keep a function from running.
const READINGS: u32 = 8;

/// An environment on its way to an event. It goes back to the pool if that does not come: callers hang up.
struct Held<'a> {
    pool: &'a Arc<Pool>,
    environment: Option<Arc<Environment>>,
}

impl Held<'_> {
    fn take(mut self) -> Option<Arc<Environment>> {
        self.environment.take()
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some(environment) = &self.environment {
            self.pool.release(environment);
        }
    }
}

impl Pool {
    /// An environment whose runtime has read the files as they are now, whole.
    pub(super) async fn acquire_hot(
        self: &Arc<Self>,
        target: &Target,
        folders: &[HotFolder],
    ) -> Result<(Arc<Environment>, Option<Running>), RunError> {
        for _ in 0..READINGS {
            let settled = self.makers.hot_reload.settle(folders).await?;
            let (environment, running) = match self.acquire(target).await {
                Ok(acquired) => acquired,
                // Another folder came to the path while an environment was made.
                Err(_) if self.makers.hot_reload.roots(folders) != settled.roots => continue,
                Err(error) => return Err(error),
            };
            let held = Held { pool: self, environment: Some(environment) };
            let Some(environment) = &held.environment else { continue };
            // The path may lead to another folder now, which only a new environment sees.
            let fits = environment.code.is_mounted(&settled.roots)
                && self.read_anew(environment, target, folders, settled).await?;
            let Some(environment) = held.take() else { continue };
            if fits {
                return Ok((environment, running));
            }
            self.retire(&environment);
        }
        Err(RunError::Undelivered)
    }

    /// Tells an environment that dialled which state of its folders it begins with.
    pub(super) async fn tell_of_folders(&self, environment: &Environment, target: &Target, fresh: bool) {
        let folders = hot_reload::folders_of(&target.version);
        if folders.is_empty() {
            return;
        }
        environment.code.mounted(self.makers.records.roots(&environment.id));
        if fresh && environment.reload(self.makers.hot_reload.change(&folders)).await.is_err() {
            tracing::warn!(environment = %environment.id, "a new environment could not be told of its folders");
        }
    }

    /// Has an environment read its files until they did not change meanwhile; `false`: it cannot.
    async fn read_anew(
        &self,
        environment: &Arc<Environment>,
        target: &Target,
        folders: &[HotFolder],
        mut settled: Settled,
    ) -> Result<bool, RunError> {
        let by = Instant::now() + READ;
        for _ in 0..READINGS {
            if environment.code.asked() < settled.change {
                self.merge_layers(target).await?;
                if environment.reload(settled.change).await.is_err() {
                    return Ok(false);
                }
            }
            if !environment.code.is_loading() {
                return Ok(true);
            }
            environment.code.read(by).await;
            let now = self.makers.hot_reload.settle(folders).await?;
            if !environment.code.is_mounted(&now.roots) {
                return Ok(false);
            }
            if now.change == settled.change || !now.quiet || by <= Instant::now() {
                return Ok(true);
            }
            settled = now;
        }

        Ok(true)
    }

    /// Whether a runtime failed to begin, perhaps as its files changed while it read them: the handler saw nothing of
    /// the event, which may be given again.
    pub(super) async fn failed_while_changing(
        &self,
        completed: &Completed,
        environment: &Environment,
        folders: &[HotFolder],
    ) -> bool {
        let failed =
            matches!(completed.outcome, Outcome::Error { init: true, .. } | Outcome::Exited { init: true, .. });
        if folders.is_empty() || !failed {
            return false;
        }
        let settled = self.makers.hot_reload.settle(folders).await;
        settled.is_ok_and(|settled| environment.code.asked() < settled.change)
    }

    /// Copies layers that can be mounted only together.
    async fn merge_layers(&self, target: &Target) -> Result<(), RunError> {
        let layers = &target.version.config.layers;
        if layers.len() < 2 || layers.iter().all(|layer| layer.folder.is_none()) {
            return Ok(());
        }
        let version = Arc::clone(&target.version);
        let trees = Arc::clone(&self.makers.trees);
        let hot_reload = Arc::clone(&self.makers.hot_reload);
        let merged = Arc::clone(&self.makers.merged_layers);
        let merging = tokio::task::spawn_blocking(move || making::layers(&version, &trees, &hot_reload, &merged));

        merging.await.map_err(|_| RunError::Closing)?.map(drop)
    }

    /// Tells environments of changes as soon as these are over, so that the next invocation need not wait. Until
    /// the server stops.
    pub async fn reload_changed(self: Arc<Self>) {
        while self.makers.stop.run_until_cancelled(self.makers.hot_reload.changed()).await.is_some() {
            let mut told = HashMap::new();
            for environment in self.live() {
                let Some(target) = self.current(&environment.deployment) else { continue };
                let folders = hot_reload::folders_of(&target.version);
                if folders.is_empty() {
                    continue;
                }
                let settled = match self.makers.hot_reload.settle(&folders).await {
                    Ok(settled) => settled,
                    Err(error) => {
                        self.end_if_way_out(&environment, &error);
                        continue;
                    }
                };
                let is_new = environment.code.asked() < settled.change;
                if is_new && told.insert(target.version.deployment, settled.change) != Some(settled.change) {
                    tracing::info!(function = %target.function.name, "its files have changed: they are read anew");
                    if let Err(error) = self.merge_layers(&target).await {
                        tracing::warn!(function = %target.function.name, %error, "its layers cannot be read anew");
                    }
                }
                if environment.reload(settled.change).await.is_err() {
                    tracing::debug!(environment = %environment.id, "it ended before it was told of a change");
                }
            }
        }
    }

    /// Ends an environment whose folder has come to hold what no function may reach.
    fn end_if_way_out(self: &Arc<Self>, environment: &Arc<Environment>, error: &FolderError) {
        if error.is_way_out() {
            tracing::warn!(function = %environment.deployment.function.name, %error, "its environment is ended");
            self.retire(environment);
        }
    }

    /// Forgets the folders of functions that no environment runs.
    pub(super) fn keep_folders(&self) {
        let running: Vec<DeploymentKey> = {
            let placement = self.placement();
            let starting = placement.starting.values().map(|starting| starting.target.deployment());
            placement.live.values().map(|environment| environment.deployment.clone()).chain(starting).collect()
        };
        let targets = running.iter().filter_map(|deployment| self.current(deployment));
        let folders: Vec<HotFolder> = targets.flat_map(|target| hot_reload::folders_of(&target.version)).collect();
        self.makers.hot_reload.keep(folders.into_iter());
    }

    fn live(&self) -> Vec<Arc<Environment>> {
        self.placement().live.values().cloned().collect()
    }
}
