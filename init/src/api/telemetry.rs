//! Lambda's Telemetry API, `/2022-07-01/telemetry`, and its predecessor the Logs API, `/2020-08-15/logs`.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api-reference.html>. AWS publishes no texts of
//! refusals: these are ours, in the shape of its other errors.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use serde::Deserialize;

use super::answer::{self, ApiAnswer};
use super::body::{self, Collected};
use super::{ApiRequest, Gone, Shared, ask, extensions};
use crate::telemetry::{Buffering, Destination, Stream, Subscription};

/// Largest body of a subscription.
const BODY_LIMIT: u64 = 64 * 1024;

/// Names under which a function's environment finds itself.
const HOSTS: [&str; 4] = ["sandbox.localdomain", "sandbox", "localhost", "127.0.0.1"];

/// An extension subscribes.
#[derive(Debug)]
pub struct SubscribeRequest {
    /// Its identifier.
    pub id: String,
    /// What it wants, and where.
    pub subscription: Subscription,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(default)]
    types: Vec<String>,
    #[serde(default)]
    buffering: BufferingBody,
    destination: DestinationBody,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct BufferingBody {
    max_items: Option<usize>,
    max_bytes: Option<usize>,
    timeout_ms: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct DestinationBody {
    protocol: String,
    #[serde(rename = "URI", default)]
    uri: Option<String>,
    #[serde(default)]
    port: Option<u16>,
}

/// Serves one request.
pub(super) async fn serve(
    request: Request<Incoming>,
    logs_api: bool,
    shared: &Shared,
) -> Result<Response<Full<Bytes>>, Gone> {
    let (head, body) = request.into_parts();
    if head.method != Method::PUT {
        return Ok(answer::wrong_method());
    }
    let id = match extensions::identifier(&head.headers) {
        Ok(id) => id,
        Err(refusal) => return Ok(refusal.into_response()),
    };
    let body = match body::collect(body, BODY_LIMIT).await {
        Collected::Whole { body, .. } => body,
        Collected::TooLarge { .. } | Collected::Broken => return Ok(answer::truncated()),
    };
    match subscription(&body, logs_api) {
        Ok(subscription) => {
            let request = ApiRequest::Subscribe(SubscribeRequest { id, subscription });
            Ok(ask(shared, request).await?.into_response())
        }
        Err(message) => Ok(ApiAnswer::bad_request("ValidationError", &message).into_response()),
    }
}

fn subscription(body: &[u8], logs_api: bool) -> Result<Subscription, String> {
    let body: Body = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if body.types.is_empty() {
        return Err("types must name at least one of platform, function, extension".into());
    }
    let streams = body.types.iter().map(|name| stream(name)).collect::<Result<Vec<_>, _>>()?;
    Ok(Subscription {
        streams,
        buffering: buffering(&body.buffering)?,
        destination: destination(&body.destination)?,
        logs_api,
    })
}

fn stream(name: &str) -> Result<Stream, String> {
    match name {
        "platform" => Ok(Stream::Platform),
        "function" => Ok(Stream::Function),
        "extension" => Ok(Stream::Extension),
        _ => Err(format!("types: {name} is none of platform, function, extension")),
    }
}

fn buffering(body: &BufferingBody) -> Result<Buffering, String> {
    let within = |name: &str, value: u64, least: u64, most: u64| {
        let fits = (least..=most).contains(&value);
        fits.then_some(value).ok_or_else(|| format!("buffering.{name} must be between {least} and {most}"))
    };
    let items = within("maxItems", body.max_items.unwrap_or(10_000) as u64, 1000, 10_000)?;
    let bytes = within("maxBytes", body.max_bytes.unwrap_or(262_144) as u64, 262_144, 1_048_576)?;
    let timeout = within("timeoutMs", body.timeout_ms.unwrap_or(1000), 25, 30_000)?;

    Ok(Buffering {
        // Both are within 1 MiB.
        items: usize::try_from(items).unwrap_or(10_000),
        bytes: usize::try_from(bytes).unwrap_or(262_144),
        timeout: Duration::from_millis(timeout),
    })
}

fn destination(body: &DestinationBody) -> Result<Destination, String> {
    match (body.protocol.as_str(), &body.uri, body.port) {
        ("HTTP", Some(uri), _) => {
            let uri: hyper::Uri = uri.parse().map_err(|error| format!("destination.URI: {error}"))?;
            let host = uri.host().unwrap_or_default();
            if uri.scheme_str() != Some("http") || !HOSTS.contains(&host) {
                return Err("destination.URI must be http://sandbox.localdomain:PORT".into());
            }
            let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
            Ok(Destination::Http { host: host.to_owned(), port: uri.port_u16().unwrap_or(80), path })
        }
        ("TCP", _, Some(port)) if port > 0 => Ok(Destination::Tcp { port }),
        ("TCP", ..) => Err("destination.port is required for TCP".into()),
        ("HTTP", ..) => Err("destination.URI is required for HTTP".into()),
        _ => Err("destination.protocol must be HTTP or TCP".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Subscription, String> {
        subscription(text.as_bytes(), false)
    }

    #[test]
    fn a_subscription_has_aws_defaults() {
        let text = r#"{"schemaVersion":"2022-12-13","types":["platform","function"],
            "destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:8080/in"}}"#;
        let subscription = of(text).expect("it is whole");
        assert_eq!(subscription.streams, [Stream::Platform, Stream::Function]);
        assert_eq!(subscription.buffering.bytes, 262_144);
        let there = Destination::Http { host: "sandbox.localdomain".into(), port: 8080, path: "/in".into() };
        assert_eq!(subscription.destination, there);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, says) in [
            (r#"{"types":["x"],"destination":{"protocol":"TCP","port":1}}"#, "none of platform"),
            (r#"{"types":["function"],"destination":{"protocol":"TCP"}}"#, "port is required"),
            (r#"{"types":["function"],"destination":{"protocol":"HTTP","URI":"http://evil.example:1"}}"#, "sandbox"),
            (
                r#"{"types":["function"],"buffering":{"maxItems":1},"destination":{"protocol":"TCP","port":1}}"#,
                "maxItems must be between 1000 and 10000",
            ),
        ] {
            let refusal = of(text).expect_err(text);
            assert!(refusal.contains(says), "{refusal}");
        }
    }
}
