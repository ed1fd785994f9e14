//! Messages as functions get them. Names and order are recorded on AWS (`test_sqs_queue_as_lambda_event_source`, FIFO:
//! `test_fifo_message_group_parallelism`).

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::queue::{Attribute, Message};
use crate::model::arn::Arn;

/// The event of records that are written already.
pub fn event(records: &[Record]) -> String {
    let records: Vec<&str> = records.iter().map(|record| record.json.as_str()).collect();
    format!("{{\"Records\":[{}]}}", records.join(","))
}

/// A message and its record.
#[derive(Debug, Clone)]
pub struct Record {
    /// The message's id.
    pub id: String,
    /// Its receipt.
    pub receipt: String,
    /// Its message group; only one of a FIFO queue orders messages by it.
    pub group: Option<String>,
    /// Its X-Ray header.
    pub trace_id: Option<String>,
    /// What the function gets.
    pub json: String,
}

impl Record {
    /// The record of a message of the queue `arn`. Mappings with a window tell that there are no attributes by a `null`, as
    /// recorded.
    pub fn of(message: Message, arn: &str, has_window: bool) -> Self {
        let none = has_window.then_some(Value::Null);
        let shape = Shape {
            message_id: &message.id,
            receipt_handle: &message.receipt,
            body: &message.body,
            attributes: Ordered(&message.attributes),
            message_attributes: Ordered(&message.sent_attributes),
            md5_of_message_attributes: message.md5_of_sent_attributes.clone().map(Value::from).or(none),
            md5_of_body: &message.md5_of_body,
            event_source: "aws:sqs",
            event_source_arn: arn,
            aws_region: Arn::parse(arn).map_or("", |arn| arn.region),
        };
        // Texts under names that are texts: nothing of it can fail.
        let json = serde_json::to_string(&shape).unwrap_or_default();
        let attribute = |name: &str| message.attributes.get(name).cloned();
        let group = attribute("MessageGroupId");
        let trace_id = attribute("AWSTraceHeader");

        Self { id: message.id, receipt: message.receipt, group, trace_id, json }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shape<'a> {
    message_id: &'a str,
    receipt_handle: &'a str,
    body: &'a str,
    attributes: Ordered<'a, String>,
    message_attributes: Ordered<'a, Attribute>,
    #[serde(rename = "md5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_message_attributes: Option<Value>,
    #[serde(rename = "md5OfBody")]
    md5_of_body: &'a str,
    event_source: &'a str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
    aws_region: &'a str,
}

impl Serialize for Attribute {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Shape<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            string_value: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            binary_value: Option<&'a str>,
            string_list_values: [(); 0],
            binary_list_values: [(); 0],
            data_type: &'a str,
        }
        let shape = Shape {
            string_value: self.string_value.as_deref(),
            binary_value: self.binary_value.as_deref(),
            string_list_values: [],
            binary_list_values: [],
            data_type: &self.data_type,
        };
        shape.serialize(serializer)
    }
}

/// A map as AWS writes it. The recorded orders of attributes are those of Java's hash map of up to 12 entries, so that it
/// also tells where those stand that were not recorded.
struct Ordered<'a, T>(&'a BTreeMap<String, T>);

impl<T: Serialize> Serialize for Ordered<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut entries: Vec<_> = self.0.iter().collect();
        // In one place stands first who came first; for the two that share one, AWS's users show which.
        entries.sort_by_key(|(name, _)| (bucket(name), name.to_lowercase()));
        serializer.collect_map(entries)
    }
}

/// Where a name stands among 16 places.
fn bucket(name: &str) -> u32 {
    let hash = name.encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into()));
    (hash ^ (hash >> 16)) % 16
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sqs:us-east-1:111111111111:q";

    fn message(attributes: &[(&str, &str)]) -> Message {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Message {
            id: "m".to_owned(),
            receipt: "r".to_owned(),
            body: "a \"b\"".to_owned(),
            md5_of_body: "5d".to_owned(),
            attributes,
            ..Message::default()
        }
    }

    const OF_ALL: [(&str, &str); 4] = [
        ("ApproximateFirstReceiveTimestamp", "1764090000005"),
        ("ApproximateReceiveCount", "1"),
        ("SenderId", "AROA:session"),
        ("SentTimestamp", "1764090000000"),
    ];

    #[test]
    fn a_record_is_written_as_aws_writes_it() {
        let mut given = message(&OF_ALL);
        let value = |text: &str, data_type: &str| Attribute {
            data_type: data_type.to_owned(),
            string_value: Some(text.to_owned()),
            binary_value: None,
        };
        given.sent_attributes.insert("attr1".to_owned(), value("val1", "String"));
        given.md5_of_sent_attributes = Some("ab".to_owned());
        let head = concat!(
            r#"{"messageId":"m","receiptHandle":"r","body":"a \"b\"","attributes":{"ApproximateReceiveCount":"1","#,
            r#""SentTimestamp":"1764090000000","SenderId":"AROA:session","ApproximateFirstReceiveTimestamp":"1764090000005"},"#,
            r#""messageAttributes":{"#,
        );
        let tail = concat!(
            r#""md5OfBody":"5d","eventSource":"aws:sqs","#,
            r#""eventSourceARN":"arn:aws:sqs:us-east-1:111111111111:q","awsRegion":"us-east-1"}"#,
        );
        let attribute =
            r#""attr1":{"stringValue":"val1","stringListValues":[],"binaryListValues":[],"dataType":"String"}"#;
        let with = format!("{head}{attribute}}},\"md5OfMessageAttributes\":\"ab\",{tail}");
        for has_window in [false, true] {
            assert_eq!(Record::of(given.clone(), ARN, has_window).json, with);
        }
        assert_eq!(Record::of(message(&OF_ALL), ARN, false).json, format!("{head}}},{tail}"));
        let record = Record::of(message(&OF_ALL), ARN, true);
        assert_eq!(record.json, format!("{head}}},\"md5OfMessageAttributes\":null,{tail}"));
        assert_eq!(event(&[record.clone(), record.clone()]), format!("{{\"Records\":[{0},{0}]}}", record.json));
    }

    #[test]
    fn attributes_stand_in_awss_order() {
        let all = [
            ("AWSTraceHeader", "Root=1"),
            ("DeadLetterQueueSourceArn", ARN),
            ("MessageDeduplicationId", "d"),
            ("MessageGroupId", "g"),
            ("SequenceNumber", "1"),
        ];
        let record = Record::of(message(&[&OF_ALL[..], &all].concat()), ARN, false);
        assert_eq!((record.group.as_deref(), record.trace_id.as_deref()), (Some("g"), Some("Root=1")));
        let names = [
            "DeadLetterQueueSourceArn",
            "ApproximateReceiveCount",
            "AWSTraceHeader",
            "SentTimestamp",
            "SequenceNumber",
            "MessageGroupId",
            "SenderId",
            "MessageDeduplicationId",
            "ApproximateFirstReceiveTimestamp",
        ];
        let places: Vec<_> = names.iter().map(|name| record.json.find(&format!("\"{name}\":"))).collect();
        assert!(places.is_sorted() && places.iter().all(Option::is_some), "{}", record.json);
    }
}
