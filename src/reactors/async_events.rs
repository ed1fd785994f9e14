//! The reactor that runs events nobody waits for, once they are due: each function has a queue of its own, so that one
//! that is slow holds up no other. It works from what is under way alone: what a killed server had not run to its end
//! runs again, with the attempts counted that were.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::invoke::Invoker;
use crate::invoke::events::Attempt;
use crate::ledger::{CommitError, Ledger};
use crate::model::names::FunctionKey;
use crate::model::qualifier::{Qualifier, Version};
use crate::runs::command::RunCommand;
use crate::runs::retry::{Next, RetryPolicy};
use crate::runs::{RunId, WaitingEvent};

/// Events of one function that run at the same time.
const OF_ONE_FUNCTION: usize = 100;

/// Events of all functions that run at the same time: as many as AWS's accounts run executions.
const OF_ALL: usize = 1000;

/// Pause before a store that could not be read or written is asked again.
const STORE_PAUSE: Duration = Duration::from_secs(5);

/// An event that is run, and whose.
type Running = (Arc<FunctionKey>, RunId);

/// Runs events until `stop`. Those that run then are waited for by the invoker.
///
/// `base_delay_s` is how long an event waits after its first failure.
pub async fn run(ledger: Arc<Ledger>, invoker: Arc<Invoker>, base_delay_s: u64, stop: CancellationToken) {
    let (ended, mut endings) = mpsc::unbounded_channel();
    let mut changes = ledger.run_changes();
    let worker = Arc::new(Worker { ledger, invoker, base_delay_s });
    let mut reactor = Reactor { worker, running: HashMap::new(), count: 0, ended };
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
    worker: Arc<Worker>,
    running: HashMap<Arc<FunctionKey>, HashSet<RunId>>,
    count: usize,
    ended: mpsc::UnboundedSender<Running>,
}

impl Reactor {
    /// Starts what is due and has room; how long until something else is due.
    fn start_due(&mut self) -> Duration {
        let runs = self.worker.ledger.runs();
        let now = clock::now();
        let mut next = Duration::from_secs(3600);
        for (function, queue) in runs.events.lanes() {
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
        let worker = Arc::clone(&self.worker);
        let ended = self.ended.clone();
        let function = Arc::clone(function);

        self.worker.invoker.spawn(async move {
            worker.run(id).await;
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

/// What runs one event.
struct Worker {
    ledger: Arc<Ledger>,
    invoker: Arc<Invoker>,
    base_delay_s: u64,
}

impl Worker {
    /// Makes an attempt to run an event, and notes what becomes of it.
    async fn run(&self, id: RunId) {
        let reading = Arc::clone(&self.ledger);
        let read = tokio::task::spawn_blocking(move || reading.waiting_event(id)).await;
        let command = match read {
            Ok(Ok(Some((event, payload)))) => {
                let attempt = self.invoker.attempt(&event, payload).await;
                self.next(id, &event, attempt)
            }
            Ok(Ok(None)) => {
                tracing::debug!(?id, "an event was dropped meanwhile");
                RunCommand::End(id)
            }
            Ok(Err(error)) => {
                tracing::error!(%error, ?id, "an event cannot be read; it is tried again");
                return tokio::time::sleep(STORE_PAUSE).await;
            }
            Err(_) => return,
        };

        while let Err(CommitError::Storage(error)) = self.ledger.commit_run(command.clone()).await {
            tracing::error!(%error, ?id, "what became of an event cannot be stored yet");
            tokio::time::sleep(STORE_PAUSE).await;
        }
    }

    /// What becomes of an event after an attempt.
    fn next(&self, id: RunId, event: &WaitingEvent, attempt: Attempt) -> RunCommand {
        let attempts = self.ledger.runs().events.get(&id).map(|waiting| waiting.attempts).unwrap_or_default();
        let given_up = match attempt {
            Attempt::Done => return RunCommand::End(id),
            Attempt::Unfinished(setback) => {
                match self.policy(event).after(setback, event.accepted, attempts, clock::now()) {
                    Next::At(due, attempts) => return RunCommand::Delay { id, due, attempts },
                    Next::Never(given_up) => <&str>::from(given_up).to_owned(),
                }
            }
            Attempt::GivenUp(given_up) => <&str>::from(given_up).to_owned(),
            Attempt::Impossible(error) => error.to_string(),
        };

        let request_id = &event.request_id;
        let function = event.function.name.as_str();
        tracing::warn!(request_id, function, reason = given_up, "an asynchronous event is given up, and dropped");
        RunCommand::End(id)
    }

    /// How often and how long events of what the caller named are tried, as that is configured now.
    fn policy(&self, event: &WaitingEvent) -> RetryPolicy {
        let state = self.ledger.state();
        let qualifier = event.qualifier.clone().unwrap_or(Qualifier::Version(Version::Latest));
        let config = state.function(&event.function).and_then(|function| function.event_invoke.get(&qualifier));
        let default = RetryPolicy { base_delay_s: self.base_delay_s, ..RetryPolicy::DEFAULT };

        RetryPolicy {
            retries: config.and_then(|config| config.retry_attempts).unwrap_or(default.retries),
            max_age_s: config.and_then(|config| config.event_age_s).map_or(default.max_age_s, u64::from),
            ..default
        }
    }
}
