//! Messages of queues. What a message says lies on disk; the state has what is asked for without reading it.

pub mod decide;
mod entries;
mod message;
mod queue;

use std::sync::Arc;

use entries::Entries;
use imbl::OrdMap;
pub use message::{
    AttributeValue, BroughtMessage, DEDUPLICATION_MS, Deduplication, FifoIds, MAX_VISIBILITY_S, MessageAttribute,
    MessageState, QueuedMessage, Receiving, Sending, sequence_number,
};
pub use queue::MessageQueue;

use super::RunId;
use crate::model::queues::QueueKey;
use crate::model::time::Timestamp;

/// The messages of all queues. A clone is cheap.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Messages {
    entries: Entries,
    /// By queue. Derived.
    queues: OrdMap<Arc<QueueKey>, MessageQueue>,
}

#[allow(clippy::len_without_is_empty, reason = "nobody asks for that")]
impl Messages {
    /// How many there are, or are known for a while.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// A message.
    pub fn get(&self, id: RunId) -> Option<&MessageState> {
        self.entries.get(id)
    }

    /// Whether a message is there, or known for a while.
    pub fn contains(&self, id: RunId) -> bool {
        self.entries.contains(id)
    }

    /// The messages of a queue that has any.
    pub fn queue(&self, queue: &QueueKey) -> Option<&MessageQueue> {
        self.queues.get(queue)
    }

    /// The queues that have any.
    pub fn queues(&self) -> impl Iterator<Item = (&Arc<QueueKey>, &MessageQueue)> {
        self.queues.iter()
    }

    /// Those of a queue, and those it still knows, in the order in which they came.
    pub fn all_of(&self, queue: &QueueKey) -> Vec<RunId> {
        let Some(found) = self.queues.get(queue) else { return Vec::new() };
        let mut ids: Vec<_> = found.all().collect();
        ids.sort_unstable();
        ids
    }

    /// The messages of a queue that can be received now, `most` at the most. Of a FIFO queue those that come first in
    /// their groups, and none of a group of which some are in flight.
    pub fn receivable(&self, queue: &QueueKey, now: Timestamp, most: usize) -> Vec<RunId> {
        self.queues.get(queue).map(|queue| queue.receivable(&self.entries, now, most)).unwrap_or_default()
    }

    /// Those of a queue's messages that cannot be received now: they are in flight, or delayed.
    pub fn hidden<'a>(&'a self, queue: &'a MessageQueue, now: Timestamp) -> impl Iterator<Item = &'a MessageState> {
        queue.hidden(now).filter_map(|id| self.entries.get(id))
    }

    /// How many messages of a queue can be received now, groups of FIFO queues aside.
    pub fn visible(&self, queue: &QueueKey, now: Timestamp) -> usize {
        self.queues.get(queue).map_or(0, |queue| queue.len() - queue.hidden(now).count())
    }

    /// All messages, and those that are still known, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&RunId, &MessageState)> {
        self.entries.iter()
    }

    /// The queue's key as its messages share it.
    pub fn shared(&self, queue: &QueueKey) -> Arc<QueueKey> {
        self.queues.get_key_value(queue).map_or_else(|| Arc::new(queue.clone()), |(shared, _)| Arc::clone(shared))
    }

    /// Puts a message in, or in another place.
    pub fn put(&mut self, id: RunId, message: &MessageState) {
        self.remove(id);
        let queue = self.queues.entry(Arc::clone(&message.queue)).or_default();
        self.entries.insert(id, message.clone());
        queue.insert(&self.entries, id, message);
    }

    /// Changes a message that is there.
    pub fn change(&mut self, id: RunId, change: impl FnOnce(&mut MessageState)) {
        if let Some(mut message) = self.entries.get(id).cloned() {
            change(&mut message);
            self.put(id, &message);
        }
    }

    /// Takes a message out.
    pub fn remove(&mut self, id: RunId) {
        let Some(message) = self.entries.remove(id) else { return };
        let Some(queue) = self.queues.get_mut(&message.queue) else { return };
        queue.remove(&self.entries, id, &message);
        if queue.is_empty() {
            self.queues.remove(&message.queue);
        }
    }
}
