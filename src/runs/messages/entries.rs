//! Messages by their ids, in blocks of neighbours. Ids only grow: the leaves of a map with an entry for each message would
//! stay half empty, and of a million messages that is felt.

use std::sync::Arc;

use imbl::OrdMap;

use super::message::MessageState;
use crate::runs::RunId;

/// Ids of a block. A change copies one.
const BLOCK: u64 = 32;

/// The messages. A clone is cheap.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entries {
    blocks: OrdMap<u64, Arc<Vec<(RunId, MessageState)>>>,
    /// How many there are. Derived.
    count: usize,
}

/// The block of an id.
fn block(id: RunId) -> u64 {
    id.0 / BLOCK
}

fn place(entries: &[(RunId, MessageState)], id: RunId) -> Result<usize, usize> {
    entries.binary_search_by_key(&id, |(id, _)| *id)
}

impl Entries {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// A message.
    pub fn get(&self, id: RunId) -> Option<&MessageState> {
        let entries = self.blocks.get(&block(id))?;
        place(entries, id).ok().map(|at| &entries[at].1)
    }

    /// Whether a message is there.
    pub fn contains(&self, id: RunId) -> bool {
        self.get(id).is_some()
    }

    /// All of them, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&RunId, &MessageState)> {
        self.blocks.values().flat_map(|entries| entries.iter().map(|(id, message)| (id, message)))
    }

    /// Puts a message in, or another in its place.
    pub fn insert(&mut self, id: RunId, message: MessageState) {
        let entries = Arc::make_mut(self.blocks.entry(block(id)).or_default());
        match place(entries, id) {
            Ok(at) => entries[at].1 = message,
            Err(at) => {
                entries.insert(at, (id, message));
                entries.shrink_to_fit();
                self.count += 1;
            }
        }
    }

    /// Takes a message out.
    pub fn remove(&mut self, id: RunId) -> Option<MessageState> {
        let removed = self.get(id).cloned()?;
        let entries = Arc::make_mut(self.blocks.get_mut(&block(id))?);
        entries.retain(|(other, _)| *other != id);
        entries.shrink_to_fit();
        if entries.is_empty() {
            self.blocks.remove(&block(id));
        }
        self.count -= 1;
        Some(removed)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::model::names::Scope;
    use crate::model::queues::QueueKey;
    use crate::model::time::Timestamp;

    fn message(time: u64) -> MessageState {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        let queue = Arc::new(QueueKey { scope, name: "q".into() });
        MessageState::new(queue, None, (Timestamp(time), Timestamp(time)))
    }

    /// What a million messages take, at most: a place in a block, and one among those of a queue.
    #[test]
    fn what_is_known_of_a_message_is_small() {
        assert!(size_of::<(RunId, MessageState)>() <= 48, "{}", size_of::<(RunId, MessageState)>());
    }

    proptest! {
        #[test]
        fn blocks_are_as_one_map(acts in prop::collection::vec((0..200_u64, 0..3_u64), 1..200)) {
            let mut entries = Entries::default();
            let mut map = BTreeMap::new();
            for (number, (id, act)) in (0..).zip(acts) {
                let id = RunId(id);
                if act == 0 {
                    prop_assert_eq!(entries.remove(id), map.remove(&id));
                } else {
                    entries.insert(id, message(number));
                    map.insert(id, message(number));
                }
                let before = entries.clone();
                prop_assert_eq!(entries.get(id), map.get(&id));
                prop_assert_eq!(before.contains(id), map.contains_key(&id));
            }
            prop_assert_eq!(entries.len(), map.len());
            prop_assert!(entries.iter().eq(map.iter()));
        }
    }
}
