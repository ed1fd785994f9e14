//! The event that a request to a function's URL becomes: payload format 2.0.
//!
//! Source: `LocalStack`'s recordings of AWS (`TestLambdaURL`), and
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>. The order of members is that of the recordings.

use std::borrow::Cow;
use std::net::IpAddr;

use axum::http::header::{self, HeaderName};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::DateTime;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::identity::Identity;
use crate::model::time::Timestamp;

/// Headers of a connection, not of what is said over it, and those that stand elsewhere in an event.
const LEFT_OUT: [HeaderName; 9] = [
    header::CONNECTION,
    header::COOKIE,
    header::EXPECT,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Headers that say how a request came here: those of a caller are not believed.
const OURS: [&str; 6] = [
    "x-amzn-tls-cipher-suite",
    "x-amzn-tls-version",
    "x-amzn-trace-id",
    "x-forwarded-for",
    "x-forwarded-port",
    "x-forwarded-proto",
];

/// What an event says beside what its request does.
#[derive(Debug)]
pub struct Around<'a> {
    /// Id of the URL.
    pub url_id: &'a str,
    /// The path as the function sees it.
    pub path: &'a str,
    /// Request id.
    pub request_id: &'a str,
    /// The root of its trace: `Root=…`.
    pub trace: &'a str,
    /// Who called, where that was asked.
    pub identity: Option<&'a Identity>,
    /// Address of the caller.
    pub source_ip: IpAddr,
    /// The port that was called, and whether over TLS.
    pub port: u16,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// When it came.
    pub time: Timestamp,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    version: &'static str,
    route_key: &'static str,
    raw_path: &'a str,
    raw_query_string: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<Cow<'a, str>>,
    headers: Pairs<'a>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    query_string_parameters: Pairs<'a>,
    request_context: RequestContext<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Cow<'a, str>>,
    is_base64_encoded: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    account_id: &'a str,
    api_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorizer: Option<Authorizer<'a>>,
    domain_name: &'a str,
    domain_prefix: &'a str,
    http: Http<'a>,
    request_id: &'a str,
    route_key: &'static str,
    stage: &'static str,
    time: String,
    time_epoch: u64,
}

#[derive(Debug, Serialize)]
struct Authorizer<'a> {
    iam: &'a Identity,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    method: &'a str,
    path: &'a str,
    protocol: &'static str,
    source_ip: String,
    user_agent: Cow<'a, str>,
}

/// Names and values, in the order in which they came.
#[derive(Debug, Default)]
struct Pairs<'a>(Vec<(Cow<'a, str>, String)>);

impl<'a> Pairs<'a> {
    /// Adds one; a name that is there gets its values with a comma between them.
    fn add(&mut self, name: Cow<'a, str>, value: &str) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => {
                values.push(',');
                values.push_str(value);
            }
            None => self.0.push((name, value.to_owned())),
        }
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// The event of a request.
///
/// # Errors
/// Never for what a request can hold; the type is that of the serializer.
pub fn event(parts: &Parts, body: &Bytes, around: &Around<'_>) -> serde_json::Result<Bytes> {
    let query = parts.uri.query().unwrap_or_default();
    let host = text_of(&parts.headers, &header::HOST);
    let authority = parts.uri.authority().map(|authority| Cow::Borrowed(authority.as_str()));
    let host = authority.unwrap_or(host);
    let user_agent = text_of(&parts.headers, &header::USER_AGENT);
    let length = body.len();
    let (body, is_base64_encoded) = body_of(&parts.headers, body);

    let event = Event {
        version: "2.0",
        route_key: "$default",
        raw_path: around.path,
        raw_query_string: query,
        cookies: cookies(&parts.headers),
        headers: headers(&parts.headers, &host, length, around),
        query_string_parameters: parameters(query),
        request_context: RequestContext {
            account_id: around.identity.map_or("anonymous", |identity| identity.account_id.as_str()),
            api_id: around.url_id,
            authorizer: around.identity.map(|iam| Authorizer { iam }),
            domain_name: without_port(&host),
            domain_prefix: around.url_id,
            http: Http {
                method: parts.method.as_str(),
                path: around.path,
                protocol: if parts.version == Version::HTTP_2 { "HTTP/2.0" } else { "HTTP/1.1" },
                source_ip: around.source_ip.to_canonical().to_string(),
                user_agent,
            },
            request_id: around.request_id,
            route_key: "$default",
            stage: "$default",
            time: common_log_time(around.time),
            time_epoch: around.time.0,
        },
        body,
        is_base64_encoded,
    };
    serde_json::to_vec(&event).map(Bytes::from)
}

