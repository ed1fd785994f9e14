//! The pool: finds a warm environment for an invocation or has one made, and ends those that are
//! idle for long or outdated.
//!
//! `placement` knows which environments there are and what each is doing; `budget`, `concurrency`, `idle`,
//! `provisioned`, `standby` and `recent` are its parts, without I/O. `acquire` finds, `starting` starts, `making` makes,
//! `dialled` takes what dials, `ending` puts back and ends, `upkeep` looks after what is idle. `provision`, `assign` and
//! `rehydrate` do it ahead: for provisioned concurrency, for any function of a runtime, for what was used lately.

mod acquire;
mod assign;
mod budget;
mod concurrency;
mod dialled;
mod ending;
mod error;
mod fresh_code;
mod idle;
mod making;
mod placement;
mod provision;
mod provisioned;
mod recent;
mod rehydrate;
mod standby;
mod starting;
mod upkeep;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use self::budget::Budget;
use self::concurrency::Concurrency;
pub use self::error::{ProvisionError, RunError};
pub use self::making::Makers;
use self::placement::{Counts, Placement};
use self::recent::Recent;
use super::deployment::{DeploymentKey, Target};
use super::executor::Executor;
use super::function_log::LogSink;
use super::hot_reload::{self, FolderError};
use super::invocation::{Completed, Invocation};
use super::traces::Traces;
use super::variables;
use super::{Rehydrate, StandbyCount};

/// How long after a start the server waits for environments that a former one left; an init
/// re-dials every 10 ms at first.
const ADOPTION: Duration = Duration::from_secs(2);

/// Deliveries of one event before the caller gets an error: an environment may end between being
/// taken and being sent its event.
const DELIVERIES: u32 = 3;

/// All environments of this server.
#[derive(Debug)]
pub struct Pool {
    makers: Makers,
    recent: Recent,
    logs: Arc<dyn LogSink>,
    placement: Mutex<Placement>,
    /// Told whenever an environment becomes idle or has ended: who waits for one looks again.
    freed: Notify,
    /// Told when something may have been left that nobody knows.
    unswept: Notify,
    /// Told whenever the number of provisioned environments changes.
    provisioned_changed: Notify,
    /// When environments could dial: a start may take long before that.
    opened: OnceLock<Instant>,
    /// How long after that environments of a former server are waited for.
    adoption: Duration,
    concurrency: Concurrency,
    traces: Traces,
    tasks: TaskTracker,
}

impl Pool {
    /// A pool that makes environments with `makers`. Those of a former server are expected to dial soon.
    ///
    /// # Errors
    /// There is no socket to the X-Ray daemon.
    pub fn new(makers: Makers, logs: Arc<dyn LogSink>) -> std::io::Result<Arc<Self>> {
        let settings = &makers.settings;
        let records = &makers.records;
        let traces = Traces::to(settings.xray_daemon)?;
        let budget = Budget::new(settings.max_environments, settings.max_memory_mib);
        let mut placement = Placement { budget, ..Placement::default() };
        if settings.rehydrate == Rehydrate::None {
            records.all().keys().for_each(|id| records.remove(id));
        } else {
            placement.expected = records.all();
        }
        if matches!(settings.standby, StandbyCount::Exactly(1..)) && !makers.executor.has_standby() {
            tracing::warn!("--standby has no effect with the {} executor", makers.executor.name());
        }

        Ok(Arc::new(Self {
            adoption: if placement.expected.is_empty() { Duration::ZERO } else { ADOPTION },
            recent: Recent::new(&settings.run_dir),
            makers,
            logs,
            placement: Mutex::new(placement),
            freed: Notify::new(),
            unswept: Notify::new(),
            provisioned_changed: Notify::new(),
            opened: OnceLock::new(),
            concurrency: Concurrency::default(),
            traces,
            tasks: TaskTracker::new(),
        }))
    }

    /// The executor in use.
    pub fn executor(&self) -> &dyn Executor {
        &*self.makers.executor
    }

    /// Where traces go.
    pub fn traces(&self) -> &Traces {
        &self.traces
    }

    /// How many environments there are.
    pub fn counts(&self) -> Counts {
        self.placement().counts()
    }

    /// Runs an event in a warm environment, or in a new one.
    pub async fn run(self: &Arc<Self>, target: &Target, invocation: &Invocation) -> Result<Completed, RunError> {
        let timeout = Duration::from_secs(u64::from(target.version.config.timeout_s));
        let folders = hot_reload::folders_of(&target.version);
        if !folders.is_empty()
            && self.makers.ledger.state().function(&target.function).is_some_and(|found| found.is_inert())
        {
            return Err(FolderError::Inert(target.function.name.to_string()).into());
        }

        for delivery in 1..=DELIVERIES {
            let (environment, _running) = if folders.is_empty() {
                self.acquire(target).await?
            } else {
                self.acquire_hot(target, &folders).await?
            };
            let initialization = variables::initialization_type(target, environment.initialization);
            invocation.report.placed(environment.next_place(initialization));
            match environment.invoke(invocation, timeout).await {
                Ok(completed) => {
                    let completed = completed.await.unwrap_or_else(|_| Completed::killed());
                    if delivery == DELIVERIES || !self.failed_while_changing(&completed, &environment, &folders).await {
                        return Ok(completed);
                    }
                }
                Err(error) => {
                    tracing::info!(environment = %environment.id, %error, "an environment ended before its event");
                    self.lost(&environment);
                }
            }
        }

        Err(RunError::Undelivered)
    }

    /// Request id of the invocation whose environment was given this session token.
    pub fn invocation_of(&self, session_token: &str) -> Option<String> {
        let environment = self.placement().callers.get(session_token).cloned()?;
        environment.running()
    }

    /// The version of a deployment, if it is the current one.
    fn current(&self, deployment: &DeploymentKey) -> Option<Target> {
        let state = self.makers.ledger.state();
        let version = state.function(&deployment.function)?.version(deployment.version)?;
        (version.deployment == deployment.deployment).then(|| Target {
            function: deployment.function.clone(),
            version: Arc::clone(version),
            tenant: deployment.tenant.clone(),
        })
    }

    /// Until when environments of a former server may dial.
    fn adopts_until(&self) -> Instant {
        *self.opened.get_or_init(Instant::now) + self.adoption
    }

    /// Whether environments of a former server may still dial.
    fn is_adopting(&self) -> bool {
        Instant::now() < self.adopts_until()
    }

    fn placement(&self) -> MutexGuard<'_, Placement> {
        self.placement.lock().expect("no holder of this lock panics")
    }
}
