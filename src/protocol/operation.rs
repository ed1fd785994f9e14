//! Operations: one row each, from which routing, binding and validation follow. The rows stand in their
//! resources' files, in the room of their service.

use std::future::Future;
use std::pin::Pin;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Response};
use bytes::Bytes;
use serde_json::{Map, Value};

use super::call::Call;
use super::codec::{Codec, Dialect};
use super::shape::Member;
use crate::model::error::ApiError;

/// Header with the request id of every answer.
const REQUEST_ID: &str = "x-amzn-requestid";

/// What an operation answers.
pub type Answer = Result<Response<Body>, ApiError>;

/// An operation's code: one function over what its service works with.
pub type Handler<S> = for<'a> fn(&'a S, Call) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// Checks the members of a request against the shape of its operation.
pub type Check = fn(&[Member], &Map<String, Value>) -> Result<(), ApiError>;

/// One operation of a service.
#[derive(Debug)]
pub struct Operation<S: 'static> {
    /// Its name in AWS's model.
    pub name: &'static str,
    /// Where it is sent, for a service whose operations have paths of their own.
    pub route: Option<Route>,
    /// Its request.
    pub members: &'static [Member],
    /// Whether the body is the payload itself rather than members.
    pub raw_body: bool,
    /// Its code.
    pub handler: Handler<S>,
}

/// Method and path of an operation.
#[derive(Debug)]
pub struct Route {
    /// HTTP method.
    pub method: Method,
    /// Path template, with the date of the API's version; where another operation has the same path,
    /// with the query that tells them apart (`?List=ALL`).
    pub path: &'static str,
}

impl Route {
    /// The path without the query.
    pub fn path_template(&self) -> &'static str {
        self.path.split_once('?').map_or(self.path, |(path, _)| path)
    }

    /// The query that tells this operation from another with the same path.
    pub fn query(&self) -> Option<&'static str> {
        self.path.split_once('?').map(|(_, query)| query)
    }
}

/// A row of a table, with a route or without. The handler's future is boxed: a row holds a plain function pointer.
macro_rules! operation {
    ($name:literal $method:ident $path:literal $members:expr => $function:path) => {
        $crate::protocol::operation::operation!(
            $name,
            Some($crate::protocol::operation::Route { method: axum::http::Method::$method, path: $path }),
            $members,
            $function
        )
    };
    ($name:literal $members:expr => $function:path) => {
        $crate::protocol::operation::operation!($name, None, $members, $function)
    };
    ($name:literal, $route:expr, $members:expr, $function:path) => {
        $crate::protocol::operation::Operation {
            name: $name,
            route: $route,
            members: $members,
            raw_body: false,
            handler: |services, call| Box::pin($function(services, call)),
        }
    };
}
pub(crate) use operation;

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
}

impl<S> Service<S> {
    /// Every operation.
    pub fn operations(&self) -> impl Iterator<Item = &'static Operation<S>> {
        self.tables.iter().copied().flatten()
    }

    /// The operation of a name.
    pub fn operation(&self, name: &str) -> Option<&'static Operation<S>> {
        self.operations().find(|operation| operation.name == name)
    }

    /// How a request is to be answered.
    pub fn codec(&self, parts: &Parts) -> Codec {
        Codec::of(self.dialect, parts)
    }

    /// Runs an operation.
    pub async fn run(&self, operation: &'static Operation<S>, services: &S, received: Received) -> Response<Body> {
        let (codec, request_id) = (self.codec(&received.parts), received.request_id.clone());

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
        let call = Call::bind(self, operation, received)?;
        (self.admit)(services, &call)?;
        Ok(call)
    }
}

/// Nothing more is asked of a call: for services without a rule of their own.
pub fn admit_all<S>(_services: &S, _call: &Call) -> Result<(), ApiError> {
    Ok(())
}

/// Marks an answer with the id of its call.
pub fn with_id(mut response: Response<Body>, request_id: &str) -> Response<Body> {
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}
