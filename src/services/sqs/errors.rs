//! Errors of SQS, and how they are called in its two protocols.

use crate::messages::MessagesError;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::queues::{invalid_value, queue_not_found};
use crate::protocol::call::Call;
use crate::protocol::error::fault;
use crate::services;

/// Names of errors in JSON, where they are others than in the query protocol: recorded in `LocalStack`'s `test_sqs` (2023-11),
/// but for those that stand in the model only (botocore 1.44.5).
pub const SHAPES: &[(ErrorCode, &str)] = &[
    (ErrorCode::BatchEntryIdsNotDistinct, "BatchEntryIdsNotDistinct"),
    (ErrorCode::BatchRequestTooLong, "BatchRequestTooLong"),
    (ErrorCode::EmptyBatchRequest, "EmptyBatchRequest"),
    (ErrorCode::InvalidBatchEntryId, "InvalidBatchEntryId"),
    (ErrorCode::InvalidClientTokenId, "com.amazon.coral.service#UnrecognizedClientException"),
    (ErrorCode::InvalidQueryValue, "com.amazon.coral.service#InvalidParameterValueException"),
    (ErrorCode::MissingParameter, "com.amazon.coral.service#MissingRequiredParameterException"),
    (ErrorCode::PurgeQueueInProgress, "PurgeQueueInProgress"),
    (ErrorCode::QueryAccessDenied, "com.amazon.coral.service#AccessDeniedException"),
    (ErrorCode::QueryExpiredToken, "com.amazon.coral.service#ExpiredTokenException"),
    (ErrorCode::QueryIncompleteSignature, "com.amazon.coral.service#IncompleteSignatureException"),
    (ErrorCode::QueryMissingToken, "com.amazon.coral.service#MissingAuthenticationTokenException"),
    (ErrorCode::QueueDeletedRecently, "QueueDeletedRecently"),
    (ErrorCode::QueueDoesNotExist, "QueueDoesNotExist"),
    (ErrorCode::QueueNameExists, "QueueNameExists"),
    (ErrorCode::Serialization, "com.amazon.coral.service#SerializationException"),
    (ErrorCode::Service, "com.amazon.coral.service#InternalFailure"),
    (ErrorCode::ServiceUnavailable, "com.amazon.coral.service#ServiceUnavailableException"),
    (ErrorCode::SignatureDoesNotMatch, "com.amazon.coral.service#InvalidSignatureException"),
    (ErrorCode::TooManyEntriesInBatchRequest, "TooManyEntriesInBatchRequest"),
    (ErrorCode::UnknownOperation, "com.amazon.coral.service#UnknownOperationException"),
    (ErrorCode::UnsupportedOperation, "UnsupportedOperation"),
];

/// The error for an operation that SQS has not.
pub fn not_served(name: &str, in_json: bool) -> ApiError {
    if in_json {
        return ApiError::new(ErrorCode::UnknownOperation, format!("SQS has no operation {name:?}."));
    }
    // The text is AWS's, as `LocalStack` has it.
    ApiError::new(ErrorCode::InvalidAction, format!("The action {name} is not valid for this endpoint."))
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

/// `MissingParameter`.
pub fn missing(parameter: &str) -> ApiError {
    ApiError::new(ErrorCode::MissingParameter, format!("The request must contain the parameter {parameter}."))
}

/// The error for a queue that is not there. Both texts are recorded (`test_non_existent_queue`).
pub fn no_queue(call: &Call) -> ApiError {
    in_words_of(call, queue_not_found())
}

/// An error in the words of the caller's protocol.
pub fn in_words_of(call: &Call, error: ApiError) -> ApiError {
    if error.code == ErrorCode::QueueDoesNotExist && call.came_as_form() {
        return ApiError::new(error.code, "The specified queue does not exist for this wsdl version.");
    }
    error
}

/// What kept messages from being sent or received, as callers are told.
pub fn of_messages(call: &Call, error: MessagesError) -> ApiError {
    match error {
        MessagesError::Refused(error) => in_words_of(call, error),
        MessagesError::Commit(error) => services::refusal(error),
        MessagesError::Stopped => ApiError::new(ErrorCode::ServiceUnavailable, "The server is shutting down."),
        MessagesError::Read(_) => fault(&error),
    }
}

/// The error for a number that a parameter cannot be.
pub fn out_of_range(call: &Call, parameter: &str, reason: &str) -> ApiError {
    invalid_value(&call.shown(parameter), parameter, reason)
}
