//! What is under way, as stored: the frames of its events, and its checkpoint.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use imbl::OrdSet;
use serde::{Deserialize, Serialize};

use super::stored::{FunctionKey, Stored};
use crate::ledger::frame::{self, FrameError, NAMED};
use crate::ledger::journal::Name;
use crate::ledger::run_frame::{self, BEGINS, CLEANED, DELAYS, ENDS, Head};
use crate::ledger::runs_checkpoint::RunsCheckpoint;
use crate::model::time::Timestamp;
use crate::runs::event::RunEvent;
use crate::runs::state::Runs;
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
            run_frame::write(head(BEGINS), &members)
        }
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
        BEGINS => {
            let Accepted { event, payload } = run_frame::members(members)?;
            RunEvent::Accepted { event: Box::new(event.load()), payload }
        }
        DELAYS => {
            let Delayed { due, failed, held_back } = run_frame::members(members)?;
            RunEvent::Delayed { id: head.id, due: Timestamp(due), attempts: Attempts { failed, held_back } }
        }
        ENDS => run_frame::members(members).map(|Nothing {}| RunEvent::Ended(head.id))?,
        _ => run_frame::members(members).map(|Nothing {}| RunEvent::Cleaned(head.sequence))?,
    };
    Ok((head.sequence, event))
}

/// What a checkpoint holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Checkpoint {
    sequence: u64,
    segment: String,
    folder: u64,
    /// The events of each function: ids, and when they are due.
    events: Vec<(FunctionKey, Vec<(u64, u64)>)>,
    /// How often those were tried that were: failed, and held back.
    attempts: Option<Vec<(u64, u32, u32)>>,
}

/// Writes a checkpoint's frame.
pub(in crate::ledger) fn encode_runs(checkpoint: &RunsCheckpoint) -> Result<Vec<u8>, FrameError> {
    let RunsCheckpoint { state: runs, segment, folder } = checkpoint;
    let entries = |queue: &OrdSet<(Timestamp, RunId)>| queue.iter().map(|(due, id)| (id.0, due.0)).collect();
    let events = runs.queues.iter().map(|(function, queue)| (Stored::store(&**function), entries(queue))).collect();
    let tried = runs.events.iter().filter(|(_, waiting)| waiting.attempts != Attempts::default());
    let tried = tried.map(|(id, waiting)| (id.0, waiting.attempts.failed, waiting.attempts.held_back));
    let attempts = Some(tried.collect());
    let stored =
        Checkpoint { sequence: runs.sequence, segment: segment.to_string(), folder: *folder, events, attempts };
    frame::frame_named(CHECKPOINT, &stored)
}

/// Reads a checkpoint's frame.
pub(in crate::ledger) fn decode_runs(bytes: &[u8]) -> Result<RunsCheckpoint, FrameError> {
    let frame = frame::unframe(bytes)?;
    match (frame.kind, frame.version) {
        (CHECKPOINT, NAMED) => {}
        (CHECKPOINT, version) => return Err(FrameError::UnknownVersion { kind: CHECKPOINT, version }),
        (kind, _) => return Err(FrameError::UnknownKind(kind)),
    }

    let Checkpoint { sequence, segment, folder, events, attempts } = frame::large_named_payload(frame.payload)?;
    let attempts = attempts.into_iter().flatten();
    let attempts = attempts.map(|(id, failed, held_back)| (id, Attempts { failed, held_back }));
    let attempts: HashMap<_, _> = attempts.collect();
    let mut runs = Runs { sequence, ..Runs::default() };
    for (function, entries) in events {
        let function = function.load();
        for (id, due) in entries {
            runs.put(RunId(id), &function, Timestamp(due), attempts.get(&id).copied().unwrap_or_default());
        }
    }

    // One whose segment cannot be told is as good from the journal's beginning.
    let segment = segment.parse::<Name>().unwrap_or_default();
    Ok(RunsCheckpoint { state: Arc::new(runs), segment, folder })
}
