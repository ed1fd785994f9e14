//! What a command on a move task leads to. What a task moved and that it did are one: a kill between the two is none.

use super::{MoveTask, MoveTaskCommand, MoveTaskId, MoveTaskKey, MoveTaskStatus, REMEMBERED};
use crate::model::command::Stamp;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::queues::QueueKey;
use crate::model::state::State;
use crate::model::time::Timestamp;
use crate::runs::RunId;
use crate::runs::event::RunEvent;
use crate::runs::state::Runs;

/// Messages that are moved at once by a task without a rate.
const CHUNK: usize = 100;

/// Why a task failed whose messages were never in another queue. The word is AWS's.
const NO_SOURCE: &str = "CouldNotDetermineMessageSource";

/// Decides a command on a move task.
///
/// # Errors
/// Another task of the queue is active, or the one to be ended has ended.
pub fn decide(runs: &Runs, model: &State, command: &MoveTaskCommand, stamp: &Stamp) -> Result<Vec<RunEvent>, ApiError> {
    match command {
        MoveTaskCommand::Start { source, destination, rate } => {
            start(runs, (source, destination.as_ref(), *rate), stamp)
        }
        MoveTaskCommand::Cancel(key) => cancel(runs, key),
        MoveTaskCommand::Step(key) => Ok(step(runs, model, key, stamp.time)),
    }
}

/// A task, as it is from here on.
fn noted(task: MoveTask, before: Option<RunId>) -> impl Iterator<Item = RunEvent> {
    std::iter::once(RunEvent::MoveTaskNoted(Box::new(task))).chain(before.map(RunEvent::Ended))
}

fn start(
    runs: &Runs,
    (source, destination, rate): (&QueueKey, Option<&QueueKey>, Option<u32>),
    stamp: &Stamp,
) -> Result<Vec<RunEvent>, ApiError> {
    let there: Vec<_> = runs.move_tasks.of(source).collect();
    if there.iter().any(|(_, task)| task.status.is_active()) {
        // Recorded in `LocalStack`'s `test_sqs_move_task` (2024).
        return Err(refused(
            "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
        ));
    }

    let task = MoveTask {
        id: MoveTaskId(stamp.seed),
        source: source.clone(),
        destination: destination.cloned(),
        rate,
        started: stamp.time,
        to_move: runs.messages.visible(source, stamp.time) as u64,
        moved: 0,
        status: MoveTaskStatus::Running,
        failure: None,
    };
    let forgotten = there.len().saturating_sub(REMEMBERED - 1);
    let forgotten = there.into_iter().take(forgotten).map(|(id, _)| RunEvent::Ended(id));
    Ok(forgotten.chain(noted(task, None)).collect())
}

fn cancel(runs: &Runs, key: &MoveTaskKey) -> Result<Vec<RunEvent>, ApiError> {
    let active = runs.move_tasks.get(key).filter(|(_, task)| task.status.is_active());
    // The rule is documented, the text is a guess.
    let (before, task) = active.ok_or_else(|| refused("Only an active task can be cancelled."))?;
    let task = MoveTask { status: MoveTaskStatus::Cancelling, ..task.clone() };
    Ok(noted(task, Some(before)).collect())
}

fn refused(message: &str) -> ApiError {
    ApiError::new(ErrorCode::InvalidQueryValue, message)
}

/// Where the messages of a task go.
enum Way<'a> {
    /// All to one queue.
    To(&'a QueueKey),
    /// Each to where it came from.
    Back,
}

fn step(runs: &Runs, model: &State, key: &MoveTaskKey, now: Timestamp) -> Vec<RunEvent> {
    let Some((before, task)) = runs.move_tasks.get(key).filter(|(_, task)| task.status.is_active()) else {
        return Vec::new();
    };
    if model.queue(&task.source).is_none() {
        // With its queue nobody can ask for it any more.
        return vec![RunEvent::Ended(before)];
    }
    let ended =
        |status, failure: Option<&str>| MoveTask { status, failure: failure.map(str::to_owned), ..task.clone() };
    if task.status == MoveTaskStatus::Cancelling {
        return noted(ended(MoveTaskStatus::Cancelled, None), Some(before)).collect();
    }

    let (mut events, failure) = moved(runs, model, task, now);
    let count = events.len() as u64;
    let (status, failure) = match (count, failure) {
        (_, Some(reason)) => (MoveTaskStatus::Failed, Some(reason)),
        (0, None) => (MoveTaskStatus::Completed, None),
        (_, None) => (MoveTaskStatus::Running, None),
    };
    let task = MoveTask { moved: task.moved + count, ..ended(status, failure) };
    events.extend(noted(task, Some(before)));
    events
}

/// The next messages on their way, and why no more can be.
fn moved(runs: &Runs, model: &State, task: &MoveTask, now: Timestamp) -> (Vec<RunEvent>, Option<&'static str>) {
    let not_there = ErrorCode::QueueDoesNotExist.name();
    let mut sources = model.dead_letter_sources(&task.source).map(|queue| &queue.key);
    let way = match (&task.destination, sources.next(), sources.next()) {
        (Some(destination), ..) => Way::To(destination),
        (None, Some(only), None) => Way::To(only),
        (None, ..) => Way::Back,
    };
    if let Way::To(queue) = way
        && model.queue(queue).is_none()
    {
        return (Vec::new(), Some(not_there));
    }

    let most = if task.rate.is_some() { 1 } else { CHUNK };
    let mut events = Vec::new();
    for id in runs.messages.receivable(&task.source, now, most) {
        let queue = match way {
            Way::To(queue) => queue,
            Way::Back => {
                let came_from = runs.messages.get(id).and_then(|message| message.dead_letter_source());
                let Some(queue) = came_from else { return (events, Some(NO_SOURCE)) };
                if model.queue(queue).is_none() {
                    return (events, Some(not_there));
                }
                queue
            }
        };
        events.push(RunEvent::Moved { id, queue: queue.clone(), dead_letter_source: None, time: now });
    }

    (events, None)
}
