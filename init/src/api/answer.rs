//! What the APIs answer: shapes and texts as AWS's runtime interface emulator has them.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use larder_init::link::Invoke;

/// Ends a connection.
pub const CLOSE: HeaderValue = HeaderValue::from_static("close");

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The supervisor's decision on a call.
#[derive(Debug)]
pub enum ApiAnswer {
    /// The next event.
    Event(Box<Event>),
    /// The result was taken.
    Accepted,
    /// The request id is not that of the running invocation.
    InvalidRequestId,
    /// The runtime may not ask or tell this now.
    InvalidState {
        /// Its state, in the emulator's words.
        from: &'static str,
        /// The state it wanted.
        to: &'static str,
    },
    /// The result was larger than allowed, and is the function's error now.
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The response is to be sent on as it comes, in chunks.
    Stream,
    /// The response is to be sent whole.
    Collect,
    /// The environment was restored from its snapshot.
    Restored,
    /// The extension is registered.
    Registered {
        /// Its identifier.
        id: String,
        /// What it is told of the function: JSON.
        body: String,
    },
    /// An event for an extension.
    ExtensionEvent {
        /// An identifier of the event.
        id: String,
        /// The event: JSON.
        event: String,
    },
    /// The subscription is taken.
    Subscribed,
    /// A request is refused.
    Refused {
        /// How.
        status: StatusCode,
        /// The type of the error.
        error_type: String,
        /// Why.
        message: String,
    },
}

/// An event as the runtime gets it.
#[derive(Debug)]
pub struct Event {
    /// What is to be run.
    pub invoke: Invoke,
    /// When it must be done, in milliseconds since the epoch.
    pub deadline_ms: u64,
}

impl ApiAnswer {
    /// A refusal of one who may not ask this, or not now.
    pub fn forbidden(error_type: &str, message: &str) -> Self {
        Self::refused(StatusCode::FORBIDDEN, error_type, message)
    }

    /// A refusal of what makes no sense.
    pub fn bad_request(error_type: &str, message: &str) -> Self {
        Self::refused(StatusCode::BAD_REQUEST, error_type, message)
    }

    fn refused(status: StatusCode, error_type: &str, message: &str) -> Self {
        Self::Refused { status, error_type: error_type.to_owned(), message: message.to_owned() }
    }

    /// Shapes the answer.
    pub fn into_response(self) -> Response<Full<Bytes>> {
        match self {
            Self::Event(event) => event.into_response(),
            Self::Accepted => json(StatusCode::ACCEPTED, "{\"status\":\"OK\"}\n"),
            Self::InvalidRequestId => error(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID"),
            Self::InvalidState { from, to } => error(
                StatusCode::FORBIDDEN,
                "InvalidStateTransition",
                &format!(
                    "State transition from {from} to {to} failed for runtime. \
                     Error: State transition is not allowed"
                ),
            ),
            Self::TooLarge { limit } => error(
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestEntityTooLarge",
                &format!("Exceeded maximum allowed payload size ({limit} bytes)."),
            ),
            Self::Stream | Self::Collect | Self::Restored => text(StatusCode::OK, ""),
            Self::Registered { id, body } => with_header(body, "lambda-extension-identifier", id),
            Self::ExtensionEvent { id, event } => with_header(event, "lambda-extension-event-identifier", id),
            Self::Subscribed => text(StatusCode::OK, "OK"),
            Self::Refused { status, error_type, message } => error(status, &error_type, &message),
        }
    }
}

impl Event {
    fn into_response(self) -> Response<Full<Bytes>> {
        let invoke = self.invoke;
        let mut response = Response::new(Full::new(invoke.payload));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, JSON);
        let required = [
            ("lambda-runtime-aws-request-id", invoke.request_id),
            ("lambda-runtime-deadline-ms", self.deadline_ms.to_string()),
            ("lambda-runtime-invoked-function-arn", invoke.function_arn),
        ];
        let optional = [
            ("lambda-runtime-trace-id", invoke.trace_id),
            ("lambda-runtime-client-context", invoke.client_context),
            ("lambda-runtime-cognito-identity", invoke.cognito_identity),
            ("lambda-runtime-aws-tenant-id", invoke.tenant_id),
        ];
        for (name, value) in required {
            set(headers, name, value);
        }

        for (name, value) in optional {
            if let Some(value) = value {
                set(headers, name, value);
            }
        }

        response
    }
}

/// Sets a header. Callers may send JSON with line ends in it, which no header can hold; for JSON a
/// space is as good.
fn set(headers: &mut HeaderMap, name: &'static str, value: String) {
    let mut bytes = value.into_bytes();
    for byte in &mut bytes {
        if byte.is_ascii_control() {
            *byte = b' ';
        }
    }

    if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(bytes)) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// The path is of no known API.
pub fn not_found() -> Response<Full<Bytes>> {
    text(StatusCode::NOT_FOUND, "404 page not found\n")
}

/// The path is known, the method is not.
pub fn wrong_method() -> Response<Full<Bytes>> {
    text(StatusCode::METHOD_NOT_ALLOWED, "")
}

/// The body ended too early.
pub fn truncated() -> Response<Full<Bytes>> {
    error(StatusCode::BAD_REQUEST, "TruncatedHTTPRequest", "HTTP request detected as truncated")
}

/// A plain text.
pub fn text(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    shaped(status, HeaderValue::from_static("text/plain; charset=utf-8"), Bytes::from_static(body.as_bytes()))
}

fn json(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    shaped(status, JSON, Bytes::from_static(body.as_bytes()))
}

/// An error; its message may hold what a caller sent.
fn error(status: StatusCode, error_type: &str, message: &str) -> Response<Full<Bytes>> {
    let message = serde_json::Value::from(message);
    let body = format!("{{\"errorMessage\":{message},\"errorType\":\"{error_type}\"}}\n");
    shaped(status, JSON, body.into())
}

/// JSON with one header more.
fn with_header(body: String, name: &'static str, value: String) -> Response<Full<Bytes>> {
    let mut response = shaped(StatusCode::OK, JSON, body.into());
    set(response.headers_mut(), name, value);
    response
}

fn shaped(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
