//! The reactor that brings functions from `Pending` (or `InProgress`) to what this machine makes of
//! them. It works from the state alone, so that a restart needs no path of its own.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::executor::Base;
use super::{Pool, ProvisionError, Target, delayed};
use crate::ledger::Ledger;
use crate::model::command::functions::FunctionCommand;
use crate::model::function::Failure;
use crate::model::names::{FunctionKey, RevisionId};
use crate::model::qualifier::Version;
use crate::model::state::State;

/// What waits to be settled.
type Unsettled = (FunctionKey, Version, RevisionId);

/// Settles functions until `stop`, each `delay` after it was seen, or little later.
pub async fn run(ledger: Arc<Ledger>, pool: Arc<Pool>, delay: Duration, stop: CancellationToken) {
    let (tasks, prepared) = (TaskTracker::new(), HashSet::new());
    let snapshots = HashSet::new();
    let mut reactor = Reactor { ledger: Arc::clone(&ledger), pool, prepared, snapshots, tasks };
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
    prepared: HashSet<Base>,
    /// Versions whose snapshot is being made.
    snapshots: HashSet<Unsettled>,
    tasks: TaskTracker,
}

impl Reactor {
    /// Decides whether the version can run here, and says so to the ledger.
    fn settle(&mut self, (key, version, deployment): Unsettled) {
        let state = self.ledger.state();
        let Some(found) = state.function(&key).and_then(|function| function.version(version)) else { return };
        let base = Base::of(found);
        let failure = self.pool.executor().supports(&base).err();
        if failure.is_none() && self.prepared.insert(base.clone()) {
            self.prepare(base);
        }
        let has_tenants = found.config.tenant_isolation.is_some();
        if failure.is_none() && found.has_snapshot() && !has_tenants {
            let target = Target { function: key, version: Arc::clone(found), tenant: None };
            return self.make_snapshot(target, deployment);
        }
        let failure =
            failure.map(|error| Failure { reason: error.to_string(), code: error.state_reason_code().into() });
        let command = FunctionCommand::SettleFunction { key, version, deployment, failure };
        self.tasks.spawn(delayed::commit(Arc::clone(&self.ledger), "activation", command.into()));
    }

    /// Initialises an environment of a published version ahead; it is `Active` when that is over. An environment that
    /// this machine cannot make is no fault of the version.
    fn make_snapshot(&mut self, target: Target, deployment: RevisionId) {
        let (key, version) = (target.function.clone(), target.version.version);
        // A state that changes meanwhile shows it again.
        if !self.snapshots.insert((key.clone(), version, deployment)) {
            return;
        }
        let (ledger, pool) = (Arc::clone(&self.ledger), Arc::clone(&self.pool));
        self.tasks.spawn(async move {
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
            let command = FunctionCommand::SettleFunction { key, version, deployment, failure };
            delayed::commit(ledger, "activation", command.into()).await;
        });
    }

    /// Makes ready what environments share, so that the first invocation need not wait.
    fn prepare(&self, base: Base) {
        let pool = Arc::clone(&self.pool);
        self.tasks.spawn(async move {
            if let Err(error) = pool.prepare(&base).await {
                tracing::warn!(%base, %error, "its environments cannot be made yet");
            }
        });
    }
}
