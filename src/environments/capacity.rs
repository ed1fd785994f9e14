//! The reactor that brings capacity providers from `Pending` to `Active`, and those that are being deleted
//! out of the state. Nothing is made for them, so it only keeps the time AWS's clients expect. It works
//! from the state alone, so that a restart needs no path of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ledger::Ledger;
use crate::model::capacity_provider::CapacityProviderKey;
use crate::model::command::capacity_providers::CapacityProviderCommand;
use crate::model::event::Origin;
use crate::model::names::RevisionId;

/// Settles capacity providers until `stop`, each `delay` after it was seen.
pub async fn run(ledger: Arc<Ledger>, delay: Duration, stop: CancellationToken) {
    let mut changes = ledger.changes();
    let mut due: HashMap<(CapacityProviderKey, RevisionId), Instant> = HashMap::new();
    loop {
        let now = Instant::now();
        for (key, revision) in &ledger.state().unsettled_providers {
            due.entry((key.clone(), *revision)).or_insert(now + delay);
        }
        for ready in due.extract_if(|_, at| *at <= now).map(|(unsettled, _)| unsettled).collect::<Vec<_>>() {
            settle(&ledger, ready).await;
        }
        let next = due.values().min().copied().unwrap_or(now + Duration::from_secs(3600));
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep_until(next) => {}
            change = changes.changed() => if change.is_err() { return },
        }
    }
}

async fn settle(ledger: &Ledger, (key, revision): (CapacityProviderKey, RevisionId)) {
    let command = CapacityProviderCommand::Settle { key, revision };
    let origin = Origin { request_id: "capacity".into(), ..Origin::default() };
    if let Err(error) = ledger.commit(command.into(), origin, None).await {
        tracing::warn!(%error, "a capacity provider could not be settled");
    }
}
