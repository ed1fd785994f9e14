//! The reactor that runs events nobody waits for, once they are due: each function has a queue of its own, so that one
//! that is slow holds up no other. It works from what is under way alone: what a killed server had not run to its end
//! runs again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::invoke::Invoker;
use crate::ledger::{CommitError, Ledger};
use crate::model::names::FunctionKey;
use crate::runs::RunId;
use crate::runs::command::RunCommand;

/// Events of one function that run at the same time.
const OF_ONE_FUNCTION: usize = 100;

/// Events of all functions that run at the same time: as many as AWS's accounts run executions.
const OF_ALL: usize = 1000;

/// Pause before a store that could not be read or written is asked again.
const STORE_PAUSE: Duration = Duration::from_secs(5);

/// An event that is run, and whose.
type Running = (Arc<FunctionKey>, RunId);

/// Runs events until `stop`. Those that run then are waited for by the invoker.
pub async fn run(ledger: Arc<Ledger>, invoker: Arc<Invoker>, stop: CancellationToken) {
    let (ended, mut endings) = mpsc::unbounded_channel();
    let mut changes = ledger.run_changes();
    let mut reactor = Reactor { ledger, invoker, running: HashMap::new(), count: 0, ended };
    loop {
        changes.mark_unchanged();
        let next = reactor.start_due();
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(next) => {}
            change = changes.changed() => if change.is_err() { return },
            Some(running) = endings.recv() => reactor.has_ended(&running),
        }
        while let Ok(running) = endings.try_recv() {
            reactor.has_ended(&running);
        }
    }
}

struct Reactor {
    ledger: Arc<Ledger>,
    invoker: Arc<Invoker>,
    running: HashMap<Arc<FunctionKey>, HashSet<RunId>>,
    count: usize,
    ended: mpsc::UnboundedSender<Running>,
}

impl Reactor {
    /// Starts what is due and has room; how long until something else is due.
    fn start_due(&mut self) -> Duration {
        let runs = self.ledger.runs();
        let now = clock::now();
        let mut next = Duration::from_secs(3600);
        for (function, queue) in &runs.queues {
            for (due, id) in queue {
                let running = self.running.get(function);
                if running.map_or(0, HashSet::len) >= OF_ONE_FUNCTION || self.count >= OF_ALL {
                    break;
                }
                if running.is_some_and(|running| running.contains(id)) {
                    continue;
                }
                if *due > now {
                    next = next.min(Duration::from_millis(due.0 - now.0));
                    break;
                }
                self.start(function, *id);
            }
        }

        next
    }

    fn start(&mut self, function: &Arc<FunctionKey>, id: RunId) {
        self.running.entry(Arc::clone(function)).or_default().insert(id);
        self.count += 1;
        let ledger = Arc::clone(&self.ledger);
        let invoker = Arc::clone(&self.invoker);
        let ended = self.ended.clone();
        let function = Arc::clone(function);

        self.invoker.spawn(async move {
            run_one(&ledger, &invoker, id).await;
            // Nobody may listen any more.
            let _ = ended.send((function, id));
        });
    }

    fn has_ended(&mut self, (function, id): &Running) {
        let Some(running) = self.running.get_mut(function) else { return };
        if running.remove(id) {
            self.count -= 1;
        }
        if running.is_empty() {
            self.running.remove(function);
        }
    }
}

/// Runs an event, and notes that it is done.
async fn run_one(ledger: &Arc<Ledger>, invoker: &Arc<Invoker>, id: RunId) {
    let reading = Arc::clone(ledger);
    let event = tokio::task::spawn_blocking(move || reading.waiting_event(id)).await;
    match event {
        Ok(Ok(Some((event, payload)))) => invoker.run_event(event, payload).await,
        Ok(Ok(None)) => tracing::debug!(?id, "an event was dropped meanwhile"),
        Ok(Err(error)) => {
            tracing::error!(%error, ?id, "an event cannot be read; it is tried again");
            return tokio::time::sleep(STORE_PAUSE).await;
        }
        Err(_) => return,
    }

    while let Err(CommitError::Storage(error)) = ledger.commit_run(RunCommand::End(id)).await {
        tracing::error!(%error, ?id, "the end of an event cannot be stored yet");
        tokio::time::sleep(STORE_PAUSE).await;
    }
}
