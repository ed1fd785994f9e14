//! An invocation as environments see it: what is run, what Lambda logs of it, and how it went.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use larder_init::link::Outcome;
use larder_init::platform::PlatformEvent;
use tokio::sync::mpsc;

use super::ground::Ground;

/// An event to run, with what the function sees of its caller.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Request id.
    pub request_id: String,
    /// ARN as the caller named it.
    pub function_arn: String,
    /// X-Ray trace header.
    pub trace_id: Option<String>,
    /// Client context, as JSON.
    pub client_context: Option<String>,
    /// The tenant, of a function with tenant isolation.
    pub tenant_id: Option<String>,
    /// The event.
    pub payload: Bytes,
    /// Where a streamed response goes, part by part; `None`: it is wanted whole.
    pub stream: Option<mpsc::Sender<StreamPart>>,
    /// Whether the end is wanted with all that is logged of it, also where the function answered before.
    pub awaits_log: bool,
    /// What Lambda itself logs of it.
    pub report: Arc<dyn Report>,
}

/// What comes of a streamed response, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamPart {
    /// It begins.
    Begin {
        /// What the runtime says that its bytes are; empty where it does not.
        content_type: String,
    },
    /// Bytes of it.
    Bytes(Bytes),
}

/// Where an invocation runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Id of the environment.
    pub environment: String,
    /// Which invocation of it this is, from 1; `None` where a former server had it already.
    pub invocation: Option<u64>,
    /// How it was initialised, as AWS names it.
    pub initialization: &'static str,
    /// What runs it; `None` where a former server started it.
    pub ground: Option<Ground>,
    /// Its log stream.
    pub stream: String,
}

/// What Lambda logs around what the function writes.
pub trait Report: Send + Sync + std::fmt::Debug {
    /// An environment is about to get it; another one may after all, where that ends before.
    fn placed(&self, place: Place);
    /// Before the function's lines.
    fn start(&self) -> PlatformEvent;
    /// After the function's lines.
    fn end(&self, completed: &Completed) -> Vec<PlatformEvent>;
}

/// How an invocation went.
#[derive(Debug)]
pub struct Completed {
    /// What came out.
    pub outcome: Outcome,
    /// From handing over the event until the runtime and the extensions were done.
    pub duration: Duration,
    /// The init phase, if this invocation was the first of its environment.
    pub init: Option<Duration>,
    /// The restore phase, if this invocation was the first after it.
    pub restore: Option<Duration>,
    /// Peak memory of the environment in bytes.
    pub max_memory_bytes: u64,
    /// The end of what the function wrote.
    pub output: Vec<u8>,
}

impl Completed {
    /// What an invocation got whose environment vanished: the engine killed it, most likely for its memory.
    pub fn killed() -> Self {
        Self {
            outcome: Outcome::Exited { reason: Some("signal: killed".into()), init: false },
            duration: Duration::ZERO,
            init: None,
            restore: None,
            max_memory_bytes: 0,
            output: Vec::new(),
        }
    }

    /// What an invocation got that did not end in time, and whose environment did not say so.
    pub(super) fn timed_out() -> Self {
        Self { outcome: Outcome::TimedOut, ..Self::killed() }
    }

    /// What a caller gets while extensions still work on its event.
    pub(super) fn ahead(outcome: Outcome, output: Vec<u8>) -> Self {
        Self { outcome, output, ..Self::killed() }
    }
}
