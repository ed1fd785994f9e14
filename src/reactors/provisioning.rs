//! The reactor of provisioned concurrency: has as many environments started ahead as are asked for, replaces those
//! that end, ends those that nobody asks for any more, and tells the ledger how an allocation went. It works from
//! the state and the pool, so that a restart needs no path of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::delayed;
use crate::environments::{Pool, ProvisionError, Target};
use crate::ledger::Ledger;
use crate::model::concurrency::command::ConcurrencyCommand;
use crate::model::concurrency::{ProvisionedConcurrency, ProvisionedStatus};
use crate::model::event::FollowUp;
use crate::model::functions::FunctionState;
use crate::model::names::{FunctionKey, RevisionId};
use crate::model::qualifier::Qualifier;
use crate::model::state::State;

/// Attempts after which an allocation has failed, as recorded on AWS.
const ATTEMPTS: u32 = 6;

/// `StatusReason` of an allocation whose environments do not get through their init phase, as recorded on AWS.
const INIT_FAILURE: &str = "FUNCTION_ERROR_INIT_FAILURE";

/// Environments of one allocation that are started at once.
const AT_ONCE: u32 = 4;

/// Pause after a failed attempt; it doubles with each one that follows.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause: what was allocated and has ended is tried again for ever.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Pause between two looks at the state: changes come by the thousand a second.
const PAUSE: Duration = Duration::from_millis(20);

/// A version or alias with provisioned concurrency.
type Key = (FunctionKey, Qualifier);

/// How an attempt went: for which allocation of what.
type Attempt = (Key, RevisionId, Result<(), ProvisionError>);

/// Keeps the environments that the state asks for until `stop`. An allocation takes `delay` at least.
pub async fn run(ledger: Arc<Ledger>, pool: Arc<Pool>, delay: Duration, stop: CancellationToken) {
    let (attempts, mut ended) = mpsc::unbounded_channel();
    let mut changes = ledger.changes();
    let mut reactor = Reactor {
        ledger,
        pool: Arc::clone(&pool),
        delay,
        attempts,
        tasks: TaskTracker::new(),
        allocations: HashMap::new(),
    };
    loop {
        let due = reactor.look().await;
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep_until(due) => continue,
            () = pool.provisioned_changed() => {}
            Some(attempt) = ended.recv() => {
                reactor.note(attempt);
                continue;
            }
            seen = changes.changed() => if seen.is_err() { break },
        }
        if stop.run_until_cancelled(tokio::time::sleep(PAUSE.min(delay / 5))).await.is_none() {
            break;
        }
    }

    reactor.tasks.close();
    reactor.tasks.wait().await;
}

struct Reactor {
    ledger: Arc<Ledger>,
    pool: Arc<Pool>,
    delay: Duration,
    attempts: mpsc::UnboundedSender<Attempt>,
    tasks: TaskTracker,
    allocations: HashMap<Key, Allocation>,
}

/// What is known of one allocation that the state does not say.
struct Allocation {
    name: RevisionId,
    seen: Instant,
    starting: u32,
    /// Attempts that failed since the last one that did not.
    failures: u32,
    /// When the next attempt may begin.
    next: Instant,
    /// Why the last attempt failed.
    reason: String,
}

/// What one configuration asks for.
struct Wanted {
    key: Key,
    target: Target,
    provisioned: ProvisionedConcurrency,
}

impl Reactor {
    /// Does what the state asks for now; when there is more to do, if nothing happens before.
    async fn look(&mut self) -> Instant {
        let wanted = wanted(&self.ledger.state());
        let runs = |wanted: &&Wanted| !matches!(wanted.provisioned.status, ProvisionedStatus::Failed(_));
        self.pool.want_provisioned(
            wanted.iter().filter(runs).map(|wanted| (wanted.target.clone(), wanted.provisioned.requested)),
        );
        self.allocations.retain(|key, allocation| {
            wanted.iter().any(|wanted| wanted.key == *key && wanted.provisioned.allocation == allocation.name)
        });
        let mut due = Instant::now() + Duration::from_secs(3600);
        for wanted in wanted.iter().filter(runs) {
            due = due.min(self.bring_on(wanted).await);
        }

        due
    }

