//! Events of history itself, applied: marks, and states brought back or in.

use crate::model::history::Mark;
use crate::model::history::event::HistoryEvent;
use crate::model::state::State;

/// Folds one event.
pub fn apply(state: &mut State, event: &HistoryEvent) {
    match event {
        HistoryEvent::StateRestored { changes, .. } => state.make(changes),
        HistoryEvent::MarkPut { name, time } => {
            state.marks.insert(name.clone(), Mark { sequence: state.sequence, time: *time });
        }
        HistoryEvent::MarkDeleted { name } => {
            state.marks.remove(name);
        }
        HistoryEvent::HistoryCompacted { resources, marks } => {
            let everything = State { sequence: state.sequence, marks: marks.clone(), ..State::default() };
            *state = everything;
            for resource in resources {
                state.put_resource(resource);
            }
        }
    }
}
