//! What is learnt of an invocation, and the record that is made of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use larder_init::link::Outcome;

use super::answers::Answers;
use super::shape::{Call, End, LogPlace, Payload, RanIn, Record, Trigger};
use crate::environments::Place;
use crate::invoke::trace::Trace;
use crate::ledger::records::{NewRecord, Records};
use crate::model::arn;
use crate::model::functions::FunctionConfig;
use crate::model::names::FunctionKey;
use crate::model::qualifier::{Qualifier, Version};
use crate::model::time::Timestamp;

/// What is known before it runs.
#[derive(Debug)]
pub struct About {
    /// Request id.
    pub request_id: String,
    /// The function.
    pub function: FunctionKey,
    /// What the caller named of it.
    pub qualifier: Option<Qualifier>,
    /// The version that runs.
    pub version: Version,
    /// Its configuration.
    pub config: Arc<FunctionConfig>,
    /// What has it run.
    pub trigger: Trigger,
    /// When it began.
    pub started: Timestamp,
    /// The ledger's sequence then.
    pub sequence: u64,
    /// The event.
    pub event: Bytes,
    /// Client context, as JSON.
    pub client_context: Option<String>,
    /// The tenant.
    pub tenant: Option<String>,
    /// The trace that it belongs to.
    pub trace: Trace,
    /// What makes environments.
    pub executor: &'static str,
    /// What its calls are answered with, instead of being asked.
    pub answers: Option<Arc<Answers>>,
}

/// What is learnt while it runs.
#[derive(Debug, Default)]
pub struct Learnt {
    /// Where it runs.
    pub place: Option<Place>,
    /// How it ended.
    pub end: Option<End>,
    /// What its caller got.
    pub answer: Option<Bytes>,
    /// The end of what it logged.
    pub log: Vec<u8>,
    /// How long it took.
    pub duration: Duration,
    /// How long its init phase took.
    pub init: Option<Duration>,
    /// How long its restore phase took.
    pub restore: Option<Duration>,
    /// Bytes that its environment used at most.
    pub max_memory_bytes: u64,
    /// What it called.
    pub calls: Vec<Call>,
    /// Calls beyond those.
    pub more_calls: u64,
    /// Whether it is not to be remembered after all.
    pub forgotten: bool,
}

/// How an outcome ends an invocation.
pub fn end(outcome: &Outcome) -> End {
    match outcome {
        Outcome::Response(_) | Outcome::Streamed | Outcome::Answered => End::Response,
        Outcome::Error { .. } | Outcome::TooLarge { .. } => End::Error,
        Outcome::TimedOut => End::Timeout,
        Outcome::Exited { .. }
        | Outcome::OutOfMemory
        | Outcome::NotStarted { .. }
        | Outcome::ExtensionFailed { .. } => End::Exit,
    }
}

/// All that was learnt of an invocation.
#[derive(Debug)]
pub struct Drafted {
    /// What was known before.
    pub about: About,
    /// The rest.
    pub learnt: Learnt,
}

impl Drafted {
    /// Whether it went wrong.
    pub fn failed(&self) -> bool {
        self.learnt.end != Some(End::Response)
    }

    /// About how many bytes of memory it takes.
    pub fn bytes(&self) -> usize {
        let answer = self.learnt.answer.as_ref().map_or(0, Bytes::len);
        let calls = self.learnt.calls.iter().map(|call| call.body.length() + call.answer.length() + 500);
        self.about.event.len() + answer + self.learnt.log.len() + calls.sum::<usize>() + 1000
    }

    /// The record, as it is stored; what is long is put beside it.
    pub fn into_stored(self, records: &Records) -> NewRecord {
        let failed = self.failed();
        let function = self.about.function.clone();
        let record = self.into_record(records);
        NewRecord { function, failed, text: serde_json::to_string(&record).unwrap_or_default() }
    }

    fn into_record(self, records: &Records) -> Record {
        let Self { about, mut learnt } = self;
        let config = &about.config;
        let kept = |call: &mut Call| {
            call.body.keep(records);
            call.answer.keep(records);
        };
        learnt.calls.iter_mut().for_each(kept);
        let log_stream = |place: &Place| LogPlace { group: config.logging.group.clone(), stream: place.stream.clone() };
        let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;

        Record {
            function: arn::function(&about.function),
            qualifier: about.qualifier.map(|qualifier| qualifier.to_string()),
            version: about.version.to_string(),
            trigger: about.trigger,
            started: about.started.iso(),
            sequence: about.sequence,
            event: Payload::kept(&about.event, records),
            client_context: about.client_context,
            tenant: about.tenant,
            end: learnt.end.unwrap_or(End::NotRun),
            answer: learnt.answer.map(|answer| Payload::kept(&answer, records)),
            log: String::from_utf8_lossy(&learnt.log).into_owned(),
            log_stream: learnt.place.as_ref().map(log_stream),
            duration_ms: milliseconds(learnt.duration),
            init_ms: learnt.init.map(milliseconds),
            restore_ms: learnt.restore.map(milliseconds),
            memory_mb: config.memory_mib,
            max_memory_mb: learnt.max_memory_bytes.div_ceil(1024 * 1024),
            environment: learnt.place.map(|place| RanIn {
                id: place.environment,
                invocation: place.invocation,
                cold: learnt.init.is_some(),
                initialization: place.initialization.to_owned(),
                ground: place.ground,
            }),
            trace: about.trace.header(),
            runtime: config.runtime.clone(),
            executor: about.executor.to_owned(),
            larder: env!("CARGO_PKG_VERSION").to_owned(),
            calls: learnt.calls,
            more_calls: learnt.more_calls,
            request_id: about.request_id,
        }
    }
}