/// The headers as functions see them: in small letters, and with what the way here adds.
fn headers<'a>(sent: &'a HeaderMap, host: &str, length: usize, around: &Around<'_>) -> Pairs<'a> {
    let mut headers = Pairs::default();
    headers.add("host".into(), host);
    let is_left_out = |name: &HeaderName| LEFT_OUT.contains(name) || OURS.contains(&name.as_str());
    for (name, value) in sent.iter().filter(|(name, _)| !is_left_out(name) && **name != header::HOST) {
        headers.add(name.as_str().into(), &String::from_utf8_lossy(value.as_bytes()));
    }
    // One that is sent in pieces, of which nobody said how long it would be.
    if length > 0 && !sent.contains_key(header::CONTENT_LENGTH) {
        headers.add("content-length".into(), &length.to_string());
    }

    let source_ip = around.source_ip.to_canonical().to_string();
    let port = around.port.to_string();
    for (name, value) in [
        ("x-amzn-trace-id", around.trace),
        ("x-forwarded-for", source_ip.as_str()),
        ("x-forwarded-port", port.as_str()),
        ("x-forwarded-proto", around.scheme),
    ] {
        headers.add(name.into(), value);
    }

    headers
}

fn cookies(sent: &HeaderMap) -> Vec<Cow<'_, str>> {
    let mut cookies = Vec::new();
    for value in sent.get_all(header::COOKIE) {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let each = text.split(';').map(str::trim).filter(|cookie| !cookie.is_empty());
        cookies.extend(each.map(|cookie| Cow::Owned(cookie.to_owned())));
    }

    cookies
}

/// The query's parameters, decoded; several of one name are one.
fn parameters(query: &str) -> Pairs<'_> {
    let mut parameters = Pairs::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        parameters.add(name, &value);
    }
    parameters
}

/// A body as an event has it, and whether as base64: what its type does not call text, or what is none.
///
/// AWS's rule is not recorded but for JSON (text) and multipart (base64). This is that of `LocalStack`, after which
/// forms come as base64 too, as users of AWS met them.
fn body_of<'a>(sent: &HeaderMap, body: &'a Bytes) -> (Option<Cow<'a, str>>, bool) {
    if body.is_empty() {
        return (None, false);
    }
    let content_type = text_of(sent, &header::CONTENT_TYPE).to_ascii_lowercase();
    let says_text = ["text", "json", "xml", "javascript"].iter().any(|kind| content_type.contains(kind));
    match std::str::from_utf8(body) {
        Ok(text) if says_text && !sent.contains_key(header::CONTENT_ENCODING) => (Some(text.into()), false),
        _ => (Some(STANDARD.encode(body).into()), true),
    }
}

fn text_of<'a>(sent: &'a HeaderMap, name: &HeaderName) -> Cow<'a, str> {
    sent.get(name).map(|value| String::from_utf8_lossy(value.as_bytes())).unwrap_or_default()
}

/// A host without its port.
fn without_port(host: &str) -> &str {
    let port = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    port.map_or(host, |(name, _)| name)
}

