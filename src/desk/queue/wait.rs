//! Waits until events have been run to their end, woken by what becomes of them.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Chosen, Queue};
use crate::desk::answers::Waited;
use crate::runs::RunId;
use crate::runs::{NEVER, state::Runs};

/// Pause between two looks, for events that come and go by the thousand a second.
const PAUSE: Duration = Duration::from_millis(5);

/// How many times as long as a look takes the pause is at least: among ten thousand functions one takes a while.
const PAUSE_OF_LOOK: u32 = 10;

/// Waits until no event of the chosen functions waits or runs, `limit` at most, and until `stop`. Those that are held are
/// not waited for: nothing happens to them until somebody says so.
pub async fn wait(queue: &Queue, chosen: &Chosen, limit: Duration, stop: &CancellationToken) -> Waited {
    let mut changes = queue.ledger.run_changes();
    let mut running = queue.running.changes();
    let deadline = Instant::now() + limit;
    loop {
        changes.mark_unchanged();
        running.mark_unchanged();
        let look = Instant::now();
        if is_quiet(queue, chosen) {
            return waited(queue, chosen, true);
        }
        let pause = PAUSE.max(look.elapsed() * PAUSE_OF_LOOK);
        let is_over = tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep_until(deadline) => true,
            change = changes.changed() => change.is_err(),
            change = running.changed() => change.is_err(),
        };
        if is_over {
            return waited(queue, chosen, is_quiet(queue, chosen));
        }
        tokio::time::sleep(pause).await;
    }
}

/// Whether no event of the chosen functions waits or runs, and nobody is still to be told of its end. One that begins to run waits until it is known that it does, so
/// that none is overlooked in this order.
fn is_quiet(queue: &Queue, chosen: &Chosen) -> bool {
    let runs = queue.ledger.runs();
    let waits = runs.events.lanes().iter().any(|(function, events)| {
        let first = events.get_min();
        first.is_some_and(|(due, _)| *due != NEVER) && chosen.has(function)
    });
    let delivers = runs.deliveries.lanes().keys().any(|lane| chosen.has(&lane.function));
    !waits && !delivers && chosen.running(&queue.running.now()) == 0
}

/// How it is now, in numbers.
fn waited(queue: &Queue, chosen: &Chosen, done: bool) -> Waited {
    let runs: &Runs = &queue.ledger.runs();
    let queues = runs.events.lanes().iter().filter(|(function, _)| chosen.has(function));
    let counts = queues.fold((0, 0), |(all, held), (_, events)| {
        (all + events.len(), held + events.range((NEVER, RunId(0))..).count())
    });
    let (all, held) = counts;
    let lanes = runs.deliveries.lanes().iter().filter(|(lane, _)| chosen.has(&lane.function));
    let deliveries = lanes.map(|(_, entries)| entries.len()).sum();
    Waited { done, waiting: all - held, running: chosen.running(&queue.running.now()), held, deliveries }
}
