//! The reactor that runs events nobody waits for, once they are due: each function has a queue of its own, so that one
//! that is slow holds up no other. It works from what is under way alone: what a killed server had not run to its end
//! runs again, with the attempts counted that were.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::lanes::{Lanes, Room, Token, Worked};
use super::running::RunningNow;
use crate::clock;
use crate::invoke::Invoker;
use crate::invoke::destinations::{self, Ended};
use crate::invoke::events::Attempt;
use crate::ledger::{CommitError, Ledger};
use crate::model::qualifier::{Qualifier, Version};
use crate::runs::command::RunCommand;
use crate::runs::retry::{GivenUp, Next, RetryPolicy, Setback};
use crate::runs::{Attempts, RunId, WaitingEvent};

/// Events of one function that run at the same time, and of all: as many as AWS's accounts run executions.
const ROOM: Room = Room { of_lane: 100, of_all: 1000 };

/// Pause before a store that could not be read or written is asked again.
const STORE_PAUSE: Duration = Duration::from_secs(5);

/// Runs events until `stop`. Those that run then are waited for by the invoker. `now` tells which do.
///
/// `base_delay_s` is how long an event waits after its first failure.
pub async fn run(
    ledger: Arc<Ledger>,
    invoker: Arc<Invoker>,
    now: Arc<RunningNow>,
    base_delay_s: u64,
    stop: CancellationToken,
) {
    let worker = Arc::new(Worker { ledger: Arc::clone(&ledger), invoker, base_delay_s });
    let start = |token: Token<_>| {
        let worker = Arc::clone(&worker);
        let now = Arc::clone(&now);
        now.begin(token.id(), token.lane());
        Arc::clone(&worker.invoker).spawn(async move {
            // One that was dropped before it was known to run is not run.
            let is_there = worker.ledger.runs().events.contains(&token.id());
            let ending = if is_there { worker.run(token.id()).await } else { Worked::Done };
            now.end(token.id());
            token.end(ending);
        });
    };
    Lanes::new(ROOM).run(&ledger, |runs| &runs.events, start, stop).await;
}

/// What runs one event.
struct Worker {
    ledger: Arc<Ledger>,
    invoker: Arc<Invoker>,
    base_delay_s: u64,
}

impl Worker {
    /// Makes an attempt to run an event, and notes what becomes of it.
    async fn run(&self, id: RunId) -> Worked {
        let reading = Arc::clone(&self.ledger);
        let read = tokio::task::spawn_blocking(move || reading.waiting_event(id)).await;
        let mut worked = Worked::Done;
        let command = match read {
            Ok(Ok(Some((event, payload)))) => {
                let number = self.attempts(id).failed + 1;
                let attempt = self.invoker.attempt(&event, number, payload.clone()).await;
                if let Attempt::HeldBack(_) = attempt {
                    worked = Worked::HeldBack;
                }
                self.next(id, (&event, &payload), &attempt)
            }
            Ok(Ok(None)) => {
                tracing::debug!(?id, "an event was dropped meanwhile");
                RunCommand::End(id)
            }
            Ok(Err(error)) => {
                tracing::error!(%error, ?id, "an event cannot be read; it is tried again");
                tokio::time::sleep(STORE_PAUSE).await;
                return Worked::HeldBack;
            }
            Err(_) => return worked,
        };

        while let Err(CommitError::Storage(error)) = self.ledger.commit_run(command.clone()).await {
            tracing::error!(%error, ?id, "what became of an event cannot be stored yet");
            tokio::time::sleep(STORE_PAUSE).await;
        }
        worked
    }

    fn attempts(&self, id: RunId) -> Attempts {
        self.ledger.runs().events.get(&id).map(|waiting| waiting.attempts).unwrap_or_default()
    }

    /// What becomes of an event after an attempt.
    fn next(&self, id: RunId, (event, payload): (&WaitingEvent, &Bytes), attempt: &Attempt) -> RunCommand {
        let attempts = self.attempts(id);
        let after = |setback| self.policy(event).after(setback, event.accepted, attempts, clock::now());
        let ended = |given_up, runs, invoked, refused| Ended { event, payload, given_up, runs, invoked, refused };

        match attempt {
            Attempt::Done(run) => self.settle(id, &ended(None, attempts.failed + 1, Some(run), None)),
            Attempt::Failed(run) => match after(Setback::Failed) {
                Next::At(due, attempts) => RunCommand::Delay { id, due, attempts },
                Next::Never(why) => self.settle(id, &ended(Some(why), attempts.failed + 1, Some(run), None)),
            },
            Attempt::HeldBack(error) => match after(Setback::HeldBack) {
                Next::At(due, attempts) => RunCommand::Delay { id, due, attempts },
                Next::Never(why) => self.settle(id, &ended(Some(why), attempts.failed, None, Some(error))),
            },
            Attempt::GivenUp(why, error) => self.settle(id, &ended(Some(*why), attempts.failed, None, Some(error))),
            // No condition of AWS's is for this: the nearest.
            Attempt::Impossible(error) => {
                let why = Some(GivenUp::RetriesExhausted);
                self.settle(id, &ended(why, attempts.failed, None, Some(error)))
            }
        }
    }

    /// Ends an event, and has told who is to be told.
    fn settle(&self, id: RunId, ended: &Ended<'_>) -> RunCommand {
        let state = self.ledger.state();
        let function = state.function(&ended.event.function);
        let deliveries =
            function.map(|function| destinations::deliveries(function, ended, clock::now())).unwrap_or_default();

        if let Some(why) = ended.given_up {
            let request_id = &ended.event.request_id;
            let function = ended.event.function.name.as_str();
            let refused = ended.refused.map(ToString::to_string);
            let targets: Vec<_> = deliveries.iter().map(|(delivery, _)| delivery.target.as_str()).collect();
            tracing::warn!(
                request_id,
                function,
                reason = <&str>::from(why),
                refused,
                ?targets,
                "an asynchronous event is given up"
            );
        }
        if deliveries.is_empty() { RunCommand::End(id) } else { RunCommand::Settle { id, deliveries } }
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
