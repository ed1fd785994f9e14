//! The messages of one queue, in the orders in which they are asked for. Derived from the messages.

use imbl::{OrdMap, OrdSet};

use super::entries::Entries;
use super::message::{Deduplication, MessageState};
use crate::model::time::Timestamp;
use crate::runs::RunId;

/// Messages by the time when they can be received.
type ByTime = OrdSet<(Timestamp, RunId)>;

/// The messages of a queue.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MessageQueue {
    /// What is there.
    waiting: ByTime,
    /// Of a FIFO queue: the message groups, each in its order.
    groups: OrdMap<String, OrdSet<RunId>>,
    /// The first message of each group.
    heads: ByTime,
    /// Which messages have which id, of a FIFO queue; those deleted for a while, too.
    known: OrdMap<Deduplication, OrdSet<RunId>>,
    /// What was deleted and is still known, by the time when it was sent.
    deleted: ByTime,
}

impl MessageQueue {
    /// How many messages are there.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nothing is there or known.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.deleted.is_empty()
    }

    /// The messages, by the time when they can be received.
    pub fn by_time(&self) -> &OrdSet<(Timestamp, RunId)> {
        &self.waiting
    }

    /// Those that were deleted and are still known, by the time when they were sent.
    pub fn still_known(&self) -> &OrdSet<(Timestamp, RunId)> {
        &self.deleted
    }

    /// All of both.
    pub fn all(&self) -> impl Iterator<Item = RunId> + '_ {
        self.waiting.iter().chain(&self.deleted).map(|(_, id)| *id)
    }

    /// The newest message that has an id.
    pub fn with(&self, deduplication: &Deduplication) -> Option<RunId> {
        self.known.get(deduplication)?.get_max().copied()
    }

    /// When the next message can be received that cannot be now.
    pub fn next_visible(&self, now: Timestamp) -> Option<Timestamp> {
        self.beyond(now).next().map(|(visible, _)| *visible)
    }

    /// The messages that cannot be received now.
    pub(super) fn hidden(&self, now: Timestamp) -> impl Iterator<Item = RunId> + '_ {
        self.beyond(now).map(|(_, id)| *id)
    }

    fn beyond(&self, now: Timestamp) -> impl Iterator<Item = &(Timestamp, RunId)> {
        self.waiting.range((Timestamp(now.0.saturating_add(1)), RunId(0))..)
    }

    pub(super) fn receivable(&self, messages: &Entries, now: Timestamp, most: usize) -> Vec<RunId> {
        if self.groups.is_empty() {
            let visible = self.waiting.iter().take_while(|(visible, _)| *visible <= now);
            return visible.map(|(_, id)| *id).take(most).collect();
        }

        let heads = self.heads.iter().take_while(|(visible, _)| *visible <= now);
        let groups = heads.filter_map(|(_, head)| self.groups.get(&messages.get(*head)?.fifo()?.group));
        groups.flat_map(|group| receivable_of_group(group, messages, now)).take(most).collect()
    }

    pub(super) fn insert(&mut self, messages: &Entries, id: RunId, message: &MessageState) {
        if message.is_deleted {
            self.deleted.insert((message.sent, id));
        } else {
            self.waiting.insert((message.visible, id));
        }

        let Some(fifo) = message.fifo() else { return };
        self.known.entry(fifo.deduplication.clone()).or_default().insert(id);
        if !message.is_deleted {
            self.change_group(messages, &fifo.group, |group| group.insert(id).is_some(), None);
        }
    }

    /// Takes a message out that is in `messages` no more.
    pub(super) fn remove(&mut self, messages: &Entries, id: RunId, message: &MessageState) {
        self.waiting.remove(&(message.visible, id));
        self.deleted.remove(&(message.sent, id));

        let Some(fifo) = message.fifo() else { return };
        if let Some(known) = self.known.get_mut(&fifo.deduplication) {
            known.remove(&id);
            if known.is_empty() {
                self.known.remove(&fifo.deduplication);
            }
        }
        self.change_group(messages, &fifo.group, |group| group.remove(&id).is_some(), Some((message.visible, id)));
    }

    /// Changes a group, and which of its messages is the first; `gone` is one that is in `messages` no more.
    fn change_group(
        &mut self,
        messages: &Entries,
        name: &str,
        change: impl FnOnce(&mut OrdSet<RunId>) -> bool,
        gone: Option<(Timestamp, RunId)>,
    ) {
        let head = |group: &OrdSet<RunId>| {
            let first = *group.get_min()?;
            let found = messages.get(first).map(|message| (message.visible, first));
            found.or(gone.filter(|(_, id)| *id == first))
        };
        let group = self.groups.entry(name.to_owned()).or_default();
        let before = head(group);
        change(group);
        let after = head(group);

        if group.is_empty() {
            self.groups.remove(name);
        }
        if let Some(before) = before {
            self.heads.remove(&before);
        }
        if let Some(after) = after {
            self.heads.insert(after);
        }
    }
}

/// What can be received of a group: what comes first, unless some of it is in flight, which are those before.
fn receivable_of_group<'a>(
    group: &'a OrdSet<RunId>,
    messages: &'a Entries,
    now: Timestamp,
) -> impl Iterator<Item = RunId> + 'a {
    let in_order = || group.iter().filter_map(|id| Some((*id, messages.get(*id)?)));
    let mut received = in_order().take_while(|(_, message)| message.receives > 0);
    let is_blocked = received.any(|(_, message)| message.is_in_flight(now));
    let visible = in_order().take_while(move |(_, message)| !is_blocked && message.visible <= now);
    visible.map(|(id, _)| id)
}
