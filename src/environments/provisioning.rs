//! The reactor that ends the allocation of provisioned concurrency. It works from the state alone, so that
//! a restart needs no path of its own. No environment is started ahead yet.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::delayed;
use crate::ledger::Ledger;
use crate::model::command::concurrency::ConcurrencyCommand;
use crate::model::event::Origin;
use crate::model::names::{FunctionKey, RevisionId};
use crate::model::qualifier::Qualifier;
use crate::model::state::State;

/// An allocation that waits to be settled.
type Waiting = (FunctionKey, Qualifier, RevisionId);

/// Settles allocations until `stop`, each `delay` after it was seen, or little later.
pub async fn run(ledger: Arc<Ledger>, delay: Duration, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    delayed::run(&ledger, delay, &stop, waiting, |(key, qualifier, allocation)| {
        let command = ConcurrencyCommand::SettleProvisionedConcurrency { key, qualifier, allocation };
        let origin = Origin { request_id: "provisioning".into(), ..Origin::default() };
        let ledger = Arc::clone(&ledger);
        tasks.spawn(async move {
            if let Err(error) = ledger.commit(command.into(), origin, None).await {
                tracing::warn!(%error, "provisioned concurrency could not be settled");
            }
        });
    })
    .await;
    tasks.close();
    tasks.wait().await;
}

fn waiting(state: &State) -> Vec<Waiting> {
    let waiting = state.provisioning.iter();
    waiting.map(|((key, qualifier), allocation)| (key.clone(), qualifier.clone(), *allocation)).collect()
}
