//! How requests are read, and answers and errors written, in each of AWS's protocols.
//!
//! CloudWatch Logs' model names AWS JSON 1.1 alone (botocore 1.44.5: `protocols: [json]`); RPC v2 CBOR is what Smithy
//! defines for every service, and what SDKs choose where a model names both.

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Number, Value, json};

use super::answer::{self, Answer};
use super::cbor::{self, RPC_V2_CBOR, SMITHY_PROTOCOL, speaks_cbor};
use super::compatible::{self, Compatible};
use super::error::{self, fault};
use super::form::Form;
use super::shape::{Kind, Member};
use super::{flat, xml};
use crate::model::error::{ApiError, ErrorCode, Fault};

/// How a service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Paths of REST, bodies in JSON.
    RestJson,
    /// Forms in, XML out.
    Query {
        /// The XML namespace of answers.
        namespace: &'static str,
    },
    /// One path, the operation named beside the body: AWS JSON 1.1 or Smithy's RPC v2 CBOR, as the caller likes.
    Rpc {
        /// The service in `X-Amz-Target` and in paths.
        target: &'static str,
        /// What an error's name begins with in CBOR.
        namespace: &'static str,
    },
    /// AWS JSON 1.0, or forms in and XML out, or Smithy's RPC v2 CBOR, as the caller likes.
    Compatible(&'static Compatible),
}

