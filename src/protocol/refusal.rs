//! Errors of services that Larder does not know, in the protocol of the caller as far as that shows.

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::cbor::{RPC_V2_CBOR, SMITHY_PROTOCOL};
use super::{form, xml};
use crate::model::error::ApiError;

/// How a caller writes and reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Forms, and XML as IAM's.
    Query,
    /// Forms, and XML as EC2's.
    Ec2,
    /// XML as S3's.
    RestXml,
    /// JSON with a target.
    Json,
    /// CBOR.
    Cbor,
    /// JSON with paths.
    RestJson,
}

impl Protocol {
    /// The protocol of a request.
    pub fn of(service: &str, parts: &Parts) -> Self {
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match service {
            _ if header("smithy-protocol").contains("cbor") => Self::Cbor,
            _ if !header("x-amz-target").is_empty() => Self::Json,
            "s3" | "s3express" | "s3-outposts" | "cloudfront" | "route53" => Self::RestXml,
            "ec2" => Self::Ec2,
            _ if form::speaks_query(parts) => Self::Query,
            _ => Self::RestJson,
        }
    }
}

/// The answer that says an error.
pub fn response(error: &ApiError, protocol: Protocol, request_id: &str) -> Response<Body> {
    let code = error.code.name();
    let message = error.message.as_deref().unwrap_or_default();
    let (content_type, body) = match protocol {
        Protocol::Query => return xml::error(error, None, request_id),
        Protocol::Ec2 => ("text/xml", xml::ec2_error(error, request_id).into_bytes()),
        Protocol::RestXml => ("application/xml", xml::s3_error(error, request_id).into_bytes()),
        Protocol::Json => {
            ("application/x-amz-json-1.1", json!({ "__type": code, "message": message }).to_string().into())
        }
        Protocol::RestJson => ("application/json", json!({ "message": message }).to_string().into()),
        Protocol::Cbor => ("application/cbor", cbor(&json!({ "__type": code, "message": message }))),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::NOT_IMPLEMENTED);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert("x-amzn-errortype", HeaderValue::from_static(code));
    if protocol == Protocol::Cbor {
        headers.insert(SMITHY_PROTOCOL, HeaderValue::from_static(RPC_V2_CBOR));
    }
    response
}

fn cbor(body: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Err(error) = ciborium::into_writer(body, &mut bytes) {
        tracing::warn!(%error, "an error cannot be written in CBOR");
    }
    bytes
}
