//! The pool: finds a warm environment for an invocation or has one made, and ends those that are
//! idle for long or outdated.

mod concurrency;
mod fresh_code;
mod making;
mod upkeep;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use larder_init::link::{Hello, Phase};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::concurrency::Concurrency;
use super::environment::{Completed, Environment, Invocation};
use super::executor::{EnvironmentId, Executor, ExecutorError};
use super::function_log::{FunctionLog, LogSink};
use super::hot_reload::{self, FolderError, HotReload, MergedLayers};
use super::link::LinkWriter;
use super::records::Records;
use super::{Settings, token, variables};
use crate::blobs::BlobError;
use crate::blobs::code_tree::CodeTrees;
use crate::ledger::Ledger;
use crate::model::function::FunctionVersion;
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
    /// No environment could be made.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// The code cannot be had.
    #[error(transparent)]
    Code(#[from] BlobError),
    /// A hot-reload folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The new environment did not dial in time.
    #[error("a new environment did not answer within {} s", .0.as_secs())]
    StartTimeout(Duration),
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
    logs: Arc<dyn LogSink>,
    inner: Mutex<Inner>,
    /// Told whenever an environment becomes idle while adoption goes on.
    adopted: Notify,
    started: Instant,
    concurrency: Concurrency,
    tasks: TaskTracker,
    stop: CancellationToken,
}

