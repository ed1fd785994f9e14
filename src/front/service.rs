//! Which service a request is for.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, Uri, header};
use futures_util::{StreamExt as _, stream};

use crate::protocol::form::has_form;
use crate::protocol::sigv4;
use crate::services::sqs::{self, is_queue_path};

/// Bytes of an unsigned form that are read at most to tell its service: as many as the largest request of one may have.
const MAX_FORM: usize = sqs::MAX_REQUEST;

/// Bytes of it that are looked into first: most say it right at their beginning.
const BEGINNING: usize = 16 * 1024;

/// A service, as requests name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceName {
    /// Lambda.
    Lambda,
    /// The Security Token Service.
    Sts,
    /// Identity and Access Management.
    Iam,
    /// `CloudWatch` Logs.
    Logs,
    /// The Simple Queue Service.
    Sqs,
    /// `CloudWatch`'s metrics.
    CloudWatch,
    /// Another, by the name in its signatures.
    Other(String),
}

impl ServiceName {
    /// The name in signatures.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Lambda => "lambda",
            Self::Sts => "sts",
            Self::Iam => "iam",
            Self::Logs => "logs",
            Self::Sqs => "sqs",
            Self::CloudWatch => "monitoring",
            Self::Other(name) => name,
        }
    }

    fn named(name: &str) -> Self {
        match name {
            "lambda" => Self::Lambda,
            "sts" => Self::Sts,
            "iam" => Self::Iam,
            "logs" => Self::Logs,
            "sqs" => Self::Sqs,
            "monitoring" => Self::CloudWatch,
            name => Self::Other(name.to_owned()),
        }
    }

    /// The service of a request. A signature decides; what is unsigned is told by its protocol, and is
    /// Lambda's if that says nothing. Only an unsigned form has to be read for it.
    pub async fn of(request: Request<Body>) -> (Self, Request<Body>) {
        if let Some(service) = Self::of_head(request.headers(), request.uri()) {
            return (service, request);
        }
        if !is_form(&request) {
            return (Self::Lambda, request);
        }
        if is_queue_path(request.uri().path()) {
            return (Self::Sqs, request);
        }
        let (parts, body) = request.into_parts();
        let (service, body) = Self::of_unsigned_form(body).await;
        (service, Request::from_parts(parts, body))
    }

    /// The service of an unsigned form, and the form, whole: who answers it reads again what was read here.
    async fn of_unsigned_form(body: Body) -> (Self, Body) {
        let mut rest = body.into_data_stream();
        let mut read = Vec::new();
        let mut look_at = BEGINNING;
        let mut told = None;
        let mut failed = None;

        while told.is_none() && read.len() < MAX_FORM {
            match rest.next().await {
                Some(Ok(bytes)) => read.extend_from_slice(&bytes),
                Some(Err(error)) => {
                    failed = Some(error);
                    break;
                }
                None => return (of_form(&read).unwrap_or(Self::Lambda), Body::from(read)),
            }
            if read.len() >= look_at {
                told = of_form(&read);
                // Twice as much, so that not each piece has all before it looked at once more.
                look_at = read.len() * 2;
            }
        }

        let service = told.or_else(|| of_form(&read)).unwrap_or(Self::Lambda);
        let read = stream::iter([Ok(Bytes::from(read))].into_iter().chain(failed.map(Err)));
        (service, Body::from_stream(read.chain(rest)))
    }

    /// The service, as far as the head of a request says.
    pub fn of_head(headers: &HeaderMap, uri: &Uri) -> Option<Self> {
        if let Some(name) = sigv4::service(headers) {
            return Some(Self::named(name));
        }
        let query = uri.query().unwrap_or_default();
        of_presigned(query)
            .or_else(|| of_target(headers, uri.path()))
            .or_else(|| of_host(headers, uri))
            .or_else(|| is_dated(uri.path()).then_some(Self::Lambda))
            .or_else(|| (is_queue_path(uri.path()) && query.contains("Action=")).then_some(Self::Sqs))
            .or_else(|| of_old_signature(headers, query))
            .or_else(|| of_form(query.as_bytes()))
    }
}

/// A presigned URL has the credential in its query.
fn of_presigned(query: &str) -> Option<ServiceName> {
    if !query.contains("X-Amz-Credential=") {
        return None;
    }
    let credential = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "X-Amz-Credential");
    credential.and_then(|(_, credential)| sigv4::service_of(&credential).map(ServiceName::named))
}

/// JSON and RPC protocols name a target with its version: `DynamoDB_20120810.PutItem`.
fn of_target(headers: &HeaderMap, path: &str) -> Option<ServiceName> {
    let in_path = || path.strip_prefix("/service/").and_then(|rest| rest.split('/').next());
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).or_else(in_path)?;
    let name = target.split('.').next().unwrap_or_default().split('_').next().unwrap_or_default();
    Some(ServiceName::named(match name {
        "AWSEvents" => "events",
        "AWSLambda" => "lambda",
        "AWSStepFunctions" => "states",
        "AmazonSQS" => "sqs",
        "AmazonSSM" => "ssm",
        "DynamoDB" | "DynamoDBStreams" => "dynamodb",
        "GraniteServiceVersion20100801" => "monitoring",
        "Kinesis" => "kinesis",
        "Logs" => "logs",
        "TrentService" => "kms",
        name => return Some(ServiceName::Other(name.to_ascii_lowercase())),
    }))
}

