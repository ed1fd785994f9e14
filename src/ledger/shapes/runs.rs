//! What is under way, as stored: the frames of its events, and its checkpoint.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use imbl::OrdSet;
use serde::{Deserialize, Serialize};

use super::cursors::Reached;
use super::messages::{self, Hidden, Moved, OfQueues, Sent};
use super::move_tasks::MoveTask;
use super::stored::{FunctionKey, Stored};
use crate::ledger::frame::{self, FrameError, NAMED};
use crate::ledger::journal::Name;
use crate::ledger::run_frame::{
    self, CLEANED, CURSOR, DELAYS, DELETES, DELIVERY, ENDS, EVENT, HIDES, Head, MESSAGE, MOVE_TASK, MOVES,
};
use crate::ledger::runs_checkpoint::RunsCheckpoint;
use crate::model::time::Timestamp;
use crate::runs::deliveries::{self, DeliveryKind};
use crate::runs::event::RunEvent;
use crate::runs::state::Runs;
use crate::runs::waits::Waits;
use crate::runs::{self, Attempts, RunId};

/// Kind of a checkpoint's frame.
const CHECKPOINT: u16 = 2900;

shape! {
    WaitingEvent = runs::WaitingEvent {
        function: FunctionKey, qualifier: Option<String>, request_id: String, trace_id: Option<String>,
        tenant_id: Option<String>, durable_execution_name: Option<String>, accepted: u64, due: u64,
    }
}

/// The members of an event that was accepted.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Accepted {
    event: WaitingEvent,
    payload: Bytes,
}

/// The members of what is to be delivered.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Delivering {
    function: FunctionKey,
    target: String,
    kind: Kind,
    request_id: String,
    trace_id: Option<String>,
    function_arn: String,
    folder: Option<String>,
    begun: u64,
    payload: Bytes,
}

shape! {
    DeliveryLane = deliveries::DeliveryLane { function: FunctionKey, target: String }
}

/// What a delivery is.
#[derive(Serialize, Deserialize)]
enum Kind {
    OnSuccess,
    OnFailure,
    DeadLetter { error_code: String, error_message: String },
}

impl Stored<DeliveryKind> for Kind {
    fn store(model: &DeliveryKind) -> Self {
        match model {
            DeliveryKind::OnSuccess => Self::OnSuccess,
            DeliveryKind::OnFailure => Self::OnFailure,
            DeliveryKind::DeadLetter { error_code, error_message } => {
                Self::DeadLetter { error_code: error_code.clone(), error_message: error_message.clone() }
            }
        }
    }

    fn load(self) -> DeliveryKind {
        match self {
            Self::OnSuccess => DeliveryKind::OnSuccess,
            Self::OnFailure => DeliveryKind::OnFailure,
            Self::DeadLetter { error_code, error_message } => DeliveryKind::DeadLetter { error_code, error_message },
        }
    }
}

impl Delivering {
    fn of(delivery: &deliveries::Delivery, payload: &Bytes) -> Self {
        Self {
            function: Stored::store(&delivery.function),
            target: delivery.target.clone(),
            kind: Stored::store(&delivery.kind),
            request_id: delivery.request_id.clone(),
            trace_id: delivery.trace_id.clone(),
            function_arn: delivery.function_arn.clone(),
            folder: delivery.folder.clone(),
            begun: delivery.begun.0,
            payload: payload.clone(),
        }
    }

    fn load(self) -> RunEvent {
        let delivery = deliveries::Delivery {
            function: self.function.load(),
            target: self.target,
            kind: self.kind.load(),
            request_id: self.request_id,
            trace_id: self.trace_id,
            function_arn: self.function_arn,
            folder: self.folder,
            begun: Timestamp(self.begun),
        };
        RunEvent::Delivering { delivery: Box::new(delivery), payload: self.payload }
    }
}

/// An event that waits, as pods have it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Portable {
    event: WaitingEvent,
    failed: u32,
    held_back: u32,
    payload: String,
}

/// Writes an event that waits as a line of JSON.
pub(in crate::ledger) fn run_to_json(
    event: &runs::WaitingEvent,
    attempts: Attempts,
    payload: String,
) -> Result<String, serde_json::Error> {
    let Attempts { failed, held_back } = attempts;
    serde_json::to_string(&Portable { event: Stored::store(event), failed, held_back, payload })
}

