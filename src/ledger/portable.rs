//! Resources as JSON: what `state.json` of a pod holds, and what history and diffs show. The shapes are those of
//! the store; digests are hex, ids UUIDs, maps objects, times milliseconds since the epoch.

use serde::Serializer;
use serde_json::Value;

use super::frame::FrameError;
use super::mask::mask;
use super::{codec, shapes};
use crate::model::event::{Event, Recorded};
use crate::model::queues::QueueKey;
use crate::model::resource::Resource;
use crate::runs::messages::BroughtMessage;
use crate::runs::{Attempts, WaitingEvent};

/// A resource as JSON: an object of one member, named by its kind.
///
/// # Errors
/// A number that JSON has not, such as an infinite weight.
pub fn to_json(resource: &Resource) -> Result<Value, serde_json::Error> {
    shapes::resource_to_json(resource)
}

/// The same, on its way into a file: as JSON it would take many times the memory.
///
/// # Errors
/// The serializer's.
pub fn serialize<S: Serializer>(resource: &Resource, serializer: S) -> Result<S::Ok, S::Error> {
    shapes::serialize_resource(resource, serializer)
}

/// Reads what [`to_json`] wrote. What the values may be is not checked.
///
/// # Errors
/// What is not as it must be.
pub fn from_json(json: Value) -> Result<Resource, serde_json::Error> {
    shapes::resource_from_json(json)
}

/// An event's frame as it is stored: what `history.jsonl` of a pod holds, so that any later Larder can read it.
///
/// # Errors
/// It is too large for a frame.
pub fn event_frame(recorded: &Recorded) -> Result<Vec<u8>, FrameError> {
    codec::encode(recorded)
}

/// What an event says as JSON, with the values of functions' variables masked.
///
/// # Errors
/// A number that JSON has not, such as an infinite weight.
pub fn event_to_json(event: &Event) -> Result<Value, serde_json::Error> {
    let mut json = shapes::to_json(event)?;
    mask(&mut json);
    Ok(json)
}

/// An event that waits, as JSON in one line: what `events.jsonl` of a pod holds.
///
/// # Errors
/// Never: it has nothing that JSON has not.
pub fn waiting_to_json(event: &WaitingEvent, attempts: Attempts, payload: String) -> Result<String, serde_json::Error> {
    shapes::run_to_json(event, attempts, payload)
}

/// Reads what [`waiting_to_json`] wrote. What the values may be is not checked.
///
/// # Errors
/// What is not as it must be.
pub fn waiting_from_json(json: &[u8]) -> Result<(WaitingEvent, Attempts, String), serde_json::Error> {
    shapes::run_from_json(json)
}

/// A message of a queue, as JSON in one line: what `messages.jsonl` of a pod holds.
///
/// # Errors
/// Never: it has nothing that JSON has not.
pub fn message_to_json(queue: &QueueKey, message: &BroughtMessage) -> Result<String, serde_json::Error> {
    shapes::message_to_json(queue, message)
}

/// Reads what [`message_to_json`] wrote. What the values may be is not checked.
///
/// # Errors
/// What is not as it must be.
pub fn message_from_json(json: &[u8]) -> Result<(QueueKey, BroughtMessage), serde_json::Error> {
    shapes::message_from_json(json)
}
