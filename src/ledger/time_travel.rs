//! Time travel: the state at any point, and the way back to it by new events.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::point::Point;
use super::{CommitError, Committed, Ledger, LedgerError, replay};
use crate::model::event::{Origin, Recorded};
use crate::model::history::command::HistoryCommand;
use crate::model::history::{Cause, MarkName};
use crate::model::resource::{Changes, Resource, ResourceKey};
use crate::model::resource_pattern::ResourcePattern;
use crate::model::state::State;
use crate::model::time::Timestamp;
use crate::runs::command::Fate;

/// States of the past that are kept at hand: each shares with the present what did not change since.
const REMEMBERED: usize = 16;

/// States of the past at hand, by sequence.
#[derive(Debug, Default)]
pub struct Memory(Mutex<BTreeMap<u64, Arc<State>>>);

impl Memory {
    fn get(&self, sequence: u64) -> Option<Arc<State>> {
        self.0.lock().expect("no holder of this lock panics").get(&sequence).cloned()
    }

    fn keep(&self, sequence: u64, state: Arc<State>) {
        let mut states = self.0.lock().expect("no holder of this lock panics");
        states.insert(sequence, state);
        if states.len() > REMEMBERED {
            states.pop_first();
        }
    }
}

/// What a rewind did.
#[derive(Debug, Clone, PartialEq)]
pub struct Rewound {
    /// The sequence whose state came back.
    pub to: u64,
    /// The sequence of the state after it.
    pub sequence: u64,
    /// What changed.
    pub changes: Changes,
    /// Events that wait after it.
    pub waiting: usize,
    /// Events that were dropped.
    pub dropped: usize,
}

/// What a rewind would do.
#[derive(Debug)]
pub struct Rehearsed {
    /// The state now.
    pub before: Arc<State>,
    /// The state that would come back.
    pub target: Arc<State>,
    /// The places that would change.
    pub keys: Vec<ResourceKey>,
}