/// Reads what [`run_to_json`] wrote.
pub(in crate::ledger) fn run_from_json(
    json: &[u8],
) -> Result<(runs::WaitingEvent, Attempts, String), serde_json::Error> {
    let Portable { event, failed, held_back, payload } = serde_json::from_slice(json)?;
    Ok((event.load(), Attempts { failed, held_back }, payload))
}

/// The members of one that is to be tried again.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Delayed {
    due: u64,
    failed: u32,
    held_back: u32,
}

/// Those of what says nothing more: none yet.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Writes the frame of an event.
pub(in crate::ledger) fn encode_run(sequence: u64, event: &RunEvent) -> Result<Vec<u8>, FrameError> {
    let head = |kind| Head { kind, sequence, id: event.id(sequence) };
    match event {
        RunEvent::Accepted { event, payload } => {
            let members = Accepted { event: Stored::store(&**event), payload: payload.clone() };
            run_frame::write(head(EVENT), &members)
        }
        RunEvent::Delivering { delivery, payload } => {
            run_frame::write(head(DELIVERY), &Delivering::of(delivery, payload))
        }
        RunEvent::Sent { queue, message, fifo, sent, visible } => {
            let members = Sent::of((queue, message), fifo.as_ref(), (*sent, *visible));
            run_frame::write(head(MESSAGE), &members)
        }
        RunEvent::Hidden { until, receives, receiving, .. } => {
            run_frame::write(head(HIDES), &Hidden::of(*until, *receives, *receiving))
        }
        RunEvent::Moved { queue, dead_letter_source, time, .. } => {
            run_frame::write(head(MOVES), &Moved::of(queue, dead_letter_source.as_ref(), *time))
        }
        RunEvent::MoveTaskNoted(task) => {
            let task: MoveTask = Stored::store(&**task);
            run_frame::write(head(MOVE_TASK), &task)
        }
        RunEvent::Reached(cursor) => run_frame::write(head(CURSOR), &Reached::store(cursor)),
        RunEvent::Deleted(_) => run_frame::write(head(DELETES), &Nothing {}),
        RunEvent::Delayed { due, attempts: Attempts { failed, held_back }, .. } => {
            let members = Delayed { due: due.0, failed: *failed, held_back: *held_back };
            run_frame::write(head(DELAYS), &members)
        }
        RunEvent::Ended(_) => run_frame::write(head(ENDS), &Nothing {}),
        RunEvent::Cleaned(_) => run_frame::write(head(CLEANED), &Nothing {}),
    }
}

/// Reads the frame of an event: its sequence, and the event.
pub(in crate::ledger) fn decode_run(bytes: &[u8]) -> Result<(u64, RunEvent), FrameError> {
    let (head, members) = run_frame::read(bytes)?;
    let event = match head.kind {
        EVENT => {
            let Accepted { event, payload } = run_frame::members(members)?;
            RunEvent::Accepted { event: Box::new(event.load()), payload }
        }
        DELAYS => {
            let Delayed { due, failed, held_back } = run_frame::members(members)?;
            RunEvent::Delayed { id: head.id, due: Timestamp(due), attempts: Attempts { failed, held_back } }
        }
        DELIVERY => run_frame::members(members).map(Delivering::load)?,
        MESSAGE => run_frame::members(members).map(Sent::load)?,
        HIDES => run_frame::members::<Hidden>(members)?.load(head.id),
        MOVES => run_frame::members::<Moved>(members)?.load(head.id),
        CURSOR => run_frame::members::<Reached>(members).map(|reached| RunEvent::Reached(Box::new(reached.load())))?,
        MOVE_TASK => {
            run_frame::members::<MoveTask>(members).map(|task| RunEvent::MoveTaskNoted(Box::new(task.load())))?
        }
        DELETES => run_frame::members(members).map(|Nothing {}| RunEvent::Deleted(head.id))?,
        ENDS => run_frame::members(members).map(|Nothing {}| RunEvent::Ended(head.id))?,
        _ => run_frame::members(members).map(|Nothing {}| RunEvent::Cleaned(head.sequence))?,
    };
    Ok((head.sequence, event))
}

/// What a checkpoint holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Checkpoint<M> {
    sequence: u64,
    segment: String,
    folder: u64,
    /// The events of each function.
    events: Vec<(FunctionKey, Entries)>,
    /// How often those were tried that were: failed, and held back. Of deliveries, too.
    attempts: Option<Vec<(u64, u32, u32)>>,
    /// The deliveries of each function to each target.
    deliveries: Option<Vec<(DeliveryLane, Entries)>>,
    /// The messages of each queue.
    messages: Option<M>,
    /// The ids of cursors, and the cursors.
    cursors: Option<Vec<(u64, Reached)>>,
    /// When those messages were last received that are known to have been.
    received: Option<Vec<(u64, u64)>>,
    /// The ids of move tasks, and the tasks.
    move_tasks: Option<Vec<(u64, MoveTask)>>,
}

