//! Operations on durable executions. Functions can be durable; their executions are not run yet, so none
//! can be found: requests are checked, and the answers say so in AWS's words.

use axum::http::StatusCode;
use serde::Serialize;

use crate::model::error::{ApiError, ErrorCode};
use crate::protocol::answer::{Answer, json};
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::services::Services;
use crate::services::lambda::shapes::requests;

/// The operations of this file.
pub static OPERATIONS: &[Operation<Services>] = &[
    operation!(requests::CHECKPOINT_DURABLE_EXECUTION => with_token),
    operation!(requests::DELETE_DURABLE_EXECUTION => missing),
    operation!(requests::GET_DURABLE_EXECUTION => missing),
    operation!(requests::GET_DURABLE_EXECUTION_HISTORY => missing),
    operation!(requests::GET_DURABLE_EXECUTION_STATE => with_token),
    operation!(requests::LIST_DURABLE_EXECUTIONS_BY_FUNCTION => list),
    operation!(requests::PAUSE_DURABLE_EXECUTION => missing),
    operation!(requests::RESUME_DURABLE_EXECUTION => missing),
    operation!(requests::SEND_DURABLE_EXECUTION_CALLBACK_FAILURE => callback),
    operation!(requests::SEND_DURABLE_EXECUTION_CALLBACK_HEARTBEAT => callback),
    operation!(requests::SEND_DURABLE_EXECUTION_CALLBACK_SUCCESS => callback),
    operation!(requests::STOP_DURABLE_EXECUTION => missing),
];

/// Bytes of a callback's result (`BinaryOperationPayload`).
const MAX_RESULT: usize = 1_048_576;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ExecutionList {
    durable_executions: [(); 0],
}

/// Operations on an execution: there is none.
pub async fn missing(_services: &Services, _call: Call) -> Answer {
    Err(ApiError::new(ErrorCode::ResourceNotFound, "Durable Execution does not exist"))
}

/// Operations with a checkpoint token: none was given out. The model has no `ResourceNotFoundException`
/// for them.
pub async fn with_token(_services: &Services, _call: Call) -> Answer {
    Err(ApiError::invalid_parameter("Invalid checkpoint token"))
}

/// Operations on a callback: none was given out.
pub async fn callback(_services: &Services, call: Call) -> Answer {
    let size = call.payload.len();
    if size > MAX_RESULT {
        // A blob as AWS's (Java) service prints it.
        let shown = format!("java.nio.HeapByteBuffer[pos=0 lim={size} cap={size}]");
        let message = format!(
            "1 validation error detected: Value '{shown}' at 'result' failed to satisfy constraint: \
             Member must have length less than or equal to {MAX_RESULT}"
        );
        return Err(ApiError::new(ErrorCode::Validation, message));
    }

    Err(ApiError::invalid_parameter("Invalid callback id"))
}

/// `ListDurableExecutionsByFunction`: parameters first, then the function. A function that is not durable
/// has no executions either.
pub async fn list(services: &Services, call: Call) -> Answer {
    let statuses = call.input.get("Statuses").and_then(serde_json::Value::as_array);
    if statuses.is_some_and(|statuses| statuses.len() > 1) {
        return Err(ApiError::invalid_parameter("Cannot filter by more than one status"));
    }
    for member in ["StartedAfter", "StartedBefore"] {
        check_time(call.text(member))?;
    }
    let reference = call.function()?;
    let state = services.ledger.state();
    let function = state.function(&reference.key).ok_or_else(|| reference.not_found())?;
    function.resolve(reference.qualifier.as_ref()).ok_or_else(|| reference.not_found())?;
    // No listing gave out a marker.
    if call.text("Marker").is_some_and(|marker| !marker.is_empty()) {
        return Err(ApiError::invalid_parameter("Invalid Marker"));
    }
    json(StatusCode::OK, &ExecutionList { durable_executions: [] })
}

/// A time in a query: seconds since the epoch, or ISO 8601.
fn check_time(text: Option<&str>) -> Result<(), ApiError> {
    let Some(text) = text else { return Ok(()) };
    let is_seconds = text.parse::<f64>().is_ok_and(f64::is_finite);
    if is_seconds || looks_like_iso(text) {
        return Ok(());
    }
    Err(ApiError::new(ErrorCode::Serialization, format!("'{text}' can not be converted to Date")))
}

/// `2026-01-31T12:30:00`, with or without fractions and zone.
fn looks_like_iso(text: &str) -> bool {
    const SHAPE: &str = "dddd-dd-ddTdd:dd:dd";
    text.len() >= SHAPE.len()
        && SHAPE.chars().zip(text.chars()).all(|(wanted, found)| match wanted {
            'd' => found.is_ascii_digit(),
            wanted => wanted == found,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_iso() {
        for time in ["1764038324.007", "0", "2025-11-25T02:38:44Z", "2025-11-25T02:38:44.007+00:00"] {
            assert_eq!(check_time(Some(time)), Ok(()), "{time}");
        }
        for time in ["NaN", "yesterday", "2025-11-25", "inf"] {
            assert!(check_time(Some(time)).is_err(), "{time}");
        }
    }
}
