//! Finding an environment for an invocation: a provisioned one, an idle one, or a new one within the limits.

use std::sync::{Arc, MutexGuard};
use std::time::Instant;

use super::Pool;
use super::budget::Room;
use super::concurrency::Running;
use super::error::RunError;
use super::placement::{MadeRoom, Placement};
use crate::environments::deployment::{DeploymentKey, Initialization, Target};
use crate::environments::environment::Environment;
use crate::environments::executor::{EnvironmentId, ExecutorError};

/// What a look at the pool found.
enum Found {
    Environment(Arc<Environment>),
    /// Room for a new one with this id.
    Room(EnvironmentId),
    /// Something will be freed, until then at most.
    Wait(Instant),
}

/// Environments that are started for one invocation, where they end before they dial.
const STARTS: u32 = 3;

impl Pool {
    /// An environment for one invocation, and its place among the concurrent executions on demand, where it takes
    /// one.
    ///
    /// # Errors
    /// The account, the function or this machine has no room; or a new environment cannot be made.
    pub(super) async fn acquire(
        self: &Arc<Self>,
        target: &Target,
    ) -> Result<(Arc<Environment>, Option<Running>), RunError> {
        let deployment = target.deployment();
        // Room on this machine is waited for as long as a new environment may take.
        let deadline = self.start_limit();
        let mut running = None;
        let mut starts = 0;
        let mut start_by = None;

        loop {
            let freed = self.freed.notified();
            match self.look(target, &deployment, &mut running, deadline)? {
                Found::Environment(environment) => return Ok((environment, running)),
                Found::Room(id) => {
                    starts += 1;
                    // All of them together take no longer than one may.
                    let by = *start_by.get_or_insert_with(|| self.start_limit());
                    match self.start(target, Initialization::OnDemand, id, by).await {
                        Err(RunError::EndedEarly | RunError::Executor(ExecutorError::BrokenOff(_)))
                            if starts < STARTS => {}
                        started => return Ok((started?, running)),
                    }
                }
                Found::Wait(until) => {
                    let _ = tokio::time::timeout_at(until.into(), freed).await;
                }
            }
        }
    }

    fn look(
        self: &Arc<Self>,
        target: &Target,
        deployment: &DeploymentKey,
        running: &mut Option<Running>,
        deadline: Instant,
    ) -> Result<Found, RunError> {
        if self.makers.stop.is_cancelled() {
            return Err(RunError::Closing);
        }
        let mut placement = self.placement();
        if let Some(environment) = placement.provisioned.take(deployment) {
            *running = None;
            return Ok(Found::Environment(environment));
        }

        if running.is_none() {
            let state = self.makers.ledger.state();
            let provisioned = placement.provisioned.of_function(&state, &target.function);
            *running = Some(self.concurrency.enter(
                &state,
                &target.function,
                self.makers.settings.concurrency,
                provisioned,
            )?);
        }

        if let Some(environment) = placement.idle.take(deployment) {
            return Ok(Found::Environment(environment));
        }
        if self.is_adopting() && placement.expected.values().any(|(expected, _)| expected == deployment) {
            return Ok(Found::Wait(self.adopts_until()));
        }
        let room = self.room(placement, target.version.config.memory_mib, deadline)?;
        Ok(room.map_or(Found::Wait(deadline), Found::Room))
    }

    /// Room for one more environment, under a new id: free, or made by ending those that rest longest. `None`:
    /// there will be when others have ended.
    fn room(
        self: &Arc<Self>,
        mut placement: MutexGuard<'_, Placement>,
        memory_mib: u32,
        deadline: Instant,
    ) -> Result<Option<EnvironmentId>, RunError> {
        let MadeRoom { room, evicted, standby } = placement.make_room(memory_mib);
        let found = match room {
            Room::Free => {
                let id = EnvironmentId::random();
                placement.budget.take(&id, memory_mib);
                Ok(Some(id))
            }
            Room::Soon | Room::Full if Instant::now() < deadline => Ok(None),
            _ => Err(RunError::OverBudget(memory_mib)),
        };
        drop(placement);
        for environment in &evicted {
            let function = &environment.deployment.function.name;
            tracing::info!(environment = %environment.id, %function, "ended to make room");
            self.retire(environment);
        }
        for id in standby {
            self.end(id);
        }

        found
    }

    /// Room for an environment that no invocation waits for, within the limits; `ending` idle ones for it, and
    /// waiting until they have ended, if so wanted.
    pub(super) async fn room_ahead(self: &Arc<Self>, memory_mib: u32, ending: bool) -> Result<EnvironmentId, RunError> {
        let deadline = self.start_limit();
        loop {
            let freed = self.freed.notified();
            let room = {
                let placement = self.placement();
                if !ending && placement.budget.room(memory_mib) != Room::Free {
                    return Err(RunError::OverBudget(memory_mib));
                }
                self.room(placement, memory_mib, deadline)?
            };
            if let Some(id) = room {
                return Ok(id);
            }
            let _ = tokio::time::timeout_at(deadline.into(), freed).await;
        }
    }
}
