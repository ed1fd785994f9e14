//! A call: who asks, and what was bound from path, query, headers and body.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::request::Parts;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

use super::codec::Codec;
use super::operation::{Answer, Operation, Received, Service};
use super::shape::{self, Kind, Location, Member};
use super::sigv4;
use crate::model::credentials::RoleSession;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::event::Origin;
use crate::model::iam::User;
use crate::model::names::{AccountId, Scope};
use crate::model::reference::FunctionReference;
use crate::model::state::State;

/// A checked call of an operation.
#[derive(Debug)]
pub struct Call {
    /// The operation's name.
    pub operation: &'static str,
    /// Its request id, also in the answer's headers.
    pub request_id: String,
    /// The caller's account and region.
    pub scope: Scope,
    /// Whose session the caller's credentials are of.
    pub session: Option<RoleSession>,
    /// Its members, checked against the shape.
    pub input: Map<String, Value>,
    /// The body of an operation whose body is the payload.
    pub payload: Bytes,
    /// How it is answered.
    codec: Codec,
    /// Who asks, for history.
    origin: Origin,
    headers: HeaderMap,
}

impl Call {
    /// Binds and checks a request.
    ///
    /// # Errors
    /// The body cannot be read, or the shape is violated.
    pub fn bind<S>(service: &Service<S>, operation: &Operation<S>, received: Received) -> Result<Self, ApiError> {
        let Received { parts, body, params, request_id } = received;
        let codec = service.codec(&parts);

        let mut input = codec.input(operation, &parts, &body)?;
        if operation.route.is_some() {
            bind_places(operation.members, &params, &parts, &mut input);
        }
        (service.check)(operation.members, &input)?;
        shape::drop_nulls(&mut input);

        let caller = sigv4::caller(&parts.headers);
        let user_agent = header(&parts.headers, "user-agent").to_owned();
        Ok(Self {
            operation: operation.name,
            session: RoleSession::of_token(header(&parts.headers, "x-amz-security-token")),
            origin: Origin { request_id: request_id.clone(), access_key_id: caller.access_key_id, user_agent },
            request_id,
            scope: caller.scope,
            input,
            payload: if operation.raw_body { body } else { Bytes::new() },
            codec,
            headers: parts.headers,
        })
    }

    /// A member that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.input.get(name).and_then(Value::as_str)
    }

    /// A member that is a text; empty if it is not there.
    pub fn text_or_empty(&self, name: &str) -> &str {
        self.text(name).unwrap_or_default()
    }

    /// A member that is a whole number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.input.get(name).and_then(Value::as_u64)
    }

    /// A member that is true or false.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.input.get(name).and_then(Value::as_bool)
    }

    /// A member that is a list.
    pub fn list(&self, name: &str) -> Option<&[Value]> {
        self.input.get(name).and_then(Value::as_array).map(Vec::as_slice)
    }

    /// A member that is a list of texts.
    pub fn texts(&self, name: &str) -> Option<Vec<&str>> {
        self.list(name).map(|items| items.iter().filter_map(Value::as_str).collect())
    }

    /// A member that is a map of texts.
    pub fn map(&self, name: &str) -> Option<BTreeMap<String, String>> {
        let entries = self.input.get(name)?.as_object()?;
        Some(entries.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect())
    }

    /// Takes a list out, which may be large.
    pub fn take_list(&mut self, name: &str) -> Vec<Value> {
        match self.input.remove(name) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        }
    }

    /// A member as it was sent, for an error.
    pub fn shown(&self, name: &str) -> String {
        self.input.get(name).map(Value::to_string).unwrap_or_default()
    }

    /// A header, empty if it is not there or no text.
    pub fn header(&self, name: &str) -> &str {
        header(&self.headers, name)
    }

    /// Who asks, for history.
    pub fn origin(&self) -> Origin {
        self.origin.clone()
    }

    /// The caller's account.
    pub fn account(&self) -> &AccountId {
        &self.scope.account
    }

    /// The user whose access key the call is signed with.
    pub fn user<'a>(&self, state: &'a State) -> Option<&'a Arc<User>> {
        state.user_of_key(&self.origin.access_key_id).filter(|user| user.key.account == *self.account())
    }

    /// The function named by `FunctionName` and, where the operation has it, `Qualifier`.
    pub fn function(&self) -> Result<FunctionReference, ApiError> {
        FunctionReference::resolve(&self.scope, self.text_or_empty("FunctionName"), self.text("Qualifier"))
    }

    /// All members as a typed request.
    pub fn parse<T: DeserializeOwned>(&mut self) -> Result<T, ApiError> {
        let code = match self.codec {
            Codec::Query(_) => ErrorCode::ValidationError,
            Codec::RestJson | Codec::Json | Codec::Cbor(_) => ErrorCode::Serialization,
        };
        serde_json::from_value(Value::Object(std::mem::take(&mut self.input)))
            .map_err(|error| ApiError::new(code, error.to_string()))
    }

    /// Answers with an output, in the caller's protocol.
    pub fn answer(&self, output: &impl Serialize) -> Answer {
        self.codec.answer(self.operation, output, &self.request_id)
    }

    /// Answers where the model has no output.
    pub fn done(&self) -> Answer {
        Ok(self.codec.empty())
    }
}

/// Takes the members that are bound to path, query and headers; one of them is not taken from the body.
fn bind_places(members: &[Member], params: &[(String, String)], parts: &Parts, input: &mut Map<String, Value>) {
    let query = parts.uri.query().unwrap_or_default();
    let query: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    for member in members {
        let value = match member.location {
            Location::Body => continue,
            Location::Path => find(params, member.wire_name).map(|text| typed(&member.kind, text)),
            Location::Query => from_query(&query, member),
            Location::Header(name) => {
                parts.headers.get(name).and_then(|value| value.to_str().ok()).map(|text| typed(&member.kind, text))
            }
        };
        input.remove(member.name);
        if let Some(value) = value {
            input.insert(member.name.to_owned(), value);
        }
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
