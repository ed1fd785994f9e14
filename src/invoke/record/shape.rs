//! What a record says, and how it is written.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::environments::Ground;
use crate::ledger::records::Records;
use crate::model::blob::BlobId;

/// Bytes of a payload above which it lies beside its record.
const LONG: usize = 64 * 1024;

/// What is remembered of one invocation. Its JSON is what `larder invocations show --json` prints and what a pod carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Request id; the attempts of an asynchronous event share theirs.
    pub request_id: String,
    /// ARN of the function, without a qualifier.
    pub function: String,
    /// What the caller named of it: a version, an alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qualifier: Option<String>,
    /// The version that ran.
    pub version: String,
    /// What had it run.
    pub trigger: Trigger,
    /// When it began, in ISO 8601.
    pub started: String,
    /// The ledger's sequence then: the state in which it ran.
    pub sequence: u64,
    /// The event.
    pub event: Payload,
    /// Client context, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_context: Option<String>,
    /// The tenant, of a function with tenant isolation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// How it ended.
    pub end: End,
    /// What its caller got: the response, or the error as JSON. Nothing of one that was streamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Payload>,
    /// The end of what it logged.
    pub log: String,
    /// Where all of its log is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_stream: Option<LogPlace>,
    /// Milliseconds that it took.
    pub duration_ms: f64,
    /// Milliseconds of the init phase, where it was the first of its environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_ms: Option<f64>,
    /// Milliseconds of the restore phase, where it was the first after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_ms: Option<f64>,
    /// Megabytes that the function may use.
    pub memory_mb: u32,
    /// Megabytes that its environment used at most.
    pub max_memory_mb: u64,
    /// Where it ran; nothing where it could not be run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<RanIn>,
    /// The trace header that the function got.
    pub trace: String,
    /// The function's runtime; empty for an image.
    pub runtime: String,
    /// What made the environment.
    pub executor: String,
    /// Larder's version.
    pub larder: String,
    /// What it called through `AWS_ENDPOINT_URL`, in the order of the answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Call>,
    /// Calls beyond those that are remembered.
    #[serde(default, skip_serializing_if = "is_none")]
    pub more_calls: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_none(number: &u64) -> bool {
    *number == 0
}

/// What had a function run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Trigger {
    /// `Invoke`, or `InvokeWithResponseStream`.
    Invoke,
    /// An asynchronous event.
    Event {
        /// Which attempt this was, from 1.
        attempt: u32,
    },
    /// A request to its URL.
    Url,
    /// An event source mapping.
    Mapping {
        /// Its id.
        uuid: String,
    },
    /// `larder replay`.
    Replay,
}

impl Trigger {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Invoke => "invoke",
            Self::Event { .. } => "event",
            Self::Url => "url",
            Self::Mapping { .. } => "mapping",
            Self::Replay => "replay",
        }
    }
}

/// How an invocation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// With a response.
    Response,
    /// The function told an error.
    Error,
    /// It did not end in time.
    Timeout,
    /// Its process ended, or did not begin.
    Exit,
    /// It could not be run.
    NotRun,
}

/// A log stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPlace {
    /// The log group.
    pub group: String,
    /// The stream in it.
    pub stream: String,
}

/// Where an invocation ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RanIn {
    /// Id of the environment.
    pub id: String,
    /// Which invocation of it this was, from 1; nothing where a server before this one had it already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocation: Option<u64>,
    /// Whether the environment was made for it.
    pub cold: bool,
    /// How it was initialised, as AWS names it.
    pub initialization: String,
    /// What ran it there; nothing where a server before this one started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ground: Option<Ground>,
}

