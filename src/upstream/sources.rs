//! Queues, streams and tables of the upstream, of which event sources are made.

use axum::http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::objects::Signer;
use super::{Upstream, UpstreamError, post, text};

/// Why a source cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Its service could not be asked.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// Its service refused; mostly, it is not there.
    #[error("{0}")]
    Refused(String),
}

impl Upstream {
    /// Whether a queue is there, by its name (`GetQueueUrl`).
    pub async fn find_queue(&self, name: &str, signer: &Signer) -> Result<(), SourceError> {
        self.call("sqs", "AmazonSQS.GetQueueUrl", "1.0", &json!({ "QueueName": name }), signer).await
    }

    /// Whether a Kinesis stream is there, by its name (`DescribeStreamSummary`).
    pub async fn find_stream(&self, name: &str, signer: &Signer) -> Result<(), SourceError> {
        let target = "Kinesis_20131202.DescribeStreamSummary";
        self.call("kinesis", target, "1.1", &json!({ "StreamName": name }), signer).await
    }

    /// Whether a table's stream is there, by its ARN (`DescribeStream`).
    pub async fn find_table_stream(&self, arn: &str, signer: &Signer) -> Result<(), SourceError> {
        let target = "DynamoDBStreams_20120810.DescribeStream";
        self.call("dynamodb", target, "1.0", &json!({ "StreamArn": arn }), signer).await
    }

    /// A call in AWS's JSON protocol, of which only the success counts.
    async fn call(
        &self,
        service: &str,
        target: &'static str,
        version: &str,
        input: &Value,
        signer: &Signer,
    ) -> Result<(), SourceError> {
        let endpoint = self.given(service)?;
        let mut request = post(endpoint, input.to_string());
        let headers = request.headers_mut();
        if let Ok(content) = HeaderValue::from_str(&format!("application/x-amz-json-{version}")) {
            headers.insert(header::CONTENT_TYPE, content);
        }
        headers.insert("x-amz-target", HeaderValue::from_static(target));
        signer.sign(service, headers);
        let response = self.send(service, endpoint, request).await?;
        if response.status() == StatusCode::OK {
            return Ok(());
        }

        Err(SourceError::Refused(text(service, endpoint, response).await?))
    }
}
