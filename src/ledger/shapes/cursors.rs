//! Places in streams, as stored.

use serde::{Deserialize, Serialize};

use super::event_sources::MappingKey;
use super::stored::Stored;
use crate::model::time::Timestamp;
use crate::runs::cursors::{self, Cursor};

/// The members of a place in a stream.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reached {
    mapping: MappingKey,
    shard: String,
    position: Position,
    /// Nothing, where nothing was tried.
    tried: Option<Vec<Tried>>,
    window: Option<OpenWindow>,
}

shape! {
    Tried = cursors::Tried { first: String, last: String, failures: u32 }
    OpenWindow = cursors::OpenWindow { start: u64, end: u64, state: String, is_early: bool, failures: u32 }
}

/// How far a shard is read.
#[derive(Serialize, Deserialize)]
enum Position {
    Since(u64),
    After(String),
    End,
}

impl Stored<Cursor> for Reached {
    fn store(cursor: &Cursor) -> Self {
        let position = match &cursor.position {
            cursors::Position::Since(time) => Position::Since(time.0),
            cursors::Position::After(sequence) => Position::After(sequence.clone()),
            cursors::Position::End => Position::End,
        };
        let tried = (!cursor.tried.is_empty()).then(|| Stored::store(&cursor.tried));
        let window = Stored::store(&cursor.window);
        Self { mapping: Stored::store(&cursor.mapping), shard: cursor.shard.clone(), position, tried, window }
    }

    fn load(self) -> Cursor {
        let position = match self.position {
            Position::Since(time) => cursors::Position::Since(Timestamp(time)),
            Position::After(sequence) => cursors::Position::After(sequence),
            Position::End => cursors::Position::End,
        };
        let tried = self.tried.map(Stored::load).unwrap_or_default();
        Cursor { mapping: self.mapping.load(), shard: self.shard, position, tried, window: self.window.load() }
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use uuid::Uuid;

    use super::Stored;
    use crate::ledger::run_frame::{CURSOR, Head, write};
    use crate::ledger::runs_checkpoint::RunsCheckpoint;
    use crate::ledger::shapes::runs::{decode_run, decode_runs, encode_run, encode_runs};
    use crate::model::event_sources::{MappingId, MappingKey};
    use crate::model::names::Scope;
    use crate::model::time::Timestamp;
    use crate::runs::RunId;
    use crate::runs::cursors::{Cursor, OpenWindow, Position, Tried};
    use crate::runs::event::RunEvent;
    use crate::runs::state::Runs;

    fn cursor(position: Position) -> Cursor {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        Cursor::at(MappingKey { scope, id: MappingId(Uuid::from_u128(7)) }, "shardId-1".to_owned(), position)
    }

    #[test]
    fn places_come_back_with_what_was_tried_and_their_window() {
        let tried = vec![Tried { first: "5".into(), last: "9".into(), failures: 2 }];
        let (start, end) = (Timestamp(60_000), Timestamp(120_000));
        let window = OpenWindow { start, end, state: r#"{"n":1}"#.into(), is_early: true, failures: 3 };
        let mut runs = Runs::default();
        for (sequence, cursor) in (1..).zip([
            cursor(Position::Since(Timestamp(4))),
            cursor(Position::End),
            Cursor { tried, window: Some(window), ..cursor(Position::After("4".into())) },
        ]) {
            let event = RunEvent::Reached(Box::new(cursor));
            let frame = encode_run(sequence, &event).expect("encodes");
            assert_eq!(decode_run(&frame).expect("decodes"), (sequence, event.clone()));
            runs.apply(sequence, &event);
        }
        let checkpoint = RunsCheckpoint { state: runs.clone().into(), ..RunsCheckpoint::default() };
        let read = decode_runs(&encode_runs(&checkpoint).expect("encodes")).expect("decodes");
        assert_eq!(*read.state, runs);
    }

    /// What was written before there were windows.
    #[test]
    fn a_place_without_more_is_read() {
        #[derive(Serialize)]
        struct Before {
            mapping: super::MappingKey,
            shard: String,
            position: super::Position,
        }

        let wanted = cursor(Position::After("4".into()));
        let before = Before {
            mapping: Stored::store(&wanted.mapping),
            shard: wanted.shard.clone(),
            position: super::Position::After("4".into()),
        };
        let frame = write(Head { kind: CURSOR, sequence: 3, id: RunId(3) }, &before).expect("encodes");
        assert_eq!(decode_run(&frame).expect("decodes"), (3, RunEvent::Reached(Box::new(wanted))));
    }
}
