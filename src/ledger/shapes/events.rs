//! The stored events: kind, version, fields. The table at the end is the format of the log.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::function::{Alias, Code, Failure, FunctionConfig, FunctionVersion};
use super::{FunctionKey, Stored};
use crate::ledger::codec::{self, Frame, FrameError};
use crate::ledger::migrations;
use crate::model::event::{self, Event};
use crate::model::time::Timestamp;

shape! {
    Origin = event::Origin { request_id: String, access_key_id: String, user_agent: String }
}

/// When and by whom: the head of each event's payload.
#[derive(Serialize, Deserialize)]
struct Head {
    time: u64,
    origin: Origin,
}

/// The payload of a frame in the current version of its kind: an old one is lifted step by step.
fn current<'a>(frame: &Frame<'a>, version: u16) -> Result<Cow<'a, [u8]>, FrameError> {
    let mut payload = Cow::Borrowed(frame.payload);
    for step in frame.version..version {
        payload = Cow::Owned(migrations::lift(frame.kind, step, &payload)?);
    }
    if frame.version > version || frame.version == 0 {
        return Err(FrameError::UnknownVersion { kind: frame.kind, version: frame.version });
    }
    Ok(payload)
}

/// Declares the stored events: kind, version, fields in order.
macro_rules! events {
    ($($kind:literal / $version:literal $name:ident { $($field:ident: $ty:ty),* $(,)? })*) => {
        /// Writes an event's frame.
        pub(in crate::ledger) fn encode(recorded: &event::Recorded) -> Result<Vec<u8>, FrameError> {
            let head = Head { time: recorded.time.0, origin: Stored::store(&recorded.origin) };
            match &recorded.event {
                $(Event::$name { $($field),* } => {
                    #[derive(Serialize)]
                    struct Payload { head: Head, $($field: $ty),* }
                    codec::frame($kind, $version, &Payload { head, $($field: Stored::store($field)),* })
                })*
            }
        }

        /// Reads an event of a checked frame.
        pub(in crate::ledger) fn decode(sequence: u64, frame: &Frame<'_>) -> Result<event::Recorded, FrameError> {
            let (head, event) = match frame.kind {
                $($kind => {
                    #[derive(Deserialize)]
                    struct Payload { head: Head, $($field: $ty),* }
                    let payload: Payload = codec::payload(&current(frame, $version)?)?;
                    (payload.head, Event::$name { $($field: Stored::load(payload.$field)),* })
                })*
                kind => return Err(FrameError::UnknownKind(kind)),
            };
            Ok(event::Recorded { sequence, time: Timestamp(head.time), origin: head.origin.load(), event })
        }
    };
}
// Kinds are never given again; a removed one stays here as a note. 1-19: functions; further tens as named below.
events! {
    1 / 2 FunctionCreated { key: FunctionKey, latest: FunctionVersion, tags: BTreeMap<String, String> }
    2 / 2 FunctionCodeUpdated {
        key: FunctionKey, code: Code, config: FunctionConfig, revision: [u8; 16], modified: u64,
    }
    3 / 2 FunctionConfigurationUpdated { key: FunctionKey, config: FunctionConfig, revision: [u8; 16], modified: u64 }
    4 / 1 FunctionSettled { key: FunctionKey, version: u64, revision: [u8; 16], failure: Option<Failure> }
    5 / 1 FunctionDeleted { key: FunctionKey }
    6 / 2 VersionPublished { key: FunctionKey, version: FunctionVersion, latest_revision: [u8; 16] }
    7 / 1 VersionDeleted { key: FunctionKey, number: u64 }
    8 / 1 AliasPut { key: FunctionKey, alias: Alias }
    9 / 1 AliasDeleted { key: FunctionKey, name: String }
}
