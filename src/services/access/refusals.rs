//! What callers are told who may not come in, in the words of their protocol.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html> and
//! <https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html>.

use crate::model::error::{ApiError, ErrorCode};
use crate::protocol::sigv4::verification::Failure;

/// The error for a signature; services that take forms have other codes.
pub fn of_signature(failure: Failure, in_form: bool) -> ApiError {
    let code = |in_json, in_forms| if in_form { in_forms } else { in_json };
    let mismatch = code(ErrorCode::InvalidSignature, ErrorCode::SignatureDoesNotMatch);
    match failure {
        Failure::Missing if in_form => {
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
        Failure::Expired(message) => ApiError::new(mismatch, message),
        Failure::Mismatch => ApiError::new(
            mismatch,
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details.",
        ),
    }
}

/// The error for what policies do not allow.
pub fn of_policies(message: String, in_form: bool) -> ApiError {
    ApiError::new(if in_form { ErrorCode::QueryAccessDenied } else { ErrorCode::AccessDenied }, message)
}
