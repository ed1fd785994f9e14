//! What waits for its time: entries in lanes, one for each function, target, or whatever shall hold up nothing else.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use super::{Attempts, NEVER, RunId};
use crate::model::time::Timestamp;

/// Entries that wait. A clone is cheap.
#[derive(Debug, Clone, PartialEq)]
pub struct Waits<K: Ord + Clone> {
    entries: OrdMap<RunId, Waiting<K>>,
    /// Those of each lane that has any, by the time when they are due. Derived.
    lanes: OrdMap<Arc<K>, OrdSet<(Timestamp, RunId)>>,
}

/// What is known of an entry that waits. The rest of it lies on disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting<K> {
    /// Its lane, shared by all entries of that.
    pub lane: Arc<K>,
    /// When it is due.
    pub due: Timestamp,
    /// How often it was tried.
    pub attempts: Attempts,
}

impl<K> Waiting<K> {
    /// Whether it is run only when somebody says so.
    pub fn is_held(&self) -> bool {
        self.due == NEVER
    }
}

impl<K: Ord + Clone> Default for Waits<K> {
    fn default() -> Self {
        Self { entries: OrdMap::new(), lanes: OrdMap::new() }
    }
}

#[allow(clippy::len_without_is_empty, reason = "nobody asks for that")]
impl<K: Ord + Clone> Waits<K> {
    /// An entry.
    pub fn get(&self, id: &RunId) -> Option<&Waiting<K>> {
        self.entries.get(id)
    }

    /// Whether an entry is there.
    pub fn contains(&self, id: &RunId) -> bool {
        self.entries.contains_key(id)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&RunId, &Waiting<K>)> {
        self.entries.iter()
    }

    /// The lanes that have any, each with its entries by the time when they are due.
    pub fn lanes(&self) -> &OrdMap<Arc<K>, OrdSet<(Timestamp, RunId)>> {
        &self.lanes
    }

    /// Puts an entry in, or to another time.
    pub fn put(&mut self, id: RunId, lane: &K, due: Timestamp, attempts: Attempts) {
        self.remove(id);
        let shared = self.lanes.get_key_value(lane).map(|(shared, _)| Arc::clone(shared));
        let lane = shared.unwrap_or_else(|| Arc::new(lane.clone()));
        self.lanes.entry(Arc::clone(&lane)).or_default().insert((due, id));
        self.entries.insert(id, Waiting { lane, due, attempts });
    }

    /// Puts an entry that is there off. Nothing happens where it is not.
    pub fn delay(&mut self, id: RunId, due: Timestamp, attempts: Attempts) {
        if let Some(lane) = self.entries.get(&id).map(|waiting| Arc::clone(&waiting.lane)) {
            self.put(id, &lane, due, attempts);
        }
    }

    /// Takes an entry out.
    pub fn remove(&mut self, id: RunId) {
        let Some(Waiting { lane, due, .. }) = self.entries.remove(&id) else { return };
        if let Some(entries) = self.lanes.get_mut(&lane) {
            entries.remove(&(due, id));
            if entries.is_empty() {
                self.lanes.remove(&lane);
            }
        }
    }
}
