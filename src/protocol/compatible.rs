//! Services that spoke the query protocol once and speak AWS JSON 1.0 now, as SQS does: callers may use either. Errors in
//! JSON tell in a header how they are called in the query protocol. Some speak Smithy's RPC v2 CBOR, too, as CloudWatch does.
//!
//! Source: <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#aws-protocols-awsquerycompatible-trait>

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};

use super::answer::Answer;
use super::cbor;
use super::error::fault;
use super::flat::{self, Flat};
use super::xml;
use crate::model::error::{ApiError, ErrorCode, Fault};
use crate::model::time::Timestamp;

/// Header of an error in JSON: its code in the query protocol, and whose fault it is.
const QUERY_ERROR: &str = "x-amzn-query-error";

/// How such a service speaks.
#[derive(Debug, PartialEq, Eq)]
pub struct Compatible {
    /// The service in `X-Amz-Target`.
    pub target: &'static str,
    /// What the names of errors begin with in JSON.
    pub types: &'static str,
    /// Names of errors in JSON that are others than in the query protocol.
    pub shapes: &'static [(ErrorCode, &'static str)],
    /// The XML namespace of answers.
    pub namespace: &'static str,
    /// How lists and maps of answers are called in XML.
    pub lists: &'static [(&'static str, Flat)],
    /// Members of answers that are times, in seconds.
    pub times: &'static [&'static str],
}

/// Whether a request is in JSON.
pub fn speaks_json(parts: &Parts) -> bool {
    parts.headers.contains_key("x-amz-target")
}

impl Compatible {
    /// An answer in JSON.
    pub fn json(&self, output: &impl Serialize) -> Answer {
        let body = serde_json::to_vec(output).map_err(|error| fault(&error))?;
        Ok(as_json(StatusCode::OK, body))
    }

    /// An answer without members in JSON.
    pub fn empty_json(&self) -> Response<Body> {
        as_json(StatusCode::OK, Vec::new())
    }

    /// An answer in CBOR.
    pub fn cbor(&self, output: &impl Serialize) -> Answer {
        let output = serde_json::to_value(output).map_err(|error| fault(&error))?;
        Ok(cbor::answer(StatusCode::OK, cbor::write(&output, self.times)))
    }

    /// An answer without members in CBOR.
    pub fn empty_cbor(&self) -> Response<Body> {
        cbor::answer(StatusCode::OK, cbor::write(&json!({}), &[]))
    }

    /// An error in JSON.
    pub fn json_error(&self, error: &ApiError) -> Response<Body> {
        self.error(error, |status, body| as_json(status, body.to_string().into_bytes()))
    }

    /// An error in CBOR.
    pub fn cbor_error(&self, error: &ApiError) -> Response<Body> {
        self.error(error, |status, body| cbor::answer(status, cbor::write(body, &[])))
    }

    fn error(&self, error: &ApiError, form: impl FnOnce(StatusCode, &Value) -> Response<Body>) -> Response<Body> {
        let code = error.code;
        let shape = self.shapes.iter().find(|(named, _)| *named == code).map(|(_, shape)| *shape);
        let name = match shape {
            Some(name) if name.contains('#') => name.to_owned(),
            shape => format!("{}#{}", self.types, shape.unwrap_or_else(|| code.name())),
        };
        let body = json!({ "__type": name, "message": error.message });

        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = form(status, &body);
        let whose = if error.fault == Some(Fault::Service) { "Receiver" } else { "Sender" };
        if let Ok(value) = HeaderValue::from_str(&format!("{};{whose}", xml::code(code))) {
            response.headers_mut().insert(QUERY_ERROR, value);
        }
        response
    }

    /// An answer in XML.
    pub fn xml(&self, operation: &str, output: &impl Serialize, request_id: &str) -> Answer {
        let mut output = serde_json::to_value(output).map_err(|error| fault(&error))?;
        self.write_times(&mut output, false);
        let result = flat::write(&output, self.lists, operation);
        let result = format!("<{operation}Result>{result}</{operation}Result>");
        Ok(xml::enveloped(operation, self.namespace, &result, request_id))
    }

    /// An answer without members in XML.
    pub fn empty_xml(&self, operation: &str, request_id: &str) -> Response<Body> {
        xml::enveloped(operation, self.namespace, "", request_id)
    }

    /// An error in XML.
    pub fn xml_error(&self, error: &ApiError, request_id: &str) -> Response<Body> {
        xml::error(error, Some(self.namespace), request_id)
    }

    /// Writes times as the query protocol has them.
    fn write_times(&self, value: &mut Value, is_time: bool) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    self.write_times(value, self.times.contains(&name.as_str()));
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.write_times(item, is_time)),
            Value::Number(seconds) if is_time => {
                *value = xml::time(Timestamp(seconds.as_u64().unwrap_or_default() * 1000)).into();
            }
            _ => {}
        }
    }

    /// The members of a body in JSON.
    pub fn read_json(&self, body: &[u8]) -> Result<serde_json::Map<String, Value>, ApiError> {
        if body.is_empty() {
            return Ok(serde_json::Map::new());
        }
        serde_json::from_slice(body).map_err(|error| {
            ApiError::new(ErrorCode::Serialization, format!("The body of the request cannot be read: {error}"))
        })
    }
}

fn as_json(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    response
}
