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
