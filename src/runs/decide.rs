//! What a command leads to.

use super::WaitingEvent;
use super::command::RunCommand;
use super::event::RunEvent;
use super::state::Runs;
use crate::model::command::Stamp;
use crate::model::error::ApiError;
use crate::model::qualifier::{Qualifier, Version};
use crate::model::reference::FunctionReference;
use crate::model::state::State;

/// Decides a command on what is under way and on what is configured. Pure, never panics, changes nothing.
///
/// # Errors
/// AWS's error for a command that is not allowed now.
pub fn decide(runs: &Runs, model: &State, command: &RunCommand, stamp: &Stamp) -> Result<Vec<RunEvent>, ApiError> {
    match command {
        RunCommand::Accept { event, payload } => {
            if model.function(&event.function).is_none() {
                return Err(missing(event));
            }
            let mut event = event.clone();
            (event.accepted, event.due) = (stamp.time, stamp.time);
            Ok(vec![RunEvent::Accepted { event, payload: payload.clone() }])
        }
        RunCommand::Delay { id, due, attempts } => {
            let delayed = RunEvent::Delayed { id: *id, due: *due, attempts: *attempts };
            Ok(runs.events.contains_key(id).then_some(delayed).into_iter().collect())
        }
        RunCommand::End(id) => Ok(runs.events.contains_key(id).then_some(RunEvent::Ended(*id)).into_iter().collect()),
        RunCommand::DropOrphans => {
            let orphans = runs.queues.iter().filter(|(function, _)| model.function(function).is_none());
            Ok(orphans.flat_map(|(_, queue)| queue.iter()).map(|(_, id)| RunEvent::Ended(*id)).collect())
        }
    }
}

/// The error for a function that is not there, as the synchronous call has it.
fn missing(event: &WaitingEvent) -> ApiError {
    let qualifier = event.qualifier.clone().unwrap_or(Qualifier::Version(Version::Latest));
    FunctionReference { key: event.function.clone(), qualifier: Some(qualifier) }.not_found()
}
