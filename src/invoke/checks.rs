//! What is checked before a function runs. Texts of tenants and durable functions are those AWS's users met,
//! except where said.

use super::{InvokeRequest, Operation};
use crate::model::error::{ApiError, ErrorCode};
use crate::model::functions::{FunctionState, FunctionVersion};
use crate::model::limits::Limits;

/// What AWS's payload limit has beyond 6 MiB; it counts for responses only.
const RESPONSE_EXTRA: u64 = 100;

/// Bytes of an asynchronous event.
///
/// Source: the documentation of `Invoke` in the model.
const EVENT_LIMIT: u64 = 1024 * 1024;

/// Bytes of an event of `InvokeAsync`.
///
/// Source: the documentation of `InvokeAsync` in the model.
const INVOKE_ASYNC_LIMIT: u64 = 256 * 1024;

/// Seconds a durable execution may last that a caller waits for.
const DURABLE_WAIT_S: u32 = 900;

/// Size and syntax of an event.
pub fn payload(request: &InvokeRequest, limits: &Limits) -> Result<(), ApiError> {
    let synchronous = limits.payload_size.saturating_sub(RESPONSE_EXTRA);
    let (limit, operation) = match request.operation {
        Operation::Synchronous => (synchronous, "InvokeFunction"),
        Operation::Event => (synchronous.min(EVENT_LIMIT), "InvokeFunction"),
        Operation::InvokeAsync => (synchronous.min(INVOKE_ASYNC_LIMIT), "InvokeAsync"),
    };
    let payload = &request.payload;
    if payload.len() as u64 > limit {
        let message = format!("Request must be smaller than {limit} bytes for the {operation} operation");
        return Err(ApiError::new(ErrorCode::RequestTooLarge, message));
    }

    if payload.is_empty() {
        return Ok(());
    }
    json(payload).map_err(|reason| {
        let message = format!("Could not parse request body into json: Could not parse payload into json: {reason}");
        ApiError::new(ErrorCode::InvalidRequestContent, message)
    })
}

/// Whether a payload is JSON, text by text; if not, why.
fn json(payload: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(payload)
        .map_err(|error| format!("Invalid UTF-8 start byte {:#04x}", payload[error.valid_up_to()]))?;
    serde_json::from_str::<serde::de::IgnoredAny>(text).map(drop).map_err(|error| error.to_string())
}

/// Whether the request has what this version needs, and nothing it does not take.
pub fn request(request: &InvokeRequest, version: &FunctionVersion) -> Result<(), ApiError> {
    match (&version.config.tenant_isolation, &request.tenant_id) {
        (Some(_), None) => {
            return Err(ApiError::invalid_parameter(
                "The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request \
                 and try again.",
            ));
        }
        // The text is a guess, in the words of the other one.
        (None, Some(_)) => {
            return Err(ApiError::invalid_parameter(
                "The invoked function is not enabled with tenancy configuration. Remove the tenant ID from your \
                 request and try again.",
            ));
        }
        _ => {}
    }

    let Some(durable) = &version.config.durable else {
        // The text is a guess.
        return match request.durable_execution_name {
            Some(_) => Err(ApiError::invalid_parameter(
                "You cannot specify a durable execution name for a function without a durable configuration.",
            )),
            None => Ok(()),
        };
    };
    if request.reference.qualifier.is_none() {
        return Err(ApiError::invalid_parameter("You cannot invoke a durable function using an unqualified ARN."));
    }
    if request.operation == Operation::Synchronous && durable.execution_timeout_s > DURABLE_WAIT_S {
        return Err(ApiError::invalid_parameter(
            "You cannot synchronously invoke a durable function with an executionTimeout greater than 15 minutes.",
        ));
    }

    Ok(())
}

/// Refuses what Larder does not run yet: a durable function that ran without its executions would fail in its
/// own code, in words that do not help.
pub fn runnable(version: &FunctionVersion) -> Result<(), ApiError> {
    if version.config.durable.is_some() {
        return Err(ApiError::invalid_parameter(
            "Durable functions are stored but not run by this version of Larder; use a function without DurableConfig.",
        ));
    }
    Ok(())
}

/// Whether the version can be invoked now.
pub fn state(version: &FunctionVersion) -> Result<(), ApiError> {
    let word = match &version.state {
        FunctionState::Active if version.is_invocable() => return Ok(()),
        FunctionState::Active => "ActiveNonInvocable",
        FunctionState::Failed(_) => "Failed",
        FunctionState::Pending => "Pending",
    };
    Err(ApiError::conflict(format!(
        "The operation cannot be performed at this time. The function is currently in the following state: {word}"
    )))
}
