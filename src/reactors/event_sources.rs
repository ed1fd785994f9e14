//! The reactor that ends transitions of event source mappings. It works from the state alone, so that a
//! restart needs no path of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::ledger::Ledger;
use crate::model::event::FollowUp;
use crate::model::event_sources::MappingKey;
use crate::model::event_sources::command::EventSourceCommand;
use crate::model::names::RevisionId;
use crate::model::state::State;
use crate::reactors::delayed;

/// A transition that waits for its end.
type Waiting = (MappingKey, RevisionId);

/// Ends transitions until `stop`, each `delay` after it was seen, or little later: clients shall see the
/// states that they see on AWS.
pub async fn run(ledger: Arc<Ledger>, delay: Duration, stop: CancellationToken) {
    delayed::settle(ledger, (FollowUp::EventSources, delay), stop, waiting, |(key, revision)| {
        EventSourceCommand::SettleMapping { key, revision }.into()
    })
    .await;
}

fn waiting(state: &State) -> Vec<Waiting> {
    state.unsettled_mappings.iter().map(|(key, revision)| (key.clone(), *revision)).collect()
}