/// Ids of entries, and when they are due.
type Entries = Vec<(u64, u64)>;

/// Writes a checkpoint's frame.
pub(in crate::ledger) fn encode_runs(checkpoint: &RunsCheckpoint) -> Result<Vec<u8>, FrameError> {
    let RunsCheckpoint { state: runs, segment, folder } = checkpoint;
    let attempts = tried(&runs.events).chain(tried(&runs.deliveries)).collect();
    let stored = Checkpoint {
        sequence: runs.sequence,
        segment: segment.to_string(),
        folder: *folder,
        events: lanes(&runs.events),
        attempts: Some(attempts),
        deliveries: Some(lanes(&runs.deliveries)),
        messages: Some(OfQueues(&runs.messages)),
        cursors: Some(runs.cursors.iter().map(|(id, cursor)| (id.0, Stored::store(cursor))).collect()),
        received: Some(messages::received(&runs.messages)),
        move_tasks: Some(runs.move_tasks.iter().map(|(id, task)| (id.0, Stored::store(task))).collect()),
    };
    frame::frame_named(CHECKPOINT, &stored)
}

/// The entries of each lane.
fn lanes<K: Ord + Clone, S: Stored<K>>(waits: &Waits<K>) -> Vec<(S, Entries)> {
    let entries = |queue: &OrdSet<(Timestamp, RunId)>| queue.iter().map(|(due, id)| (id.0, due.0)).collect();
    waits.lanes().iter().map(|(lane, queue)| (S::store(lane), entries(queue))).collect()
}

/// Those that were tried.
fn tried<K: Ord + Clone>(waits: &Waits<K>) -> impl Iterator<Item = (u64, u32, u32)> {
    let tried = waits.iter().filter(|(_, waiting)| waiting.attempts != Attempts::default());
    tried.map(|(id, waiting)| (id.0, waiting.attempts.failed, waiting.attempts.held_back))
}

/// Reads a checkpoint's frame.
pub(in crate::ledger) fn decode_runs(bytes: &[u8]) -> Result<RunsCheckpoint, FrameError> {
    let frame = frame::unframe(bytes)?;
    match (frame.kind, frame.version) {
        (CHECKPOINT, NAMED) => {}
        (CHECKPOINT, version) => return Err(FrameError::UnknownVersion { kind: CHECKPOINT, version }),
        (kind, _) => return Err(FrameError::UnknownKind(kind)),
    }

    let stored: Checkpoint<Vec<messages::OfQueue>> = frame::large_named_payload(frame.payload)?;
    let attempts = stored.attempts.into_iter().flatten();
    let attempts = attempts.map(|(id, failed, held_back)| (id, Attempts { failed, held_back })).collect();
    let mut runs = Runs { sequence: stored.sequence, ..Runs::default() };
    put_lanes(&mut runs.events, stored.events, &attempts);
    put_lanes(&mut runs.deliveries, stored.deliveries.unwrap_or_default(), &attempts);
    let received = stored.received.into_iter().flatten().collect();
    messages::load(stored.messages.unwrap_or_default(), &received, &mut runs.messages);
    for (id, task) in stored.move_tasks.into_iter().flatten() {
        runs.move_tasks.restore(RunId(id), task.load());
    }
    for (id, reached) in stored.cursors.into_iter().flatten() {
        runs.cursors.restore(RunId(id), reached.load());
    }

    // One whose segment cannot be told is as good from the journal's beginning.
    let segment = stored.segment.parse::<Name>().unwrap_or_default();
    Ok(RunsCheckpoint { state: Arc::new(runs), segment, folder: stored.folder })
}

fn put_lanes<K: Ord + Clone, S: Stored<K>>(
    waits: &mut Waits<K>,
    stored: Vec<(S, Entries)>,
    attempts: &HashMap<u64, Attempts>,
) {
    for (lane, entries) in stored {
        let lane = lane.load();
        for (id, due) in entries {
            waits.put(RunId(id), &lane, Timestamp(due), attempts.get(&id).copied().unwrap_or_default());
        }
    }
}
