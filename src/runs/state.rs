//! What is under way now: of each entry only what is asked for without reading it.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use super::event::RunEvent;
use super::{Attempts, RunId};
use crate::model::names::FunctionKey;
use crate::model::time::Timestamp;

/// What is under way. A clone is cheap.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Runs {
    /// Sequence of the newest event.
    pub sequence: u64,
    /// Events that have not been run to their end.
    pub events: OrdMap<RunId, Waiting>,
    /// Those of each function that has any, by the time when they are due. Derived.
    pub queues: OrdMap<Arc<FunctionKey>, OrdSet<(Timestamp, RunId)>>,
}

/// What is known of an event that waits. The rest of it lies on disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// The function, shared by all its events.
    pub function: Arc<FunctionKey>,
    /// When it is to be run.
    pub due: Timestamp,
    /// How often it was tried.
    pub attempts: Attempts,
}

impl Runs {
    /// Takes what happened, as the event `sequence`. An event about an entry that is not there changes nothing more.
    pub fn apply(&mut self, sequence: u64, event: &RunEvent) {
        self.sequence = self.sequence.max(sequence);
        let id = event.id(sequence);
        match event {
            RunEvent::Accepted { event, .. } => self.put(id, &event.function, event.due, Attempts::default()),
            RunEvent::Delayed { due, attempts, .. } => {
                if let Some(function) = self.events.get(&id).map(|waiting| Arc::clone(&waiting.function)) {
                    self.put(id, &function, *due, *attempts);
                }
            }
            RunEvent::Ended(_) => self.remove(id),
            RunEvent::Cleaned(_) => {}
        }
    }

    /// Puts an entry in.
    pub fn put(&mut self, id: RunId, function: &FunctionKey, due: Timestamp, attempts: Attempts) {
        self.remove(id);
        let shared = self.queues.get_key_value(function).map(|(shared, _)| Arc::clone(shared));
        let function = shared.unwrap_or_else(|| Arc::new(function.clone()));
        self.queues.entry(Arc::clone(&function)).or_default().insert((due, id));
        self.events.insert(id, Waiting { function, due, attempts });
    }

    fn remove(&mut self, id: RunId) {
        let Some(Waiting { function, due, .. }) = self.events.remove(&id) else { return };
        if let Some(queue) = self.queues.get_mut(&function) {
            queue.remove(&(due, id));
            if queue.is_empty() {
                self.queues.remove(&function);
            }
        }
    }
}
