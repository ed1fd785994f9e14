//! Takes the events of a pod into a store, with the pod's resources: what is to be done with each, and what came of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::PodEvent;
use crate::ledger::{Ledger, LedgerError, RunsTold};
use crate::model::names::FunctionKey;
use crate::runs::command::{Fate, RunCommand};
use crate::runs::state::Runs;
use crate::runs::waits::Waiting;
use crate::runs::{RunId, WaitingEvent};

/// Events of the store that are read at a time.
const CHUNK: usize = 100;

/// What becomes of events by the load of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LoadedEvents {
    /// Events of the pod that were taken in.
    pub taken_in: usize,
    /// Those of them that are run only when somebody vouches for the pod.
    pub held: usize,
    /// Events of the pod that wait here already.
    pub already_here: usize,
    /// Events that wait after it.
    pub waiting: usize,
    /// Events that waited here and were dropped.
    pub dropped: usize,
}

impl LoadedEvents {
    /// The same after the command, with `waiting` events there now.
    pub fn after(self, told: &RunsTold, waiting: usize) -> Self {
        Self { waiting, dropped: told.ended, ..self }
    }
}

/// The command that takes events in, and what will have come of them.
#[derive(Debug)]
pub struct Bringing {
    /// The command.
    pub command: RunCommand,
    /// What is known ahead of it.
    pub events: LoadedEvents,
}

/// What is to be done with the events of a pod. One that waits here already (the same function, the same request id) is not
/// taken in twice; where somebody vouches for the pod now, it is held no longer. Blocking: it reads the events that wait for
/// the pod's functions.
///
/// # Errors
/// The store cannot be read.
pub fn bringing(ledger: &Ledger, events: &[PodEvent], fate: Fate, trusted: bool) -> Result<Bringing, LedgerError> {
    let runs = ledger.runs();
    let here = if fate.drops_events { BTreeMap::new() } else { already_here(ledger, &runs, events)? };
    let mut loaded = LoadedEvents::default();
    let mut commands = vec![fate.command(&[])];

    for PodEvent { event, attempts, payload } in events {
        if let Some(id) = here.get(&identity(event)) {
            loaded.already_here += 1;
            let is_held = runs.events.get(id).is_some_and(Waiting::is_held);
            commands.extend((trusted && is_held).then_some(RunCommand::Hasten(*id)));
            continue;
        }
        let event = Box::new(event.clone());
        commands.push(RunCommand::Bring { event, payload: payload.clone(), attempts: *attempts, trusted });
        loaded.taken_in += 1;
        loaded.held += usize::from(!trusted);
    }

    Ok(Bringing { command: RunCommand::InTurn(commands), events: loaded })
}

/// What tells an event from others, wherever it is: its request id is the same in every attempt.
type Identity = (FunctionKey, String);

fn identity(event: &WaitingEvent) -> Identity {
    (event.function.clone(), event.request_id.clone())
}

/// Those of a pod's events that wait here.
fn already_here(ledger: &Ledger, runs: &Runs, events: &[PodEvent]) -> Result<BTreeMap<Identity, RunId>, LedgerError> {
    let wanted: BTreeSet<Identity> = events.iter().map(|it| identity(&it.event)).collect();
    let functions: BTreeSet<&FunctionKey> = wanted.iter().map(|(function, _)| function).collect();
    let queues = functions.into_iter().filter_map(|function| runs.events.lanes().get(function));
    let ids: Vec<RunId> = queues.flat_map(|queue| queue.iter()).map(|(_, id)| *id).collect();
    let mut here = BTreeMap::new();

    for ids in ids.chunks(CHUNK) {
        ledger.waiting_events(ids, |id, event, _| {
            let identity = identity(&event);
            if wanted.contains(&identity) {
                here.insert(identity, id);
            }
        })?;
    }

    Ok(here)
}
