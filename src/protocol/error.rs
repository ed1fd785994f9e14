//! Error bodies of REST operations in JSON.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value};

use crate::model::error::{ApiError, ErrorCode};

/// Header with an error's code.
const ERROR_TYPE: &str = "x-amzn-errortype";

/// The answer to a call that failed.
pub fn response(error: &ApiError) -> Response<Body> {
    let code = error.code;
    let mut body = Map::new();
    if let Some(fault) = error.fault {
        body.insert("Type".into(), fault.as_str().into());
    }
    body.insert(code.message_member().into(), error.message.clone().map_or(Value::Null, Value::String));
    if let Some(reason) = error.reason {
        body.insert("Reason".into(), reason.into());
    }
    let mut response = Response::new(Body::from(Value::Object(body).to_string()));
    *response.status_mut() = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static(code.name()));

    response
}

/// `ServiceException` for a fault of ours; its source goes to the log, never to the caller.
pub fn fault(error: &dyn std::error::Error) -> ApiError {
    tracing::error!(%error, "the call failed for a reason of Larder's own");
    ApiError::new(
        ErrorCode::Service,
        "An internal error occurred. The server's log has the reason under this request id.",
    )
}
