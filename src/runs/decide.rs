//! What a command leads to.

use bytes::Bytes;

use super::command::RunCommand;
use super::cursors::Cursor;
use super::deliveries::Delivery;
use super::event::RunEvent;
use super::messages::decide as messages;
use super::state::Runs;
use super::{Attempts, NEVER, RunId, WaitingEvent, move_tasks};
use crate::model::command::Stamp;
use crate::model::error::ApiError;
use crate::model::names::FunctionKey;
use crate::model::qualifier::{Qualifier, Version};
use crate::model::queues::QueueKey;
use crate::model::reference::FunctionReference;
use crate::model::resource::ResourceKey;
use crate::model::resource_pattern::ResourcePattern;
use crate::model::state::State;
use crate::model::time::Timestamp;

/// Decides a command on what is under way and on what is configured. Pure, never panics, changes nothing.
///
/// # Errors
/// AWS's error for a command that is not allowed now.
pub fn decide(runs: &Runs, model: &State, command: &RunCommand, stamp: &Stamp) -> Result<Vec<RunEvent>, ApiError> {
    match command {
        RunCommand::Accept { event, payload } => Ok(vec![accepted(model, event, payload, (stamp.time, stamp.time))?]),
        RunCommand::Delay { id, due, attempts } => {
            let delayed = RunEvent::Delayed { id: *id, due: *due, attempts: *attempts };
            Ok(runs.contains(id).then_some(delayed).into_iter().collect())
        }
        RunCommand::End(id) => Ok(runs.contains(id).then_some(RunEvent::Ended(*id)).into_iter().collect()),
        RunCommand::Settle { id, deliveries } => Ok(settled(runs, *id, deliveries, stamp.time)),
        RunCommand::Deliver { id, .. } if !runs.deliveries.contains(id) => Ok(Vec::new()),
        RunCommand::Deliver { id, event, payload } => {
            Ok(vec![accepted(model, event, payload, (stamp.time, stamp.time))?, RunEvent::Ended(*id)])
        }
        RunCommand::Hasten(id) => Ok(hastened(runs, *id, stamp.time).into_iter().collect()),
        RunCommand::Bring { event, payload, attempts, trusted } => {
            let due = if *trusted { stamp.time } else { NEVER };
            let accepted = accepted(model, event, payload, (stamp.time, due))?;
            let id = RunId(runs.sequence + 1);
            let tried =
                (*attempts != Attempts::default()).then_some(RunEvent::Delayed { id, due, attempts: *attempts });
            Ok(std::iter::once(accepted).chain(tried).collect())
        }
        RunCommand::Reach { cursor, deliveries } => Ok(reached(runs, model, (cursor, deliveries), stamp.time)),
        RunCommand::DropOrphans => Ok(orphans(runs, model)),
        RunCommand::DropEvents(only) => {
            Ok(ended(runs, |function| is_chosen(only, &ResourceKey::Function(function.clone()))))
        }
        RunCommand::DropMessages(only) => Ok(messages_of(runs, only)),
        RunCommand::InTurn(commands) => in_turn(runs, model, commands, stamp),
        RunCommand::Messages(queue, command) => messages::decide(&runs.messages, model, (queue, command), stamp.time),
        RunCommand::BringMessages(queue, brought) => {
            messages::brought(model, (queue, brought), runs.sequence, stamp.time)
        }
        RunCommand::DropQueue(queue) => Ok(of_queue(runs, queue)),
        RunCommand::MoveTask(command) => move_tasks::decide(runs, model, command, stamp),
    }
}

/// The end of an event, and the deliveries that follow from it.
fn settled(runs: &Runs, id: RunId, deliveries: &[(Delivery, Bytes)], now: Timestamp) -> Vec<RunEvent> {
    if !runs.events.contains(&id) {
        return Vec::new();
    }
    let begun = deliveries.iter().map(|(delivery, payload)| delivering(delivery, payload, now));
    begun.chain([RunEvent::Ended(id)]).collect()
}

/// A delivery that begins now.
fn delivering(delivery: &Delivery, payload: &Bytes, now: Timestamp) -> RunEvent {
    let delivery = Box::new(Delivery { begun: now, ..delivery.clone() });
    RunEvent::Delivering { delivery, payload: payload.clone() }
}

