//! What a function's response becomes for whoever called its URL.
//!
//! Source: `LocalStack`'s recordings of AWS (`TestLambdaURL`), and
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-response-payload>.

use axum::body::Body;
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::prelude;

/// What answers with a status other than a function's own say.
const INTERNAL_ERROR: &str = "Internal Server Error";

/// The type of what does not say its own.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Headers that belong to the connection, of which a function knows nothing.
const OF_CONNECTION: [&str; 7] =
    ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

/// Headers that are made here; a function's own are told under another name, as AWS does.
const REMAPPED: [&str; 2] = ["content-length", "date"];

/// The head of an answer, as a function says it.
#[derive(Debug)]
pub struct Head {
    status: StatusCode,
    headers: HeaderMap,
}

impl Head {
    /// That of what says nothing about itself.
    pub fn plain(content_type: HeaderValue) -> Self {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, content_type)]);
        Self { status: StatusCode::OK, headers }
    }

    /// The head in `statusCode`, `headers` and `cookies`; `None` where they are none.
    pub fn of(said: &Map<String, Value>) -> Option<Self> {
        let status = match said.get("statusCode") {
            None | Some(Value::Null) => StatusCode::OK,
            Some(status) => status_of(status)?,
        };
        let mut head = Self { status, headers: HeaderMap::new() };
        if let Some(headers) = said.get("headers").filter(|headers| !headers.is_null()) {
            for (name, value) in headers.as_object()? {
                head.add(name, &text_of(value)?)?;
            }
        }
        if let Some(cookies) = said.get("cookies").filter(|cookies| !cookies.is_null()) {
            for cookie in cookies.as_array()? {
                head.headers.append(header::SET_COOKIE, HeaderValue::from_str(cookie.as_str()?).ok()?);
            }
        }

        head.headers.entry(header::CONTENT_TYPE).or_insert(JSON);
        Some(head)
    }

    fn add(&mut self, name: &str, value: &str) -> Option<()> {
        let name = name.to_ascii_lowercase();
        if OF_CONNECTION.contains(&name.as_str()) {
            return Some(());
        }
        let name = if REMAPPED.contains(&name.as_str()) { format!("x-amzn-remapped-{name}") } else { name };
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        self.headers.append(name, HeaderValue::from_bytes(value.as_bytes()).ok()?);
        Some(())
    }

    /// The answer with a body.
    pub fn with(self, body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// The answer to a function's response, whole.
pub fn answer(payload: Bytes) -> Response<Body> {
    if let Some((said, length)) = prelude::of_whole(&payload) {
        let head = Head::of(&said);
        return head.map_or_else(function_failed, |head| head.with(Body::from(payload.slice(length..))));
    }

    if payload.first() == Some(&b'{') && !says_status(&payload) {
        return Head::plain(JSON).with(Body::from(payload));
    }
    match serde_json::from_slice(&payload) {
        Ok(Value::Object(said)) if said.contains_key("statusCode") => proxied(&said).unwrap_or_else(function_failed),
        Ok(Value::String(text)) => Head::plain(JSON).with(Body::from(text)),
        // As the runtime wrote it, also what is no JSON.
        _ => Head::plain(JSON).with(Body::from(payload)),
    }
}

/// Whether a function's answer is an object that says a status. What it says beside that need not be read.
fn says_status(payload: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Said {
        #[serde(default, rename = "statusCode", deserialize_with = "is_there")]
        says: bool,
    }
    fn is_there<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
        IgnoredAny::deserialize(value).map(|_| true)
    }
    // Where a member comes twice, the last counts: that is for who reads all.
    serde_json::from_slice::<Said>(payload).map_or(true, |said| said.says)
}

/// The answer that a function describes; `None` if that cannot be one.
fn proxied(said: &Map<String, Value>) -> Option<Response<Body>> {
    let head = Head::of(said)?;
    let is_base64 = said.get("isBase64Encoded").and_then(Value::as_bool).unwrap_or_default();
    let body = match said.get("body") {
        None | Some(Value::Null) => Bytes::new(),
        Some(Value::String(text)) if is_base64 => STANDARD.decode(text).ok()?.into(),
        Some(Value::String(text)) => Bytes::copy_from_slice(text.as_bytes()),
        Some(_) => return None,
    };
    Some(head.with(Body::from(body)))
}

