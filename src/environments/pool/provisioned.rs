//! Environments of provisioned concurrency: started ahead, kept however long they rest, ended when nobody wants
//! them any more. Which are wanted, and what becomes of those that cannot be had, is decided in
//! `reactors::provisioning`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::idle::Idle;
use crate::environments::deployment::{DeploymentKey, Target};
use crate::environments::environment::Environment;
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
        versions.map(|version| self.of(&provisioned_deployment(key, version))).sum()
    }

    /// How many are idle.
    pub(super) fn idle(&self) -> usize {
        self.idle.len()
    }

    /// How many there are.
    pub(super) fn all(&self) -> usize {
        self.there.values().map(HashSet::len).sum()
    }

    /// Says how many are wanted; takes idle ones that are more than that.
    pub(super) fn want(&mut self, wanted: HashMap<DeploymentKey, u32>) -> Vec<Arc<Environment>> {
        self.wanted = wanted;
        self.surplus()
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
pub(super) fn provisioned_deployment(function: &FunctionKey, version: &Arc<FunctionVersion>) -> DeploymentKey {
    Target { function: function.clone(), version: Arc::clone(version), tenant: None }.deployment()
}
