//! Operations: one row each, from which routing, binding and validation follow. The rows stand in their
//! resources' files, in the room of their service.

use std::future::Future;
use std::pin::Pin;

use axum::http::Method;

use super::answer::Answer;
use super::call::Call;
use super::shape::Member;

/// An operation's code: one function over what its service works with.
pub type Handler<S> = for<'a> fn(&'a S, Call) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// One operation of a service.
#[derive(Debug)]
pub struct Operation<S: 'static> {
    /// What it is sent.
    pub request: Request,
    /// Its code.
    pub handler: Handler<S>,
}

/// What an operation is sent.
#[derive(Debug)]
pub struct Request {
    /// The operation's name in AWS's model.
    pub name: &'static str,
    /// Where it is sent, for a service whose operations have paths of their own.
    pub route: Option<Route>,
    /// Whether the body is the payload itself rather than members.
    pub raw_body: bool,
    /// Its members.
    pub members: &'static [Member],
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

/// A row of a table: a request of the service's model, or a name and members where operations have no paths. The
/// handler's future is boxed: a row holds a plain function pointer.
macro_rules! operation {
    ($request:path => $function:path) => {
        $crate::protocol::operation::Operation {
            request: $request,
            handler: |services, call| Box::pin($function(services, call)),
        }
    };
    ($name:literal $members:expr => $function:path) => {
        $crate::protocol::operation::Operation {
            request: $crate::protocol::operation::Request {
                name: $name,
                route: None,
                raw_body: false,
                members: $members,
            },
            handler: |services, call| Box::pin($function(services, call)),
        }
    };
}
pub(crate) use operation;
