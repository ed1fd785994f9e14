//! Events brought forward and dropped: one, or all of some functions. Of many a part is stored at a time, so that others
//! need not wait; what comes while that goes on is not meant.

use serde::{Deserialize, Serialize};

use super::{Chosen, Queue, QueueError};
use crate::clock;
use crate::desk::answers::{DroppedEvents, Retried};
use crate::runs::RunId;
use crate::runs::command::RunCommand;
use crate::runs::state::Runs;

/// Events that are changed by one commit.
const CHUNK: usize = 1000;

/// Which events are to be changed: one by its id, or all, of a function or of all of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChangeRequest {
    /// An event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// Whether all are meant.
    pub all: bool,
    /// A function's name or ARN, with `*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
}

/// Events that are meant, as they were when that was said.
enum Meant {
    One(RunId),
    All(Chosen),
}

impl Meant {
    fn of(queue: &Queue, request: &ChangeRequest) -> Result<Self, QueueError> {
        match request {
            ChangeRequest { id: Some(id), all: false, function: None } => Ok(Self::One(RunId(*id))),
            ChangeRequest { id: None, all: true, function } => {
                Ok(Self::All(Chosen::parse(queue, function.as_deref())?))
            }
            _ => Err(QueueError::Invalid(
                "either the `id` of an event is given, or that `all` are meant, with a `function` where only its are"
                    .to_owned(),
            )),
        }
    }

    fn ids(&self, runs: &Runs) -> Result<Vec<RunId>, QueueError> {
        match self {
            Self::One(id) if runs.events.contains(id) => Ok(vec![*id]),
            Self::One(id) => Err(QueueError::NoEvent(id.0)),
            Self::All(chosen) => {
                let queues = runs.events.lanes().iter().filter(|(function, _)| chosen.has(function));
                Ok(queues.flat_map(|(_, queue)| queue.iter().map(|(_, id)| *id)).collect())
            }
        }
    }
}

/// Has events run as soon as they can be, with the attempts counted that were made. One that runs is left alone.
///
/// # Errors
/// There is no such event or function, the one that was named runs, or the store cannot be written.
pub async fn retry(queue: &Queue, request: &ChangeRequest) -> Result<Retried, QueueError> {
    let meant = Meant::of(queue, request)?;
    let runs = queue.ledger.runs();
    let running = queue.running.now();
    let now = clock::now();
    let mut retried = Retried::default();
    let mut early = Vec::new();
    for id in meant.ids(&runs)? {
        match runs.events.get(&id) {
            _ if running.contains_key(&id) => retried.running += 1,
            Some(waiting) if waiting.due > now => early.push(id),
            _ => retried.due += 1,
        }
    }

    if let (Meant::One(id), 1) = (&meant, retried.running) {
        return Err(QueueError::Runs(id.0));
    }
    for ids in early.chunks(CHUNK) {
        let hasten = RunCommand::InTurn(ids.iter().map(|id| RunCommand::Hasten(*id)).collect());
        retried.retried += queue.ledger.commit_run(hasten).await?.told.changed;
    }
    Ok(retried)
}

/// Drops events. The attempt of one that runs goes on to its end, and is the last.
///
/// # Errors
/// There is no such event or function, or the store cannot be written.
pub async fn drop_events(queue: &Queue, request: &ChangeRequest) -> Result<DroppedEvents, QueueError> {
    let meant = Meant::of(queue, request)?;
    let ids = meant.ids(&queue.ledger.runs())?;
    let mut dropped = DroppedEvents::default();

    for ids in ids.chunks(CHUNK) {
        let end = RunCommand::InTurn(ids.iter().map(|id| RunCommand::End(*id)).collect());
        dropped.dropped += queue.ledger.commit_run(end).await?.told.ended;
        // Who begins after the commit sees that the event is dropped.
        let running = queue.running.now();
        dropped.running += ids.iter().filter(|id| running.contains_key(*id)).count();
    }

    match meant {
        Meant::One(id) if dropped.dropped == 0 => Err(QueueError::NoEvent(id.0)),
        _ => Ok(dropped),
    }
}