/// The answer where a function failed, or made no answer of its event.
pub fn function_failed() -> Response<Body> {
    failed(StatusCode::BAD_GATEWAY)
}

/// The answer with a status that says it all.
pub fn failed(status: StatusCode) -> Response<Body> {
    Head { status, ..Head::plain(JSON) }.with(Body::from(INTERNAL_ERROR))
}

/// A status: a number, or text of one. What is none of a final answer is none.
fn status_of(value: &Value) -> Option<StatusCode> {
    let number = match value {
        Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?))?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    (200..=599).contains(&number).then(|| StatusCode::from_u16(u16::try_from(number).ok()?).ok()).flatten()
}

/// A number that has no fraction.
fn whole(number: f64) -> Option<u64> {
    let text = number.to_string();
    text.parse().ok()
}

/// A header's value: functions write numbers too.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    async fn shown(payload: &'static str) -> (u16, Vec<String>, String) {
        let response = answer(Bytes::from_static(payload.as_bytes()));
        let (parts, body) = response.into_parts();
        let headers = parts.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")));
        let body = body.collect().await.expect("is whole").to_bytes();
        (parts.status.as_u16(), headers.collect(), String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn responses_are_as_recorded() {
        for (payload, body) in [
            (r#"{"hello":"world"}"#, r#"{"hello":"world"}"#),
            (r#"{"statusCode":200,"body":"body123"}"#, "body123"),
            (r#"{"statusCode":200,"body":"{\"hello\": \"world\"}"}"#, r#"{"hello": "world"}"#),
            (r#"["hello",3,true]"#, r#"["hello",3,true]"#),
            (r#""hello""#, "hello"),
            ("3", "3"),
            ("3.1", "3.1"),
            ("true", "true"),
            ("null", "null"),
        ] {
            let wanted = (200, vec!["content-type: application/json".to_owned()], body.to_owned());
            assert_eq!(shown(payload).await, wanted, "{payload}");
        }
    }

    #[tokio::test]
    async fn a_function_says_status_headers_and_cookies() {
        let (status, headers, body) = shown(
            r#"{"statusCode":"418","headers":{"Content-Type":"text/html","x-n":1,"Date":"now","Connection":"close"},
                "cookies":["a=1; Path=/","b=2"],"body":"/w==","isBase64Encoded":true}"#,
        )
        .await;
        assert_eq!((status, body.as_str()), (418, "\u{fffd}"));
        let wanted = [
            "content-type: text/html",
            "x-n: 1",
            "x-amzn-remapped-date: now",
            "set-cookie: a=1; Path=/",
            "set-cookie: b=2",
        ];
        for header in wanted {
            assert!(headers.iter().any(|found| found == header), "{header} of {headers:?}");
        }
        assert_eq!(headers.len(), wanted.len());

        assert_eq!(shown(r#"{"statusCode":204}"#).await.0, 204);
        assert_eq!(shown(r#"{"statusCode":200.0,"headers":null,"cookies":null,"body":null}"#).await.0, 200);
    }

    #[tokio::test]
    async fn what_is_no_answer_is_an_error() {
        for payload in [
            r#"{"statusCode":"x"}"#,
            r#"{"statusCode":99}"#,
            r#"{"statusCode":101}"#,
            r#"{"statusCode":1000}"#,
            r#"{"statusCode":200.5}"#,
            r#"{"statusCode":[200]}"#,
            r#"{"statusCode":200,"body":{"a":1}}"#,
            r#"{"statusCode":200,"body":"!","isBase64Encoded":true}"#,
            r#"{"statusCode":200,"headers":{"a b":"1"}}"#,
            r#"{"statusCode":200,"headers":{"a":"1\n2"}}"#,
            r#"{"statusCode":200,"headers":[1]}"#,
            r#"{"statusCode":200,"cookies":["a\r\nb: c"]}"#,
        ] {
            assert_eq!(shown(payload).await.0, 502, "{payload}");
        }
    }

    #[tokio::test]
    async fn a_streamed_response_that_was_collected_has_its_prelude() {
        let (status, headers, body) =
            shown("{\"statusCode\":201,\"headers\":{\"x\":\"y\"}}\0\0\0\0\0\0\0\0rest\0").await;
        assert_eq!((status, body.as_str()), (201, "rest\0"));
        assert!(headers.contains(&"x: y".to_owned()));
    }
}
