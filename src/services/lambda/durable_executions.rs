//! Operations on durable executions. Functions can be durable; their executions are not run yet, so none
//! can be found: requests are checked, and the answers say so in AWS's words.

use axum::http::StatusCode;
use serde::Serialize;

use crate::model::error::{ApiError, ErrorCode};
use crate::protocol::answer::{Answer, json};
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::patterns;
use crate::protocol::shape::{Kind, Member, TEXT, length, one_of, pattern};
use crate::services::Services;

/// The operations of this file.
pub static OPERATIONS: &[Operation<Services>] = &[
    operation!("CheckpointDurableExecution" POST "/2025-12-01/durable-executions/{DurableExecutionArn}/checkpoint" CHECKPOINT => with_token),
    operation!("DeleteDurableExecution" DELETE "/2025-12-01/durable-executions/{DurableExecutionArn}" NAMED => missing),
    operation!("GetDurableExecution" GET "/2025-12-01/durable-executions/{DurableExecutionArn}" GET => missing),
    operation!("GetDurableExecutionHistory" GET "/2025-12-01/durable-executions/{DurableExecutionArn}/history" HISTORY => missing),
    operation!("GetDurableExecutionState" GET "/2025-12-01/durable-executions/{DurableExecutionArn}/state" STATE => with_token),
    operation!("ListDurableExecutionsByFunction" GET "/2025-12-01/functions/{FunctionName}/durable-executions" LIST => list),
    operation!("PauseDurableExecution" POST "/2025-12-01/durable-executions/{DurableExecutionArn}/pause" PAUSE => missing),
    operation!("ResumeDurableExecution" POST "/2025-12-01/durable-executions/{DurableExecutionArn}/resume" RESUME => missing),
    operation!("SendDurableExecutionCallbackFailure" POST "/2025-12-01/durable-execution-callbacks/{CallbackId}/fail" CALLBACK_FAILURE => callback),
    operation!("SendDurableExecutionCallbackHeartbeat" POST "/2025-12-01/durable-execution-callbacks/{CallbackId}/heartbeat" CALLBACK => callback),
    Operation {
        raw_body: true,
        ..operation!("SendDurableExecutionCallbackSuccess" POST "/2025-12-01/durable-execution-callbacks/{CallbackId}/succeed" CALLBACK => callback)
    },
    operation!("StopDurableExecution" POST "/2025-12-01/durable-executions/{DurableExecutionArn}/stop" STOP => missing),
];

/// Bytes of a callback's result (`BinaryOperationPayload`).
const MAX_RESULT: usize = 1_048_576;

const ARN: Member = Member::path(
    "DurableExecutionArn",
    pattern(
        1,
        1024,
        r"arn:([a-zA-Z0-9-]+):lambda:([a-zA-Z0-9-]+):(\d{12}):function:([a-zA-Z0-9_-]+):(\$LATEST(?:\.PUBLISHED)?|[0-9]+)/durable-execution/([a-zA-Z0-9_-]+)/([a-zA-Z0-9_-]+)",
    ),
);

const CHECKPOINT_TOKEN: Kind = pattern(1, 2048, r"[A-Za-z0-9+/]+={0,2}");

const CLIENT_TOKEN: Kind = pattern(1, 64, r"[\x21-\x7E]+");

const OPERATION_ID: Kind = pattern(1, 64, "[a-zA-Z0-9-_]+");

const CALLBACK_ID: Member = Member::path("CallbackId", pattern(1, 1024, r"[A-Za-z0-9+/]+={0,2}"));

/// `ItemCount`.
const MAX_ITEMS: Kind = Kind::Integer(0, 1000);

/// Seconds up to 366 days.
const DELAY: Kind = Kind::Integer(1, 31_622_400);

const CALLBACK_TIMEOUT: Kind = Kind::Integer(0, 99_999_999);

/// The members of `ErrorObject`, which is the whole body of some requests.
macro_rules! error_members {
    ($($more:expr),* $(,)?) => {
        &[
            $($more,)*
            Member::body("ErrorMessage", TEXT),
            Member::body("ErrorType", TEXT),
            Member::body("ErrorData", TEXT),
            Member::body("StackTrace", Kind::List { length: None, item: &TEXT }),
        ]
    };
}

