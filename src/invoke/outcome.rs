//! Payloads of invocations that did not end with a response. Texts as recorded on AWS
//! (`Sandbox.Timedout` on 2025-11-25).

use bytes::Bytes;
use larder_init::link::Outcome;
use serde_json::json;

use crate::model::functions::FunctionConfig;
use crate::model::limits::{Limits, STREAM_SIZE};

/// The payload of an outcome, and whether it is an error; `streams` where its caller takes a stream.
pub fn payload(
    outcome: Outcome,
    request_id: &str,
    config: &FunctionConfig,
    limits: &Limits,
    streams: bool,
) -> (Bytes, bool) {
    let (error_type, message) = match outcome {
        Outcome::Response(payload) => return (payload, false),
        Outcome::Streamed | Outcome::Answered => return (Bytes::new(), false),
        // As the runtime posted it: AWS hands it on, whatever it is.
        Outcome::Error { body, .. } => return (body, true),
        Outcome::TimedOut => {
            let seconds = f64::from(config.timeout_s);
            let message = format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds");
            ("Sandbox.Timedout".to_owned(), message)
        }
        Outcome::TooLarge { bytes } => {
            // A stream's caller gets what the runtime sends whole too, within the limit of that.
            let limit = if streams && bytes > STREAM_SIZE { STREAM_SIZE } else { limits.payload_size };
            let message = format!("Response payload size exceeded maximum allowed payload size ({limit} bytes).");
            ("Function.ResponseSizeTooLarge".to_owned(), message)
        }
        failed => failure(&failed, request_id).unwrap_or_default(),
    };
    (Bytes::from(json!({ "errorType": error_type, "errorMessage": message }).to_string()), true)
}

/// Type and message of what a process of the environment did, beside a timeout.
pub fn failure(outcome: &Outcome, request_id: &str) -> Option<(String, String)> {
    let reason = match outcome {
        Outcome::Exited { reason: None, .. } => "Runtime exited without providing a reason".to_owned(),
        Outcome::Exited { reason: Some(reason), .. } => format!("Runtime exited with error: {reason}"),
        Outcome::OutOfMemory => "Runtime exited with error: signal: killed".to_owned(),
        Outcome::NotStarted { reason, .. } | Outcome::ExtensionFailed { reason, .. } => reason.clone(),
        _ => return None,
    };
    Some((failure_type(outcome)?.to_owned(), format!("RequestId: {request_id} Error: {reason}")))
}

/// Lambda's type of it.
pub fn failure_type(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Exited { .. } => Some("Runtime.ExitError"),
        Outcome::OutOfMemory => Some("Runtime.OutOfMemory"),
        Outcome::NotStarted { error_type, .. } | Outcome::ExtensionFailed { error_type, .. } => Some(error_type),
        _ => None,
    }
}

/// Whether a caller is told that the function failed.
pub fn is_error(outcome: &Outcome) -> bool {
    !matches!(outcome, Outcome::Response(_) | Outcome::Streamed | Outcome::Answered)
}
