//! Queues of the upstream's SQS, read as Lambda's pollers read them.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html>.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::json::{Operation, ServiceError};
use super::objects::Signer;
use super::{Upstream, UpstreamError};

/// The service that has queues.
const SQS: &str = "sqs";

/// Entries of one batch of SQS at most.
pub const QUEUE_BATCH: usize = 10;

const fn operation(target: &'static str) -> Operation {
    Operation { service: SQS, target, version: "1.0" }
}

/// A queue, and in whose name it is read.
#[derive(Debug, Clone)]
pub struct QueueAccess {
    /// Its URL, as SQS told it.
    pub url: String,
    /// In whose name.
    pub signer: Signer,
}

/// How messages are received.
#[derive(Debug, Clone, Copy)]
pub struct Receive {
    /// How many at most.
    pub most: usize,
    /// How long to wait for the first one.
    pub wait_s: u64,
    /// How long nobody else gets them, if not as long as the queue says.
    pub visibility_s: Option<u32>,
}

/// A message of `ReceiveMessage`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueueMessage {
    /// `MessageId`.
    pub message_id: String,
    /// `ReceiptHandle`.
    pub receipt_handle: String,
    /// `Body`.
    pub body: String,
    /// `MD5OfBody`.
    #[serde(rename = "MD5OfBody")]
    pub md5_of_body: String,
    /// `Attributes`.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// `MD5OfMessageAttributes`.
    #[serde(rename = "MD5OfMessageAttributes")]
    pub md5_of_message_attributes: Option<String>,
    /// `MessageAttributes`.
    #[serde(default)]
    pub message_attributes: BTreeMap<String, QueueMessageAttribute>,
}

/// A message attribute.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueueMessageAttribute {
    /// `DataType`.
    pub data_type: String,
    /// `StringValue`.
    pub string_value: Option<String>,
    /// `BinaryValue`, in base64.
    pub binary_value: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QueueUrl {
    queue_url: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Received {
    messages: Option<Vec<QueueMessage>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch {
    failed: Option<Vec<FailedEntry>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FailedEntry {
    code: String,
    message: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

impl Upstream {
    /// The URL of an account's queue.
    pub async fn queue_url(&self, name: &str, account: &str, signer: &Signer) -> Result<String, ServiceError> {
        let input = json!({ "QueueName": name, "QueueOwnerAWSAccountId": account });
        let found: QueueUrl = self.ask_queue("AmazonSQS.GetQueueUrl", &input, signer).await?;
        Ok(found.queue_url)
    }

    /// How long a received message is nobody else's, in seconds.
    pub async fn queue_visibility_s(&self, queue: &QueueAccess) -> Result<u32, ServiceError> {
        let input = json!({ "QueueUrl": queue.url, "AttributeNames": ["VisibilityTimeout"] });
        let found: Attributes = self.ask_queue("AmazonSQS.GetQueueAttributes", &input, &queue.signer).await?;
        // AWS's default.
        Ok(found.attributes.get("VisibilityTimeout").and_then(|seconds| seconds.parse().ok()).unwrap_or(30))
    }

    /// Waits for messages.
    pub async fn receive(&self, queue: &QueueAccess, receive: Receive) -> Result<Vec<QueueMessage>, ServiceError> {
        let mut input = json!({
            "QueueUrl": queue.url,
            "MaxNumberOfMessages": receive.most.min(QUEUE_BATCH),
            "WaitTimeSeconds": receive.wait_s,
            // The older name of the same, for endpoints that know no other.
            "AttributeNames": ["All"],
            "MessageSystemAttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        });
        if let Some(seconds) = receive.visibility_s {
            input["VisibilityTimeout"] = seconds.into();
        }
        let received: Received = self.ask_queue("AmazonSQS.ReceiveMessage", &input, &queue.signer).await?;
        Ok(received.messages.unwrap_or_default())
    }

    /// Deletes up to [`QUEUE_BATCH`] messages by their receipts; how many were not, and why the first was not.
    pub async fn delete_messages(
        &self,
        queue: &QueueAccess,
        receipts: &[String],
    ) -> Result<Option<(usize, String)>, ServiceError> {
        let entry = |(id, receipt): (usize, &String)| json!({ "Id": id.to_string(), "ReceiptHandle": receipt });
        let entries: Vec<_> = receipts.iter().enumerate().map(entry).collect();
        self.change_batch("AmazonSQS.DeleteMessageBatch", queue, entries).await
    }

    /// Has up to [`QUEUE_BATCH`] messages be everybody's in some seconds; how many were not changed, and why the first
    /// was not.
    pub async fn change_visibility(
        &self,
        queue: &QueueAccess,
        receipts: &[String],
        seconds: u32,
    ) -> Result<Option<(usize, String)>, ServiceError> {
        let entry = |(id, receipt): (usize, &String)| json!({ "Id": id.to_string(), "ReceiptHandle": receipt, "VisibilityTimeout": seconds });
        let entries = receipts.iter().enumerate().map(entry).collect();
        self.change_batch("AmazonSQS.ChangeMessageVisibilityBatch", queue, entries).await
    }

    async fn change_batch(
        &self,
        target: &'static str,
        queue: &QueueAccess,
        entries: Vec<Value>,
    ) -> Result<Option<(usize, String)>, ServiceError> {
        let input = json!({ "QueueUrl": queue.url, "Entries": entries });
        let batch: Batch = self.ask_queue(target, &input, &queue.signer).await?;
        let failed = batch.failed.unwrap_or_default();
        Ok(failed.first().map(|first| {
            let reason = first.message.as_deref().unwrap_or_default();
            (failed.len(), format!("{}: {reason}", first.code))
        }))
    }

    async fn ask_queue<T: DeserializeOwned>(
        &self,
        target: &'static str,
        input: &Value,
        signer: &Signer,
    ) -> Result<T, ServiceError> {
        let answer = self.json(operation(target), input, signer).await?;
        let parsed = serde_json::from_str(&answer);
        parsed.map_err(|error| {
            let endpoint = match self.given(SQS) {
                Ok(endpoint) => endpoint.clone(),
                Err(error) => return error.into(),
            };
            let reason = format!("its answer to {target} is none of SQS: {error}");
            UpstreamError::NoAnswer { service: SQS.to_owned(), endpoint, reason }.into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_sqs_are_read() {
        let body = r#"{"Messages":[{"MessageId":"m","ReceiptHandle":"r","MD5OfBody":"d","Body":"b",
            "Attributes":{"SentTimestamp":"1"},"MD5OfMessageAttributes":"a",
            "MessageAttributes":{"k":{"DataType":"Binary","BinaryValue":"AQ=="}}}]}"#;
        let received: Received = serde_json::from_str(body).expect("is read");
        let message = &received.messages.expect("some")[0];
        assert_eq!(message.message_attributes["k"].binary_value.as_deref(), Some("AQ=="));
        assert_eq!(message.md5_of_message_attributes.as_deref(), Some("a"));
        let none: Received = serde_json::from_str("{}").expect("is read");
        assert!(none.messages.is_none());
    }
}
