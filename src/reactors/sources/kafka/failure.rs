//! What is told of records that were given up.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure.html> and
//! <https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure-destination.html>.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use rskafka::record::Record;
use serde_json::{Value, json};

use super::record::{self, event};
use crate::model::arn::Arn;
use crate::model::event_sources::EventSourceMapping;
use crate::model::time::Timestamp;
use crate::reactors::sources::streams::failure;
use crate::reactors::sources::streams::record::StreamRecord;
use crate::reactors::sources::streams::work::{GivenUp, Work};
use crate::runs::deliveries::Delivery;

/// What a destination that is a topic begins with.
const TOPIC: &str = "kafka://";

/// What is told, and of what.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// Of which mapping.
    pub mapping: &'a EventSourceMapping,
    /// Its cluster, as functions are told of it.
    pub servers: &'a str,
    /// The partition.
    pub partition: &'a str,
    /// The records.
    pub work: &'a Work,
    /// Why they are given up.
    pub given_up: GivenUp,
}

/// The topic that takes a mapping's failures, where one does.
pub fn topic(mapping: &EventSourceMapping) -> Option<&str> {
    mapping.settings.on_failure.as_deref()?.strip_prefix(TOPIC)
}

impl Failure<'_> {
    /// The delivery for a destination that is no topic, if the mapping has one.
    pub fn delivery(&self, now: Timestamp) -> Option<(Delivery, Bytes)> {
        let target = self.mapping.settings.on_failure.clone().filter(|target| !target.starts_with(TOPIC))?;
        let records = &self.work.records;
        let event = self.event(records);
        let request_id = failure::request_id(self.work);
        let mut told = self.record(&request_id, (&event, records.len()), now);
        let (first, last) = (records.first(), records.last());
        let offset = |record: Option<&StreamRecord>| record.map(|record| record.sequence.clone());
        told["KafkaBatchInfo"]["recordsInfo"] = json!({
            self.partition: {
                "firstRecordOffset": offset(first),
                "lastRecordOffset": offset(last),
                "firstRecordTimestamp": first.map(came),
                "lastRecordTimestamp": last.map(came),
            },
        });
        // In a bucket there is room for the records themselves, as a text.
        if Arn::parse(&target).is_some_and(|arn| arn.service == "s3") {
            told["payload"] = event.into();
        }

        let delivery = failure::to_destination((self.mapping, target), self.partition, request_id, now);
        Some((delivery, Bytes::from(told.to_string())))
    }

    /// What goes to a topic: of each record one, under its key.
    pub fn messages(&self, now: Timestamp) -> Vec<Record> {
        let request_id = failure::request_id(self.work);
        let message = |given: &StreamRecord| {
            let records = std::slice::from_ref(given);
            let event = self.event(records);
            let mut told = self.record(&request_id, (&event, 1), now);
            told["KafkaBatchInfo"]["recordInfo"] = json!({ "offset": given.sequence, "timestamp": came(given) });
            told["payload"] = parsed(&event);
            let key = parsed(&given.text)["key"].as_str().and_then(|key| STANDARD.decode(key).ok());
            let value = Some(told.to_string().into_bytes());
            Record { key, value, headers: BTreeMap::new(), timestamp: record::time(now) }
        };
        self.work.records.iter().map(message).collect()
    }

    fn event(&self, records: &[StreamRecord]) -> String {
        event(self.mapping, self.servers, self.partition, records)
    }

    /// What is the same wherever it goes.
    fn record(&self, request_id: &str, (event, count): (&str, usize), now: Timestamp) -> Value {
        let mut told = failure::head(self.mapping, (self.work, self.given_up), request_id, now);
        let mut info = json!({ "batchSize": count });
        if let Some(arn) = self.mapping.source.arn() {
            info["eventSourceArn"] = arn.into();
        }
        info["bootstrapServers"] = self.servers.into();
        info["payloadSize"] = event.len().into();
        told["KafkaBatchInfo"] = info;
        told
    }
}

/// What was written as JSON.
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// When a record came.
fn came(record: &StreamRecord) -> String {
    Timestamp(parsed(&record.text)["timestamp"].as_u64().unwrap_or_default()).iso()
}