    /// Brings one allocation on; when to look at it again.
    async fn bring_on(&mut self, wanted: &Wanted) -> Instant {
        let now = Instant::now();
        let far = Instant::now() + Duration::from_secs(3600);
        let provisioned = &wanted.provisioned;
        let allocation =
            self.allocations.entry(wanted.key.clone()).or_insert_with(|| Allocation::new(provisioned.allocation, now));
        let settles_at = allocation.seen + self.delay;
        let in_progress = provisioned.status == ProvisionedStatus::InProgress;
        let version = &wanted.target.version;
        let there = self.pool.provisioned_or_expected(&wanted.target.function, version);
        let failure = match &version.state {
            FunctionState::Pending => return far,
            FunctionState::Failed(failure) => Some(failure.reason.clone()),
            FunctionState::Active => (allocation.failures >= ATTEMPTS).then(|| allocation.reason.clone()),
        };

        if in_progress && (failure.is_some() || there >= provisioned.requested) {
            if now < settles_at {
                return settles_at;
            }
            self.settle(wanted, failure).await;
            return far;
        }

        if failure.is_some() && version.state != FunctionState::Active {
            return far;
        }
        let missing = provisioned.requested.saturating_sub(there + allocation.starting);
        if missing == 0 {
            return far;
        }
        if now < allocation.next {
            return allocation.next;
        }

        // After a failure one after the other.
        let at_once = if allocation.failures == 0 { AT_ONCE } else { 1 };
        let starts = missing.min(at_once.saturating_sub(allocation.starting));
        allocation.starting += starts;
        for _ in 0..starts {
            self.start(wanted);
        }

        far
    }

    fn start(&self, wanted: &Wanted) {
        let pool = Arc::clone(&self.pool);
        let attempts = self.attempts.clone();
        let key = wanted.key.clone();
        let name = wanted.provisioned.allocation;
        let target = wanted.target.clone();

        self.tasks.spawn(async move {
            let outcome = pool.provision(&target).await;
            // Nobody listens at the end of the server.
            let _ = attempts.send((key, name, outcome));
        });
    }

    /// Notes how an attempt went.
    fn note(&mut self, (key, name, outcome): Attempt) {
        let allocation = self.allocations.get_mut(&key).filter(|allocation| allocation.name == name);
        let Some(allocation) = allocation else { return };
        allocation.starting -= 1;
        let Err(error) = outcome else {
            allocation.failures = 0;
            return;
        };
        let function = &key.0.name;
        let qualifier = &key.1;
        tracing::warn!(%function, %qualifier, %error, "a provisioned environment could not be had");
        allocation.reason = match error {
            ProvisionError::Init(_) => INIT_FAILURE.to_owned(),
            ProvisionError::Run(error) => error.to_string(),
        };

        allocation.failures += 1;
        let pause = FIRST_PAUSE * 2_u32.saturating_pow(allocation.failures.min(16));
        allocation.next = Instant::now() + pause.min(LONGEST_PAUSE);
    }

    async fn settle(&self, wanted: &Wanted, failure: Option<String>) {
        let ((key, qualifier), allocation) = (wanted.key.clone(), wanted.provisioned.allocation);
        let command = ConcurrencyCommand::SettleProvisionedConcurrency { key, qualifier, allocation, failure };
        delayed::commit(Arc::clone(&self.ledger), FollowUp::Provisioning, command.into()).await;
    }
}

impl Allocation {
    fn new(name: RevisionId, now: Instant) -> Self {
        Self { name, seen: now, starting: 0, failures: 0, next: now, reason: String::new() }
    }
}

fn wanted(state: &State) -> Vec<Wanted> {
    let wanted = |(function, qualifier): &Key| {
        // For what nobody vouched for nothing is started.
        let found = state.function(function).filter(|function| !function.is_inert())?;
        let target =
            Target { function: function.clone(), version: Arc::clone(found.resolve(Some(qualifier))?), tenant: None };
        let provisioned = found.provisioned_concurrency.get(qualifier)?.clone();
        Some(Wanted { key: (function.clone(), qualifier.clone()), target, provisioned })
    };
    state.provisioned.iter().filter_map(wanted).collect()
}
