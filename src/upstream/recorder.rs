//! Calls that an endpoint recorded, and their playing to it: what moto offers to bring its state elsewhere. Others
//! are asked, too, and have nothing that is one.
//!
//! Source: <https://docs.getmoto.org/en/latest/docs/configuration/recorder/index.html>.

use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;

use super::{Endpoint, Upstream, UpstreamError, at};

/// Bytes of a recording at most.
const MOST: usize = 256 * 1024 * 1024;

/// What errors call it.
const RECORDER: &str = "its recorder of calls";

const DOWNLOAD: &str = "/moto-api/recorder/download-recording";
const UPLOAD: &str = "/moto-api/recorder/upload-recording";
const PLAY: &str = "/moto-api/recorder/replay-recording";

/// Why calls were not played to an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    /// It cannot be asked.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// It takes no recording, or fails with it.
    #[error("the upstream {endpoint} answers {status} to {path}: only moto plays what was recorded")]
    Refused {
        /// The endpoint.
        endpoint: Endpoint,
        /// What it was asked.
        path: &'static str,
        /// Its answer.
        status: u16,
    },
}

impl Upstream {
    /// Each endpoint once, with the service that it is asked for; none: all services.
    pub fn each_endpoint(&self) -> Vec<(Option<&str>, &Endpoint)> {
        let mut each: Vec<(Option<&str>, &Endpoint)> = Vec::new();
        for (service, endpoint) in self.endpoints.each() {
            if !each.iter().any(|(_, known)| *known == endpoint) {
                each.push((service, endpoint));
            }
        }
        each
    }

    /// The calls that an endpoint has recorded, one each; `None` where it records none.
    ///
    /// # Errors
    /// It does not answer, or has recorded more than Larder takes.
    pub async fn recorded(&self, endpoint: &Endpoint) -> Result<Option<Vec<String>>, UpstreamError> {
        let response = self.ask_recorder(endpoint, Method::GET, DOWNLOAD, String::new()).await?;
        if !response.status().is_success() {
            return Ok(None);
        }

        let no_answer = |reason: String| UpstreamError::NoAnswer {
            service: RECORDER.to_owned(),
            endpoint: endpoint.clone(),
            reason,
        };
        let body = Limited::new(response.into_body(), MOST).collect().await;
        let body = body.map_err(|error| no_answer(error.to_string()))?.to_bytes();
        // Whatever else answers under this path is no recording.
        let Ok(text) = std::str::from_utf8(&body) else { return Ok(None) };
        let calls: Vec<String> = text.lines().map(str::to_owned).collect();
        let is_call = |line: &String| serde_json::from_str::<Value>(line).is_ok_and(|call| call["url"].is_string());
        Ok(calls.first().is_some_and(is_call).then_some(calls))
    }

    /// Has an endpoint answer calls that were recorded, in their order.
    ///
    /// # Errors
    /// It does not answer, or not as a recorder.
    pub async fn play(&self, endpoint: &Endpoint, calls: &[&str]) -> Result<(), RecorderError> {
        let mut recording = calls.join("\n");
        recording.push('\n');

        for (path, body) in [(UPLOAD, recording), (PLAY, String::new())] {
            let status = self.ask_recorder(endpoint, Method::POST, path, body).await?.status();
            if !status.is_success() {
                return Err(RecorderError::Refused { endpoint: endpoint.clone(), path, status: status.as_u16() });
            }
        }
        Ok(())
    }

    async fn ask_recorder(
        &self,
        endpoint: &Endpoint,
        method: Method,
        path: &'static str,
        body: String,
    ) -> Result<Response<Body>, UpstreamError> {
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = method;
        *request.uri_mut() = at(endpoint, &axum::http::Uri::from_static(path));
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        self.send(RECORDER, endpoint, request).await
    }
}
