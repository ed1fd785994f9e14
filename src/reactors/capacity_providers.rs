//! The reactor that brings capacity providers from `Pending` to `Active`, and those that are being deleted
//! out of the state. Nothing is made for them, so it only keeps the time AWS's clients expect. It works
//! from the state alone, so that a restart needs no path of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::delayed;
use crate::ledger::Ledger;
use crate::model::capacity_providers::CapacityProviderKey;
use crate::model::capacity_providers::command::CapacityProviderCommand;
use crate::model::event::FollowUp;
use crate::model::names::RevisionId;
use crate::model::state::State;

/// A capacity provider that waits to be settled.
type Waiting = (CapacityProviderKey, RevisionId);

/// Settles capacity providers until `stop`, each `delay` after it was seen, or little later.
pub async fn run(ledger: Arc<Ledger>, delay: Duration, stop: CancellationToken) {
    delayed::settle(ledger, (FollowUp::Capacity, delay), stop, waiting, |(key, revision)| {
        CapacityProviderCommand::Settle { key, revision }.into()
    })
    .await;
}

fn waiting(state: &State) -> Vec<Waiting> {
    state.unsettled_providers.iter().map(|(key, revision)| (key.clone(), *revision)).collect()
}
