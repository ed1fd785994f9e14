//! What a command leads to.

use bytes::Bytes;

use super::WaitingEvent;
use super::command::RunCommand;
use super::event::RunEvent;
use super::messages::decide as messages;
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
        RunCommand::Accept { event, payload } => Ok(vec![accepted(model, event, payload, stamp)?]),
        RunCommand::Delay { id, due, attempts } => {
            let delayed = RunEvent::Delayed { id: *id, due: *due, attempts: *attempts };
            Ok(runs.contains(id).then_some(delayed).into_iter().collect())
        }
        RunCommand::End(id) => Ok(runs.contains(id).then_some(RunEvent::Ended(*id)).into_iter().collect()),
        RunCommand::Settle { id, deliveries } => {
            if !runs.events.contains(id) {
                return Ok(Vec::new());
            }
            let begun = deliveries.iter().map(|(delivery, payload)| {
                let mut delivery = Box::new(delivery.clone());
                delivery.begun = stamp.time;
                RunEvent::Delivering { delivery, payload: payload.clone() }
            });
            Ok(begun.chain([RunEvent::Ended(*id)]).collect())
        }
        RunCommand::Deliver { id, event, payload } => {
            if !runs.deliveries.contains(id) {
                return Ok(Vec::new());
            }
            Ok(vec![accepted(model, event, payload, stamp)?, RunEvent::Ended(*id)])
        }
        RunCommand::DropOrphans => Ok(orphans(runs, model)),
        RunCommand::Messages(queue, command) => messages::decide(&runs.messages, model, (queue, command), stamp.time),
    }
}

/// An event that is accepted now.
fn accepted(model: &State, event: &WaitingEvent, payload: &Bytes, stamp: &Stamp) -> Result<RunEvent, ApiError> {
    if model.function(&event.function).is_none() {
        return Err(missing(event));
    }
    let mut event = Box::new(event.clone());
    (event.accepted, event.due) = (stamp.time, stamp.time);
    Ok(RunEvent::Accepted { event, payload: payload.clone() })
}

/// Ends all that is of functions or in queues that are not there.
fn orphans(runs: &Runs, model: &State) -> Vec<RunEvent> {
    let functions = runs.events.lanes().filter(|(function, _)| model.function(function).is_none());
    let events = functions.flat_map(|(_, events)| events.iter()).map(|(_, id)| *id);
    let queues = runs.messages.queues().filter(|(queue, _)| model.queue(queue).is_none());
    let messages = queues.flat_map(|(_, queue)| queue.all());
    events.chain(messages).map(RunEvent::Ended).collect()
}

/// The error for a function that is not there, as the synchronous call has it.
fn missing(event: &WaitingEvent) -> ApiError {
    let qualifier = event.qualifier.clone().unwrap_or(Qualifier::Version(Version::Latest));
    FunctionReference { key: event.function.clone(), qualifier: Some(qualifier) }.not_found()
}
