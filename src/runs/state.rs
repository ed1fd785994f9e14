//! What is under way now.

use imbl::{OrdMap, OrdSet};

use super::event::RunEvent;
use super::{RunId, WaitingEvent};
use crate::model::names::FunctionKey;
use crate::model::time::Timestamp;

/// What is under way. A clone is cheap.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Runs {
    /// Sequence of the newest event.
    pub sequence: u64,
    /// Events that have not been run to their end.
    pub events: OrdMap<RunId, WaitingEvent>,
    /// Those of each function that has any, by the time when they are due. Derived.
    pub queues: OrdMap<FunctionKey, OrdSet<(Timestamp, RunId)>>,
}

impl Runs {
    /// Takes what happened, as the event `sequence`. An event about an entry that is not there changes nothing more.
    pub fn apply(&mut self, sequence: u64, event: &RunEvent) {
        self.sequence = self.sequence.max(sequence);
        let id = event.id(sequence);
        match event {
            RunEvent::Accepted { event, .. } => self.put(id, (**event).clone()),
            RunEvent::Ended(_) => self.remove(id),
        }
    }

    /// Puts an entry in.
    pub fn put(&mut self, id: RunId, event: WaitingEvent) {
        self.remove(id);
        self.queues.entry(event.function.clone()).or_default().insert((event.due, id));
        self.events.insert(id, event);
    }

    fn remove(&mut self, id: RunId) {
        let Some(event) = self.events.remove(&id) else { return };
        if let Some(queue) = self.queues.get_mut(&event.function) {
            queue.remove(&(event.due, id));
            if queue.is_empty() {
                self.queues.remove(&event.function);
            }
        }
    }
}
