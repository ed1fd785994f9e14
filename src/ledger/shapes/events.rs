//! The stored events: an area a range of kinds. The tables in the areas' files are the format of the log.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::Stored;
use crate::ledger::codec::{Frame, FrameError};
use crate::ledger::migrations;
use crate::model::event::{
    self, Event, capacity_providers, code_signing, concurrency, event_invoke, event_sources, function_settings,
    functions, history, iam, layers, logs, policies, tags, urls,
};
use crate::model::time::Timestamp;

shape! {
    Origin = event::Origin { request_id: String, access_key_id: String, user_agent: String }
}

/// When and by whom: the head of each event's payload.
#[derive(Serialize, Deserialize)]
pub(super) struct Head {
    time: u64,
    origin: Origin,
}

/// The events of one area.
pub(super) trait StoredEvent: Sized {
    /// Writes an event's frame.
    fn encode(&self, head: Head) -> Result<Vec<u8>, FrameError>;
    /// Reads an event of a checked frame whose kind is in the area's range.
    fn decode(frame: &Frame<'_>) -> Result<(Head, Self), FrameError>;
}

/// The payload of a frame in the current version of its kind: an old one is lifted step by step.
pub(super) fn current<'a>(frame: &Frame<'a>, version: u16) -> Result<Cow<'a, [u8]>, FrameError> {
    let mut payload = Cow::Borrowed(frame.payload);
    for step in frame.version..version {
        payload = Cow::Owned(migrations::lift(frame.kind, step, &payload)?);
    }
    if frame.version > version || frame.version == 0 {
        return Err(FrameError::UnknownVersion { kind: frame.kind, version: frame.version });
    }
    Ok(payload)
}

/// Declares the areas and their kinds.
macro_rules! areas {
    ($($area:ident($event:path) $kinds:pat,)*) => {
        /// Writes an event's frame.
        pub(in crate::ledger) fn encode(recorded: &event::Recorded) -> Result<Vec<u8>, FrameError> {
            let head = Head { time: recorded.time.0, origin: Stored::store(&recorded.origin) };
            match &recorded.event {
                $(Event::$area(event) => event.encode(head),)*
            }
        }

        /// Reads an event of a checked frame.
        pub(in crate::ledger) fn decode(sequence: u64, frame: &Frame<'_>) -> Result<event::Recorded, FrameError> {
            let (head, event) = match frame.kind {
                $($kinds => <$event>::decode(frame).map(|(head, event)| (head, event.into()))?,)*
                kind => return Err(FrameError::UnknownKind(kind)),
            };
            Ok(event::Recorded { sequence, time: Timestamp(head.time), origin: head.origin.load(), event })
        }
    };
}
// Kinds are never given again; a removed one stays in its area's table as a note.
areas! {
    Function(functions::FunctionEvent) 1..=19,
    Policy(policies::PolicyEvent) 20..=29,
    Layer(layers::LayerEvent) 30..=39,
    Url(urls::UrlEvent) 40..=44,
    EventInvoke(event_invoke::EventInvokeEvent) 45..=49,
    Concurrency(concurrency::ConcurrencyEvent) 50..=59,
    FunctionSettings(function_settings::FunctionSettingsEvent) 60..=64,
    Tag(tags::TagEvent) 65..=69,
    CodeSigning(code_signing::CodeSigningEvent) 70..=79,
    EventSource(event_sources::EventSourceEvent) 80..=89,
    CapacityProvider(capacity_providers::CapacityProviderEvent) 90..=99,
    Iam(iam::IamEvent) 100..=119,
    Logs(logs::LogsEvent) 120..=139,
    History(history::HistoryEvent) 140..=149,
}
