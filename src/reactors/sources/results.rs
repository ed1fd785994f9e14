//! `LastProcessingResult`, where it says that a source is not read. It follows from what the server can do and from
//! what a source answers, so that it is kept in memory alone: after a restart it shows as soon as it is so again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::current::is_read;
use super::source::Problem;
use super::unread;
use crate::model::event_sources::{EventSourceMapping, MappingKey, SourceKind};
use crate::upstream::Upstream;

/// What went wrong with sources that are read.
#[derive(Debug, Default)]
pub struct Results(Mutex<HashMap<MappingKey, Known>>);

/// What is known of a source.
#[derive(Debug, Default)]
struct Known {
    /// Why it is not read.
    problem: Option<Problem>,
    /// How the last batch of a stream went.
    last: Option<&'static str>,
}

impl Results {
    /// Why a mapping's source is not read, if it should be and is not.
    pub fn shown(&self, mapping: &EventSourceMapping, upstream: &Upstream) -> Option<String> {
        if !is_read(mapping) {
            return None;
        }
        let problem = |problem: &Problem| format!("PROBLEM: {problem}");
        if let Some(found) = unreadable(mapping, upstream) {
            return Some(problem(&found));
        }
        let all = self.lock();
        let known = all.get(&mapping.key)?;
        known.problem.as_ref().map(problem).or_else(|| known.last.map(str::to_owned))
    }

    /// Notes a problem; whether it is another one than before.
    pub fn note(&self, key: &MappingKey, problem: &Problem) -> bool {
        let before = self.lock().entry(key.clone()).or_default().problem.replace(problem.clone());
        before.as_ref() != Some(problem)
    }

    /// Notes that there is none; whether there was one.
    pub fn clear(&self, key: &MappingKey) -> bool {
        self.lock().get_mut(key).is_some_and(|known| known.problem.take().is_some())
    }

    /// Notes how a batch of a stream went: texts as recorded, and as AWS documents them.
    pub fn note_batch(&self, key: &MappingKey, is_well: bool) {
        let text = if is_well { "OK" } else { "PROBLEM: Function call failed" };
        self.lock().entry(key.clone()).or_default().last = Some(text);
    }

    /// Forgets a mapping that is not read any more.
    pub fn forget(&self, key: &MappingKey) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MappingKey, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a source cannot be read here, whatever it is. The texts are Larder's.
pub fn unreadable(mapping: &EventSourceMapping, upstream: &Upstream) -> Option<Problem> {
    let without = |service: &str| {
        upstream.endpoint(service).is_none().then(|| {
            Problem(format!(
                "Larder does not serve {service}, and has no endpoint that does. Start it with --upstream {service}=URL."
            ))
        })
    };
    let not_read = |what: &str| Some(Problem::not_read(what));

    match mapping.source.kind() {
        SourceKind::Sqs | SourceKind::SqsFifo => None,
        SourceKind::Kinesis => without("kinesis"),
        SourceKind::DynamoDb => without("dynamodb"),
        SourceKind::Msk | SourceKind::SelfManagedKafka => unread::topic(mapping, upstream),
        SourceKind::Mq => unread::queue(mapping, upstream),
        SourceKind::DocumentDb => not_read("change streams of DocumentDB"),
    }
}