/// `24/Nov/2025:23:11:05 +0000`.
fn common_log_time(time: Timestamp) -> String {
    let time = i64::try_from(time.0).ok().and_then(DateTime::from_timestamp_millis).unwrap_or_default();
    time.format("%d/%b/%Y:%H:%M:%S +0000").to_string()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use serde_json::{Value, json};

    use super::*;
    use crate::model::iam::caller::Caller;

    fn event_of(request: Request<&'static [u8]>, identity: Option<&Identity>) -> Value {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let around = Around {
            url_id: "abc",
            path: &path,
            request_id: "id",
            trace: "Root=1-2-3",
            identity,
            source_ip: IpAddr::from([127, 0, 0, 1]),
            port: 4566,
            scheme: "http",
            time: Timestamp(1_764_025_865_007),
        };
        let event = event(&parts, &Bytes::from_static(body), &around).expect("is written");
        serde_json::from_slice(&event).expect("is JSON")
    }

    /// The request of the recording, and what came of it there, but for the ways of AWS's own hosts.
    #[test]
    fn a_request_is_as_recorded() {
        let request = Request::post("/pa2%Fth/1?q=query&multiQuery=foo&multiQuery=%2Fbar")
            .header("host", "abc.lambda-url.us-east-1.localhost:4566")
            .header("content-length", "14")
            .header("content-type", "application/json")
            .header("accept", "*/*")
            .header("X-Custom", "With WeiRd CapS")
            .header("x-many", "1")
            .header("x-many", "2")
            .header("x-forwarded-for", "6.6.6.6")
            .header("connection", "keep-alive")
            .header("cookie", "a=1; b=2")
            .header("user-agent", "test/echo")
            .body(br#"{"foo": "bar"}"#.as_slice())
            .expect("a request");
        let event = event_of(request, None);
        assert_eq!(
            event,
            json!({
                "version": "2.0",
                "routeKey": "$default",
                "rawPath": "/pa2%Fth/1",
                "rawQueryString": "q=query&multiQuery=foo&multiQuery=%2Fbar",
                "cookies": ["a=1", "b=2"],
                "headers": {
                    "host": "abc.lambda-url.us-east-1.localhost:4566",
                    "content-length": "14",
                    "content-type": "application/json",
                    "accept": "*/*",
                    "x-custom": "With WeiRd CapS",
                    "x-many": "1,2",
                    "user-agent": "test/echo",
                    "x-amzn-trace-id": "Root=1-2-3",
                    "x-forwarded-for": "127.0.0.1",
                    "x-forwarded-port": "4566",
                    "x-forwarded-proto": "http",
                },
                "queryStringParameters": { "q": "query", "multiQuery": "foo,/bar" },
                "requestContext": {
                    "accountId": "anonymous",
                    "apiId": "abc",
                    "domainName": "abc.lambda-url.us-east-1.localhost",
                    "domainPrefix": "abc",
                    "http": {
                        "method": "POST",
                        "path": "/pa2%Fth/1",
                        "protocol": "HTTP/1.1",
                        "sourceIp": "127.0.0.1",
                        "userAgent": "test/echo",
                    },
                    "requestId": "id",
                    "routeKey": "$default",
                    "stage": "$default",
                    "time": "24/Nov/2025:23:11:05 +0000",
                    "timeEpoch": 1_764_025_865_007_u64,
                },
                "body": "{\"foo\": \"bar\"}",
                "isBase64Encoded": false,
            })
        );
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        let request = Request::get("/").header("host", "127.0.0.1:1").body([].as_slice()).expect("a request");
        let event = event_of(request, None);
        for absent in ["cookies", "queryStringParameters", "body"] {
            assert!(event.get(absent).is_none(), "{absent}");
        }
        assert_eq!(event["isBase64Encoded"], false);
        assert_eq!(event["rawQueryString"], "");
        assert_eq!(event["requestContext"]["http"]["userAgent"], "");
        assert!(event["headers"].get("content-length").is_none());
    }

    #[test]
    fn bodies_that_are_no_text_come_as_base64() {
        let of = |content_type: &str, encoding: Option<&str>, body: &'static [u8]| {
            let mut request = Request::post("/").header("host", "h").header("content-type", content_type);
            if let Some(encoding) = encoding {
                request = request.header("content-encoding", encoding);
            }
            let event = event_of(request.body(body).expect("a request"), None);
            (event["body"].as_str().map(str::to_owned), event["isBase64Encoded"].as_bool())
        };
        assert_eq!(of("text/plain", None, b"a"), (Some("a".into()), Some(false)));
        assert_eq!(of("application/vnd.api+json; charset=utf-8", None, b"{}"), (Some("{}".into()), Some(false)));
        assert_eq!(of("application/json", None, b"\xff"), (Some("/w==".into()), Some(true)));
        assert_eq!(of("application/json", Some("gzip"), b"{}"), (Some("e30=".into()), Some(true)));
        assert_eq!(of("multipart/form-data; boundary=x", None, b"x"), (Some("eA==".into()), Some(true)));
        assert_eq!(of("application/x-www-form-urlencoded", None, b"a=b"), (Some("YT1i".into()), Some(true)));
        assert_eq!(of("", None, b"x"), (Some("eA==".into()), Some(true)));
    }

    #[test]
    fn a_caller_who_signed_is_told() {
        let identity = Identity::new(&Caller::root(&"111111111111".into()), "AKIDEXAMPLE".into());
        let request = Request::get("/").header("host", "h").body([].as_slice()).expect("a request");
        let context = &event_of(request, Some(&identity))["requestContext"];
        assert_eq!(context["accountId"], "111111111111");
        assert_eq!(
            context["authorizer"]["iam"],
            json!({
                "accessKey": "AKIDEXAMPLE",
                "accountId": "111111111111",
                "callerId": "111111111111",
                "cognitoIdentity": null,
                "principalOrgId": null,
                "userArn": "arn:aws:iam::111111111111:root",
                "userId": "111111111111",
            })
        );
    }
}
