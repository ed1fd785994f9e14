//! The two protocols: AWS JSON 1.1 (the operation in `X-Amz-Target`) and Smithy RPC v2 CBOR (the operation in the
//! path). AWS's model of the service names the first alone (botocore 1.44.5: `protocols: [json]`); the second is what
//! Smithy defines for every service, and what SDKs choose where a model names both.

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::model::error::{ApiError, ErrorCode, Fault};

/// Before the operation's name in `X-Amz-Target`, and in the path.
const SERVICE: &str = "Logs_20140328";

/// Header of requests and answers in CBOR.
///
/// Source: <https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>
const PROTOCOL: &str = "smithy-protocol";

/// Its value.
const RPC_V2_CBOR: &str = "rpc-v2-cbor";

/// What an error's name begins with in CBOR.
const NAMESPACE: &str = "com.amazonaws.cloudwatchlogs";

/// How a request was sent, and its answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// AWS JSON 1.1.
    Json,
    /// Smithy RPC v2 CBOR.
    Cbor,
}

impl Wire {
    /// The protocol of a request.
    pub fn of(parts: &Parts) -> Self {
        if parts.headers.get(PROTOCOL).is_some_and(|protocol| protocol == RPC_V2_CBOR) {
            Self::Cbor
        } else {
            Self::Json
        }
    }

    /// The operation that a request names, if it is one for this service.
    pub fn operation(parts: &Parts) -> Option<&str> {
        match Self::of(parts) {
            Self::Json => {
                let target = parts.headers.get("x-amz-target")?.to_str().ok()?;
                target.strip_prefix(SERVICE)?.strip_prefix('.')
            }
            Self::Cbor => {
                // A prefix may come before it.
                let (_, rest) = parts.uri.path().split_once("/service/")?;
                rest.strip_prefix(SERVICE)?.strip_prefix("/operation/")
            }
        }
    }

    /// The members of a body.
    pub fn input(self, body: &[u8]) -> Result<Map<String, Value>, ApiError> {
        if body.is_empty() {
            return Ok(Map::new());
        }
        let input = match self {
            Self::Json => serde_json::from_slice(body).map_err(|error| error.to_string()),
            Self::Cbor => ciborium::from_reader(body).map_err(|error| error.to_string()),
        };
        input.map_err(|error| {
            ApiError::new(ErrorCode::Serialization, format!("The body of the request cannot be read: {error}"))
        })
    }

    /// The answer of an operation that went well.
    pub fn answer(self, output: Option<&Value>) -> Result<Response<Body>, ApiError> {
        let Some(output) = output else {
            let mut response = Response::new(Body::empty());
            self.mark(&mut response, self == Self::Json);
            return Ok(response);
        };
        self.response(StatusCode::OK, output).map_err(|error| crate::protocol::error::fault(&*error))
    }

    /// The answer of an operation that failed. All errors of the service have the status 400 but its own faults.
    pub fn error(self, error: &ApiError) -> Response<Body> {
        let own = error.fault == Some(Fault::Service) || error.code == ErrorCode::ServiceUnavailable;
        let status = match error.code {
            _ if own => StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::RequestEntityTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        };
        let name = match self {
            Self::Json => error.code.name().to_owned(),
            Self::Cbor => format!("{NAMESPACE}#{}", error.code.name()),
        };
        let body = json!({ "__type": name, "message": error.message });

        self.response(status, &body).unwrap_or_else(|_| {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = status;
            response
        })
    }

    fn response(self, status: StatusCode, body: &Value) -> Result<Response<Body>, Box<dyn std::error::Error>> {
        let mut bytes = Vec::new();
        match self {
            Self::Json => serde_json::to_writer(&mut bytes, body)?,
            Self::Cbor => ciborium::into_writer(body, &mut bytes)?,
        }

        let mut response = Response::new(Body::from(bytes));
        *response.status_mut() = status;
        self.mark(&mut response, true);
        Ok(response)
    }

    /// Sets the headers that tell the protocol.
    fn mark(self, response: &mut Response<Body>, content: bool) {
        let headers = response.headers_mut();
        let content_type = match self {
            Self::Json => "application/x-amz-json-1.1",
            Self::Cbor => "application/cbor",
        };
        if content {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        if self == Self::Cbor {
            headers.insert(PROTOCOL, HeaderValue::from_static(RPC_V2_CBOR));
        }
    }
}
