//! Invocations through the SDK, their answers taken apart.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::RequestId as _;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::LogType;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// How an invocation ended.
#[derive(Debug, Clone)]
pub struct Invoked {
    /// Request id.
    pub request_id: String,
    /// Response or error payload.
    pub payload: Value,
    /// `X-Amz-Function-Error`.
    pub error: Option<String>,
    /// The version that ran.
    pub version: String,
    /// The tail of the log.
    pub log: String,
}

impl Invoked {
    /// The response of a function that did not fail.
    ///
    /// # Panics
    /// It failed.
    pub fn response(self) -> Value {
        assert_eq!(self.error, None, "{self:#?}");
        self.payload
    }

    /// The error payload, without its stack trace.
    ///
    /// # Panics
    /// It did not fail.
    pub fn failure(&self) -> (String, String) {
        assert_eq!(self.error.as_deref(), Some("Unhandled"), "{self:#?}");
        let text = |name: &str| self.payload[name].as_str().unwrap_or_default().to_owned();
        (text("errorType"), text("errorMessage"))
    }

    /// Whether the environment was new.
    pub fn is_cold(&self) -> bool {
        self.log.contains("Init Duration:")
    }
}

/// Invokes `function` (with a qualifier behind a colon, if any) with an event.
pub async fn invoke(client: &Client, function: &str, event: Value) -> Invoked {
    let (name, qualifier) = match function.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier.to_owned())),
        None => (function, None),
    };
    let request = client.invoke().function_name(name).set_qualifier(qualifier);
    let request = request.payload(Blob::new(event.to_string())).log_type(LogType::Tail);
    let output = request.send().await.unwrap_or_else(|error| panic!("cannot invoke {function}: {error:#?}"));
    assert_eq!(output.status_code(), 200);
    let payload = output.payload().map(Blob::as_ref).unwrap_or_default();
    let log = STANDARD.decode(output.log_result().expect("a log")).expect("base64");
    Invoked {
        request_id: output.request_id().expect("a request id").to_owned(),
        payload: serde_json::from_slice(payload).expect("JSON"),
        error: output.function_error().map(str::to_owned),
        version: output.executed_version().expect("a version").to_owned(),
        log: String::from_utf8_lossy(&log).into_owned(),
    }
}

/// Invokes with an empty object.
pub async fn call(client: &Client, function: &str) -> Invoked {
    invoke(client, function, json!({})).await
}
