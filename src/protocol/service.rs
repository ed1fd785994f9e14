//! A service: its dialect, and tables of operations, which it runs.

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response};

use super::binding::{Check, Received, bind};
use super::call::Call;
use super::codec::{Codec, Dialect};
use super::operation::Operation;
use crate::model::error::ApiError;

/// Header with the request id of every answer.
const REQUEST_ID: &str = "x-amzn-requestid";

/// A service: its operations, and where it differs from others that speak as it does.
#[derive(Debug)]
pub struct Service<S: 'static> {
    /// How it speaks.
    pub dialect: Dialect,
    /// Its operations, a table a resource.
    pub tables: &'static [&'static [Operation<S>]],
    /// Checks a request against the shape of its operation.
    pub check: Check,
    /// What is refused of a checked call before its operation sees it.
    pub admit: fn(&S, &Call) -> Result<(), ApiError>,
}

impl<S> Service<S> {
    /// Every operation.
    pub fn operations(&self) -> impl Iterator<Item = &'static Operation<S>> {
        self.tables.iter().copied().flatten()
    }

    /// The operation of a name.
    pub fn operation(&self, name: &str) -> Option<&'static Operation<S>> {
        self.operations().find(|operation| operation.request.name == name)
    }

    /// How a request is to be answered.
    pub fn codec(&self, parts: &Parts) -> Codec {
        Codec::of(self.dialect, parts)
    }

    /// Runs an operation.
    pub async fn run(&self, operation: &'static Operation<S>, services: &S, received: Received) -> Response<Body> {
        let codec = self.codec(&received.parts);
        let request_id = received.request_id.clone();

        let answered = match self.call(operation, services, received) {
            Ok(call) => (operation.handler)(services, call).await,
            Err(error) => Err(error),
        };

        answered.map_or_else(|error| self.refuse(codec, &error, &request_id), |answer| with_id(answer, &request_id))
    }

    /// The answer to a request that is refused.
    pub fn refuse(&self, codec: Codec, error: &ApiError, request_id: &str) -> Response<Body> {
        // Not the text: it quotes the request, and with it values of variables.
        tracing::debug!(error = error.code.name(), "refused");
        with_id(codec.error(error, request_id), request_id)
    }

    fn call(&self, operation: &'static Operation<S>, services: &S, received: Received) -> Result<Call, ApiError> {
        let codec = self.codec(&received.parts);
        let call = bind(operation, codec, self.check, received)?;
        (self.admit)(services, &call)?;
        Ok(call)
    }
}

/// Marks an answer with the id of its call.
pub fn with_id(mut response: Response<Body>, request_id: &str) -> Response<Body> {
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}
