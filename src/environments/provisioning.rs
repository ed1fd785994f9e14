//! The reactor that ends the allocation of provisioned concurrency. It works from the state alone, so that
//! a restart needs no path of its own. No environment is started ahead yet.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::delayed;
use crate::ledger::Ledger;
use crate::model::command::concurrency::ConcurrencyCommand;
use crate::model::names::{FunctionKey, RevisionId};
use crate::model::qualifier::Qualifier;
use crate::model::state::State;

/// An allocation that waits to be settled.
type Waiting = (FunctionKey, Qualifier, RevisionId);

/// Settles allocations until `stop`, each `delay` after it was seen, or little later.
pub async fn run(ledger: Arc<Ledger>, delay: Duration, stop: CancellationToken) {
    delayed::settle(ledger, ("provisioning", delay), stop, waiting, |(key, qualifier, allocation)| {
        ConcurrencyCommand::SettleProvisionedConcurrency { key, qualifier, allocation }.into()
    })
    .await;
}

fn waiting(state: &State) -> Vec<Waiting> {
    let waiting = state.provisioning.iter();
    waiting.map(|((key, qualifier), allocation)| (key.clone(), qualifier.clone(), *allocation)).collect()
}
