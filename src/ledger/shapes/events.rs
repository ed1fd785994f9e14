//! The stored events. The tables in the areas' files are the format of the log: each area has kinds of a range of its
//! own, which are never given again; a removed one stays in its table as a note.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::stored::Stored;
use crate::ledger::frame::{Frame, FrameError, NAMED, named_payload};
use crate::ledger::migrations;
use crate::model;
use crate::model::areas::for_each_area;
use crate::model::event::{self, Event};
use crate::model::time::Timestamp;

shape! {
    Origin = event::Origin { request_id: String, access_key_id: String, user_agent: String }
}

/// When and by whom: the head of each event's payload.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    time: u64,
    origin: Origin,
}

/// The events of one area.
pub(super) trait StoredEvent: Sized {
    /// The kinds of the area's events.
    const KINDS: &'static [u16];
    /// Writes an event's frame.
    fn encode(&self, head: Head) -> Result<Vec<u8>, FrameError>;
    /// What an event says, in the shapes of the store.
    fn to_json(&self) -> serde_json::Result<serde_json::Value>;
    /// Reads an event of a checked frame whose kind is one of the area's.
    fn decode(frame: &Frame<'_>) -> Result<(Head, Self), FrameError>;
}

/// The payload of a frame with the names of its members; one in bincode is written again.
pub(super) fn current<'a>(frame: &Frame<'a>) -> Result<Cow<'a, [u8]>, FrameError> {
    match frame.version {
        NAMED => Ok(Cow::Borrowed(frame.payload)),
        version if version < NAMED => migrations::named(frame.kind, version, frame.payload).map(Cow::Owned),
        version => Err(FrameError::UnknownVersion { kind: frame.kind, version }),
    }
}

/// When the event of a checked frame was decided. What it says is passed over, which may be a gigabyte: that of a pod's load.
pub(in crate::ledger) fn decided(frame: &Frame<'_>) -> Result<Timestamp, FrameError> {
    #[derive(Deserialize)]
    struct Payload {
        head: Head,
    }
    let payload: Payload = named_payload(&current(frame)?)?;
    Ok(Timestamp(payload.head.time))
}

/// Declares the stored events of an area: kind and members. A member that comes later is an `Option`.
macro_rules! events {
    ($event:ident { $($kind:literal $name:ident { $($field:ident: $ty:ty),* $(,)? })* }) => {
        impl $crate::ledger::shapes::events::StoredEvent for $event {
            const KINDS: &'static [u16] = &[$($kind),*];

            fn encode(
                &self,
                head: $crate::ledger::shapes::events::Head,
            ) -> Result<Vec<u8>, $crate::ledger::frame::FrameError> {
                match *self {
                    $(Self::$name { $(ref $field),* } => {
                        #[derive(serde::Serialize)]
                        struct Payload { head: $crate::ledger::shapes::events::Head, $($field: $ty),* }
                        let payload = Payload { head, $($field: $crate::ledger::shapes::stored::Stored::store($field)),* };
                        $crate::ledger::frame::frame_named($kind, &payload)
                    })*
                }
            }

            fn to_json(&self) -> serde_json::Result<serde_json::Value> {
                match *self {
                    $(Self::$name { $(ref $field),* } => {
                        #[derive(serde::Serialize)]
                        struct Members { $($field: $ty),* }
                        serde_json::to_value(Members { $($field: $crate::ledger::shapes::stored::Stored::store($field)),* })
                    })*
                }
            }

            fn decode(
                frame: &$crate::ledger::frame::Frame<'_>,
            ) -> Result<($crate::ledger::shapes::events::Head, Self), $crate::ledger::frame::FrameError> {
                match frame.kind {
                    $($kind => {
                        #[derive(serde::Deserialize)]
                        #[serde(deny_unknown_fields)]
                        struct Payload { head: $crate::ledger::shapes::events::Head, $($field: $ty),* }
                        let current = $crate::ledger::shapes::events::current(frame)?;
                        let payload: Payload = $crate::ledger::frame::named_payload(&current)?;
                        let event = Self::$name { $($field: $crate::ledger::shapes::stored::Stored::load(payload.$field)),* };
                        Ok((payload.head, event))
                    })*
                    kind => Err($crate::ledger::frame::FrameError::UnknownKind(kind)),
                }
            }
        }
    };
}

macro_rules! stored_events {
    ($($(#[$doc:meta])* $area:ident $module:ident $command:ident $event:ident,)*) => {
        /// Writes an event's frame.
        pub(in crate::ledger) fn encode(recorded: &event::Recorded) -> Result<Vec<u8>, FrameError> {
            let head = Head { time: recorded.time.0, origin: Stored::store(&recorded.origin) };
            match &recorded.event {
                $(Event::$area(event) => event.encode(head),)*
            }
        }

        /// What an event says, in the shapes of the store.
        pub(in crate::ledger) fn to_json(event: &Event) -> serde_json::Result<serde_json::Value> {
            match event {
                $(Event::$area(event) => event.to_json(),)*
            }
        }

        /// Reads an event of a checked frame.
        pub(in crate::ledger) fn decode(sequence: u64, frame: &Frame<'_>) -> Result<event::Recorded, FrameError> {
            let (head, event) = match frame.kind {
                $(kind if model::$module::event::$event::KINDS.contains(&kind) => {
                    model::$module::event::$event::decode(frame).map(|(head, event)| (head, event.into()))?
                })*
                kind => return Err(FrameError::UnknownKind(kind)),
            };
            Ok(event::Recorded { sequence, time: Timestamp(head.time), origin: head.origin.load(), event })
        }
    };
}
for_each_area!(stored_events);
