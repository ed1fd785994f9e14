//! `Invoke`.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::call::Call;
use super::operation::{Answer, Operation, operation};
use super::shape::{Member, TEXT, one_of};
use super::{Services, no_content, patterns};
use crate::invoke::{Invoked, Request};
use crate::model::error::{ApiError, ErrorCode};

/// The operations of this file.
pub static OPERATIONS: &[Operation] = &[Operation {
    raw_body: true,
    ..operation!("Invoke" POST "/2015-03-31/functions/{FunctionName}/invocations" INVOKE => invoke)
}];

/// `Invoke`; its body is the event.
pub const INVOKE: &[Member] = &[
    Member::path("FunctionName", patterns::NAMESPACED_FUNCTION_NAME),
    Member::query("Qualifier", patterns::QUALIFIER),
    Member::header("InvocationType", "x-amz-invocation-type", one_of(&["Event", "RequestResponse", "DryRun"])),
    Member::header("LogType", "x-amz-log-type", one_of(&["None", "Tail"])),
    Member::header("ClientContext", "x-amz-client-context", TEXT),
];

/// `Invoke`.
pub async fn invoke(services: &Services, call: Call) -> Answer {
    let reference = call.function()?;
    let kind = call.text("InvocationType").unwrap_or("RequestResponse");
    let request = Request {
        request_id: call.request_id.clone(),
        trace_id: Some(call.header("x-amzn-trace-id").to_owned()).filter(|trace| !trace.is_empty()),
        client_context: call.text("ClientContext").map(client_context).transpose()?,
        payload: call.payload.clone(),
        reference,
    };
    match kind {
        "DryRun" => {
            services.invoker.check(&request)?;
            no_content()
        }
        "Event" => Err(ApiError::invalid_parameter(
            "InvocationType Event is not served by this version of Larder; use RequestResponse or DryRun.",
        )),
        _ => Ok(answer(services.invoker.invoke(request).await?, call.text("LogType") == Some("Tail"))),
    }
}

/// The client context as JSON; it travels as base64.
fn client_context(base64: &str) -> Result<String, ApiError> {
    let refused = || {
        ApiError::new(ErrorCode::InvalidRequestContent, "Client context must be a valid Base64-encoded JSON object.")
    };
    let bytes = STANDARD.decode(base64).map_err(|_| refused())?;
    let text = String::from_utf8(bytes).map_err(|_| refused())?;
    match serde_json::from_str(&text) {
        Ok(serde_json::Value::Object(_)) => Ok(text),
        _ => Err(refused()),
    }
}

fn answer(invoked: Invoked, tail: bool) -> Response<Body> {
    let mut response = Response::new(Body::from(invoked.payload));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(version) = HeaderValue::from_str(&invoked.executed_version.to_string()) {
        headers.insert("x-amz-executed-version", version);
    }
    if invoked.function_error {
        headers.insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
    }
    if tail && let Ok(log) = HeaderValue::from_str(&STANDARD.encode(&invoked.log_tail)) {
        headers.insert("x-amz-log-result", log);
    }
    response
}