#[derive(Debug, Default)]
struct Inner {
    /// Every environment with a link.
    live: HashMap<EnvironmentId, Arc<Environment>>,
    /// Those without an invocation, the last used at the end: the next one taken.
    idle: HashMap<DeploymentKey, Vec<Arc<Environment>>>,
    /// Started, not yet dialled: who waits.
    starting: HashMap<EnvironmentId, (DeploymentKey, oneshot::Sender<Arc<Environment>>)>,
    /// Left by a former server, not yet dialled.
    expected: HashMap<EnvironmentId, DeploymentKey>,
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
        let records = Records::open(&settings.run_dir.join("records"))?;
        let inner = Inner { expected: records.all(), ..Inner::default() };
        let is_expected = |name: &str| inner.expected.values().any(|one| one.deployment.to_string() == name);
        let merged_layers = Arc::new(MergedLayers::open(&settings.run_dir.join("layers"), is_expected)?);
        Ok(Arc::new(Self {
            executor,
            trees,
            ledger,
            settings,
            hot_reload,
            merged_layers,
            records,
            logs,
            inner: Mutex::new(inner),
            adopted: Notify::new(),
            started: Instant::now(),
            concurrency: Concurrency::default(),
            tasks: TaskTracker::new(),
            stop,
        }))
    }

    /// The executor in use.
    pub fn executor(&self) -> &dyn Executor {
        &*self.executor
    }

    /// Environments with a link, and how many of them are idle.
    pub fn counts(&self) -> (usize, usize) {
        let inner = self.inner();
        (inner.live.len(), inner.idle.values().map(Vec::len).sum())
    }

    /// Runs an event in a warm environment, or in a new one.
    pub async fn run(self: &Arc<Self>, target: &Target, invocation: &Invocation) -> Result<Completed, RunError> {
        let _running = self.concurrency.enter(&self.ledger.state(), &target.function, self.settings.concurrency)?;
        let timeout = Duration::from_secs(u64::from(target.version.config.timeout_s));
        let folders = hot_reload::folders_of(&target.version);
        for delivery in 1..=DELIVERIES {
            let environment = if folders.is_empty() {
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

    async fn acquire(self: &Arc<Self>, target: &Target) -> Result<Arc<Environment>, RunError> {
        let deployment = target.deployment();
        loop {
            let freed = self.adopted.notified();
            {
                let mut inner = self.inner();
                if let Some(environment) = inner.idle.get_mut(&deployment).and_then(Vec::pop) {
                    return Ok(environment);
                }
                if self.started.elapsed() > ADOPTION || !inner.expected.values().any(|expected| *expected == deployment)
                {
                    break;
                }
            }
            let left = ADOPTION.saturating_sub(self.started.elapsed());
            let _ = tokio::time::timeout(left, freed).await;
        }
        self.start(target, deployment).await
    }

    /// Whether `token` proves the id `environment`.
    pub fn knows_token(&self, environment: &str, token: &str) -> bool {
        token::of(self.ledger.secret(), &EnvironmentId(environment.to_owned())) == token
    }

    /// Takes an environment that dialled: a new one, or one of a former server (adopted).
    ///
    /// # Errors
    /// Why it is not wanted, and its link back.
    pub async fn connected(
        self: &Arc<Self>,
        hello: &Hello,
        link: LinkWriter,
    ) -> Result<Arc<Environment>, (&'static str, LinkWriter)> {
        let id = EnvironmentId(hello.environment.clone());
        let (deployment, waiter) = {
            let mut inner = self.inner();
            match inner.starting.remove(&id) {
                Some((deployment, waiter)) => (deployment, Some(waiter)),
                None => match inner.expected.get(&id) {
                    Some(deployment) => (deployment.clone(), None),
                    None => return Err(("the environment is not one of this server's", link)),
                },
            }
        };
        let Some(target) = self.current(&deployment) else {
            self.forget(&id);
            return Err(("its function has changed or is gone", link));
        };
        let log = FunctionLog::new(Arc::clone(&self.logs), variables::log_stream(&target, &id));
        let fresh = hello.phase == Phase::Fresh;
        let environment = Arc::new(Environment::new(id.clone(), deployment, link, log, !fresh));
        self.tell_of_folders(&environment, &target, fresh).await;
        if fresh && let Err(reason) = self.send_start(&target, &environment).await {
            tracing::warn!(environment = %id, reason, "a new environment could not be started");
        }
        self.settle(&environment, waiter, matches!(hello.phase, Phase::Busy { .. }));
        Ok(environment)
    }

    /// Gives a dialled environment to who waits for it, or to the pool.
    fn settle(&self, environment: &Arc<Environment>, waiter: Option<oneshot::Sender<Arc<Environment>>>, busy: bool) {
        let mut inner = self.inner();
        inner.live.insert(environment.id.clone(), Arc::clone(environment));
        let adopted = inner.expected.remove(&environment.id).is_some();
        let given = waiter.is_some_and(|waiter| waiter.send(Arc::clone(environment)).is_ok());
        if !given && !busy {
            environment.rest();
            inner.idle.entry(environment.deployment.clone()).or_default().push(Arc::clone(environment));
        }
        drop(inner);
        if adopted {
            tracing::info!(environment = %environment.id, function = %environment.deployment.function.name, busy, "adopted an environment");
            self.adopted.notify_waiters();
        }
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

    /// Puts an environment back after its invocation.
    pub fn release(&self, environment: &Arc<Environment>) {
        if self.settings.keep_alive.is_zero() {
            return self.retire(environment);
        }
        environment.rest();
        let mut inner = self.inner();
        if inner.live.contains_key(&environment.id) {
            let idle = inner.idle.entry(environment.deployment.clone()).or_default();
            if !idle.iter().any(|other| other.id == environment.id) {
                idle.push(Arc::clone(environment));
            }
        }
        drop(inner);
        if self.started.elapsed() < ADOPTION {
            self.adopted.notify_waiters();
        }
    }

    /// An environment's link is gone: so is the environment.
    pub fn lost(&self, environment: &Arc<Environment>) {
        environment.lost();
        if self.stop.is_cancelled() {
            return;
        }
        self.remove(environment);
        self.end(environment.id.clone());
    }

    /// Ends an environment in good order.
    fn retire(&self, environment: &Arc<Environment>) {
        self.remove(environment);
        let asked = Arc::clone(environment);
        self.tasks.spawn(async move { asked.shutdown().await });
        self.end(environment.id.clone());
    }

    fn remove(&self, environment: &Arc<Environment>) {
        let mut inner = self.inner();
        inner.live.remove(&environment.id);
        if let Some(idle) = inner.idle.get_mut(&environment.deployment) {
            idle.retain(|other| other.id != environment.id);
            if idle.is_empty() {
                inner.idle.remove(&environment.deployment);
            }
        }
    }

    /// Has the executor remove an environment, whatever is left of it.
    fn end(&self, id: EnvironmentId) {
        self.forget(&id);
        let executor = Arc::clone(&self.executor);
        self.tasks.spawn(async move {
            if let Err(error) = executor.stop(&id).await {
                tracing::warn!(environment = %id, %error, "an environment could not be removed");
            }
        });
    }

    fn forget(&self, id: &EnvironmentId) {
        self.inner().expected.remove(id);
        self.records.remove(id);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder of this lock panics")
    }
}
