//! Operations: one row each, from which routing, binding and validation follow. The rows stand in their
//! resources' files.

use std::future::Future;
use std::pin::Pin;

use axum::body::Body;
use axum::http::{Method, Response};

use super::call::Call;
use super::shape::Member;
use super::{
    Services, account, aliases, capacity_providers, code_signing, concurrency, durable_executions, event_invoke,
    event_sources, function_settings, functions, invocations, layers, policies, resource_policies, tags, urls,
    versions,
};
use crate::model::error::ApiError;

/// What an operation answers.
pub type Answer = Result<Response<Body>, ApiError>;

/// An operation's code: one function.
pub type Handler = for<'a> fn(&'a Services, Call) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// One operation of the API.
#[derive(Debug)]
pub struct Operation {
    /// Its name in AWS's model.
    pub name: &'static str,
    /// HTTP method.
    pub method: Method,
    /// Path template, with the date of the API's version; where another operation has the same path,
    /// with the query that tells them apart (`?List=ALL`).
    pub path: &'static str,
    /// Its request.
    pub members: &'static [Member],
    /// Whether the body is the payload itself rather than JSON members.
    pub raw_body: bool,
    /// Its code.
    pub handler: Handler,
}

impl Operation {
    /// The path without the query.
    pub fn path_template(&self) -> &'static str {
        self.path.split_once('?').map_or(self.path, |(path, _)| path)
    }

    /// The query that tells this operation from another with the same path.
    pub fn query(&self) -> Option<&'static str> {
        self.path.split_once('?').map(|(_, query)| query)
    }
}

/// A row of a table. The handler's future is boxed: a row holds a plain function pointer.
macro_rules! operation {
    ($name:literal $method:ident $path:literal $members:path => $function:path) => {
        $crate::api::operation::Operation {
            name: $name,
            method: axum::http::Method::$method,
            path: $path,
            members: $members,
            raw_body: false,
            handler: |services, call| Box::pin($function(services, call)),
        }
    };
}
pub(super) use operation;

/// The tables of all resources. A new operation is a row in one of them, its shape, its function and its
/// tests.
static TABLES: &[&[Operation]] = &[
    account::OPERATIONS,
    aliases::OPERATIONS,
    capacity_providers::OPERATIONS,
    code_signing::OPERATIONS,
    concurrency::OPERATIONS,
    durable_executions::OPERATIONS,
    event_invoke::OPERATIONS,
    event_sources::OPERATIONS,
    function_settings::OPERATIONS,
    functions::OPERATIONS,
    invocations::OPERATIONS,
    layers::OPERATIONS,
    policies::OPERATIONS,
    resource_policies::OPERATIONS,
    tags::OPERATIONS,
    urls::OPERATIONS,
    versions::OPERATIONS,
];

/// Every operation Larder answers.
pub fn operations() -> impl Iterator<Item = &'static Operation> {
    TABLES.iter().copied().flatten()
}
