//! The pool: finds a warm environment for an invocation or has one made, and ends those that are
//! idle for long or outdated.
//!
//! `acquire` finds, `making` makes, `dialled` takes what dials, `ending` puts back and ends, `upkeep` looks
//! after what is idle. `provisioned` are kept for provisioned concurrency, `standby` wait for a function,
//! `recent` are made ahead at a start. `budget`, `concurrency` and `idle` count and keep.

mod acquire;
mod budget;
mod concurrency;
mod dialled;
mod ending;
mod fresh_code;
mod idle;
mod making;
mod provisioned;
mod recent;
mod standby;
mod upkeep;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::budget::Budget;
use self::concurrency::Concurrency;
use self::idle::Idle;
use self::making::Step;
pub use self::provisioned::ProvisionError;
use self::provisioned::ProvisionedPool;
use self::recent::Recent;
use self::standby::Standby;
use super::environment::{Environment, Initialization};
use super::executor::{EnvironmentId, Executor, ExecutorError};
use super::function_log::LogSink;
use super::hot_reload::{self, FolderError, HotReload, MergedLayers};
use super::invocation::{Completed, Invocation};
use super::records::Records;
use super::traces::Traces;
use super::{Rehydrate, Settings};
use crate::blobs::BlobError;
use crate::blobs::code_tree::CodeTrees;
use crate::ledger::Ledger;
use crate::model::functions::FunctionVersion;
use crate::model::names::{FunctionKey, RevisionId};
use crate::model::qualifier::Version;

/// How long after a start the server waits for environments that a former one left; an init
/// re-dials every 10 ms at first.
const ADOPTION: Duration = Duration::from_secs(2);

/// Deliveries of one event before the caller gets an error: an environment may end between being
/// taken and being sent its event.
const DELIVERIES: u32 = 3;

/// What an environment runs: one version in one deployment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeploymentKey {
    /// The function.
    pub function: FunctionKey,
    /// Its version.
    pub version: Version,
    /// Code and configuration.
    pub deployment: RevisionId,
    /// The tenant it serves, and no other, where the function isolates tenants.
    pub tenant: Option<String>,
}

/// A version to run.
#[derive(Debug, Clone)]
pub struct Target {
    /// The function.
    pub function: FunctionKey,
    /// The version.
    pub version: Arc<FunctionVersion>,
    /// The tenant, where the function isolates tenants.
    pub tenant: Option<String>,
}

impl Target {
    fn deployment(&self) -> DeploymentKey {
        DeploymentKey {
            function: self.function.clone(),
            version: self.version.version,
            deployment: self.version.deployment,
            tenant: self.tenant.clone(),
        }
    }
}

/// Why an invocation could not be run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// As many environments are busy as the account allows.
    #[error("all {0} environments are busy")]
    Throttled(u32),
    /// As many environments are busy as are reserved for the function.
    #[error("all {0} environments reserved for the function are busy")]
    Reserved(u32),
    /// All that `--max-environments` and `--max-memory` allow are busy, and stayed so.
    #[error("no room for an environment with {0} MB within --max-environments and --max-memory")]
    OverBudget(u32),
    /// No environment could be made.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// The code cannot be had.
    #[error(transparent)]
    Code(#[from] BlobError),
    /// A hot-reload folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The new environment was not there in time.
    #[error("a new environment was not there within {} s: {step}", limit.as_secs())]
    StartTimeout {
        /// How long it was waited for.
        limit: Duration,
        /// What was not done yet.
        step: Step,
    },
    /// New environments kept ending before they dialled.
    #[error("new environments ended before they answered")]
    EndedEarly,
    /// Environments kept ending before they took the event.
    #[error("no environment took the event")]
    Undelivered,
    /// The server is shutting down.
    #[error("the server is shutting down")]
    Closing,
}

/// All environments of this server.
#[derive(Debug)]
pub struct Pool {
    executor: Arc<dyn Executor>,
    trees: Arc<CodeTrees>,
    ledger: Arc<Ledger>,
    settings: Settings,
    hot_reload: Arc<HotReload>,
    merged_layers: Arc<MergedLayers>,
    records: Records,
    recent: Recent,
    logs: Arc<dyn LogSink>,
    inner: Mutex<Inner>,
    /// Told whenever an environment becomes idle or has ended: who waits for one looks again.
    freed: Notify,
    /// Told when something may have been left that nobody knows.
    unswept: Notify,
    /// Told whenever the number of provisioned environments changes.
    provisioned_changed: Notify,
    started: Instant,
    /// How long after the start environments of a former server are waited for.
    adoption: Duration,
    concurrency: Concurrency,
    traces: Traces,
    tasks: TaskTracker,
    stop: CancellationToken,
}

