//! Telemetry: what happens in the environment, on its way to the extensions that subscribed.
//!
//! Each subscriber has a task of its own, which collects events as it asked for and delivers them. Nobody waits for
//! it: what a slow one leaves is bounded, and what is dropped is counted and told.

mod delivery;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use larder_init::platform::{self, PlatformEvent};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use self::delivery::deliver;

/// Bytes that wait for one subscriber at most.
const BACKLOG: usize = 4 * 1024 * 1024;

/// Events of the init phase that are kept for whoever subscribes in it.
const EARLY: usize = 1000;

/// Event types of the Logs API's schema; the others came with the Telemetry API.
const OF_LOGS_API: [&str; 8] = [
    "platform.start",
    "platform.end",
    "platform.report",
    "platform.extension",
    "platform.logsSubscription",
    "platform.logsDropped",
    "platform.runtimeDone",
    "platform.fault",
];

/// Where an event comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Lambda.
    Platform,
    /// The function.
    Function,
    /// Extensions.
    Extension,
}

/// What an extension wants, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Which events.
    pub streams: Vec<Stream>,
    /// How many at a time.
    pub buffering: Buffering,
    /// Where to.
    pub destination: Destination,
    /// Whether it came by the Logs API.
    pub logs_api: bool,
}

impl Subscription {
    /// The names of the streams as AWS's log has them.
    pub fn types(&self) -> Vec<String> {
        self.streams.iter().map(|stream| format!("{stream:?}")).collect()
    }

    fn wants(&self, stream: Stream, kind: &str) -> bool {
        self.streams.contains(&stream)
            && (stream != Stream::Platform || !self.logs_api || OF_LOGS_API.contains(&kind))
            // The Telemetry API has no such event.
            && (self.logs_api || kind != "platform.end")
    }
}

/// When a batch is delivered: as soon as one of these is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buffering {
    /// Events.
    pub items: usize,
    /// Bytes.
    pub bytes: usize,
    /// Age of the oldest event.
    pub timeout: Duration,
}

/// Where events are delivered; always in the environment itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A JSON array in each request.
    Http {
        /// The name it was given by.
        host: String,
        /// Its port.
        port: u16,
        /// Path of the requests.
        path: String,
    },
    /// One JSON object a line.
    Tcp {
        /// Its port.
        port: u16,
    },
}

/// What is on its way to one subscriber.
#[derive(Debug, Default)]
pub struct Backlog {
    /// Bytes that wait.
    pub bytes: AtomicUsize,
    dropped_records: AtomicU64,
    dropped_bytes: AtomicU64,
}

#[derive(Debug)]
struct Subscriber {
    subscription: Subscription,
    events: mpsc::UnboundedSender<String>,
    backlog: Arc<Backlog>,
    task: JoinHandle<()>,
}

impl Subscriber {
    fn offer(&self, event: String) {
        let length = event.len();
        if self.backlog.bytes.load(Ordering::Relaxed) + length > BACKLOG {
            self.backlog.dropped_records.fetch_add(1, Ordering::Relaxed);
            self.backlog.dropped_bytes.fetch_add(length as u64, Ordering::Relaxed);
            return;
        }

        let records = self.backlog.dropped_records.swap(0, Ordering::Relaxed);
        let bytes = self.backlog.dropped_bytes.swap(0, Ordering::Relaxed);
        if records > 0 {
            let reason = "The subscriber did not take its events fast enough";
            self.push(platform::logs_dropped(crate::supervisor::now_ms(), reason, records, bytes).json());
        }

        self.push(event);
    }

    fn push(&self, event: String) {
        self.backlog.bytes.fetch_add(event.len(), Ordering::Relaxed);
        // The task ends with the subscriber only.
        let _ = self.events.send(event);
    }
}

/// All subscribers, and what they may yet be told.
#[derive(Debug)]
pub struct Telemetry {
    subscribers: Vec<Subscriber>,
    /// Events of the init phase, for those who subscribe later in it.
    early: Vec<(Stream, String, String)>,
    open: bool,
    awake: watch::Sender<bool>,
    json_logs: bool,
}

impl Default for Telemetry {
    fn default() -> Self {
        let (awake, _) = watch::channel(true);
        Self { subscribers: vec![], early: vec![], open: false, awake, json_logs: false }
    }
}

impl Telemetry {
    /// Takes subscriptions, from nobody yet: an init phase begins. Lines that are JSON objects are told as such
    /// where the function logs JSON.
    pub fn open(&mut self, json_logs: bool) {
        self.end();
        self.early.clear();
        (self.open, self.json_logs) = (true, json_logs);
    }

    /// Takes no more subscriptions: the init phase is over.
    pub fn close(&mut self) {
        self.open = false;
        self.early = Vec::new();
    }

    /// Whether subscriptions are taken.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Whether anybody listens, or still may.
    pub fn is_wanted(&self) -> bool {
        self.open || !self.subscribers.is_empty()
    }

    /// Whether lines are of use to anybody: a function that floods its log before there is a subscriber is not put
    /// into lines for nobody.
    pub fn wants_lines(&self) -> bool {
        !self.subscribers.is_empty() || self.open && self.early.len() < EARLY
    }

    /// Adds a subscriber, which is told of the init phase so far.
    pub fn subscribe(&mut self, subscription: Subscription) {
        let (events, queue) = mpsc::unbounded_channel();
        let backlog = Arc::new(Backlog::default());
        let delivery = deliver(queue, subscription.clone(), Arc::clone(&backlog), self.awake.subscribe());
        let subscriber = Subscriber { subscription, events, backlog, task: tokio::spawn(delivery) };

        for (stream, kind, event) in &self.early {
            if subscriber.subscription.wants(*stream, kind) {
                subscriber.offer(event.clone());
            }
        }

        self.subscribers.push(subscriber);
    }

    /// Tells an event of Lambda's.
    pub fn platform(&mut self, event: &PlatformEvent) {
        if self.is_wanted() {
            self.tell(Stream::Platform, &event.kind, event.json());
        }
    }

    /// Tells a line that the function or an extension wrote.
    pub fn line(&mut self, stream: Stream, time_ms: u64, line: &[u8]) {
        if !self.wants_lines() {
            return;
        }
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches('\n');
        let object = self.json_logs && serde_json::from_str::<serde_json::Map<_, _>>(text).is_ok();
        let record = if object { text.to_owned() } else { serde_json::Value::from(text).to_string() };
        let kind = if stream == Stream::Function { "function" } else { "extension" };
        let time = platform::rfc3339(time_ms);

        self.tell(stream, kind, format!("{{\"time\":\"{time}\",\"type\":\"{kind}\",\"record\":{record}}}"));
    }

    fn tell(&mut self, stream: Stream, kind: &str, event: String) {
        for subscriber in self.subscribers.iter().filter(|one| one.subscription.wants(stream, kind)) {
            subscriber.offer(event.clone());
        }
        if self.open && (stream == Stream::Platform || self.early.len() < EARLY) {
            self.early.push((stream, kind.to_owned(), event));
        }
    }

    /// Says whether the environment's processes run: a stopped one takes no events.
    pub fn awake(&self, awake: bool) {
        self.awake.send_replace(awake);
    }

    /// Whether all that was told is delivered.
    pub fn is_delivered(&self) -> bool {
        self.subscribers.iter().all(|one| one.backlog.bytes.load(Ordering::Relaxed) == 0)
    }

    /// Lets go of all subscribers.
    pub fn end(&mut self) {
        for subscriber in self.subscribers.drain(..) {
            subscriber.task.abort();
        }
    }
}
