//! The reactor that has message move tasks go on: each a step at a time, in turn, so that none holds up another. A step is
//! one commit of what was moved and how far the task is, so that it goes on after a kill where it was.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ledger::Ledger;
use crate::messages::Messages;
use crate::runs::move_tasks::{MoveTask, MoveTaskKey, MoveTaskStatus};

/// Pause before a store that could not be written is asked again.
const STORE_PAUSE: Duration = Duration::from_secs(5);

/// When the next step of each task is due.
type Due = HashMap<MoveTaskKey, Instant>;

/// Has tasks go on until `stop`.
pub async fn run(ledger: Arc<Ledger>, messages: Arc<Messages>, stop: CancellationToken) {
    let mut changes = ledger.run_changes();
    let mut due = Due::new();
    while !stop.is_cancelled() {
        changes.mark_unchanged();
        let active: Vec<MoveTask> = ledger.runs().move_tasks.active().cloned().collect();
        let began = Instant::now();
        let mut next = Due::new();
        for task in active {
            let key = task.key();
            let at = due.get(&key).copied().unwrap_or(began);
            // Who waits for its end need not wait for its pace.
            let is_due = at <= began || task.status == MoveTaskStatus::Cancelling;
            let at = if is_due { step(&messages, &task, at.max(began)).await } else { at };
            next.insert(key, at);
        }
        due = next;

        let first = due.values().min().copied();
        let rest = async {
            match first {
                Some(first) => tokio::select! {
                    () = tokio::time::sleep_until(first) => {}
                    change = changes.changed() => drop(change),
                },
                None => drop(changes.changed().await),
            }
        };
        if stop.run_until_cancelled(rest).await.is_none() {
            return;
        }
    }
}

/// Has a task go on; when its next step is due.
async fn step(messages: &Messages, task: &MoveTask, at: Instant) -> Instant {
    match messages.step_move_task(task.key()).await {
        Ok(()) => at + task.rate.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate),
        Err(error) => {
            tracing::warn!(%error, source = task.source.arn(), "a message move task cannot go on yet");
            Instant::now() + STORE_PAUSE
        }
    }
}
