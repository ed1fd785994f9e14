//! What the desk answers about history: the shapes that console and command line share.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ledger::difference::Difference;

/// An event with its place in history; values of functions' variables are masked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ShownEvent {
    /// Its place.
    pub sequence: u64,
    /// When it was decided, as ISO 8601.
    pub time: String,
    /// Its name, past tense.
    pub kind: String,
    /// ARN of what it is about.
    pub resource: String,
    /// The account of that.
    pub account: String,
    /// The region of that.
    pub region: String,
    /// Its name inside account and region.
    pub name: String,
    /// The call that caused it, or the reactor.
    pub request_id: String,
    /// The key that the call was signed with.
    pub access_key_id: String,
    /// Who called.
    pub user_agent: String,
    /// What it says; left out where its changes say it better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

/// How many resources of which kinds were added, changed and removed.
pub type Summary = BTreeMap<String, BTreeMap<String, u64>>;

/// An event and what it changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    /// The event.
    #[serde(flatten)]
    pub event: ShownEvent,
    /// Its changes in numbers, where a page has no room for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// Its changes.
    pub changes: Vec<Difference>,
}

/// A page of the log, oldest first.
#[derive(Debug, Serialize, Deserialize)]
pub struct LogPage {
    /// Its entries.
    pub entries: Vec<Entry>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<u64>,
    /// The newest sequence.
    pub sequence: u64,
}

/// A page of events, without what they changed.
#[derive(Debug, Serialize, Deserialize)]
pub struct EventPage {
    /// Its events.
    pub events: Vec<ShownEvent>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<u64>,
}

/// The resources of a point.
#[derive(Debug, Serialize, Deserialize)]
pub struct Resources {
    /// The point.
    pub sequence: u64,
    /// All of them, in order.
    pub resources: Vec<ShownResource>,
}

/// A resource.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShownResource {
    /// Its kind.
    pub kind: String,
    /// Its name inside account and region.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// What it is, in the shape of pods.
    pub value: Value,
}

/// What differs between two points.
#[derive(Debug, Serialize, Deserialize)]
pub struct Differences {
    /// The one.
    pub from: u64,
    /// The other.
    pub to: u64,
    /// What became of each resource that is not the same.
    pub resources: Vec<Difference>,
}

/// A rewind that was made.
#[derive(Debug, Serialize, Deserialize)]
pub struct Rewound {
    /// The sequence whose state is there again.
    pub to: u64,
    /// The newest sequence, after it.
    pub sequence: u64,
    /// ARNs of what was brought back.
    pub put: Vec<String>,
    /// ARNs of what was removed.
    pub removed: Vec<String>,
}

/// A mark that was put, and the newest sequence after it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Marked {
    /// Its name.
    pub mark: String,
    /// The newest sequence.
    pub sequence: u64,
}

/// A mark that was forgotten.
#[derive(Debug, Serialize, Deserialize)]
pub struct Unmarked {
    /// Its name.
    pub deleted: String,
}

/// All marks, by name.
#[derive(Debug, Serialize, Deserialize)]
pub struct Marks {
    /// They.
    pub marks: Vec<ShownMark>,
}

/// A mark.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShownMark {
    /// Its name.
    pub mark: String,
    /// The point that it names.
    pub sequence: u64,
    /// When it was put, as ISO 8601.
    pub time: String,
}
