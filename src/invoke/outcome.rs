//! Payloads of invocations that did not end with a response. Texts as recorded on AWS
//! (`Sandbox.Timedout` on 2025-11-25).

use bytes::Bytes;
use larder_init::link::Outcome;
use serde_json::{Value, json};

use crate::model::function::FunctionConfig;
use crate::model::limits::Limits;

/// The payload of an outcome, and whether it is an error.
pub fn payload(outcome: Outcome, request_id: &str, config: &FunctionConfig, limits: &Limits) -> (Bytes, bool) {
    let error = match outcome {
        Outcome::Response(payload) => return (payload, false),
        // As the runtime posted it: AWS hands it on, whatever it is.
        Outcome::Error { body, .. } => return (body, true),
        Outcome::TimedOut => {
            let seconds = f64::from(config.timeout_s);
            let message = format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds");
            typed("Sandbox.Timedout", &message)
        }
        Outcome::Exited { reason, .. } => {
            let how = reason.map_or("Runtime exited without providing a reason".to_owned(), |reason| {
                format!("Runtime exited with error: {reason}")
            });
            typed("Runtime.ExitError", &format!("RequestId: {request_id} Error: {how}"))
        }
        Outcome::TooLarge { .. } => {
            let limit = limits.payload_size;
            let message = format!("Response payload size exceeded maximum allowed payload size ({limit} bytes).");
            typed("Function.ResponseSizeTooLarge", &message)
        }
        Outcome::NotStarted { reason } => {
            typed("Runtime.InvalidEntrypoint", &format!("RequestId: {request_id} Error: {reason}"))
        }
    };
    (Bytes::from(error.to_string()), true)
}

fn typed(error_type: &str, message: &str) -> Value {
    json!({ "errorType": error_type, "errorMessage": message })
}
