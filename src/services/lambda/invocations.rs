//! `Invoke`, `InvokeWithResponseStream` and the old `InvokeAsync`.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use serde::Serialize;

use crate::environments::StreamPart;
use crate::invoke;
use crate::invoke::streaming::{Next, Streaming};
use crate::invoke::{InvokeRequest, Invoked, Trigger};
use crate::model::error::{ApiError, ErrorCode};
use crate::model::qualifier::Version;
use crate::protocol::answer::{Answer, no_content};
use crate::protocol::call::Call;
use crate::protocol::error::fault;
use crate::protocol::event_stream;
use crate::protocol::operation::{Operation, operation};
use crate::services::Services;
use crate::services::lambda::shapes::requests;

/// The operations of this file; their bodies are the event.
pub static OPERATIONS: &[Operation<Services>] = &[
    operation!(requests::INVOKE => invoke),
    operation!(requests::INVOKE_ASYNC => invoke_async),
    operation!(requests::INVOKE_WITH_RESPONSE_STREAM => invoke_stream),
];

/// Bytes of a `PayloadChunk`.
const CHUNK: usize = 64 * 1024;

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
        "Event" => accept(services, &call, invoke::Operation::Event).await,
        _ => {
            let request = request(&call, invoke::Operation::Synchronous)?;
            Ok(answer(services.invoker.invoke(request).await?, wants_log(&call)))
        }
    }
}

/// `InvokeAsync`, which AWS keeps for old callers.
pub async fn invoke_async(services: &Services, call: Call) -> Answer {
    accept(services, &call, invoke::Operation::InvokeAsync).await
}

/// `InvokeWithResponseStream`: the parts of the response as the function makes them, then how it ended. What cannot
/// be run is refused before the stream begins.
pub async fn invoke_stream(services: &Services, call: Call) -> Answer {
    let request = request(&call, invoke::Operation::Synchronous)?;
    if call.text("InvocationType") == Some("DryRun") {
        services.invoker.check(&request)?;
        return no_content();
    }

    let tail = request.wants_log;
    let mut streaming = services.invoker.stream(request).await?;
    let version = streaming.version;
    let body = match streaming.next().await {
        Some(Next::Part(part)) => Body::from_stream(stream_of(frames_of(&part), streaming, tail)),
        // It could not be run, or has ended already, without a stream.
        Some(Next::End(ended)) => Body::from(ending(&ended?, tail).map_err(|error| fault(&error))?),
        None => Body::empty(),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(event_stream::CONTENT_TYPE));
    executed_version(headers, version);

    Ok(response)
}

/// The frames of a response that is being made, from its first ones on.
fn stream_of(first: Vec<u8>, streaming: Streaming, tail: bool) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
    let begun = stream::once(std::future::ready(Ok(first.into())));
    let rest = stream::unfold(streaming, move |mut streaming| async move {
        let frames = match streaming.next().await? {
            Next::Part(part) => frames_of(&part),
            Next::End(ended) => end_of(ended, tail),
        };
        Some((Ok(frames.into()), streaming))
    });
    begun.chain(rest)
}

/// The frames of a part. What the bytes are is not told here: their prelude is the caller's to read.
fn frames_of(part: &StreamPart) -> Vec<u8> {
    match part {
        StreamPart::Begin { .. } => Vec::new(),
        StreamPart::Bytes(bytes) => payload_chunks(bytes),
    }
}

/// The last frames of a stream that has begun: a fault can only be told in it.
fn end_of(ended: Result<Invoked, ApiError>, tail: bool) -> Vec<u8> {
    let frames = match ended {
        Ok(invoked) => ending(&invoked, tail),
        Err(error) => complete(&InvokeComplete {
            error_code: Some("ServiceException"),
            error_details: Some(error.to_string().into()),
            log_result: None,
        }),
    };
    frames.unwrap_or_default()
}

/// Runs the function in the background; the answer says that and nothing more.
/// Takes an event to be run later. It is on disk when that is answered.
async fn accept(services: &Services, call: &Call, operation: invoke::Operation) -> Answer {
    let accepted = services.invoker.accept(request(call, operation)?)?;
    services.commit_run(accepted).await?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

/// The request of a call. A function gets the client context of synchronous invocations only, as on AWS; nor
/// does `InvokeAsync` hand a trace id on.
fn request(call: &Call, operation: invoke::Operation) -> Result<InvokeRequest, ApiError> {
    let trace_id = Some(call.header("x-amzn-trace-id")).filter(|trace| !trace.is_empty());
    let context = call.text("ClientContext").map(client_context).transpose()?;
    Ok(InvokeRequest {
        operation,
        trigger: Trigger::Invoke,
        answers: None,
        request_id: call.request_id.clone(),
        reference: call.function()?,
        trace_id: trace_id.filter(|_| operation != invoke::Operation::InvokeAsync).map(str::to_owned),
        client_context: context.filter(|_| operation == invoke::Operation::Synchronous),
        tenant_id: call.text("TenantId").map(str::to_owned),
        wants_log: wants_log(call),
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
    executed_version(headers, invoked.executed_version);
    if invoked.function_error {
        headers.insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
    }
    if tail && let Ok(log) = HeaderValue::from_str(&STANDARD.encode(&invoked.log_tail)) {
        headers.insert("x-amz-log-result", log);
    }
    *response.body_mut() = Body::from(invoked.payload);
    response
}

fn executed_version(headers: &mut axum::http::HeaderMap, version: Version) {
    if let Ok(version) = HeaderValue::from_str(&version.to_string()) {
        headers.insert("x-amz-executed-version", version);
    }
}

/// Bytes as `PayloadChunk`s.
fn payload_chunks(bytes: &[u8]) -> Vec<u8> {
    let chunks = bytes.chunks(CHUNK);
    chunks.flat_map(|chunk| event_stream::event("PayloadChunk", "application/octet-stream", chunk)).collect()
}

/// The last frames of a result. What went wrong in the function is told at the end, not as payload.
fn ending(invoked: &Invoked, tail: bool) -> serde_json::Result<Vec<u8>> {
    let mut frames = if invoked.function_error { Vec::new() } else { payload_chunks(&invoked.payload) };
    frames.extend(complete(&InvokeComplete {
        error_code: invoked.function_error.then_some("Unhandled"),
        error_details: invoked.function_error.then(|| String::from_utf8_lossy(&invoked.payload)),
        log_result: tail.then(|| STANDARD.encode(&invoked.log_tail)),
    })?);
    Ok(frames)
}

fn complete(event: &InvokeComplete<'_>) -> serde_json::Result<Vec<u8>> {
    Ok(event_stream::event("InvokeComplete", "application/json", &serde_json::to_vec(event)?))
}