/// How one call is read and answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// Members in path, query, headers and a JSON body.
    RestJson,
    /// A form in, XML with this namespace out.
    Query(&'static str),
    /// AWS JSON 1.1.
    Json,
    /// Smithy RPC v2 CBOR, with what the names of errors begin with.
    Cbor(&'static str),
    /// AWS JSON 1.0, with errors that the query protocol has too.
    CompatibleJson(&'static Compatible),
    /// Smithy RPC v2 CBOR, with such errors.
    CompatibleCbor(&'static Compatible),
    /// A form with flat lists in, XML with such out.
    CompatibleQuery(&'static Compatible),
}

/// The operation that a request of an RPC service names.
pub fn rpc_operation<'a>(target: &str, parts: &'a Parts) -> Option<&'a str> {
    if speaks_cbor(parts) {
        // A prefix may come before it.
        let (_, rest) = parts.uri.path().split_once("/service/")?;
        return rest.strip_prefix(target)?.strip_prefix("/operation/");
    }
    parts.headers.get("x-amz-target")?.to_str().ok()?.strip_prefix(target)?.strip_prefix('.')
}

impl Codec {
    /// The codec of a request to a service.
    pub fn of(dialect: Dialect, parts: &Parts) -> Self {
        match dialect {
            Dialect::RestJson => Self::RestJson,
            Dialect::Query { namespace } => Self::Query(namespace),
            Dialect::Rpc { namespace, .. } if speaks_cbor(parts) => Self::Cbor(namespace),
            Dialect::Rpc { .. } => Self::Json,
            Dialect::Compatible(service) if speaks_cbor(parts) => Self::CompatibleCbor(service),
            Dialect::Compatible(service) if compatible::speaks_json(parts) => Self::CompatibleJson(service),
            Dialect::Compatible(service) => Self::CompatibleQuery(service),
        }
    }

    /// The members that a body has.
    pub fn input(
        self,
        members: &[Member],
        raw_body: bool,
        parts: &Parts,
        body: &Bytes,
    ) -> Result<Map<String, Value>, ApiError> {
        match self {
            Self::RestJson if raw_body => Ok(Map::new()),
            Self::RestJson => json_object(body),
            Self::Query(_) => Ok(Form::of(parts, body).structure("", members)),
            Self::CompatibleQuery(_) => Ok(flat::structure(&Form::of(parts, body), "", members)),
            Self::CompatibleJson(service) => service.read_json(body),
            _ if body.is_empty() => Ok(Map::new()),
            Self::Json => {
                let input = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
                Ok(with_whole_numbers(input, members))
            }
            Self::Cbor(_) | Self::CompatibleCbor(_) => match cbor::read(body) {
                Ok(Value::Object(input)) => Ok(with_whole_numbers(input, members)),
                Ok(_) => Err(unreadable(&"it is no map")),
                Err(error) => Err(unreadable(&error)),
            },
        }
    }

    /// Whether errors have the codes of the query protocol, be it in a header only.
    pub fn has_query_codes(self) -> bool {
        matches!(self, Self::Query(_) | Self::CompatibleQuery(_) | Self::CompatibleJson(_) | Self::CompatibleCbor(_))
    }

    /// The answer of an operation that went well.
    pub fn answer(self, operation: &str, output: &impl Serialize, request_id: &str) -> Answer {
        match self {
            Self::RestJson => answer::json(StatusCode::OK, output),
            Self::Query(namespace) => xml::answer(operation, namespace, output, request_id),
            Self::CompatibleJson(service) => service.json(output),
            Self::CompatibleCbor(service) => service.cbor(output),
            Self::CompatibleQuery(service) => service.xml(operation, output, request_id),
            Self::Json | Self::Cbor(_) => self.rpc(StatusCode::OK, output).map_err(|error| fault(&*error)),
        }
    }

    /// The answer of an operation whose model has no output.
    pub fn empty(self, operation: &str, request_id: &str) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        match self {
            Self::CompatibleJson(service) => return service.empty_json(),
            Self::CompatibleCbor(service) => return service.empty_cbor(),
            Self::CompatibleQuery(service) => return service.empty_xml(operation, request_id),
            Self::RestJson => *response.status_mut() = StatusCode::NO_CONTENT,
            Self::Query(_) => {}
            Self::Json => self.mark(&mut response),
            Self::Cbor(_) => {
                response.headers_mut().insert(SMITHY_PROTOCOL, HeaderValue::from_static(RPC_V2_CBOR));
            }
        }

        response
    }

    /// The answer of an operation that failed.
    pub fn error(self, error: &ApiError, request_id: &str) -> Response<Body> {
        let name = match self {
            Self::RestJson => return error::response(error),
            Self::Query(namespace) => return xml::error(error, Some(namespace), request_id),
            Self::CompatibleJson(service) => return service.json_error(error),
            Self::CompatibleCbor(service) => return service.cbor_error(error),
            Self::CompatibleQuery(service) => return service.xml_error(error, request_id),
            Self::Json => error.code.name().to_owned(),
            Self::Cbor(namespace) => format!("{namespace}#{}", error.code.name()),
        };

        let status = rpc_status(error);
        let body = json!({ "__type": name, "message": error.message });
        self.rpc(status, &body).unwrap_or_else(|_| {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = status;
            response
        })
    }

    fn rpc(self, status: StatusCode, body: &impl Serialize) -> Result<Response<Body>, Box<dyn std::error::Error>> {
        let mut bytes = Vec::new();
        match self {
            Self::Cbor(_) => ciborium::into_writer(body, &mut bytes)?,
            _ => serde_json::to_writer(&mut bytes, body)?,
        }

        let mut response = Response::new(Body::from(bytes));
        *response.status_mut() = status;
        self.mark(&mut response);
        Ok(response)
    }

    /// Sets the headers that tell the protocol.
    fn mark(self, response: &mut Response<Body>) {
        let headers = response.headers_mut();
        if let Self::Cbor(_) = self {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/cbor"));
            headers.insert(SMITHY_PROTOCOL, HeaderValue::from_static(RPC_V2_CBOR));
        } else {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
        }
    }
}

/// All errors of RPC services have the status 400 but the service's own faults.
fn rpc_status(error: &ApiError) -> StatusCode {
    let own = error.fault == Some(Fault::Service) || error.code == ErrorCode::ServiceUnavailable;
    match error.code {
        _ if own => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::RequestEntityTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::BAD_REQUEST,
    }
}

fn unreadable(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::new(ErrorCode::Serialization, format!("The body of the request cannot be read: {error}"))
}

/// Whole numbers that were sent as floats, which some encoders of CBOR do.
fn with_whole_numbers(mut input: Map<String, Value>, members: &[Member]) -> Map<String, Value> {
    for member in members {
        if let (Kind::Integer(..), Some(value)) = (&member.kind, input.get_mut(member.name)) {
            whole(value);
        }
    }
    input
}

fn whole(value: &mut Value) {
    #[allow(clippy::cast_possible_truncation)]
    if let Some(number) = value.as_f64().filter(|number| value.is_f64() && number.fract() == 0.0 && number.abs() < 9e15)
    {
        *value = Value::Number(Number::from(number as i64));
    }
}

fn json_object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    let parsed = serde_json::from_slice(body);
    parsed.map_err(|error| {
        let message = format!("Could not parse request body into json: {error}");
        ApiError::new(ErrorCode::InvalidRequestContent, message)
    })
}