#[derive(Debug, Default)]
struct Inner {
    /// Every environment with a link, but standby ones.
    live: HashMap<EnvironmentId, Arc<Environment>>,
    /// Those on demand without an invocation.
    idle: Idle,
    /// Those of provisioned concurrency.
    provisioned: ProvisionedPool,
    /// Started, or assigned, and not yet dialled.
    starting: HashMap<EnvironmentId, Starting>,
    /// Left by a former server, not yet dialled.
    expected: HashMap<EnvironmentId, (DeploymentKey, Initialization)>,
    standby: Standby,
    budget: Budget,
    /// When it is looked next for what nobody knows, and how often after that.
    next_sweep: Option<(Instant, u32)>,
}

/// An environment that was started and has not dialled yet.
#[derive(Debug)]
struct Starting {
    /// What it will run, even if that is outdated meanwhile: its caller came before.
    target: Target,
    initialization: Initialization,
    /// Who waits.
    waiter: oneshot::Sender<Arc<Environment>>,
}

/// How many environments there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// With a link, and with a function.
    pub environments: usize,
    /// Those of them that run no invocation.
    pub idle: usize,
    /// Those of them that are kept for provisioned concurrency.
    pub provisioned: usize,
    /// Those that wait for a function.
    pub standby: usize,
}

impl Pool {
    /// A pool over an executor. Environments of a former server are expected to dial soon.
    pub fn new(
        executor: Arc<dyn Executor>,
        trees: Arc<CodeTrees>,
        ledger: Arc<Ledger>,
        settings: Settings,
        hot_reload: Arc<HotReload>,
        logs: Arc<dyn LogSink>,
        stop: CancellationToken,
    ) -> std::io::Result<Arc<Self>> {
        let traces = Traces::to(settings.xray_daemon)?;
        let records = Records::open(&settings.run_dir.join("records"))?;
        let mut inner =
            Inner { budget: Budget::new(settings.max_environments, settings.max_memory_mib), ..Inner::default() };
        if settings.rehydrate == Rehydrate::None {
            records.all().keys().for_each(|id| records.remove(id));
        } else {
            inner.expected = records.all();
        }
        let adoption = if inner.expected.is_empty() { Duration::ZERO } else { ADOPTION };
        if settings.standby > 0 && !executor.has_standby() {
            tracing::warn!("--standby has no effect with the {} executor", executor.name());
        }
        let is_expected = |name: &str| inner.expected.values().any(|(one, _)| one.deployment.to_string() == name);
        let merged_layers = Arc::new(MergedLayers::open(&settings.run_dir.join("layers"), is_expected)?);
        Ok(Arc::new(Self {
            recent: Recent::new(&settings.run_dir),
            executor,
            trees,
            ledger,
            settings,
            hot_reload,
            merged_layers,
            records,
            logs,
            inner: Mutex::new(inner),
            freed: Notify::new(),
            unswept: Notify::new(),
            provisioned_changed: Notify::new(),
            started: Instant::now(),
            adoption,
            concurrency: Concurrency::default(),
            traces,
            tasks: TaskTracker::new(),
            stop,
        }))
    }

    /// The executor in use.
    pub fn executor(&self) -> &dyn Executor {
        &*self.executor
    }

    /// Where traces go.
    pub fn traces(&self) -> &Traces {
        &self.traces
    }

    /// How many environments there are.
    pub fn counts(&self) -> Counts {
        let inner = self.inner();
        Counts {
            environments: inner.live.len(),
            idle: inner.idle.len() + inner.provisioned.idle(),
            provisioned: inner.provisioned.all(),
            standby: inner.standby.waiting(),
        }
    }

    /// Runs an event in a warm environment, or in a new one.
    pub async fn run(self: &Arc<Self>, target: &Target, invocation: &Invocation) -> Result<Completed, RunError> {
        let timeout = Duration::from_secs(u64::from(target.version.config.timeout_s));
        let folders = hot_reload::folders_of(&target.version);
        if !folders.is_empty() && self.ledger.state().function(&target.function).is_some_and(|found| found.is_inert()) {
            return Err(FolderError::Inert(target.function.name.to_string()).into());
        }
        for delivery in 1..=DELIVERIES {
            let (environment, _running) = if folders.is_empty() {
                self.acquire(target).await?
            } else {
                self.acquire_hot(target, &folders).await?
            };
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

    /// The version of a deployment, if it is the current one.
    fn current(&self, deployment: &DeploymentKey) -> Option<Target> {
        let state = self.ledger.state();
        let version = state.function(&deployment.function)?.version(deployment.version)?;
        (version.deployment == deployment.deployment).then(|| Target {
            function: deployment.function.clone(),
            version: Arc::clone(version),
            tenant: deployment.tenant.clone(),
        })
    }

    /// Whether environments of a former server may still dial.
    fn is_adopting(&self) -> bool {
        self.started.elapsed() < self.adoption
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder of this lock panics")
    }
}
