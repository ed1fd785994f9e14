//! Replay: newest checkpoint, then the events behind it.

use super::LedgerError;
use super::checkpoint::Folder;
use super::log::Log;
use crate::model::event::Event;
use crate::model::event::history::HistoryEvent;
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
    let mut state = checkpoints.newest()?.unwrap_or_default();
    // The newest event's own time, also when a checkpoint covers it.
    let mut progress = Progress { checkpoint: state.sequence, time: log.last_time()? };
    for recorded in log.events_from(go_on(log, &mut state)?) {
        let recorded = recorded?;
        state.apply(&recorded.event);
        progress.time = recorded.time;
    }
    Ok(Replayed { state, progress })
}

/// The state after event `sequence`, which is there.
pub fn at(log: &Log, checkpoints: &Folder, sequence: u64) -> Result<State, LedgerError> {
    let mut state = checkpoints.newest_until(sequence)?.unwrap_or_default();
    let from = go_on(log, &mut state)?;
    let missing = usize::try_from((sequence + 1).saturating_sub(from)).unwrap_or(usize::MAX);
    for recorded in log.events_from(from).take(missing) {
        state.apply(&recorded?.event);
    }
    Ok(state)
}

/// The event to apply next. A compacted log begins with one that holds all before it, so that a state of
/// before that goes on there; no other event can stand for what is missing.
fn go_on(log: &Log, state: &mut State) -> Result<u64, LedgerError> {
    let (first, expected) = (log.first()?, state.sequence + 1);
    if first <= expected {
        return Ok(expected);
    }
    let holds_all = |event: &Event| matches!(event, Event::History(HistoryEvent::HistoryCompacted { .. }));
    match log.events_from(first).next().transpose()? {
        Some(recorded) if !holds_all(&recorded.event) => Err(LedgerError::MissingEvent { expected, found: first }),
        _ => {
            state.sequence = first - 1;
            Ok(first)
        }
    }
}