/// What names of AWS's endpoints end with, and those of emulators made in their likeness.
const AWS_HOSTS: [&str; 4] = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".localhost.localstack.cloud"];

/// A host of AWS's names a service: `s3.us-east-1.amazonaws.com`, `bucket.s3.amazonaws.com`,
/// `id.execute-api.eu-west-1.amazonaws.com`. The service is what stands last when regions are taken away.
fn of_host(headers: &HeaderMap, uri: &Uri) -> Option<ServiceName> {
    let host = host(headers, uri)?;
    let labels = AWS_HOSTS.iter().find_map(|suffix| host.strip_suffix(suffix))?;
    let name = labels.split('.').rev().find(|label| !is_region(label) && *label != "dualstack")?;
    let name = match name {
        "lambda-url" => "lambda",
        // Where queues were before: `queue.amazonaws.com`, `us-east-2.queue.amazonaws.com`.
        "queue" => "sqs",
        name => name,
    };
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    // `s3-us-west-2`, `s3-website-us-east-1`.
    let name = if name.starts_with("s3-") { "s3" } else { name };
    is_name.then(|| ServiceName::named(name))
}

/// The host that a request was sent to, in small letters and without its port.
pub fn host(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let in_header = || headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let host = uri.host().or_else(in_header)?;
    Some(host.rsplit_once(':').map_or(host, |(host, _)| host).to_ascii_lowercase())
}

/// `us-east-1`, `us-gov-west-1`.
fn is_region(label: &str) -> bool {
    let mut parts = label.rsplit('-');
    let number = parts.next().unwrap_or_default();
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    number.len() == 1 && number.as_bytes()[0].is_ascii_digit() && parts.clone().count() >= 2 && parts.all(is_word)
}

/// Lambda's paths begin with the date of the API's version.
fn is_dated(path: &str) -> bool {
    let date = path.as_bytes().get(1..12).unwrap_or_default();
    date.iter().enumerate().all(|(place, byte)| match place {
        4 | 7 => *byte == b'-',
        10 => *byte == b'/',
        _ => byte.is_ascii_digit(),
    }) && !date.is_empty()
}

/// Only S3 still takes signatures of version 2.
fn of_old_signature(headers: &HeaderMap, query: &str) -> Option<ServiceName> {
    sigv4::is_of_version_2(headers, query).then(|| ServiceName::named("s3"))
}

/// The query protocol names action and version, in a form or in the query.
fn of_form(form: &[u8]) -> Option<ServiceName> {
    let mut has_action = false;
    let mut version = None;
    for (name, value) in form_urlencoded::parse(form) {
        match &*name {
            "Action" => has_action = true,
            "Version" => version = Some(value),
            _ => {}
        }
    }

    let service = match version.as_deref().filter(|_| has_action)? {
        "2011-06-15" => "sts",
        "2010-05-08" => "iam",
        "2012-11-05" => "sqs",
        "2010-03-31" => "sns",
        "2010-05-15" => "cloudformation",
        "2010-08-01" => "monitoring",
        "2016-11-15" => "ec2",
        _ => return None,
    };
    Some(ServiceName::named(service))
}

