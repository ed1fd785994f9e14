//! The reactor that drops messages of queues that are too old, and forgets what FIFO queues need not know any more.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::ledger::Ledger;
use crate::messages::Messages;
use crate::model::queues::QueueKey;
use crate::runs::messages::DEDUPLICATION_MS;

/// Pause before it looks again, where something is due or could not be done.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest pause where there are messages: the shortest time that a queue keeps one.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Drops what is due until `stop`.
pub async fn run(ledger: Arc<Ledger>, messages: Arc<Messages>, stop: CancellationToken) {
    let mut changes = ledger.run_changes();
    loop {
        changes.mark_unchanged();
        for queue in due(&ledger) {
            if let Err(error) = messages.drop_expired(&queue).await {
                tracing::warn!(%error, queue = queue.arn(), "messages that are too old could not be dropped");
            }
        }

        let change = async {
            match next(&ledger) {
                Some(next) => tokio::time::sleep(next).await,
                None => drop(changes.changed().await),
            }
        };
        if stop.run_until_cancelled(change).await.is_none() {
            return;
        }
    }
}

/// When the first message of each queue is too old, or need not be known any more.
fn times(ledger: &Ledger) -> Vec<(QueueKey, u64)> {
    let state = ledger.state();
    let runs = ledger.runs();
    let of_queues = runs.messages.queues().filter_map(|(key, queue)| {
        let retention_ms = u64::from(state.queue(key)?.settings.retention_s) * 1000;
        let oldest = queue.by_time().get_min().map(|(visible, _)| visible.0.saturating_add(retention_ms));
        let known = queue.still_known().get_min().map(|(sent, _)| sent.0.saturating_add(DEDUPLICATION_MS));
        Some(((**key).clone(), oldest.into_iter().chain(known).min()?))
    });
    of_queues.collect()
}

fn due(ledger: &Ledger) -> Vec<QueueKey> {
    let now = clock::now();
    times(ledger).into_iter().filter(|(_, time)| *time <= now.0).map(|(queue, _)| queue).collect()
}

/// How long until something is due; `None` where there is nothing.
fn next(ledger: &Ledger) -> Option<Duration> {
    let first = times(ledger).into_iter().map(|(_, time)| time).min()?;
    let pause = Duration::from_millis(first.saturating_sub(clock::now().0));
    Some(pause.clamp(PAUSE, LONGEST_PAUSE))
}
