//! Records of topics as functions get them.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/kafka-smaa.html>, "Example event". Bytes of headers have a sign, as
//! users see them (aws-powertools/powertools-lambda-python#6862), and a record without a key has no such member
//! (aws-powertools/powertools-lambda-python#6508).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use rskafka::record::RecordAndOffset;
use serde_json::{Value, json};

use crate::model::event_sources::{EventSourceMapping, SourceKind};
use crate::model::time::Timestamp;
use crate::reactors::sources::streams::record::StreamRecord;

/// What a partition is called.
pub fn name(topic: &str, partition: i32) -> String {
    format!("{topic}-{partition}")
}

/// A time as Kafka's client has it.
pub fn time(time: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(i64::try_from(time.0).unwrap_or(i64::MAX)).unwrap_or_default()
}

/// The record of a partition's record, and as filters see it; its sequence number is the offset.
pub fn of(given: RecordAndOffset, topic: &str, partition: i32) -> (StreamRecord, Value) {
    let RecordAndOffset { record, offset } = given;
    let timestamp = record.timestamp.timestamp_millis();
    let mut json = json!({
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "timestamp": timestamp,
        "timestampType": "CREATE_TIME",
    });
    if let Some(key) = record.key {
        json["key"] = STANDARD.encode(key).into();
    }
    if let Some(value) = record.value {
        json["value"] = STANDARD.encode(value).into();
    }
    json["headers"] = record.headers.iter().map(|(name, value)| header(name, value)).collect();

    #[allow(clippy::cast_precision_loss)]
    // Times of this age of the world have room.
    let arrived = timestamp as f64 / 1000.0;
    // All of a partition are done in their order, whatever their keys are.
    let key = String::new();
    (StreamRecord { sequence: offset.to_string(), arrived, key, text: json.to_string() }, json)
}

fn header(name: &str, value: &[u8]) -> Value {
    let bytes: Vec<i8> = value.iter().map(|byte| byte.cast_signed()).collect();
    json!({ name: bytes })
}

/// The event with records of one partition.
pub fn event(mapping: &EventSourceMapping, servers: &str, partition: &str, records: &[StreamRecord]) -> String {
    let is_msk = mapping.source.kind() == SourceKind::Msk;
    let mut event = json!({ "eventSource": if is_msk { "aws:kafka" } else { "SelfManagedKafka" } });
    if let Some(arn) = mapping.source.arn() {
        event["eventSourceArn"] = arn.into();
    }
    event["bootstrapServers"] = servers.into();
    let around = event.to_string();
    let records: Vec<_> = records.iter().map(|record| record.text.as_str()).collect();
    let (partition, records) = (Value::from(partition), records.join(","));
    format!("{},\"records\":{{{partition}:[{records}]}}}}", around.trim_end_matches('}'))
}

#[cfg(test)]
mod tests {
    use rskafka::record::Record;

    use super::*;

    #[test]
    fn records_are_written_as_aws_writes_them() {
        let record = |key: Option<&str>| Record {
            key: key.map(|key| key.as_bytes().to_vec()),
            value: Some(b"Hello, this is a test.".to_vec()),
            headers: [("headerKey".to_owned(), "headerValue ë".as_bytes().to_vec())].into(),
            timestamp: time(Timestamp(1_545_084_650_987)),
        };
        let written = |key| of(RecordAndOffset { record: record(key), offset: 15 }, "mytopic", 0);
        assert_eq!(
            written(Some("k")).0.text,
            concat!(
                r#"{"topic":"mytopic","partition":0,"offset":15,"timestamp":1545084650987,"timestampType":"CREATE_TIME","#,
                r#""key":"aw==","value":"SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==","headers":[{"headerKey":[104,101,97,100,101,"#,
                r#"114,86,97,108,117,101,32,-61,-85]}]}"#,
            )
        );
        let (record, seen) = written(None);
        assert!(seen.get("key").is_none() && record.sequence == "15");
        assert_eq!(record.text, seen.to_string());
    }
}
