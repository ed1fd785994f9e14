//! A call: who asks, and what was bound from path, query, headers and body.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::HeaderMap;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::answer::Answer;
use super::codec::Codec;
use crate::model::credentials::session::{RoleSession, Session};
use crate::model::error::{ApiError, ErrorCode};
use crate::model::event::Origin;
use crate::model::iam::User;
use crate::model::iam::caller::Caller;
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
    /// Whose session the caller's credentials are of, as they say themselves.
    pub session: Option<Session>,
    /// Who calls, where callers are asked.
    pub caller: Option<Caller>,
    /// Its members, checked against the shape.
    pub input: Map<String, Value>,
    /// The body of an operation whose body is the payload.
    pub payload: Bytes,
    /// How it is answered.
    pub(super) codec: Codec,
    /// Who asks, for history.
    pub(super) origin: Origin,
    pub(super) headers: HeaderMap,
}

impl Call {
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

    /// The user whose access key the call is signed with, or whose session the key is of.
    pub fn user<'a>(&self, state: &'a State) -> Option<&'a Arc<User>> {
        let user = match &self.session {
            Some(Session::User(session)) => state.user(&session.account, &session.name),
            _ => state.user_of_key(&self.origin.access_key_id),
        };
        user.filter(|user| user.key.account == *self.account())
    }

    /// The session of a role of the caller's account that the call is made in.
    pub fn role_session(&self) -> Option<&RoleSession> {
        match &self.session {
            Some(Session::Role(session)) if session.account == self.scope.account => Some(session),
            _ => None,
        }
    }

    /// The function named by `FunctionName` and, where the operation has it, `Qualifier`.
    pub fn function(&self) -> Result<FunctionReference, ApiError> {
        FunctionReference::resolve(&self.scope, self.text_or_empty("FunctionName"), self.text("Qualifier"))
    }

    /// All members as a typed request.
    pub fn parse<T: DeserializeOwned>(&mut self) -> Result<T, ApiError> {
        let code = match self.codec {
            Codec::Query(_) => ErrorCode::ValidationError,
            Codec::CompatibleQuery(_) => ErrorCode::InvalidQueryValue,
            Codec::RestJson | Codec::Json | Codec::Cbor(_) | Codec::CompatibleJson(_) | Codec::CompatibleCbor(_) => {
                ErrorCode::Serialization
            }
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
        Ok(self.codec.empty(self.operation, &self.request_id))
    }

    /// Whether it came as a form: some errors have other words then.
    pub fn came_as_form(&self) -> bool {
        matches!(self.codec, Codec::Query(_) | Codec::CompatibleQuery(_))
    }

    /// Whether its errors have the codes of the query protocol.
    pub fn has_query_codes(&self) -> bool {
        self.codec.has_query_codes()
    }
}

/// A header, empty if it is not there or no text.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
