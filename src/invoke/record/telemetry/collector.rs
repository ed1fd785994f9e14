//! The collector's address, and the way to it.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use axum::http::{Request, Response};
use bytes::Bytes;
use opentelemetry_http::{HttpClient, HttpError};
use reqwest::Url;
use tokio::runtime::Handle;

use crate::tls;

/// Where a collector takes OTLP over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collector(Url);

impl FromStr for Collector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("{error}; such as http://127.0.0.1:4318"))?;
        if !["http", "https"].contains(&url.scheme()) || url.host().is_none() {
            return Err("it must be the address of an HTTP server, such as http://127.0.0.1:4318".to_owned());
        }
        if url.port() == Some(4317) {
            return Err("4317 is the port for gRPC; protobuf over HTTP is taken at 4318".to_owned());
        }
        Ok(Self(url))
    }
}

impl Collector {
    /// Where it takes a signal: `traces`, `metrics`.
    pub(super) fn of_signal(&self, signal: &str) -> String {
        format!("{}/v1/{signal}", self.0.as_str().trim_end_matches('/'))
    }
}

/// Sends what exporters have, whose threads are none of tokio's.
#[derive(Debug, Clone)]
pub(super) struct Client {
    collector: Collector,
    http: reqwest::Client,
    tokio: Handle,
    /// Whether it was told that the collector cannot be reached.
    is_silent: Arc<AtomicBool>,
}

impl Client {
    pub(super) fn new(collector: &Collector) -> Self {
        let http = tls::client().build().unwrap_or_default();
        Self { collector: collector.clone(), http, tokio: Handle::current(), is_silent: Arc::default() }
    }

    /// Says once that the collector does not take what it is sent, and once that it does again.
    fn tell(&self, problem: Option<&str>) {
        let was_silent = self.is_silent.swap(problem.is_some(), Ordering::Relaxed);
        let Self { collector: Collector(url), .. } = self;
        match problem {
            Some(problem) if !was_silent => tracing::warn!("the collector at {url} is not told: {problem}"),
            None if was_silent => tracing::info!("the collector at {url} is told again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        let sent = self.tokio.spawn(async move { send(&http, request).await });
        let answered = sent.await.map_err(HttpError::from).and_then(|answered| answered);
        match &answered {
            Ok(answer) if answer.status().is_success() => self.tell(None),
            Ok(answer) => self.tell(Some(&format!("it answers {}", answer.status()))),
            Err(error) => self.tell(Some(&error.to_string())),
        }
        answered
    }
}

async fn send(http: &reqwest::Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let answer = http.execute(request.try_into()?).await?;
    let mut response = Response::builder().status(answer.status());
    if let Some(headers) = response.headers_mut() {
        headers.clone_from(answer.headers());
    }
    Ok(response.body(answer.bytes().await?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_has_an_address_of_http() {
        let at = |text: &str| text.parse::<Collector>().map(|collector| collector.of_signal("traces"));
        assert_eq!(at("http://127.0.0.1:4318"), Ok("http://127.0.0.1:4318/v1/traces".to_owned()));
        assert_eq!(at("https://example.com/otlp/"), Ok("https://example.com/otlp/v1/traces".to_owned()));
        for wrong in ["127.0.0.1:4318", "localhost:4318", "grpc://localhost:4317", "http://localhost:4317"] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }
}
