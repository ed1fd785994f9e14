//! `Invoke`, `InvokeWithResponseStream` and the old `InvokeAsync`.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::call::Call;
use super::operation::{Answer, Operation, operation};
use super::shape::{Member, TEXT, one_of};
use super::{Services, event_stream, fault, no_content, patterns};
use crate::invoke::{self, Invoked, Request};
use crate::model::error::{ApiError, ErrorCode};

/// The operations of this file; their bodies are the event.
pub static OPERATIONS: &[Operation] = &[
    Operation {
        raw_body: true,
        ..operation!("Invoke" POST "/2015-03-31/functions/{FunctionName}/invocations" INVOKE => invoke)
    },
    Operation {
        raw_body: true,
        ..operation!("InvokeAsync" POST "/2014-11-13/functions/{FunctionName}/invoke-async" INVOKE_ASYNC => invoke_async)
    },
    Operation {
        raw_body: true,
        ..operation!("InvokeWithResponseStream" POST "/2021-11-15/functions/{FunctionName}/response-streaming-invocations" INVOKE_STREAM => invoke_stream)
    },
];

/// Bytes of a `PayloadChunk`.
const CHUNK: usize = 64 * 1024;

const FUNCTION: Member = Member::path("FunctionName", patterns::NAMESPACED_FUNCTION_NAME);

const LOG_TYPE: Member = Member::header("LogType", "x-amz-log-type", one_of(&["None", "Tail"]));

const CLIENT_CONTEXT: Member = Member::header("ClientContext", "x-amz-client-context", TEXT);

const QUALIFIER: Member = Member::query("Qualifier", patterns::QUALIFIER);

const TENANT_ID: Member = Member::header("TenantId", "x-amz-tenant-id", patterns::TENANT_ID);

/// `Invoke`.
pub const INVOKE: &[Member] = &[
    FUNCTION,
    Member::header("InvocationType", "x-amz-invocation-type", one_of(&["Event", "RequestResponse", "DryRun"])),
    LOG_TYPE,
    CLIENT_CONTEXT,
    Member::header("DurableExecutionName", "x-amz-durable-execution-name", patterns::DURABLE_EXECUTION_NAME),
    QUALIFIER,
    TENANT_ID,
];

/// `InvokeAsync`.
pub const INVOKE_ASYNC: &[Member] = &[FUNCTION];

/// `InvokeWithResponseStream`.
pub const INVOKE_STREAM: &[Member] = &[
    FUNCTION,
    LOG_TYPE,
    CLIENT_CONTEXT,
    QUALIFIER,
    TENANT_ID,
    Member::header("InvocationType", "x-amz-invocation-type", one_of(&["RequestResponse", "DryRun"])),
];

/// The event of a stream's end.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct InvokeComplete<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_details: Option<std::borrow::Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_result: Option<String>,
}

/// `Invoke`.
pub async fn invoke(services: &Services, call: Call) -> Answer {
    match call.text("InvocationType").unwrap_or("RequestResponse") {
        "DryRun" => {
            services.invoker.check(&request(&call, invoke::Operation::Synchronous)?)?;
            no_content()
        }
        "Event" => accept(services, &call, invoke::Operation::Event),
        _ => {
            let request = request(&call, invoke::Operation::Synchronous)?;
            Ok(answer(services.invoker.invoke(request).await?, wants_log(&call)))
        }
    }
}

/// `InvokeAsync`, which AWS keeps for old callers.
pub async fn invoke_async(services: &Services, call: Call) -> Answer {
    accept(services, &call, invoke::Operation::InvokeAsync)
}

/// `InvokeWithResponseStream`. The stream is made of a result that is there already: a caller gets the frames
/// of AWS's stream, and all of them at the end.
pub async fn invoke_stream(services: &Services, call: Call) -> Answer {
    let request = request(&call, invoke::Operation::Synchronous)?;
    if call.text("InvocationType") == Some("DryRun") {
        services.invoker.check(&request)?;
        return no_content();
    }
    let invoked = services.invoker.invoke(request).await?;
    let body = stream(&invoked, wants_log(&call)).map_err(|error| fault(&error))?;
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(event_stream::CONTENT_TYPE));
    executed_version(headers, &invoked);
    Ok(response)
}

/// Runs the function in the background; the answer says that and nothing more.
fn accept(services: &Services, call: &Call, operation: invoke::Operation) -> Answer {
    services.invoker.accept(request(call, operation)?)?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

/// The request of a call. A function gets the client context of synchronous invocations only, as on AWS; nor
/// does `InvokeAsync` hand a trace id on.
fn request(call: &Call, operation: invoke::Operation) -> Result<Request, ApiError> {
    let trace_id = Some(call.header("x-amzn-trace-id")).filter(|trace| !trace.is_empty());
    let context = call.text("ClientContext").map(client_context).transpose()?;
    Ok(Request {
        operation,
        request_id: call.request_id.clone(),
        reference: call.function()?,
        trace_id: trace_id.filter(|_| operation != invoke::Operation::InvokeAsync).map(str::to_owned),
        client_context: context.filter(|_| operation == invoke::Operation::Synchronous),
        tenant_id: call.text("TenantId").map(str::to_owned),
        durable_execution_name: call.text("DurableExecutionName").map(str::to_owned),
        payload: call.payload.clone(),
    })
}

fn wants_log(call: &Call) -> bool {
    call.text("LogType") == Some("Tail")
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
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    executed_version(headers, &invoked);
    if invoked.function_error {
        headers.insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
    }
    if tail && let Ok(log) = HeaderValue::from_str(&STANDARD.encode(&invoked.log_tail)) {
        headers.insert("x-amz-log-result", log);
    }
    *response.body_mut() = Body::from(invoked.payload);
    response
}

fn executed_version(headers: &mut axum::http::HeaderMap, invoked: &Invoked) {
    if let Ok(version) = HeaderValue::from_str(&invoked.executed_version.to_string()) {
        headers.insert("x-amz-executed-version", version);
    }
}

/// The frames of a result. What went wrong in the function is told at the end, not as payload.
fn stream(invoked: &Invoked, tail: bool) -> serde_json::Result<Vec<u8>> {
    let mut frames = Vec::new();
    if !invoked.function_error {
        for chunk in invoked.payload.chunks(CHUNK) {
            frames.extend(event_stream::event("PayloadChunk", "application/octet-stream", chunk));
        }
    }
    let complete = InvokeComplete {
        error_code: invoked.function_error.then_some("Unhandled"),
        error_details: invoked.function_error.then(|| String::from_utf8_lossy(&invoked.payload)),
        log_result: tail.then(|| STANDARD.encode(&invoked.log_tail)),
    };
    frames.extend(event_stream::event("InvokeComplete", "application/json", &serde_json::to_vec(&complete)?));
    Ok(frames)
}
