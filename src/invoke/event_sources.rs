//! The reactor that ends transitions of event source mappings. It works from the state alone, so that a
//! restart needs no path of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ledger::Ledger;
use crate::model::command::event_sources::EventSourceCommand;
use crate::model::event::Origin;
use crate::model::event_sources::MappingKey;
use crate::model::names::RevisionId;

/// Pause between two looks at the state, so that what comes together shares a flush.
const PAUSE: Duration = Duration::from_millis(20);

/// A transition that waits for its end.
type Waiting = (MappingKey, RevisionId);

/// Ends transitions until `stop`, each `delay` after it was seen, or little later: clients shall see the
/// states that they see on AWS.
pub async fn run(ledger: Arc<Ledger>, delay: Duration, stop: CancellationToken) {
    let mut changes = ledger.changes();
    let mut due: HashMap<Waiting, Instant> = HashMap::new();
    let tasks = TaskTracker::new();
    loop {
        let now = Instant::now();
        for (key, revision) in &ledger.state().unsettled_mappings {
            due.entry((key.clone(), *revision)).or_insert(now + delay);
        }
        for (ready, _) in due.extract_if(|_, at| *at <= now) {
            tasks.spawn(settle(Arc::clone(&ledger), ready));
        }
        if stop.run_until_cancelled(tokio::time::sleep(PAUSE.min(delay / 5))).await.is_none() {
            break;
        }
        let next = due.values().min().copied().unwrap_or(now + Duration::from_secs(3600));
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep_until(next) => {}
            change = changes.changed() => if change.is_err() { break },
        }
    }
    tasks.close();
    tasks.wait().await;
}

async fn settle(ledger: Arc<Ledger>, (key, revision): Waiting) {
    let origin = Origin { request_id: "event-sources".into(), ..Origin::default() };
    let command = EventSourceCommand::SettleMapping { key, revision };
    if let Err(error) = ledger.commit(command.into(), origin, None).await {
        tracing::warn!(%error, "an event source mapping could not be settled");
    }
}
