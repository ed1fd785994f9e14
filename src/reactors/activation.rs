//! The reactor that brings functions from `Pending` (or `InProgress`) to what this machine makes of
//! them. It works from the state alone, so that a restart needs no path of its own.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::delayed;
use crate::environments::executor::{Base, ExecutorError};
use crate::environments::{Pool, ProvisionError, Target};
use crate::ledger::Ledger;
use crate::model::event::FollowUp;
use crate::model::functions::command::FunctionCommand;
use crate::model::functions::{Failure, FunctionVersion};
use crate::model::names::{FunctionKey, RevisionId};
use crate::model::qualifier::Version;
use crate::model::state::State;

/// What waits to be settled.
type Unsettled = (FunctionKey, Version, RevisionId);

/// Settles functions until `stop`, each `delay` after it was seen, or little later.
pub async fn run(ledger: Arc<Ledger>, pool: Arc<Pool>, delay: Duration, stop: CancellationToken) {
    let mut reactor = Reactor {
        ledger: Arc::clone(&ledger),
        pool,
        prepared: Arc::default(),
        snapshots: HashSet::new(),
        preparing: HashSet::new(),
        tasks: TaskTracker::new(),
    };
    delayed::run(&ledger, delay, &stop, waiting, |unsettled| reactor.settle(unsettled)).await;
    reactor.tasks.close();
    reactor.tasks.wait().await;
}

fn waiting(state: &State) -> Vec<Unsettled> {
    let unsettled = state.unsettled.iter();
    unsettled.map(|((key, version), deployment)| (key.clone(), *version, *deployment)).collect()
}

struct Reactor {
    ledger: Arc<Ledger>,
    pool: Arc<Pool>,
    /// Runtimes and images that were made ready: once a server's life.
    prepared: Arc<Mutex<HashSet<Base>>>,
    /// Versions whose runtime or image is being made ready.
    preparing: HashSet<Unsettled>,
    /// Versions whose snapshot is being made.
    snapshots: HashSet<Unsettled>,
    tasks: TaskTracker,
}

impl Reactor {
    /// Decides whether the version can run here, and says so to the ledger.
    fn settle(&mut self, (key, version, deployment): Unsettled) {
        let state = self.ledger.state();
        let Some(function) = state.function(&key) else { return };
        let Some(found) = function.version(version) else { return };
        let base = Base::of(found);
        let failure = self.pool.executor().supports(&base).err();

        // Of what nobody vouched for no image is fetched, and nothing runs.
        let may_run = failure.is_none() && !function.is_inert();
        let is_prepared = self.prepared.lock().expect("no holder panics").contains(&base);
        if may_run && !is_prepared {
            let target = Target { function: key, version: Arc::clone(found), tenant: None };
            return self.prepare(base, target, deployment);
        }

        if may_run && needs_snapshot(found) {
            let target = Target { function: key, version: Arc::clone(found), tenant: None };
            return self.make_snapshot(target, deployment);
        }

        let failure = failure.as_ref().map(failure_of);
        let command = FunctionCommand::SettleFunction { key, version, deployment, failure };
        self.tasks.spawn(delayed::commit(Arc::clone(&self.ledger), FollowUp::Activation, command.into()));
    }

    /// Makes the snapshot of a version, once.
    fn make_snapshot(&mut self, target: Target, deployment: RevisionId) {
        // A state that changes meanwhile shows it again.
        if self.snapshots.insert((target.function.clone(), target.version.version, deployment)) {
            let ledger = Arc::clone(&self.ledger);
            let pool = Arc::clone(&self.pool);
            self.tasks.spawn(snapshot(ledger, pool, target, deployment));
        }
    }

    /// Makes ready what environments share, so that no invocation waits for it: a version whose image cannot be had
    /// fails here, with the reason. What may be well at the next try is no fault of the version.
    fn prepare(&mut self, base: Base, target: Target, deployment: RevisionId) {
        let key = target.function.clone();
        let version = target.version.version;
        if !self.preparing.insert((key.clone(), version, deployment)) {
            return;
        }
        let ledger = Arc::clone(&self.ledger);
        let pool = Arc::clone(&self.pool);
        let prepared = Arc::clone(&self.prepared);

        self.tasks.spawn(async move {
            // At the server's end it stays as it is, for the next one.
            let Some(outcome) = pool.prepare(&base).await else { return };
            let failure = match outcome {
                Err(error) if error.is_the_versions() => Some(failure_of(&error)),
                Err(error) => {
                    tracing::warn!(%base, %error, "its environments cannot be made yet");
                    None
                }
                Ok(()) => None,
            };
            if failure.is_none() {
                prepared.lock().expect("no holder panics").insert(base);
                if needs_snapshot(&target.version) {
                    return snapshot(ledger, pool, target, deployment).await;
                }
            }
            let command = FunctionCommand::SettleFunction { key, version, deployment, failure };
            delayed::commit(ledger, FollowUp::Activation, command.into()).await;
        });
    }
}

fn failure_of(error: &ExecutorError) -> Failure {
    Failure { reason: error.to_string(), code: error.state_reason_code().into() }
}

fn needs_snapshot(version: &FunctionVersion) -> bool {
    version.has_snapshot() && version.config.tenant_isolation.is_none()
}

/// Initialises an environment of a published version ahead; it is `Active` when that is over. An environment that
/// this machine cannot make is no fault of the version.
async fn snapshot(ledger: Arc<Ledger>, pool: Arc<Pool>, target: Target, deployment: RevisionId) {
    let failure = match pool.initialise_snapshot(&target).await {
        // The text is a guess.
        Err(ProvisionError::Init(reason)) => Some(Failure {
            reason: format!("The function could not be initialized for its snapshot: {reason}"),
            code: "FunctionError.RuntimeInitError".into(),
        }),
        Err(ProvisionError::Run(error)) => {
            tracing::warn!(function = %target.function.name, %error, "no environment was made for a snapshot");
            None
        }
        Ok(()) => None,
    };
    let key = target.function;
    let version = target.version.version;
    let command = FunctionCommand::SettleFunction { key, version, deployment, failure };
    delayed::commit(ledger, FollowUp::Activation, command.into()).await;
}
