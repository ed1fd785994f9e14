//! `LastProcessingResult`, where it says that a source is not read. It follows from what the server can do and from
//! what a source answers, so that it is kept in memory alone: after a restart it shows as soon as it is so again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::current::is_read;
use super::source::Problem;
use crate::model::event_sources::{EventSourceMapping, MappingKey, SourceKind};
use crate::upstream::Upstream;

/// What went wrong with sources that are read.
#[derive(Debug, Default)]
pub struct Results(Mutex<HashMap<MappingKey, Problem>>);

impl Results {
    /// Why a mapping's source is not read, if it should be and is not.
    pub fn shown(&self, mapping: &EventSourceMapping, upstream: &Upstream) -> Option<String> {
        if !is_read(mapping) {
            return None;
        }
        let problem = unreadable(mapping, upstream).or_else(|| self.lock().get(&mapping.key).cloned());
        problem.map(|problem| format!("PROBLEM: {problem}"))
    }

    /// Notes a problem; whether it is another one than before.
    pub fn note(&self, key: &MappingKey, problem: &Problem) -> bool {
        self.lock().insert(key.clone(), problem.clone()).as_ref() != Some(problem)
    }

    /// Notes that there is none; whether there was one.
    pub fn clear(&self, key: &MappingKey) -> bool {
        self.lock().remove(key).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MappingKey, Problem>> {
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
    let not_read = |what: &str| Some(Problem(format!("This version of Larder reads no {what}.")));

    match mapping.source.kind() {
        SourceKind::Sqs | SourceKind::SqsFifo => None,
        // Where there is an endpoint it is not said but in the log: what AWS shows of a stream of which nothing was read
        // is as true.
        SourceKind::Kinesis => without("kinesis"),
        SourceKind::DynamoDb => without("dynamodb"),
        SourceKind::Msk | SourceKind::SelfManagedKafka => not_read("Kafka topics"),
        SourceKind::Mq => not_read("queues of Amazon MQ"),
        SourceKind::DocumentDb => not_read("change streams of DocumentDB"),
    }
}
