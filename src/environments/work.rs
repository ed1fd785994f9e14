//! What an environment is doing: the invocation it runs, and how far its runtime is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use larder_init::link::Outcome;
use tokio::sync::{mpsc, oneshot};

use super::deadline::Deadline;
use super::invocation::{Completed, Report, StreamPart};
use super::tail::Tail;

/// How long an environment may take to end by itself: the shutdown phase of external extensions, 2 s on AWS, and
/// what the init needs around it.
pub(super) const SHUTDOWN_LIMIT: Duration = Duration::from_millis(2500);

/// The init phase's limit where a former server told it.
pub(super) const INIT_LIMIT: Duration = Duration::from_secs(10);

/// The invocation an environment runs.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) request_id: String,
    /// Taken where its caller was told ahead.
    pub(super) reply: Option<oneshot::Sender<Completed>>,
    pub(super) stream: Option<mpsc::Sender<StreamPart>>,
    /// What the function answered, where the end of extensions is waited for.
    pub(super) answer: Option<Outcome>,
    pub(super) awaits_log: bool,
    pub(super) output: Tail,
    pub(super) report: Arc<dyn Report>,
    /// Whether its first line is in the log.
    pub(super) started: bool,
}

/// What an environment does.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Whether the runtime's init phase is over: what is written before belongs to no invocation.
    pub(super) initialised: bool,
    /// What the init phase may take; `None`: as where a former server told it.
    pub(super) init_limit: Option<Duration>,
    /// When the init phase under way must be over.
    pub(super) initialised_by: Option<Instant>,
    pub(super) current: Option<Current>,
    /// How many invocations it got; `None` where a former server gave it some.
    pub(super) invocations: Option<u64>,
    /// Request id of an invocation that runs for a caller of a former server.
    pub(super) inherited: Option<String>,
    /// Of the invocation that runs, until its extensions are done too.
    pub(super) deadline: Option<Deadline>,
    /// Whether an invocation was ended as its deadline had passed.
    pub(super) expired: bool,
}

impl Work {
    /// The runtime starts again where the invocation ended like this: at once after a timeout, else with the next one.
    /// Its extensions are given time to end before.
    pub(super) fn starts_anew(&mut self, outcome: &Outcome) {
        if *outcome == Outcome::TimedOut {
            self.initialises(SHUTDOWN_LIMIT);
        } else if !self.initialised {
            let by = Instant::now() + SHUTDOWN_LIMIT;
            // A reload may be under way.
            self.initialised_by = Some(self.initialised_by.map_or(by, |other| other.max(by)));
        }
    }

    /// An init phase begins, `after` this at the latest.
    pub(super) fn initialises(&mut self, after: Duration) {
        self.initialised_by = Some(Instant::now() + after + self.init_limit.unwrap_or(INIT_LIMIT));
    }
}