fn is_form(request: &Request<Body>) -> bool {
    request.method() == Method::POST && has_form(request.headers())
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    async fn told(method: &str, uri: &str, headers: &[(&str, &str)], body: &'static str) -> String {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).expect("a request");
        let (service, request) = ServiceName::of(request).await;
        let kept = request.into_body().collect().await.expect("is whole").to_bytes();
        assert_eq!(kept, body, "looking at a request changes nothing");

        service.as_str().to_owned()
    }

    #[tokio::test]
    async fn a_signature_decides() {
        let signed = |service: &str| {
            format!("AWS4-HMAC-SHA256 Credential=t/20260101/us-east-1/{service}/aws4_request, Signature=0")
        };
        for service in ["lambda", "sts", "iam", "logs", "s3", "sqs"] {
            let headers = [("authorization", signed(service)), ("x-amz-target", "DynamoDB_20120810.PutItem".into())];
            let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
            assert_eq!(told("POST", "/2015-03-31/functions", &headers, "").await, service);
        }

        let presigned = "/b/k?X-Amz-Algorithm=x&X-Amz-Credential=t%2F20260101%2Fus-east-1%2Fs3%2Faws4_request";
        assert_eq!(told("GET", presigned, &[], "").await, "s3");
        assert_eq!(told("GET", "/b/k?AWSAccessKeyId=t&Signature=x&Expires=1", &[], "").await, "s3");
        assert_eq!(told("GET", "/b/k", &[("authorization", "AWS t:x")], "").await, "s3");
    }

    #[tokio::test]
    async fn what_is_unsigned_is_told_by_its_protocol() {
        let form = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        let target = |value| [("x-amz-target", value)];
        assert_eq!(told("POST", "/", &target("DynamoDB_20120810.PutItem"), "{}").await, "dynamodb");
        assert_eq!(told("POST", "/", &target("Logs_20140328.PutLogEvents"), "{}").await, "logs");
        assert_eq!(told("POST", "/service/Logs_20140328/operation/PutLogEvents", &[], "").await, "logs");
        assert_eq!(told("GET", "/2015-03-31/functions", &[], "").await, "lambda");
        assert_eq!(told("POST", "/", &form, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15").await, "sts");
        assert_eq!(told("GET", "/?Action=GetUser&Version=2010-05-08", &[], "").await, "iam");

        assert_eq!(told("POST", "/queue", &form, "Action=SendMessage&Version=2012-11-05").await, "sqs");
        assert_eq!(told("POST", "/000000000000/q", &form, "Action=SendMessage").await, "sqs");
        assert_eq!(told("GET", "/queue/us-east-1/000000000000/q.fifo?Action=ReceiveMessage", &[], "").await, "sqs");
        assert_eq!(told("POST", "/", &target("AmazonSQS.ListQueues"), "{}").await, "sqs");
        // A bucket may be named so.
        assert_eq!(told("GET", "/000000000000/key", &[], "").await, "lambda");
    }

    /// A form in pieces, as the network brings it: the service, and what is left of the form.
    async fn told_in_pieces(form: &[u8]) -> (String, Vec<u8>) {
        let pieces: Vec<_> = form.chunks(60_000).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
        let request = Request::builder().method("POST").uri("/");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let request = request.body(Body::from_stream(stream::iter(pieces))).expect("a request");
        let (service, request) = ServiceName::of(request).await;
        let kept = request.into_body().collect().await.expect("is whole").to_bytes();
        (service.as_str().to_owned(), kept.to_vec())
    }

    #[tokio::test]
    async fn a_form_stays_whole_however_large_it_is() {
        let body = "x".repeat(1024 * 1024);
        let first = format!("Action=SendMessage&Version=2012-11-05&MessageBody={body}");
        let last = format!("MessageBody={body}&Version=2012-11-05&Action=SendMessage");
        for form in [first, last] {
            let (service, kept) = told_in_pieces(form.as_bytes()).await;
            assert!(service == "sqs" && kept == form.as_bytes(), "{service}, {} of {} bytes", kept.len(), form.len());
        }
        // What is too large for any service is not read to its end here, and not lost either.
        let endless = "x".repeat(MAX_FORM + 100_000);
        let (service, kept) = told_in_pieces(endless.as_bytes()).await;
        assert_eq!((service.as_str(), kept.len()), ("lambda", endless.len()));
    }

    #[tokio::test]
    async fn a_host_of_awss_names_its_service() {
        for (host, service) in [
            ("s3.us-east-1.amazonaws.com", "s3"),
            ("s3-us-west-2.amazonaws.com", "s3"),
            ("my.bucket.s3.dualstack.eu-west-1.amazonaws.com", "s3"),
            ("bucket.s3.localhost.localstack.cloud:4566", "s3"),
            ("abc.execute-api.us-gov-west-1.amazonaws.com", "execute-api"),
            ("lambda.us-east-1.amazonaws.com", "lambda"),
            ("sqs.us-east-1.localhost.localstack.cloud:4566", "sqs"),
            ("us-east-2.queue.localhost.localstack.cloud:4566", "sqs"),
            ("abc.lambda-url.us-east-1.localhost.localstack.cloud:4566", "lambda"),
            // Nothing is said by these.
            ("localhost:4566", "lambda"),
            ("larder:4566", "lambda"),
            ("localhost.localstack.cloud:4566", "lambda"),
            ("amazonaws.com.example", "lambda"),
        ] {
            assert_eq!(told("GET", "/2015-03-31/functions", &[("host", host)], "").await, service, "{host}");
        }

        let signed = "AWS4-HMAC-SHA256 Credential=t/20260101/us-east-1/sqs/aws4_request, Signature=0";
        let headers = [("host", "s3.amazonaws.com"), ("authorization", signed)];
        assert_eq!(told("GET", "/", &headers, "").await, "sqs", "a signature is asked first");
    }

    #[tokio::test]
    async fn what_says_nothing_is_lambdas() {
        assert_eq!(told("GET", "/", &[], "").await, "lambda");
        assert_eq!(told("POST", "/nothing", &[("authorization", "Bearer x")], "{}").await, "lambda");
        let form = [("content-type", "application/x-www-form-urlencoded")];
        assert_eq!(told("POST", "/", &form, "a=b").await, "lambda");
    }
}
