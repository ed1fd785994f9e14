//! What callers are told who may not come in, in the words of their protocol.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html> and
//! <https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html>.

use crate::model::error::{ApiError, ErrorCode};
use crate::protocol::sigv4::verification::Failure;

/// The error for a signature; the query protocol has other codes.
pub fn of_signature(failure: Failure, as_query: bool) -> ApiError {
    let code = |otherwise, in_query| if as_query { in_query } else { otherwise };
    let mismatch = code(ErrorCode::InvalidSignature, ErrorCode::SignatureDoesNotMatch);
    match failure {
        Failure::Missing if as_query => {
            ApiError::new(ErrorCode::QueryMissingToken, "Request is missing Authentication Token")
        }
        Failure::Missing => ApiError::new(ErrorCode::MissingAuthenticationToken, "Missing Authentication Token"),
        Failure::Incomplete(message) => {
            ApiError::new(code(ErrorCode::IncompleteSignature, ErrorCode::QueryIncompleteSignature), message)
        }
        Failure::Unknown => ApiError::new(
            code(ErrorCode::UnrecognizedClient, ErrorCode::InvalidClientTokenId),
            "The security token included in the request is invalid.",
        ),
        Failure::Over => ApiError::new(
            code(ErrorCode::ExpiredToken, ErrorCode::QueryExpiredToken),
            "The security token included in the request is expired",
        ),
        Failure::Expired(message) | Failure::Scope(message) => ApiError::new(mismatch, message),
        Failure::Mismatch => ApiError::new(
            mismatch,
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details.",
        ),
    }
}

/// The error for what policies do not allow.
pub fn of_policies(message: String, as_query: bool) -> ApiError {
    ApiError::new(if as_query { ErrorCode::QueryAccessDenied } else { ErrorCode::AccessDenied }, message)
}
