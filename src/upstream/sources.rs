//! Queues, streams and tables of the upstream, of which event sources are made: whether they are there.

use serde_json::json;

use super::Upstream;
use super::json::{Operation, ServiceError};
use super::objects::Signer;

/// `GetQueueUrl`.
const GET_QUEUE_URL: Operation = Operation { service: "sqs", target: "AmazonSQS.GetQueueUrl", version: "1.0" };

/// `DescribeStreamSummary`.
const DESCRIBE_STREAM: Operation =
    Operation { service: "kinesis", target: "Kinesis_20131202.DescribeStreamSummary", version: "1.1" };

/// `DescribeStream`.
const DESCRIBE_TABLE_STREAM: Operation =
    Operation { service: "dynamodb", target: "DynamoDBStreams_20120810.DescribeStream", version: "1.0" };

impl Upstream {
    /// Whether a queue is there, by its name.
    pub async fn find_queue(&self, name: &str, signer: &Signer) -> Result<(), ServiceError> {
        self.json(GET_QUEUE_URL, &json!({ "QueueName": name }), signer).await.map(drop)
    }

    /// Whether a Kinesis stream is there, by its name.
    pub async fn find_stream(&self, name: &str, signer: &Signer) -> Result<(), ServiceError> {
        self.json(DESCRIBE_STREAM, &json!({ "StreamName": name }), signer).await.map(drop)
    }

    /// Whether a table's stream is there, by its ARN.
    pub async fn find_table_stream(&self, arn: &str, signer: &Signer) -> Result<(), ServiceError> {
        self.json(DESCRIBE_TABLE_STREAM, &json!({ "StreamArn": arn }), signer).await.map(drop)
    }
}
