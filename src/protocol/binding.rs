//! Binding: from a request and the row of its operation to a checked call.

use axum::http::request::Parts;
use bytes::Bytes;
use serde_json::{Map, Number, Value};

use super::call::{Call, header};
use super::codec::Codec;
use super::operation::Operation;
use super::shape::{self, Kind, Location, Member};
use super::sigv4;
use crate::model::credentials::session::Session;
use crate::model::error::ApiError;
use crate::model::event::Origin;
use crate::model::iam::caller::Caller;

/// Checks the members of a request against the shape of its operation.
pub type Check = fn(&[Member], &Map<String, Value>) -> Result<(), ApiError>;

/// A request that was received whole.
#[derive(Debug)]
pub struct Received {
    /// Its head.
    pub parts: Parts,
    /// Its body.
    pub body: Bytes,
    /// What its path says beyond the operation.
    pub params: Vec<(String, String)>,
    /// The id of the call.
    pub request_id: String,
    /// Who calls, where callers are asked.
    pub caller: Option<Caller>,
}

impl Received {
    /// One of nobody who was asked for.
    pub fn new(parts: Parts, body: Bytes, params: Vec<(String, String)>, request_id: &str) -> Self {
        Self { parts, body, params, request_id: request_id.to_owned(), caller: None }
    }
}

/// Binds and checks a request.
///
/// # Errors
/// The body cannot be read, or the shape is violated.
pub fn bind<S>(operation: &Operation<S>, codec: Codec, check: Check, received: Received) -> Result<Call, ApiError> {
    let Received { parts, body, params, request_id, caller: identity } = received;
    let request = &operation.request;

    let mut input = codec.input(request.members, request.raw_body, &parts, &body)?;
    if request.route.is_some() {
        bind_places(request.members, &params, &parts, &mut input);
    } else {
        fill_in(request.members, params, &mut input);
    }
    check(request.members, &input)?;
    shape::drop_nulls(&mut input);

    let mut caller = sigv4::caller(&parts.headers);
    if let Some(known) = &identity {
        caller.scope.account.clone_from(&known.account);
    }
    let user_agent = header(&parts.headers, "user-agent").to_owned();
    Ok(Call {
        operation: request.name,
        caller: identity,
        session: Session::of_token(header(&parts.headers, "x-amz-security-token")),
        origin: Origin { request_id: request_id.clone(), access_key_id: caller.access_key_id, user_agent },
        request_id,
        scope: caller.scope,
        input,
        payload: if request.raw_body { body } else { Bytes::new() },
        codec,
        headers: parts.headers,
    })
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

/// Takes what the path says of members that the body does not have.
fn fill_in(members: &[Member], params: Vec<(String, String)>, input: &mut Map<String, Value>) {
    for (name, value) in params {
        if members.iter().any(|member| member.name == name) {
            input.entry(name).or_insert_with(|| value.into());
        }
    }
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
