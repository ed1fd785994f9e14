//! Records of streams as functions get them. Names and order are recorded on AWS (`test_kinesis_event_source_mapping`,
//! `test_dynamodb_event_source_mapping`).

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::{Map, Value, json};

use crate::model::arn::Arn;
use crate::model::event_sources::SourceKind;

/// A record of a shard.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamRecord {
    /// Its sequence number.
    pub sequence: String,
    /// When it came, in seconds.
    pub arrived: f64,
    /// What it is about: records of one key are done in their order.
    pub key: String,
    /// What the function gets, as JSON.
    pub text: String,
}

/// Where records are from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// Kinesis, or `DynamoDB`.
    pub kind: SourceKind,
    /// The mapping's source.
    pub arn: &'a str,
    /// The shard.
    pub shard: &'a str,
    /// The function's role.
    pub role: &'a str,
}

impl StreamRecord {
    /// A record as a service gives it, and as filters see it; `None` where it has no sequence number, without which it is
    /// none.
    pub fn of(given: &Value, origin: Origin<'_>) -> Option<(Self, Value)> {
        match origin.kind {
            SourceKind::Kinesis => of_kinesis(given, origin),
            _ => of_table(given, origin),
        }
    }

    /// Which of so many lanes it is in: all records of a key are in the same one.
    pub fn lane(&self, lanes: usize) -> usize {
        let mut hasher = DefaultHasher::new();
        self.key.hash(&mut hasher);
        usize::try_from(hasher.finish() % (lanes.max(1) as u64)).unwrap_or_default()
    }
}

/// How sequence numbers stand to each other: they are whole numbers, too large for the machine's own.
pub fn compare(one: &str, other: &str) -> Ordering {
    let digits = |text: &str| text.trim_start_matches('0').len();
    digits(one).cmp(&digits(other)).then_with(|| one.trim_start_matches('0').cmp(other.trim_start_matches('0')))
}

fn of_kinesis(given: &Value, origin: Origin<'_>) -> Option<(StreamRecord, Value)> {
    let sequence = given["SequenceNumber"].as_str()?.to_owned();
    let json = json!({
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": given["PartitionKey"],
            "sequenceNumber": sequence,
            "data": given["Data"],
            "approximateArrivalTimestamp": given["ApproximateArrivalTimestamp"],
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": format!("{}:{sequence}", origin.shard),
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": origin.role,
        "awsRegion": region(origin),
        "eventSourceARN": origin.arn,
    });
    let arrived = given["ApproximateArrivalTimestamp"].as_f64().unwrap_or_default();
    let key = given["PartitionKey"].as_str().unwrap_or_default().to_owned();

    Some((StreamRecord { sequence, arrived, key, text: json.to_string() }, json))
}

/// The order of what a table's record holds.
const OF_TABLES: [&str; 7] =
    ["ApproximateCreationDateTime", "Keys", "NewImage", "OldImage", "SequenceNumber", "SizeBytes", "StreamViewType"];

fn of_table(given: &Value, origin: Origin<'_>) -> Option<(StreamRecord, Value)> {
    let change = given["dynamodb"].as_object()?;
    let sequence = change.get("SequenceNumber")?.as_str()?.to_owned();
    let arrived = change.get("ApproximateCreationDateTime").and_then(Value::as_f64).unwrap_or_default();
    let members = |from: &Map<String, Value>, names: &[&str]| -> Map<String, Value> {
        names.iter().filter_map(|name| Some(((*name).to_owned(), from.get(*name)?.clone()))).collect()
    };
    let mut json = members(given.as_object()?, &["eventID", "eventName", "eventVersion"]);
    json.insert("eventSource".to_owned(), "aws:dynamodb".into());
    json.insert("awsRegion".to_owned(), region(origin).into());
    json.insert("dynamodb".to_owned(), members(change, &OF_TABLES).into());
    // Whoever deleted an item whose time was over.
    json.extend(members(given.as_object()?, &["userIdentity"]));
    json.insert("eventSourceARN".to_owned(), origin.arn.into());

    // Services may write the keys of an item in any order.
    let keys: Option<BTreeMap<_, _>> = change.get("Keys").and_then(Value::as_object).map(|keys| keys.iter().collect());
    let key = json!(keys).to_string();
    let json = Value::from(json);

    Some((StreamRecord { sequence, arrived, key, text: json.to_string() }, json))
}

fn region(origin: Origin<'_>) -> String {
    Arn::parse(origin.arn).map_or_else(String::new, |arn| arn.region.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_written_as_aws_writes_them() {
        let origin = Origin {
            kind: SourceKind::Kinesis,
            arn: "arn:aws:kinesis:us-east-1:111111111111:stream/s",
            shard: "shardId-000000000000",
            role: "arn:aws:iam::111111111111:role/r",
        };
        let given = json!({
            "SequenceNumber": "4966", "ApproximateArrivalTimestamp": 1_764_088_500.123, "Data": "YQ==", "PartitionKey": "p",
        });
        let (record, seen) = StreamRecord::of(&given, origin).expect("is one");
        assert_eq!((record.text.as_str(), record.key.as_str()), (seen.to_string().as_str(), "p"));
        assert_eq!(
            record.text,
            concat!(
                r#"{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"p","sequenceNumber":"4966","data":"YQ==","#,
                r#""approximateArrivalTimestamp":1764088500.123},"eventSource":"aws:kinesis","eventVersion":"1.0","#,
                r#""eventID":"shardId-000000000000:4966","eventName":"aws:kinesis:record","#,
                r#""invokeIdentityArn":"arn:aws:iam::111111111111:role/r","awsRegion":"us-east-1","#,
                r#""eventSourceARN":"arn:aws:kinesis:us-east-1:111111111111:stream/s"}"#,
            )
        );

        let table = "arn:aws:dynamodb:us-east-1:111111111111:table/t/stream/2025-11-25T16:07:00.000";
        let origin = Origin { kind: SourceKind::DynamoDb, arn: table, ..origin };
        let given = json!({
            "awsRegion": "elsewhere", "dynamodb": {
                "StreamViewType": "NEW_IMAGE", "SizeBytes": 58, "SequenceNumber": "100", "NewImage": {"k": {"S": "v"}},
                "Keys": {"k": {"S": "v"}}, "ApproximateCreationDateTime": 1_764_088_500.0,
            },
            "eventID": "ab", "eventName": "INSERT", "eventSource": "aws:dynamodb", "eventVersion": "1.1",
        });
        let (record, _) = StreamRecord::of(&given, origin).expect("is one");
        assert_eq!(record.key, r#"{"k":{"S":"v"}}"#);
        assert_eq!(
            record.text,
            format!(
                r#"{{"eventID":"ab","eventName":"INSERT","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"us-east-1","dynamodb":{{"ApproximateCreationDateTime":1764088500.0,"Keys":{{"k":{{"S":"v"}}}},"NewImage":{{"k":{{"S":"v"}}}},"SequenceNumber":"100","SizeBytes":58,"StreamViewType":"NEW_IMAGE"}},"eventSourceARN":"{table}"}}"#
            )
        );
        assert!(StreamRecord::of(&json!({}), origin).is_none());
    }

    #[test]
    fn sequence_numbers_are_compared_as_numbers() {
        let large = "49590338271490256608559692538361571095921575989136588898";
        for (one, other) in [("9", "10"), ("1", "002"), ("5", large), (large, &large.replace('8', "9"))] {
            let both = (compare(one, other), compare(other, one));
            assert_eq!(both, (Ordering::Less, Ordering::Greater), "{one} {other}");
        }
        assert_eq!(compare("007", "7"), Ordering::Equal);
    }
}
