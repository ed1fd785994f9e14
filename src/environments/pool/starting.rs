//! Starting environments: out of a standby one, or a new one; and waiting until they dial.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::Pool;
use super::assign::REPLACE_AFTER;
use super::error::RunError;
use super::making::Making;
use super::placement::Starting;
use crate::environments::deployment::{Initialization, Target};
use crate::environments::environment::Environment;
use crate::environments::executor::{Base, EnvironmentId};
use crate::environments::hot_reload::folders_of;

/// How often it is looked whether a started environment that has not dialled still runs. Most dial before.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

impl Pool {
    /// When an environment that is started now must be there.
    pub(super) fn start_limit(&self) -> Instant {
        Instant::now() + self.makers.settings.start_timeout
    }

    /// Makes an environment that has its room and waits until it dials, `by` then at the latest: out of a standby one
    /// where one fits.
    pub(super) async fn start(
        self: &Arc<Self>,
        target: &Target,
        initialization: Initialization,
        id: EnvironmentId,
        by: Instant,
    ) -> Result<Arc<Environment>, RunError> {
        if let Some(environment) = self.start_standby(target, initialization, &id, by).await {
            return Ok(environment);
        }
        if self.makers.stop.is_cancelled() {
            self.placement().budget.give_back(&id);
            return Err(RunError::Closing);
        }

        let environment = self.announce(target, initialization, &id);
        let making = Making::default();
        // A task of its own: a caller that goes away must not leave half an environment.
        let made = self.tasks.spawn(Arc::clone(self).make_whole(target.clone(), id.clone(), making.clone()));
        let started = async {
            made.await.map_err(|_| RunError::Closing)??;
            self.dialled(&id, environment).await
        };
        let outcome = match tokio::time::timeout_at(by.into(), started).await {
            Ok(outcome) => outcome,
            Err(_) => Err(RunError::StartTimeout { limit: self.makers.settings.start_timeout, step: making.step() }),
        };

        if outcome.is_ok() {
            self.stand_by(&Base::of(&target.version), REPLACE_AFTER);
        } else {
            making.give_up();
            self.placement().starting.remove(&id);
            self.end(id);
            self.sweep_soon();
        }

        outcome
    }

    /// Makes an environment; ends it where nobody waits for it any more when it is there.
    async fn make_whole(self: Arc<Self>, target: Target, id: EnvironmentId, making: Making) -> Result<(), RunError> {
        let made = self.makers.make(&target, id.clone(), &making).await;
        if making.is_given_up() {
            self.end(id);
        }
        made
    }

    /// Waits until a started environment dials. One that ends before, whoever ended it, is not waited for.
    async fn dialled(
        &self,
        id: &EnvironmentId,
        environment: oneshot::Receiver<Arc<Environment>>,
    ) -> Result<Arc<Environment>, RunError> {
        let ended = async {
            loop {
                tokio::time::sleep(LOOK_AGAIN).await;
                if !self.makers.executor.is_running(id).await {
                    break;
                }
            }
        };
        tokio::select! {
            biased;
            dialled = environment => dialled.map_err(|_| RunError::Closing),
            () = ended => Err(RunError::EndedEarly),
        }
    }

    /// Expects an environment to dial.
    pub(super) fn announce(
        &self,
        target: &Target,
        initialization: Initialization,
        id: &EnvironmentId,
    ) -> oneshot::Receiver<Arc<Environment>> {
        let (waiter, dialled) = oneshot::channel();
        let starting = Starting { target: target.clone(), initialization, waiter };
        self.placement().starting.insert(id.clone(), starting);
        // Looked at before they are mounted: one that is replaced meanwhile is told from the one that is noted.
        let roots = self.makers.hot_reload.roots(&folders_of(&target.version));
        self.makers.records.add(id, &target.deployment(), initialization, roots);
        dialled
    }
}
