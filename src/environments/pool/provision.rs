//! Provisioned environments, made and given up.

use std::sync::Arc;
use std::time::Duration;

use super::Pool;
use super::error::ProvisionError;
use super::making::INIT_AHEAD_MS;
use super::provisioned::provisioned_deployment;
use crate::environments::Target;
use crate::environments::deployment::Initialization;
use crate::environments::environment::Environment;
use crate::model::functions::FunctionVersion;
use crate::model::names::FunctionKey;

impl Pool {
    /// Provisioned environments of a version that are initialised.
    pub fn provisioned(&self, function: &FunctionKey, version: &Arc<FunctionVersion>) -> u32 {
        self.placement().provisioned.of(&provisioned_deployment(function, version))
    }

    /// The same, with those of a former server that may still dial.
    pub fn provisioned_or_expected(&self, function: &FunctionKey, version: &Arc<FunctionVersion>) -> u32 {
        let wanted = (provisioned_deployment(function, version), Initialization::Provisioned);
        let placement = self.placement();
        let expected = if self.is_adopting() {
            placement.expected.values().filter(|expected| **expected == wanted).count()
        } else {
            0
        };
        placement.provisioned.of(&wanted.0) + u32::try_from(expected).unwrap_or(u32::MAX)
    }

    /// Says how many provisioned environments are wanted; idle ones beyond that are ended, busy ones after their
    /// invocation.
    pub fn want_provisioned(self: &Arc<Self>, wanted: impl Iterator<Item = (Target, u32)>) {
        let wanted = wanted.map(|(target, count)| (target.deployment(), count)).collect();
        let surplus = self.placement().provisioned.want(wanted);
        for environment in surplus {
            self.retire(&environment);
        }
    }

    /// Makes a provisioned environment and waits until it is initialised.
    pub async fn provision(self: &Arc<Self>, target: &Target) -> Result<(), ProvisionError> {
        let environment = self.initialise(target, Initialization::Provisioned).await?;
        {
            let mut placement = self.placement();
            // It may have ended meanwhile.
            if placement.live.contains_key(&environment.id) {
                placement.provisioned.add(&environment);
                environment.rest();
                placement.rest(&environment);
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
