//! What the desk answers about history and about events that wait: the shapes that console and command line share.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::denials::Denied;
use crate::invoke::metrics::Counts;
use crate::ledger::difference::Difference;

/// An event with its place in history; values of functions' variables are masked.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
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
    /// What it did, in words; empty where the state before it is not at hand.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub says: String,
    /// How it ended, if Larder did it by itself, after a change or a call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_up: Option<Outcome>,
    /// What it says; left out where its changes say it better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

/// How something ended that Larder did by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As it should.
    Well,
    /// Otherwise.
    Failed,
}

/// How many resources of which kinds were added, changed and removed.
pub type Summary = BTreeMap<String, BTreeMap<String, u64>>;

/// An event and what it changed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
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

/// A page of the log, the oldest first unless the newest were asked for.
#[derive(Debug, Serialize, Deserialize)]
pub struct LogPage {
    /// Its entries.
    pub entries: Vec<Entry>,
    /// Where the next page begins, or ends where the newest come first; `None` at the end.
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
    /// What became of events that wait.
    #[serde(default)]
    pub events: EventsLeft,
}

/// What a rewind made of the events that wait.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct EventsLeft {
    /// Events that wait after it.
    pub waiting: usize,
    /// Events that were dropped.
    pub dropped: usize,
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

/// The authority that vouches for a server over TLS.
#[derive(Debug, Serialize, Deserialize)]
pub struct Authority {
    /// Its certificate, in PEM; `None` where the user gave the server a certificate.
    pub certificate: Option<String>,
}

/// Calls that policies refused, the latest first.
#[derive(Debug, Serialize, Deserialize)]
pub struct Refusals {
    /// They.
    pub refusals: Vec<Denied>,
}

/// Functions' URLs, by function.
#[derive(Debug, Serialize, Deserialize)]
pub struct Urls {
    /// They.
    pub urls: Vec<ShownUrl>,
}

/// A function's URL.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShownUrl {
    /// ARN of what it invokes.
    pub arn: String,
    /// Its id.
    pub id: String,
    /// Under its own host.
    pub url: String,
    /// By a path, for clients that cannot look that host up.
    pub path_url: String,
    /// `NONE` or `AWS_IAM`.
    pub auth_type: String,
    /// `BUFFERED` or `RESPONSE_STREAM`.
    pub invoke_mode: String,
}

/// Where an event that waits stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It is run when it is due and there is room.
    Waiting,
    /// It runs right now.
    Running,
    /// It came with a pod that nobody vouched for, and is run when somebody says so.
    Held,
}

/// How often an event was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownAttempts {
    /// Times that its function ran and failed.
    pub failed: u32,
    /// Times in a row since then that it could not be run.
    pub held_back: u32,
}

/// An event that waits.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct QueuedEvent {
    /// Its id in this store.
    pub id: u64,
    /// ARN of its function.
    pub function: String,
    /// The version or alias that the caller named.
    pub qualifier: Option<String>,
    /// Its request id, the same in every attempt.
    pub request_id: String,
    /// Where it stands.
    pub standing: Standing,
    /// When it was accepted, as ISO 8601.
    pub accepted: String,
    /// How many seconds ago that was.
    pub age_s: u64,
    /// When it is run next, as ISO 8601; `None` where it is held.
    pub due: Option<String>,
    /// How many seconds that is ahead; 0 where it is due.
    pub due_in_s: u64,
    /// How often it was tried.
    pub attempts: ShownAttempts,
    /// Bytes of its payload.
    pub size: usize,
}

/// A page of events that wait, function by function, those that are due first first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct QueuePage {
    /// Events of all functions that have not been run to their end.
    pub waiting: usize,
    /// Those of them that run right now.
    pub running: usize,
    /// The page.
    pub events: Vec<QueuedEvent>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// An event that waits, with all that there is of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WholeEvent {
    /// What a list has of it.
    #[serde(flatten)]
    pub event: QueuedEvent,
    /// X-Ray trace header.
    pub trace_id: Option<String>,
    /// The tenant.
    pub tenant_id: Option<String>,
    /// Name of the durable execution.
    pub durable_execution_name: Option<String>,
    /// Its payload; `None` where it has none. What looks like a secret is masked.
    pub payload: Option<Value>,
}

/// Events of a function.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FunctionQueue {
    /// ARN of the function.
    pub function: String,
    /// Its events that have not been run to their end.
    pub waiting: usize,
    /// Those of them that run right now.
    pub running: usize,
    /// Those of them that are held.
    pub held: usize,
    /// When the first of them is due, as ISO 8601; `None` where all are held.
    pub due: Option<String>,
}

/// Deliveries of a function's that were given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostDelivery {
    /// ARN of the function.
    pub function: String,
    /// AWS's metric: `DestinationDeliveryFailures` or `DeadLetterErrors`.
    pub metric: String,
    /// How many.
    pub count: u64,
}

/// A page of functions that have events.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FunctionQueues {
    /// Events of all functions that have not been run to their end.
    pub waiting: usize,
    /// Those of them that run right now.
    pub running: usize,
    /// Records and dead letters that wait to be delivered.
    pub deliveries: usize,
    /// Those that were given up since the server began.
    pub lost: Vec<LostDelivery>,
    /// The page.
    pub functions: Vec<FunctionQueue>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// Events that were to be run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Retried {
    /// Those that are due now and were not before.
    pub retried: usize,
    /// Those that were due before: they wait for room.
    pub due: usize,
    /// Those that run right now: nothing was changed for them.
    pub running: usize,
}

/// Events that were dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DroppedEvents {
    /// All of them.
    pub dropped: usize,
    /// Those of them that run right now: the attempt goes on to its end, and is the last.
    pub running: usize,
}

/// How a wait for the end of events ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waited {
    /// Whether nothing waits or runs any more.
    pub done: bool,
    /// Events that wait, or run.
    pub waiting: usize,
    /// Events that run right now.
    pub running: usize,
    /// Events that are held, which nobody waits for.
    pub held: usize,
    /// Records and dead letters that wait to be delivered.
    pub deliveries: usize,
}

/// Numbers of a server, since it started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Top {
    /// Of the functions that ran.
    pub functions: Vec<FunctionCounts>,
    /// Seconds since the start.
    pub uptime_s: f64,
    /// What makes environments.
    pub executor: String,
    /// Environments.
    pub environments: usize,
    /// Those that wait for an invocation.
    pub idle: usize,
    /// Asynchronous events that wait until they have been run.
    pub events_waiting: usize,
    /// The ledger's newest sequence.
    pub sequence: u64,
    /// Functions that there are.
    pub functions_configured: usize,
}

/// Numbers of a function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionCounts {
    /// Its account.
    pub account: String,
    /// Its region.
    pub region: String,
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The numbers.
    #[serde(flatten)]
    pub counts: Counts,
}
