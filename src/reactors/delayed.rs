//! The loop of reactors that settle what waits in the state, each a while after it was seen: clients
//! were made for a service that shows what is in progress.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ledger::Ledger;
use crate::model::command::Command;
use crate::model::event::FollowUp;
use crate::model::state::State;

/// Pause between two looks at the state. Functions come by the thousand a second: those of one pause
/// are noted by one look, and settled together, so that they share a flush.
const PAUSE: Duration = Duration::from_millis(20);

/// Hands what `waiting` finds in the state to `settle`, each `delay` after it was seen, or little later,
/// until `stop`. What still waits after that is seen again with the next change of the state.
pub async fn run<T: Eq + Hash + Clone>(
    ledger: &Ledger,
    delay: Duration,
    stop: &CancellationToken,
    waiting: impl Fn(&State) -> Vec<T>,
    mut settle: impl FnMut(T),
) {
    let mut changes = ledger.changes();
    let mut due: HashMap<T, Instant> = HashMap::new();
    // Who wants no delay gets no pause.
    let pause = PAUSE.min(delay / 5);
    loop {
        let now = Instant::now();
        for found in waiting(&ledger.state()) {
            due.entry(found).or_insert(now + delay);
        }
        for ready in due.extract_if(|_, at| *at <= now).map(|(found, _)| found).collect::<Vec<_>>() {
            settle(ready);
        }
        if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            break;
        }
        let next = due.values().min().copied().unwrap_or(now + Duration::from_secs(3600));
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep_until(next) => {}
            change = changes.changed() => if change.is_err() { break },
        }
    }
}

/// Settles what `waiting` finds in the state with the command that `command` makes of it, each `delay` after it
/// was seen, or little later, until `stop`. History has it as `follow_up`.
pub async fn settle<T: Eq + Hash + Clone>(
    ledger: Arc<Ledger>,
    (follow_up, delay): (FollowUp, Duration),
    stop: CancellationToken,
    waiting: impl Fn(&State) -> Vec<T>,
    command: impl Fn(T) -> Command,
) {
    let tasks = TaskTracker::new();
    run(&ledger, delay, &stop, waiting, |found| {
        tasks.spawn(commit(Arc::clone(&ledger), follow_up, command(found)));
    })
    .await;
    tasks.close();
    tasks.wait().await;
}

/// Commits a command that nobody waits for.
pub async fn commit(ledger: Arc<Ledger>, follow_up: FollowUp, command: Command) {
    if let Err(error) = ledger.commit(command, follow_up.into(), None).await {
        tracing::warn!(?follow_up, %error, "what waits in the state could not be settled");
    }
}