/// A cursor in the place of the one before, and what is told of what lies between.
fn reached(
    runs: &Runs,
    model: &State,
    (cursor, deliveries): (&Cursor, &[(Delivery, Bytes)]),
    now: Timestamp,
) -> Vec<RunEvent> {
    if model.event_source_mapping(&cursor.mapping).is_none() {
        return Vec::new();
    }
    let begun = deliveries.iter().map(|(delivery, payload)| delivering(delivery, payload, now));
    let before = runs.cursors.get(&cursor.mapping, &cursor.shard).map(|(id, _)| RunEvent::Ended(id));
    begun.chain([RunEvent::Reached(Box::new(cursor.clone()))]).chain(before).collect()
}

/// The acceptance of an event of a function that is there, with the times when that is and when it is due.
fn accepted(
    model: &State,
    event: &WaitingEvent,
    payload: &Bytes,
    (now, due): (Timestamp, Timestamp),
) -> Result<RunEvent, ApiError> {
    if model.function(&event.function).is_none() {
        return Err(missing(event));
    }
    let event = Box::new(WaitingEvent { accepted: now, due, ..event.clone() });
    Ok(RunEvent::Accepted { event, payload: payload.clone() })
}

/// What makes an event due that is not yet.
fn hastened(runs: &Runs, id: RunId, now: Timestamp) -> Option<RunEvent> {
    let waiting = runs.events.get(&id).filter(|waiting| waiting.due > now)?;
    Some(RunEvent::Delayed { id, due: now, attempts: waiting.attempts })
}

/// The end of all that is of functions, in queues or for mappings that are not there.
fn orphans(runs: &Runs, model: &State) -> Vec<RunEvent> {
    let mut events = ended(runs, |function| model.function(function).is_none());
    let queues = runs.messages.queues().filter(|(queue, _)| model.queue(queue).is_none());
    events.extend(queues.flat_map(|(_, queue)| queue.all()).map(RunEvent::Ended));
    let tasks = runs.move_tasks.iter().filter(|(_, task)| model.queue(&task.source).is_none());
    events.extend(tasks.map(|(id, _)| RunEvent::Ended(id)));
    let cursors = runs.cursors.iter().filter(|(_, cursor)| model.event_source_mapping(&cursor.mapping).is_none());
    events.extend(cursors.map(|(id, _)| RunEvent::Ended(id)));
    events
}

/// The end of all that is of a queue.
fn of_queue(runs: &Runs, queue: &QueueKey) -> Vec<RunEvent> {
    let tasks = runs.move_tasks.of(queue).map(|(id, _)| id);
    runs.messages.all_of(queue).into_iter().chain(tasks).map(RunEvent::Ended).collect()
}

/// The end of all messages in the queues that are chosen.
fn messages_of(runs: &Runs, only: &[ResourcePattern]) -> Vec<RunEvent> {
    let is_meant = |queue: &QueueKey| is_chosen(only, &ResourceKey::Queue(queue.clone()));
    let queues = runs.messages.queues().filter(|(queue, _)| is_meant(queue));
    queues.flat_map(|(_, queue)| queue.all()).map(RunEvent::Ended).collect()
}

/// Whether any of some patterns chooses a resource; where there are none, each is chosen.
fn is_chosen(only: &[ResourcePattern], key: &ResourceKey) -> bool {
    only.is_empty() || only.iter().any(|pattern| pattern.matches(key))
}

/// The end of all events of some functions.
fn ended(runs: &Runs, is_meant: impl Fn(&FunctionKey) -> bool) -> Vec<RunEvent> {
    let meant = runs.events.lanes().iter().filter(|(function, _)| is_meant(function));
    meant.flat_map(|(_, queue)| queue.iter()).map(|(_, id)| RunEvent::Ended(*id)).collect()
}

fn in_turn(runs: &Runs, model: &State, commands: &[RunCommand], stamp: &Stamp) -> Result<Vec<RunEvent>, ApiError> {
    let mut after = runs.clone();
    let mut events = Vec::new();
    for command in commands {
        for event in decide(&after, model, command, stamp)? {
            after.apply(after.sequence + 1, &event);
            events.push(event);
        }
    }
    Ok(events)
}

/// The error for a function that is not there, as the synchronous call has it.
fn missing(event: &WaitingEvent) -> ApiError {
    let qualifier = event.qualifier.clone().unwrap_or(Qualifier::Version(Version::Latest));
    FunctionReference { key: event.function.clone(), qualifier: Some(qualifier) }.not_found()
}
