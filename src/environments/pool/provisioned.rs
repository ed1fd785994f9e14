//! Environments of provisioned concurrency: started ahead, kept however long they rest, ended when nobody wants
//! them any more. Which are wanted, and what becomes of those that cannot be had, is decided in
//! `environments::provisioning`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::idle::Idle;
use super::making::INIT_AHEAD_MS;
use super::{DeploymentKey, Pool, RunError, Target};
use crate::environments::environment::{Environment, Initialization};
use crate::environments::executor::EnvironmentId;
use crate::model::functions::FunctionVersion;
use crate::model::names::FunctionKey;
use crate::model::state::State;

/// Provisioned environments whose init phase is over.
#[derive(Debug, Default)]
pub struct ProvisionedPool {
    /// All of them.
    there: HashMap<DeploymentKey, HashSet<EnvironmentId>>,
    /// Those without an invocation.
    idle: Idle,
    /// How many are wanted.
    wanted: HashMap<DeploymentKey, u32>,
}

/// Why no provisioned environment was had.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// Its init phase failed.
    #[error("the init phase failed: {0}")]
    Init(String),
    /// It could not be made.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl ProvisionedPool {
    /// Counts an environment whose init phase is over.
    pub(super) fn add(&mut self, environment: &Arc<Environment>) {
        self.there.entry(environment.deployment.clone()).or_default().insert(environment.id.clone());
    }

    /// Puts one back that was counted.
    pub(super) fn put(&mut self, environment: &Arc<Environment>) {
        if self.there.get(&environment.deployment).is_some_and(|there| there.contains(&environment.id)) {
            self.idle.put(environment);
        }
    }

    /// Takes an idle one.
    pub(super) fn take(&mut self, deployment: &DeploymentKey) -> Option<Arc<Environment>> {
        self.idle.take(deployment)
    }

    /// Forgets one; whether it was there.
    pub(super) fn remove(&mut self, environment: &Environment) -> bool {
        self.idle.remove(&environment.id);
        let Some(there) = self.there.get_mut(&environment.deployment) else { return false };
        let removed = there.remove(&environment.id);
        if there.is_empty() {
            self.there.remove(&environment.deployment);
        }
        removed
    }

    /// Whether there are more than wanted.
    pub(super) fn is_surplus(&self, deployment: &DeploymentKey) -> bool {
        self.of(deployment) > self.wanted.get(deployment).copied().unwrap_or(0)
    }

    /// Those of one deployment.
    pub(super) fn of(&self, deployment: &DeploymentKey) -> u32 {
        self.there.get(deployment).map_or(0, |there| u32::try_from(there.len()).unwrap_or(u32::MAX))
    }

    /// Those of all current versions of a function.
    pub(super) fn of_function(&self, state: &State, key: &FunctionKey) -> u32 {
        let Some(function) = state.function(key) else { return 0 };
        let versions =
            function.provisioned_concurrency.keys().filter_map(|qualifier| function.resolve(Some(qualifier)));
        versions.map(|version| self.of(&deployment(key, version))).sum()
    }

    /// How many are idle.
    pub(super) fn idle(&self) -> usize {
        self.idle.len()
    }

    /// How many there are.
    pub(super) fn all(&self) -> usize {
        self.there.values().map(HashSet::len).sum()
    }

    /// Takes idle ones that are more than wanted.
    fn surplus(&mut self) -> Vec<Arc<Environment>> {
        let outdated: Vec<_> = self.there.keys().filter(|deployment| self.is_surplus(deployment)).cloned().collect();
        let mut taken = Vec::new();
        for deployment in outdated {
            while self.is_surplus(&deployment)
                && let Some(environment) = self.idle.take(&deployment)
            {
                self.remove(&environment);
                taken.push(environment);
            }
        }
        taken
    }
}

/// What provisioned environments of a version run; functions that isolate tenants have none.
fn deployment(function: &FunctionKey, version: &Arc<FunctionVersion>) -> DeploymentKey {
    Target { function: function.clone(), version: Arc::clone(version), tenant: None }.deployment()
}

impl Pool {
    /// Provisioned environments of a version that are initialised.
    pub fn provisioned(&self, function: &FunctionKey, version: &Arc<FunctionVersion>) -> u32 {
        self.inner().provisioned.of(&deployment(function, version))
    }

    /// The same, with those of a former server that may still dial.
    pub fn provisioned_or_expected(&self, function: &FunctionKey, version: &Arc<FunctionVersion>) -> u32 {
        let wanted = (deployment(function, version), Initialization::Provisioned);
        let inner = self.inner();
        let expected = if self.is_adopting() {
            inner.expected.values().filter(|expected| **expected == wanted).count()
        } else {
            0
        };
        inner.provisioned.of(&wanted.0) + u32::try_from(expected).unwrap_or(u32::MAX)
    }

    /// Says how many provisioned environments are wanted; idle ones beyond that are ended, busy ones after their
    /// invocation.
    pub fn want_provisioned(self: &Arc<Self>, wanted: impl Iterator<Item = (Target, u32)>) {
        let wanted = wanted.map(|(target, count)| (target.deployment(), count)).collect();
        let surplus = {
            let mut inner = self.inner();
            inner.provisioned.wanted = wanted;
            inner.provisioned.surplus()
        };
        for environment in surplus {
            self.retire(&environment);
        }
    }

    /// Makes a provisioned environment and waits until it is initialised.
    pub async fn provision(self: &Arc<Self>, target: &Target) -> Result<(), ProvisionError> {
        let environment = self.initialise(target, Initialization::Provisioned).await?;
        {
            let mut inner = self.inner();
            // It may have ended meanwhile.
            if inner.live.contains_key(&environment.id) {
                inner.provisioned.add(&environment);
                environment.rest();
                inner.rest(&environment);
            }
        }
        self.freed.notify_waiters();
        Ok(())
    }

    /// Makes an environment of a version with a snapshot, up to where the snapshot would be taken: the first event
    /// finds it there.
    pub async fn initialise_snapshot(self: &Arc<Self>, target: &Target) -> Result<(), ProvisionError> {
        let environment = self.initialise(target, Initialization::OnDemand).await?;
        self.release(&environment);
        Ok(())
    }

    /// Makes an environment that no invocation waits for, and waits until it is initialised.
    async fn initialise(
        self: &Arc<Self>,
        target: &Target,
        initialization: Initialization,
    ) -> Result<Arc<Environment>, ProvisionError> {
        let provisioned = initialization == Initialization::Provisioned;
        let id = self.room_ahead(target.version.config.memory_mib, provisioned).await?;
        let environment = self.start(target, initialization, id, self.start_limit()).await?;
        let limit = Duration::from_millis(INIT_AHEAD_MS);
        let limit = limit.max(Duration::from_secs(u64::from(target.version.config.timeout_s)));
        let initialised = match tokio::time::timeout(limit, environment.initialised()).await {
            Ok(initialised) => initialised,
            Err(_) => Err(format!("it took longer than {} s", limit.as_secs())),
        };
        match initialised {
            Ok(()) => Ok(environment),
            Err(reason) => {
                self.retire(&environment);
                Err(ProvisionError::Init(reason))
            }
        }
    }

    /// Waits until the number of provisioned environments has changed since the last call.
    pub async fn provisioned_changed(&self) {
        self.provisioned_changed.notified().await;
    }
}
