//! Decisions about history itself: marks, and states to be brought back.

use super::Cause;
use super::command::HistoryCommand;
use super::event::HistoryEvent;
use crate::model::command::Stamp;
use crate::model::decide::Decision;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::limits::Limits;
use crate::model::merge::merge;
use crate::model::resource::{Changes, ResourceKey};
use crate::model::state::State;

/// Decides a command on the current state.
pub fn decide(state: &State, command: &HistoryCommand, stamp: &Stamp, _limits: &Limits) -> Result<Decision, ApiError> {
    match command {
        HistoryCommand::Restore { target, only, cause } => Ok(restore(state, target, only.as_deref(), cause)),
        HistoryCommand::Merge { incoming, strategy, trusted, cause } => {
            Ok(restored(merge(state, incoming, *strategy, *trusted), cause))
        }
        HistoryCommand::PutMark { name } => Ok(HistoryEvent::MarkPut { name: name.clone(), time: stamp.time }.into()),
        HistoryCommand::DeleteMark { name } if !state.marks.contains_key(name) => {
            Err(ApiError::new(ErrorCode::ResourceNotFound, format!("There is no mark {name}")))
        }
        HistoryCommand::DeleteMark { name } => Ok(HistoryEvent::MarkDeleted { name: name.clone() }.into()),
    }
}

fn restore(state: &State, target: &State, only: Option<&[ResourceKey]>, cause: &Cause) -> Decision {
    let changes = state.changes_to(target);
    let wanted = match only {
        Some(only) => changes.only(|key| only.contains(key)),
        None => changes,
    };
    restored(wanted, cause)
}

/// The event of changes; none for none.
fn restored(changes: Changes, cause: &Cause) -> Decision {
    if changes.is_empty() {
        return Decision::default();
    }
    HistoryEvent::StateRestored { cause: cause.clone(), changes: Box::new(changes) }.into()
}
