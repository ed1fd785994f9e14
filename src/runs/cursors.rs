//! How far event source mappings have read their streams.

use std::sync::Arc;

use imbl::OrdMap;

use super::RunId;
use crate::model::event_sources::MappingKey;
use crate::model::time::Timestamp;

/// A place in one shard of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The mapping that reads.
    pub mapping: MappingKey,
    /// The shard; empty for where shards begin that have no cursor of their own.
    pub shard: String,
    /// How far it is read.
    pub position: Position,
    /// What lies behind the place and was tried.
    pub tried: Vec<Tried>,
    /// The tumbling window that is open there.
    pub window: Option<OpenWindow>,
}

impl Cursor {
    /// One behind which nothing was tried.
    pub fn at(mapping: MappingKey, shard: String, position: Position) -> Self {
        Self { mapping, shard, position, tried: Vec::new(), window: None }
    }
}

/// Records that the function got at once and did not do, or that were cut out of such. They stay together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Sequence number of the first.
    pub first: String,
    /// That of the last.
    pub last: String,
    /// How often the function failed with them.
    pub failures: u32,
}

/// A tumbling window of which the function had records, and not yet its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenWindow {
    /// When it begins.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// What the function answered last, a JSON object.
    pub state: String,
    /// Whether it is over before its time, as its state has become too large.
    pub is_early: bool,
    /// How often the function failed with its end.
    pub failures: u32,
}

/// How far a shard is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// Nothing of what came before this time is read, and nothing since.
    Since(Timestamp),
    /// All up to the record of this sequence number is settled.
    After(String),
    /// All of a shard that gets no more is.
    End,
}

/// The cursors. A clone is cheap.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cursors {
    /// Each under what it is a place in.
    places: OrdMap<(MappingKey, String), (RunId, Arc<Cursor>)>,
    /// What each is a place in. Derived.
    ids: OrdMap<RunId, (MappingKey, String)>,
}

impl Cursors {
    /// The cursor of a mapping in a shard, and its id.
    pub fn get(&self, mapping: &MappingKey, shard: &str) -> Option<(RunId, &Cursor)> {
        self.places.get(&(mapping.clone(), shard.to_owned())).map(|(id, cursor)| (*id, &**cursor))
    }

    /// The cursors of a mapping, by shard.
    pub fn of<'a>(&'a self, mapping: &'a MappingKey) -> impl Iterator<Item = &'a Cursor> {
        let places = self.places.range((mapping.clone(), String::new())..);
        places.take_while(move |((of, _), _)| of == mapping).map(|(_, (_, cursor))| &**cursor)
    }

    /// Whether an entry is one.
    pub fn contains(&self, id: &RunId) -> bool {
        self.ids.contains_key(id)
    }

    /// All of them, with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (RunId, &Cursor)> {
        self.places.values().map(|(id, cursor)| (*id, &**cursor))
    }

    /// Puts a cursor in the place of the one before it.
    pub(super) fn put(&mut self, id: RunId, cursor: Cursor) {
        let place = (cursor.mapping.clone(), cursor.shard.clone());
        if let Some((before, _)) = self.places.insert(place.clone(), (id, Arc::new(cursor))) {
            self.ids.remove(&before);
        }
        self.ids.insert(id, place);
    }

    /// Forgets a cursor; one that has another in its place already is forgotten.
    pub(super) fn remove(&mut self, id: RunId) {
        if let Some(place) = self.ids.remove(&id) {
            self.places.remove(&place);
        }
    }

    /// Puts in what a checkpoint holds of one.
    pub fn restore(&mut self, id: RunId, cursor: Cursor) {
        self.put(id, cursor);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::event_sources::MappingId;
    use crate::model::names::Scope;

    #[test]
    fn a_cursor_takes_the_place_of_the_one_before() {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        let mapping = |number| MappingKey { scope: scope.clone(), id: MappingId(Uuid::from_u128(number)) };
        let at = |number, shard: &str, position| Cursor::at(mapping(number), shard.to_owned(), position);
        let mut cursors = Cursors::default();
        cursors.put(RunId(1), at(1, "a", Position::After("1".into())));
        cursors.put(RunId(2), at(1, "a", Position::After("2".into())));
        cursors.put(RunId(3), at(1, "b", Position::End));
        cursors.put(RunId(4), at(2, "a", Position::Since(Timestamp(1))));
        assert!(!cursors.contains(&RunId(1)) && cursors.contains(&RunId(2)));
        cursors.remove(RunId(1));
        assert_eq!(cursors.get(&mapping(1), "a").map(|(id, _)| id), Some(RunId(2)));
        assert_eq!(cursors.iter().map(|(id, _)| id).collect::<Vec<_>>(), [RunId(2), RunId(3), RunId(4)]);
        cursors.remove(RunId(2));
        assert_eq!(cursors.iter().count(), 2);
    }
}
