//! Streams of the upstream's Kinesis and of its `DynamoDB`, read as Lambda's pollers read them.
//!
//! Source: <https://docs.aws.amazon.com/kinesis/latest/APIReference/API_Operations.html> and
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB_Streams.html>.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::json::{Operation, ServiceError};
use super::objects::Signer;
use super::{Upstream, UpstreamError};

/// Pages of shards that are read at most: one that names itself as its next is no list.
const MAX_PAGES: usize = 1000;

/// How long a call may take: none of these waits for anything.
const ANSWER: Duration = Duration::from_secs(30);

/// Which service a stream is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamService {
    /// Kinesis.
    Kinesis,
    /// `DynamoDB`, whose streams speak of all but their tables as those of Kinesis do.
    DynamoDb,
}

/// A stream, and in whose name it is read.
#[derive(Debug, Clone)]
pub struct StreamAccess {
    /// Which service it is of.
    pub service: StreamService,
    /// Its ARN.
    pub arn: String,
    /// Its name; of a table's stream nothing.
    pub name: String,
    /// In whose name.
    pub signer: Signer,
}

/// A shard.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Shard {
    /// Its id.
    #[serde(rename = "ShardId")]
    pub id: String,
    /// The shard that it came from.
    #[serde(rename = "ParentShardId")]
    pub parent: Option<String>,
    /// The other one, of two that were merged.
    #[serde(rename = "AdjacentParentShardId")]
    pub other_parent: Option<String>,
    /// Which numbers its records have.
    #[serde(default)]
    pub sequence_number_range: SequenceRange,
}

/// The sequence numbers of a shard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SequenceRange {
    /// The last one, of a shard that gets no more records.
    pub ending_sequence_number: Option<String>,
}

/// Where reading a shard begins.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// With the oldest record.
    Oldest,
    /// Behind a record.
    After(String),
    /// With the first record of a time, in seconds; only Kinesis knows.
    At(f64),
}

/// What one call gives of a shard.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Page {
    /// Records, as the service writes them.
    #[serde(default)]
    pub records: Vec<Value>,
    /// Where the next call goes on; nothing at the end of a shard that gets no more.
    pub next_shard_iterator: Option<String>,
    /// How old the next record is; nothing in streams of tables.
    pub millis_behind_latest: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ShardList {
    #[serde(default)]
    shards: Vec<Shard>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    stream_description: Description,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Description {
    #[serde(default)]
    shards: Vec<Shard>,
    last_evaluated_shard_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Iterator {
    shard_iterator: String,
}

impl StreamService {
    fn operation(self, kinesis: &'static str, dynamodb: &'static str) -> Operation {
        match self {
            Self::Kinesis => Operation { service: "kinesis", target: kinesis, version: "1.1" },
            Self::DynamoDb => Operation { service: "dynamodb", target: dynamodb, version: "1.0" },
        }
    }
}

impl Upstream {
    /// The shards of a stream.
    pub async fn shards(&self, stream: &StreamAccess) -> Result<Vec<Shard>, ServiceError> {
        let operation =
            stream.service.operation("Kinesis_20131202.ListShards", "DynamoDBStreams_20120810.DescribeStream");
        let mut shards = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let (found, more) = match stream.service {
                StreamService::Kinesis => {
                    let input = match &next {
                        Some(token) => json!({ "NextToken": token }),
                        None => json!({ "StreamName": stream.name }),
                    };
                    let list: ShardList = self.ask_stream(operation, &input, stream).await?;
                    (list.shards, list.next_token)
                }
                StreamService::DynamoDb => {
                    let mut input = json!({ "StreamArn": stream.arn });
                    if let Some(last) = &next {
                        input["ExclusiveStartShardId"] = last.as_str().into();
                    }
                    let described: Described = self.ask_stream(operation, &input, stream).await?;
                    (described.stream_description.shards, described.stream_description.last_evaluated_shard_id)
                }
            };
            shards.extend(found);
            next = more.filter(|more| !more.is_empty());
            if next.is_none() {
                break;
            }
        }

        Ok(shards)
    }

    /// Where a shard is read from.
    pub async fn shard_iterator(
        &self,
        stream: &StreamAccess,
        shard: &str,
        start: &Start,
    ) -> Result<String, ServiceError> {
        let operation =
            stream.service.operation("Kinesis_20131202.GetShardIterator", "DynamoDBStreams_20120810.GetShardIterator");
        let mut input = match stream.service {
            StreamService::Kinesis => json!({ "StreamName": stream.name, "ShardId": shard }),
            StreamService::DynamoDb => json!({ "StreamArn": stream.arn, "ShardId": shard }),
        };
        match start {
            Start::Oldest => input["ShardIteratorType"] = "TRIM_HORIZON".into(),
            Start::After(sequence) => {
                input["ShardIteratorType"] = "AFTER_SEQUENCE_NUMBER".into();
                let name = match stream.service {
                    StreamService::Kinesis => "StartingSequenceNumber",
                    StreamService::DynamoDb => "SequenceNumber",
                };
                input[name] = sequence.as_str().into();
            }
            Start::At(seconds) => {
                input["ShardIteratorType"] = "AT_TIMESTAMP".into();
                input["Timestamp"] = (*seconds).into();
            }
        }
        let found: Iterator = self.ask_stream(operation, &input, stream).await?;

        Ok(found.shard_iterator)
    }

    /// Records from there on, as many as there are now, `most` at most.
    pub async fn shard_records(
        &self,
        stream: &StreamAccess,
        iterator: &str,
        most: usize,
    ) -> Result<Page, ServiceError> {
        let operation = stream.service.operation("Kinesis_20131202.GetRecords", "DynamoDBStreams_20120810.GetRecords");
        let input = json!({ "ShardIterator": iterator, "Limit": most });
        self.ask_stream(operation, &input, stream).await
    }

    async fn ask_stream<T: DeserializeOwned>(
        &self,
        operation: Operation,
        input: &Value,
        stream: &StreamAccess,
    ) -> Result<T, ServiceError> {
        let no_answer = |reason: String| match self.given(operation.service) {
            Ok(endpoint) => {
                UpstreamError::NoAnswer { service: operation.service.to_owned(), endpoint: endpoint.clone(), reason }
                    .into()
            }
            Err(error) => ServiceError::from(error),
        };
        let asked = tokio::time::timeout(ANSWER, self.json(operation, input, &stream.signer)).await;
        let answer = asked.map_err(|_| no_answer(format!("none within {} s", ANSWER.as_secs())))??;
        let parsed = serde_json::from_str(&answer);

        parsed.map_err(|error| no_answer(format!("its answer to {} cannot be read: {error}", operation.target)))
    }
}
