//! Errors of services that Larder does not know, in the protocol of the caller as far as that shows.

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

use super::service;
use super::xml;
use crate::model::error::{ApiError, ErrorCode};
use crate::upstream::UpstreamError;

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
            _ if service::speaks_query(parts) => Self::Query,
            _ => Self::RestJson,
        }
    }
}

/// The error for a request that could not be passed on.
pub fn of_upstream(error: &UpstreamError) -> ApiError {
    let code = match error {
        UpstreamError::NotGiven(_) => ErrorCode::NotServed,
        UpstreamError::NoAnswer { .. } => ErrorCode::UpstreamUnavailable,
    };
    ApiError::new(code, error.to_string())
}

/// The answer that says an error.
pub fn response(error: &ApiError, protocol: Protocol, request_id: &str) -> Response<Body> {
    let (code, message) = (error.code.name(), error.message.as_deref().unwrap_or_default());
    let (content_type, body) = match protocol {
        Protocol::Query => return xml::error(error, None, request_id),
        Protocol::Ec2 => ("text/xml", xml::ec2_error(error, request_id).into_bytes()),
        Protocol::RestXml => ("application/xml", xml::s3_error(error, request_id).into_bytes()),
        Protocol::Json => {
            ("application/x-amz-json-1.1", json!({ "__type": code, "message": message }).to_string().into())
        }
        Protocol::RestJson => ("application/json", json!({ "message": message }).to_string().into()),
        Protocol::Cbor => ("application/cbor", cbor(&[("__type", code), ("message", message)])),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::NOT_IMPLEMENTED);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert("x-amzn-errortype", HeaderValue::from_static(code));
    if protocol == Protocol::Cbor {
        headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
    }
    response
}

/// A map of texts (RFC 8949, major types 5 and 3).
fn cbor(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    head(5, entries.len(), &mut bytes);
    for text in entries.iter().flat_map(|(name, value)| [name, value]) {
        head(3, text.len(), &mut bytes);
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

/// The head of an item: its major type and its length.
fn head(major: u8, length: usize, bytes: &mut Vec<u8>) {
    let major = major << 5;
    match u8::try_from(length) {
        Ok(length @ ..24) => bytes.push(major | length),
        Ok(length) => bytes.extend([major | 0x18, length]),
        Err(_) => {
            let length = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
            bytes.extend([major | 0x19, length[0], length[1]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cbor_has_lengths_of_all_sizes() {
        assert_eq!(cbor(&[("a", "b")]), b"\xa1\x61a\x61b");
        let long = "x".repeat(300);
        let bytes = cbor(&[("a", &long)]);
        assert_eq!(bytes[3..6], [0x79, 1, 44]);
        assert_eq!(cbor(&[("a", &long[..24])])[3..5], [0x78, 24]);
    }
}
