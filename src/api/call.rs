//! A call: who asks, and what was bound from path, query, headers and body.

use axum::http::HeaderMap;
use axum::http::request::Parts;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

use super::operation::Operation;
use super::shape::{self, Kind, Location, Member};
use super::sigv4;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::event::Origin;
use crate::model::names::Scope;
use crate::model::reference::FunctionReference;

/// A checked call of an operation.
#[derive(Debug)]
pub struct Call {
    /// Its request id, also in the answer's headers.
    pub request_id: String,
    /// The caller's account and region.
    pub scope: Scope,
    /// Its members, checked against the shape.
    pub input: Map<String, Value>,
    /// The body of an operation whose body is the payload.
    pub payload: Bytes,
    /// Who asks, for history.
    origin: Origin,
    headers: HeaderMap,
}

impl Call {
    /// Binds and checks a request.
    ///
    /// # Errors
    /// The body is not a JSON object, or the shape is violated.
    pub fn bind(
        operation: &Operation,
        params: &[(String, String)],
        parts: Parts,
        body: Bytes,
        request_id: &str,
    ) -> Result<Self, ApiError> {
        let mut input = if operation.raw_body { Map::new() } else { json_object(&body)? };
        let query: Vec<(String, String)> =
            form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        for member in operation.members {
            let name = member.wire_name;
            let value = match member.location {
                Location::Body => continue,
                Location::Path => find(params, name).map(|text| typed(&member.kind, text)),
                Location::Query => from_query(&query, member),
                Location::Header(name) => {
                    parts.headers.get(name).and_then(|value| value.to_str().ok()).map(|text| typed(&member.kind, text))
                }
            };
            // A member bound elsewhere is not taken from the body.
            input.remove(member.name);
            if let Some(value) = value {
                input.insert(member.name.to_owned(), value);
            }
        }
        shape::check(operation.members, &input)?;
        shape::drop_nulls(&mut input);
        let caller = sigv4::caller(&parts.headers);
        let user_agent = header(&parts.headers, "user-agent").to_owned();
        let origin = Origin { request_id: request_id.to_owned(), access_key_id: caller.access_key_id, user_agent };
        let payload = if operation.raw_body { body } else { Bytes::new() };
        Ok(Self {
            request_id: request_id.to_owned(),
            scope: caller.scope,
            input,
            payload,
            origin,
            headers: parts.headers,
        })
    }

    /// A member that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.input.get(name).and_then(Value::as_str)
    }

    /// A member that is a whole number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.input.get(name).and_then(Value::as_u64)
    }

    /// A header, empty if it is not there or no text.
    pub fn header(&self, name: &str) -> &str {
        header(&self.headers, name)
    }

    /// Who asks, for history.
    pub fn origin(&self) -> Origin {
        self.origin.clone()
    }

    /// The function named by `FunctionName` and, where the operation has it, `Qualifier`.
    pub fn function(&self) -> Result<FunctionReference, ApiError> {
        let name = self.text("FunctionName").unwrap_or_default();
        FunctionReference::resolve(&self.scope, name, self.text("Qualifier"))
    }

    /// All members as a typed request.
    pub fn parse<T: DeserializeOwned>(&mut self) -> Result<T, ApiError> {
        serde_json::from_value(Value::Object(std::mem::take(&mut self.input)))
            .map_err(|error| ApiError::new(ErrorCode::Serialization, error.to_string()))
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// A member of the query; a list is sent as one pair for each item.
fn from_query(query: &[(String, String)], member: &Member) -> Option<Value> {
    let Kind::List { item, .. } = member.kind else {
        return find(query, member.wire_name).map(|text| typed(&member.kind, text));
    };
    let items: Vec<Value> =
        query.iter().filter(|(key, _)| key == member.wire_name).map(|(_, text)| typed(item, text)).collect();
    (!items.is_empty()).then(|| items.into())
}

/// A text of path, query or header as the kind's JSON; one that does not fit stays a text, which the
/// shape refuses.
fn typed(kind: &Kind, text: &str) -> Value {
    let number = || text.parse::<i64>().ok().map(Number::from).map(Value::Number);
    let converted = match kind {
        Kind::Integer(..) => number(),
        Kind::Boolean => text.parse().ok().map(Value::Bool),
        _ => None,
    };
    converted.unwrap_or_else(|| text.into())
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