/// Why there was no rewind; nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum RewindError {
    /// The point is not to be had.
    #[error(transparent)]
    Point(#[from] LedgerError),
    /// A resource was named that is neither now nor was then.
    #[error("there is no {0}, neither now nor at that point")]
    NoResource(ResourcePattern),
    /// The change could not be made.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Ledger {
    /// The state as it was after event `sequence`. Blocking: it may replay from the nearest checkpoint.
    ///
    /// # Errors
    /// There was no such state yet, or history begins later.
    pub fn state_at(&self, sequence: u64) -> Result<Arc<State>, LedgerError> {
        let present = self.state();
        if sequence == present.sequence {
            return Ok(present);
        }
        if sequence > present.sequence {
            return Err(LedgerError::NotYet { asked: sequence, newest: present.sequence });
        }
        let begins = self.begins();
        if sequence < begins && begins > 1 {
            return Err(LedgerError::Compacted { begins });
        }
        if let Some(state) = self.memory.get(sequence) {
            return Ok(state);
        }
        let state = replay::at(&self.log, &self.checkpoints, sequence);
        let state = state.map(Arc::new).map_err(|error| self.unless_compacted(sequence, error))?;
        self.memory.keep(sequence, Arc::clone(&state));

        Ok(state)
    }

    /// Keeps the blobs of a state of the past until it may have come back.
    ///
    /// # Errors
    /// History was dropped in the meantime, and some of them with it.
    fn hold(&self, state: &Arc<State>) -> Result<(), LedgerError> {
        self.small_blobs().held().hold_state(state);
        let (sequence, begins) = (state.sequence, self.begins());
        if sequence < begins && begins > 1 { Err(LedgerError::Compacted { begins }) } else { Ok(()) }
    }

    /// The events from `from` on, in order. Blocking.
    pub fn events_from(&self, from: u64) -> impl Iterator<Item = Result<Recorded, LedgerError>> + '_ {
        self.log.events_from(from)
    }

    /// The newest event that is not later than `time`; 0 if all are. Blocking.
    pub fn sequence_at(&self, time: Timestamp) -> Result<u64, LedgerError> {
        self.log.sequence_at(time)
    }

    /// Names the present.
    pub async fn put_mark(&self, name: MarkName, origin: Origin) -> Result<Committed, CommitError> {
        let committed = self.commit(HistoryCommand::PutMark { name }.into(), origin, None).await?;
        self.memory.keep(committed.state.sequence, Arc::clone(&committed.state));
        Ok(committed)
    }

    /// The state to which a point would bring it back. Blocking.
    ///
    /// # Errors
    /// The point is not to be had.
    fn target(&self, to: &Point, now: Timestamp) -> Result<Arc<State>, LedgerError> {
        self.state_at(self.resolve(to, now)?)
    }

    /// What a rewind would change. Blocking.
    ///
    /// # Errors
    /// As of the rewind.
    pub fn would_rewind(&self, to: &Point, only: &[ResourcePattern], now: Timestamp) -> Result<Rehearsed, RewindError> {
        let target = self.target(to, now)?;
        let before = self.state();
        let keys = chosen(&before, &target, only)?;
        let keys = keys.unwrap_or_else(|| before.changes_to(&target).keys().collect());
        Ok(Rehearsed { before, target, keys })
    }

    /// Brings the state, or the resources that match, back to what they were at a point, by one new event; by
    /// none if they are so already. Events that wait have `fate`.
    pub async fn rewind(
        self: &Arc<Self>,
        to: Point,
        only: &[ResourcePattern],
        fate: Fate,
        now: Timestamp,
        origin: Origin,
    ) -> Result<Rewound, RewindError> {
        let ledger = Arc::clone(self);
        let point = to.clone();
        let found = tokio::task::spawn_blocking(move || {
            let target = ledger.target(&point, now)?;
            ledger.hold(&target)?;
            Ok::<_, LedgerError>((target.sequence, target))
        });
        let (sequence, target) = found.await.map_err(|_| CommitError::Closed)??;
        let before = self.state();
        let keys = chosen(&before, &target, only)?;
        let mark = if let Point::Mark(name) = &to { Some(name.to_string()) } else { None };
        let cause = Cause::Rewind { to: sequence, mark, only: only.iter().map(ToString::to_string).collect() };
        let command = HistoryCommand::Restore { target, only: keys, cause };

        // Events that wait for functions that are not there any more would never be run.
        let committed = self.commit_both(command.into(), fate.command(only), origin, Vec::new()).await?;
        if only.is_empty() {
            // Equal to the target, and nearer to what comes next.
            let target = State { sequence, ..(*committed.state).clone() };
            self.memory.keep(sequence, Arc::new(target));
        }

        let changes = before.changes_to(&committed.state);
        let Committed { state, told, waiting, .. } = committed;
        Ok(Rewound { to: sequence, sequence: state.sequence, changes, waiting, dropped: told.ended })
    }
}

/// The resources that are meant; `None`: all.
fn chosen(before: &State, target: &State, only: &[ResourcePattern]) -> Result<Option<Vec<ResourceKey>>, RewindError> {
    if only.is_empty() {
        return Ok(None);
    }
    let changes = before.changes_to(target);
    let changing = changes.put.iter().map(Resource::key).chain(changes.removed.iter().cloned());
    let changing: Vec<_> = changing.filter(|key| only.iter().any(|pattern| pattern.matches(key))).collect();
    let is_there = |pattern: &ResourcePattern| {
        let mut all = before.resources().chain(target.resources());
        changing.iter().any(|key| pattern.matches(key)) || all.any(|resource| pattern.matches(&resource.key()))
    };

    match only.iter().find(|pattern| !is_there(pattern)) {
        Some(missing) => Err(RewindError::NoResource(missing.clone())),
        None => Ok(Some(changing)),
    }
}
