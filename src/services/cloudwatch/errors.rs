//! Errors of CloudWatch, and how they are called in its protocols.

use crate::model::error::{ApiError, ErrorCode};

/// Names of errors in JSON and CBOR, where they are others than in the query protocol (botocore 1.44.5).
pub const SHAPES: &[(ErrorCode, &str)] = &[
    (ErrorCode::InvalidParameterCombination, "InvalidParameterCombinationException"),
    (ErrorCode::InvalidQueryValue, "InvalidParameterValueException"),
    (ErrorCode::MissingParameter, "MissingRequiredParameterException"),
    (ErrorCode::Service, "InternalServiceFault"),
];

/// The error for an operation that is not served.
pub fn not_served(name: &str) -> ApiError {
    let message = format!(
        "Larder's CloudWatch has the metrics of functions, to be read: it does not serve the operation {name:?}. Start it \
         with --upstream monitoring=URL to pass such operations on to an endpoint that serves them."
    );
    ApiError::new(ErrorCode::InvalidAction, message)
}

/// The error for a body that is too large, or broke off.
pub fn unreadable_body() -> ApiError {
    let message = format!("The body of a request must be readable, and of {} bytes at most.", super::MAX_REQUEST);
    ApiError::new(ErrorCode::RequestEntityTooLarge, message)
}

/// `InvalidParameterValue`.
pub fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::InvalidQueryValue, message)
}

/// `InvalidParameterCombination`.
pub fn combination(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::InvalidParameterCombination, message)
}
