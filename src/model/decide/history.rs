//! Decisions about history itself: marks, and states to be brought back.

use super::super::arn;
use super::super::command::Stamp;
use super::super::command::history::HistoryCommand;
use super::super::error::{ApiError, ErrorCode};
use super::super::event::history::HistoryEvent;
use super::super::history::Cause;
use super::super::limits::Limits;
use super::super::merge::{self, MergeStrategy};
use super::super::resource::{Changes, Resource, ResourceKey};
use super::super::state::State;
use super::Decision;

/// Decides a command on the current state.
pub fn decide(state: &State, command: &HistoryCommand, stamp: &Stamp, _limits: &Limits) -> Result<Decision, ApiError> {
    match command {
        HistoryCommand::Restore { target, only, cause } => Ok(restore(state, target, only.as_deref(), cause)),
        HistoryCommand::Merge { incoming, strategy, cause } => {
            check_urls(state, incoming, *strategy)?;
            let target = merge::merged(state, incoming, *strategy);
            Ok(restored(state.changes_to(&target), cause))
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

/// The id of a URL is its host name: two functions cannot share one.
fn check_urls(state: &State, incoming: &[Resource], strategy: MergeStrategy) -> Result<(), ApiError> {
    for resource in incoming {
        let Resource::Function(key, function) = resource else { continue };
        for url in function.urls.values() {
            let owner = state.urls.get(&url.id).filter(|owner| owner.key != *key);
            if let Some(owner) = owner.filter(|_| strategy != MergeStrategy::Overwrite) {
                let (ours, theirs) = (arn::function(&owner.key), arn::function(key));
                let message = format!("The function URL of {theirs} belongs to {ours} here; delete it there first");
                return Err(ApiError::new(ErrorCode::ResourceConflict, message));
            }
        }
    }
    Ok(())
}