/// A call that a function made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The service, as signatures name it.
    pub service: String,
    /// Method and path with query.
    pub request: String,
    /// The operation, where the request's head names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What was sent.
    pub body: Payload,
    /// HTTP status of the answer.
    pub status: u16,
    /// Those of its headers that clients read.
    pub headers: Vec<(String, String)>,
    /// What was answered.
    pub answer: Payload,
    /// Milliseconds until the answer was there.
    pub ms: f64,
    /// Milliseconds after the invocation began that it was asked.
    #[serde(default)]
    pub after_ms: f64,
    /// Whether request or answer had more bytes than are remembered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// Bytes that somebody sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Payload {
    /// Text.
    Text(String),
    /// Other bytes, in base 64.
    Base64(String),
    /// Many bytes, kept under their name.
    Long {
        /// Their SHA-256, as hex.
        sha256: String,
        /// How many.
        bytes: u64,
    },
}

impl Payload {
    /// Of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64(STANDARD.encode(bytes)),
        }
    }

    /// Of some bytes, which lie beside the record if they are many.
    pub(super) fn kept(bytes: &[u8], records: &Records) -> Self {
        if bytes.len() <= LONG {
            return Self::of(bytes);
        }
        match records.put_payload(bytes) {
            Ok(id) => Self::Long { sha256: id.hex(), bytes: bytes.len() as u64 },
            Err(error) => {
                tracing::warn!(%error, "what is long of an invocation could not be kept");
                Self::Long { sha256: String::new(), bytes: bytes.len() as u64 }
            }
        }
    }

    /// Puts many bytes beside the record.
    pub(super) fn keep(&mut self, records: &Records) {
        if let Some(bytes) = self.bytes().filter(|bytes| bytes.len() > LONG) {
            *self = Self::kept(&bytes, records);
        }
    }

    /// About how long it is.
    pub fn length(&self) -> usize {
        match self {
            Self::Text(text) | Self::Base64(text) => text.len(),
            Self::Long { .. } => 0,
        }
    }

    /// The bytes; `None` where they are kept elsewhere, or are none.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(text.clone().into_bytes()),
            Self::Base64(text) => STANDARD.decode(text).ok(),
            Self::Long { .. } => None,
        }
    }

    /// The same with its bytes in it, where they are still kept.
    pub fn whole(self, records: &Records) -> Self {
        let Self::Long { sha256, .. } = &self else { return self };
        let bytes = BlobId::from_hex(sha256).and_then(|id| records.payload(&id));
        bytes.map_or(self, |bytes| Self::of(&bytes))
    }
}

/// A record for tests.
#[cfg(test)]
pub fn sample() -> Record {
    Record {
        request_id: "5f0c1c4e-7a4b-4c39-9d62-8f4a31f0c9b1".into(),
        function: "arn:aws:lambda:us-east-1:000000000000:function:f".into(),
        qualifier: None,
        version: "$LATEST".into(),
        trigger: Trigger::Invoke,
        started: "2026-01-31T12:00:00.000Z".into(),
        sequence: 1,
        event: Payload::Text("{}".into()),
        client_context: None,
        tenant: None,
        end: End::Response,
        answer: None,
        log: String::new(),
        log_stream: None,
        duration_ms: 1.0,
        init_ms: None,
        restore_ms: None,
        memory_mb: 128,
        max_memory_mb: 30,
        environment: None,
        trace: String::new(),
        runtime: "python3.12".into(),
        executor: "sandbox".into(),
        larder: "0.1.0".into(),
        calls: Vec::new(),
        more_calls: 0,
    }
}

impl Record {
    /// Whether it went wrong.
    pub fn failed(&self) -> bool {
        self.end != End::Response
    }

    /// The same with all its payloads in it, where they are still kept.
    pub fn whole(mut self, records: &Records) -> Self {
        self.event = self.event.whole(records);
        self.answer = self.answer.map(|answer| answer.whole(records));
        for call in &mut self.calls {
            let taken = |payload: &mut Payload| std::mem::replace(payload, Payload::Text(String::new()));
            call.body = taken(&mut call.body).whole(records);
            call.answer = taken(&mut call.answer).whole(records);
        }
        self
    }
}
