//! Replay: newest checkpoint, then the events behind it.

use super::LedgerError;
use super::checkpoint::Folder;
use super::log::Log;
use crate::model::state::State;
use crate::model::time::Timestamp;

/// A state rebuilt from disk.
pub struct Replayed {
    /// The state.
    pub state: State,
    /// Where the writer goes on.
    pub progress: Progress,
}

/// What the writer needs to know of the past.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Sequence of the newest checkpoint.
    pub checkpoint: u64,
    /// Time of the newest event: times never run back.
    pub time: Timestamp,
}

/// Rebuilds the current state.
pub fn latest(log: &Log, checkpoints: &Folder) -> Result<Replayed, LedgerError> {
    let checkpoint = checkpoints.newest()?;
    if let Some(beyond) = checkpoint.as_ref().map(|state| state.sequence).filter(|sequence| *sequence > log.last()) {
        // A checkpoint is written when its events are on disk.
        return Err(LedgerError::LostEvents {
            file: log.parts().1.folder().to_owned(),
            from: log.last() + 1,
            to: Some(beyond),
            reason: "a checkpoint says that they were there".to_owned(),
        });
    }
    let mut state = base(checkpoint, log);
    // The newest event's own time, also when a checkpoint covers it.
    let mut progress = Progress { checkpoint: state.sequence, time: log.last_time()? };
    for recorded in log.events_from(state.sequence + 1) {
        let recorded = recorded?;
        state.apply(&recorded.event);
        progress.time = recorded.time;
    }
    Ok(Replayed { state, progress })
}

/// The state after event `sequence`, which is there: falling short of it is an error.
pub fn at(log: &Log, checkpoints: &Folder, sequence: u64) -> Result<State, LedgerError> {
    let mut state = base(checkpoints.newest_until(sequence)?, log);
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