const UPDATE: Kind = Kind::Structure(&[
    Member::body("Id", OPERATION_ID).required(),
    Member::body("ParentId", OPERATION_ID),
    Member::body("Name", pattern(1, 256, r"[\x20-\x7E]+")),
    Member::body("Type", one_of(&["EXECUTION", "CONTEXT", "STEP", "WAIT", "CALLBACK", "CHAINED_INVOKE"])).required(),
    Member::body("SubType", pattern(1, 32, "[a-zA-Z0-9-_]+")),
    Member::body("Action", one_of(&["START", "SUCCEED", "FAIL", "RETRY", "CANCEL"])).required(),
    Member::body("Payload", length(0, 6_291_456)),
    Member::body("Error", Kind::Structure(error_members![])),
    Member::body("ContextOptions", Kind::Structure(&[Member::body("ReplayChildren", Kind::Boolean)])),
    Member::body("StepOptions", Kind::Structure(&[Member::body("NextAttemptDelaySeconds", DELAY)])),
    Member::body("WaitOptions", Kind::Structure(&[Member::body("WaitSeconds", DELAY)])),
    Member::body(
        "CallbackOptions",
        Kind::Structure(&[
            Member::body("TimeoutSeconds", CALLBACK_TIMEOUT),
            Member::body("HeartbeatTimeoutSeconds", CALLBACK_TIMEOUT),
        ]),
    ),
    Member::body(
        "ChainedInvokeOptions",
        Kind::Structure(&[
            Member::body("FunctionName", patterns::NAMESPACED_FUNCTION_NAME).required(),
            Member::body("TenantId", patterns::TENANT_ID),
            Member::body("XAmznTraceId", length(0, 8192)),
        ]),
    ),
]);

/// `CheckpointDurableExecution`.
pub const CHECKPOINT: &[Member] = &[
    ARN,
    Member::body("CheckpointToken", CHECKPOINT_TOKEN).required(),
    Member::body("Updates", Kind::List { length: None, item: &UPDATE }),
    Member::body("ClientToken", CLIENT_TOKEN),
];

/// `DeleteDurableExecution`.
pub const NAMED: &[Member] = &[ARN];

/// `GetDurableExecution`.
pub const GET: &[Member] = &[ARN, Member::query("IncludeExecutionData", Kind::Boolean)];

/// `GetDurableExecutionHistory`.
pub const HISTORY: &[Member] = &[
    ARN,
    Member::query("IncludeExecutionData", Kind::Boolean),
    Member::query("MaxItems", MAX_ITEMS),
    Member::query("Marker", TEXT),
    Member::query("ReverseOrder", Kind::Boolean),
];

/// `GetDurableExecutionState`.
pub const STATE: &[Member] = &[
    ARN,
    Member::query("CheckpointToken", CHECKPOINT_TOKEN).required(),
    Member::query("Marker", TEXT),
    Member::query("MaxItems", MAX_ITEMS),
];

/// `ListDurableExecutionsByFunction`.
pub const LIST: &[Member] = &[
    Member::path("FunctionName", patterns::NAMESPACED_FUNCTION_NAME),
    Member::query("Qualifier", patterns::QUALIFIER),
    Member::query("DurableExecutionName", patterns::DURABLE_EXECUTION_NAME),
    Member::query(
        "Statuses",
        Kind::List {
            length: Some((1, 10)),
            item: &one_of(&["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED", "DELETING", "PAUSING", "PAUSED"]),
        },
    ),
    Member::query("StartedAfter", Kind::Timestamp),
    Member::query("StartedBefore", Kind::Timestamp),
    Member::query("ReverseOrder", Kind::Boolean),
    Member::query("Marker", TEXT),
    Member::query("MaxItems", MAX_ITEMS),
];

/// `PauseDurableExecution`.
pub const PAUSE: &[Member] = &[
    ARN,
    Member::body("ClientToken", CLIENT_TOKEN),
    Member::body("Reason", length(0, 1024)),
    Member::body("ExecutionTimeoutPaused", Kind::Boolean),
];

/// `ResumeDurableExecution`.
pub const RESUME: &[Member] =
    &[ARN, Member::body("ClientToken", CLIENT_TOKEN), Member::body("Reason", length(0, 1024))];

/// `StopDurableExecution`; its body is the error.
pub const STOP: &[Member] = error_members![ARN];

/// `SendDurableExecutionCallbackFailure`; its body is the error.
pub const CALLBACK_FAILURE: &[Member] = error_members![CALLBACK_ID];

/// `SendDurableExecutionCallbackHeartbeat`, and `…Success`, whose body is the result.
pub const CALLBACK: &[Member] = &[CALLBACK_ID];

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
