//! Replay: the newest checkpoints, then the events behind them.

use std::sync::Arc;

use super::checkpoint::{Folder, Newest};
use super::journal::{Name, Record};
use super::log::Log;
use super::machine::Checkpoints;
use super::runs_checkpoint::RunsCheckpoint;
use super::{LedgerError, codec};
use crate::model::state::State;
use crate::model::time::Timestamp;
use crate::runs::event::RunEvent;
use crate::runs::state::Runs;

/// The states rebuilt from disk.
pub struct Replayed {
    /// What is configured.
    pub state: State,
    /// What is under way.
    pub runs: Runs,
    /// The segment from which on the events of `runs` were read.
    pub runs_since: Name,
    /// Where the writer goes on.
    pub progress: Progress,
}

/// What the writer needs to know of the past.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Sequence of the model's newest checkpoint.
    pub model: u64,
    /// That of the newest checkpoint of what is under way.
    pub runs: u64,
    /// Time of the newest event: times never run back.
    pub time: Timestamp,
}

/// Rebuilds the current states from the newest checkpoint of the model, by one reading of the journal.
pub fn latest(log: &Log, checkpoints: &Checkpoints, newest: Option<Newest<State>>) -> Result<Replayed, LedgerError> {
    let is_slow = newest.as_ref().is_some_and(|newest| !newest.was_quick);
    let checkpoint = newest.map(|newest| newest.checkpoint);
    if let Some(beyond) = checkpoint.as_ref().map(|state| state.sequence).filter(|sequence| *sequence > log.last()) {
        // A checkpoint is written when its events are on disk.
        return Err(LedgerError::LostEvents {
            file: log.parts().1.folder().to_owned(),
            from: log.last() + 1,
            to: Some(beyond),
            reason: "a checkpoint says that they were there".to_owned(),
        });
    }

    let state = base(checkpoint, log);
    let mut replayed = replayed(log, checkpoints, state)?;
    if is_slow {
        // The next start would be as slow: as if none had been written.
        replayed.progress.model = 0;
    }
    Ok(replayed)
}

/// Goes on from a state of the model.
fn replayed(log: &Log, checkpoints: &Checkpoints, state: State) -> Result<Replayed, LedgerError> {
    let (_, journal, _) = log.parts();
    let runs = checkpoints.runs.newest()?.map(|newest| newest.checkpoint);
    if let Some(runs) = runs.filter(|checkpoint| checkpoint.folder == journal.inode())
        && let Some(replayed) = from(log, state.clone(), runs)?
    {
        return Ok(replayed);
    }
    tracing::debug!("what is under way is read from the whole journal");
    let replayed = from(log, state, RunsCheckpoint::default())?;
    let replayed = replayed.ok_or(LedgerError::DamagedMeta("what is under way cannot be told"))?;

    Ok(replayed)
}

/// Goes on from checkpoints. `None` where the one of `runs` is older than what was dropped from the journal's segments:
/// what was done since it was written is not told there.
fn from(log: &Log, state: State, runs: RunsCheckpoint) -> Result<Option<Replayed>, LedgerError> {
    let RunsCheckpoint { state: runs, segment, .. } = runs;
    let progress = Progress { model: state.sequence, runs: runs.sequence, time: Timestamp::default() };
    let runs = Arc::unwrap_or_clone(runs);
    let mut replayed = Replayed { state, runs, runs_since: segment, progress };

    for record in log.parts().1.records_since(segment, replayed.state.sequence + 1)? {
        if !replayed.take(record?)? {
            return Ok(None);
        }
    }

    let last = log.last();
    if replayed.state.sequence < last {
        return Err(LedgerError::MissingEvent { expected: replayed.state.sequence + 1, found: last + 1 });
    }
    if replayed.progress.time == Timestamp::default() {
        // The newest event is in a segment that was not read.
        replayed.progress.time = log.last_time()?;
    }
    Ok(Some(replayed))
}

impl Replayed {
    /// Takes a record; not if it is cleaned of what the checkpoint does not know.
    fn take(&mut self, record: Record) -> Result<bool, LedgerError> {
        for (sequence, frame) in (record.first..).zip(record.frames) {
            if sequence < self.state.sequence {
                continue;
            }
            if sequence > self.state.sequence + 1 {
                return Err(LedgerError::MissingEvent { expected: self.state.sequence + 1, found: sequence });
            }
            let damaged = |source| LedgerError::DamagedEvent { sequence, source };
            if sequence == self.state.sequence {
                self.progress.time = codec::decided(&frame).map_err(damaged)?;
                continue;
            }
            let recorded = codec::decode(sequence, &frame).map_err(damaged)?;
            self.progress.time = recorded.time;
            self.state.apply(&recorded.event);
        }

        for frame in record.runs {
            let (sequence, event) = codec::decode_run(&frame).map_err(|source| LedgerError::DamagedRun { source })?;
            if matches!(event, RunEvent::Cleaned(to) if to > self.progress.runs && self.progress.runs > 0) {
                return Ok(false);
            }
            if sequence > self.progress.runs {
                self.runs.apply(sequence, &event);
            }
        }

        Ok(true)
    }
}

/// The model's state after event `sequence`, which is there: falling short of it is an error.
pub fn at(log: &Log, checkpoints: &Folder<State>, sequence: u64) -> Result<State, LedgerError> {
    let mut state = base(checkpoints.newest_until(sequence)?.map(|newest| newest.checkpoint), log);
    let missing = usize::try_from(sequence - state.sequence).unwrap_or(usize::MAX);
    for recorded in log.events_from(state.sequence + 1).take(missing) {
        let recorded = recorded?;
        state.apply(&recorded.event);
    }

    if state.sequence != sequence {
        return Err(LedgerError::MissingEvent { expected: state.sequence + 1, found: sequence });
    }
    Ok(state)
}

/// What the events are folded on: a checkpoint, or nothing right before the oldest event.
fn base(checkpoint: Option<State>, log: &Log) -> State {
    let before = log.begins().saturating_sub(1);
    checkpoint
        .filter(|state| state.sequence >= before)
        .unwrap_or_else(|| State { sequence: before, ..State::default() })
}
