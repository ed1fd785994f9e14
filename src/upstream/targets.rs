//! What takes records of invocations and dead letters, at the upstream: queues, topics, buses, buckets.

use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use bytes::Bytes;
use percent_encoding::utf8_percent_encode;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::error_body::ErrorBody;
use super::json::{Operation, ServiceError};
use super::objects::{KEY, Signer};
use super::{Upstream, post, text};
use crate::model::blob::BlobId;

/// `SendMessage`.
const SEND_MESSAGE: Operation = Operation { service: "sqs", target: "AmazonSQS.SendMessage", version: "1.0" };

/// `PutEvents`.
const PUT_EVENTS: Operation = Operation { service: "events", target: "AWSEvents.PutEvents", version: "1.1" };

/// Version of SNS's API.
const SNS_VERSION: &str = "2010-03-31";

/// An attribute of a message: name, data type, value.
pub type Attribute<'a> = (&'a str, &'a str, &'a str);

/// What a queue or a topic is sent.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// The text.
    pub body: &'a str,
    /// Its attributes.
    pub attributes: &'a [Attribute<'a>],
    /// X-Ray trace header.
    pub trace_header: Option<&'a str>,
}

/// An event for a bus.
#[derive(Debug, Clone, Copy)]
pub struct BusEvent<'a> {
    /// The bus.
    pub bus: &'a str,
    /// `Source`.
    pub source: &'a str,
    /// `DetailType`.
    pub detail_type: &'a str,
    /// `Detail`, a JSON object.
    pub detail: &'a str,
    /// `Resources`.
    pub resources: &'a [&'a str],
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutEvents {
    failed_entry_count: u32,
    #[serde(default)]
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    error_code: Option<String>,
    error_message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal {
    error: ErrorBody,
}

impl Upstream {
    /// Sends a message to an account's queue.
    pub async fn send_message(
        &self,
        (queue, account): (&str, &str),
        message: Outgoing<'_>,
        signer: &Signer,
    ) -> Result<(), ServiceError> {
        let url = self.queue_url(queue, account, signer).await?;
        let mut sent = json!({ "QueueUrl": url, "MessageBody": message.body });
        for (name, data_type, value) in message.attributes {
            sent["MessageAttributes"][name] = json!({ "DataType": data_type, "StringValue": value });
        }
        if let Some(trace) = message.trace_header {
            sent["MessageSystemAttributes"]["AWSTraceHeader"] = json!({ "DataType": "String", "StringValue": trace });
        }
        self.json(SEND_MESSAGE, &sent, signer).await.map(drop)
    }

    /// Publishes a message to a topic.
    pub async fn publish(&self, topic: &str, message: Outgoing<'_>, signer: &Signer) -> Result<(), ServiceError> {
        let endpoint = self.given("sns")?;
        let mut request = post(endpoint, publishing(topic, message));
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        if let Some(trace) = message.trace_header.and_then(|trace| HeaderValue::from_str(trace).ok()) {
            headers.insert("x-amzn-trace-id", trace);
        }
        signer.sign("sns", headers);
        self.must_take("sns", request).await
    }

    /// Puts an event on a bus.
    pub async fn put_event(&self, event: BusEvent<'_>, signer: &Signer) -> Result<(), ServiceError> {
        let entry = json!({
            "Source": event.source, "DetailType": event.detail_type, "Detail": event.detail,
            "Resources": event.resources, "EventBusName": event.bus,
        });
        let answer = self.json(PUT_EVENTS, &json!({ "Entries": [entry] }), signer).await?;
        let put: PutEvents = serde_json::from_str(&answer).map_err(|error| unreadable(&error))?;
        if put.failed_entry_count == 0 {
            return Ok(());
        }

        let entry = put.entries.into_iter().next();
        let (code, message) = entry.map(|entry| (entry.error_code, entry.error_message)).unwrap_or_default();
        Err(ServiceError::Refused { code: code.unwrap_or_default(), message: message.unwrap_or_default() })
    }

    /// Puts an object into a bucket.
    pub async fn put_object(
        &self,
        (bucket, key): (&str, &str),
        bytes: Bytes,
        signer: &Signer,
    ) -> Result<(), ServiceError> {
        let endpoint = self.given("s3")?;
        let path = format!("/{bucket}/{}", utf8_percent_encode(key, KEY));
        let uri = Uri::builder().scheme(endpoint.scheme().clone()).authority(endpoint.authority().clone());
        let uri = uri.path_and_query(path).build().map_err(|error| unreadable(&error))?;
        let digest = BlobId(Sha256::digest(&bytes).into()).hex();
        let mut request = Request::new(Body::from(bytes));
        *request.method_mut() = Method::PUT;
        *request.uri_mut() = uri;

        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Ok(digest) = HeaderValue::from_str(&digest) {
            headers.insert("x-amz-content-sha256", digest);
        }
        signer.sign("s3", headers);
        self.must_take("s3", request).await
    }

    /// Sends a request whose answer has to be a success.
    async fn must_take(&self, service: &'static str, request: Request<Body>) -> Result<(), ServiceError> {
        let endpoint = self.given(service)?;
        let response = self.send(service, endpoint, request).await?;
        let status = response.status();
        let body = text(service, endpoint, response).await?;
        if status.is_success() { Ok(()) } else { Err(refusal(status, &body)) }
    }
}

/// The form of `Publish`.
fn publishing(topic: &str, message: Outgoing<'_>) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", "Publish").append_pair("Version", SNS_VERSION);
    form.append_pair("TopicArn", topic).append_pair("Message", message.body);
    for (index, (name, data_type, value)) in (1..).zip(message.attributes) {
        let member = |member: &str| format!("MessageAttributes.entry.{index}.{member}");
        form.append_pair(&member("Name"), name);
        form.append_pair(&member("Value.DataType"), data_type).append_pair(&member("Value.StringValue"), value);
    }
    form.finish()
}

/// What XML says of an error: SNS wraps it, S3 does not.
fn refusal(status: StatusCode, body: &str) -> ServiceError {
    let wrapped = quick_xml::de::from_str::<Refusal>(body).map(|refusal| refusal.error);
    let parsed = wrapped.or_else(|_| quick_xml::de::from_str::<ErrorBody>(body));
    let ErrorBody { code, message } = parsed.unwrap_or_else(|_| status.into());
    ServiceError::Refused { code, message }
}

/// An answer or a request that cannot be.
fn unreadable(error: &dyn std::error::Error) -> ServiceError {
    ServiceError::Refused { code: "Unreadable".to_owned(), message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_sns_and_s3_are_read() {
        let sns = "<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code><Message>Topic does not \
                   exist</Message></Error><RequestId>1</RequestId></ErrorResponse>";
        assert_eq!(refusal(StatusCode::NOT_FOUND, sns).to_string(), "NotFound: Topic does not exist");
        let s3 = "<Error><Code>NoSuchBucket</Code><Message>no</Message></Error>";
        assert_eq!(refusal(StatusCode::NOT_FOUND, s3).to_string(), "NoSuchBucket: no");
        assert_eq!(refusal(StatusCode::BAD_GATEWAY, "").to_string(), "502: Bad Gateway");
    }
}
