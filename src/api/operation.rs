//! Operations: one row each, from which routing, binding and validation follow.

use std::future::Future;
use std::pin::Pin;

use axum::body::Body;
use axum::http::{Method, Response};

use super::call::Call;
use super::shape::Member;
use super::{Services, account, aliases, functions, invocations, versions};
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

/// Boxes an operation's future: the table holds plain function pointers.
macro_rules! handler {
    ($function:path) => {
        |services, call| Box::pin($function(services, call))
    };
}

/// A row of the table.
macro_rules! operation {
    ($name:literal $method:ident $path:literal $members:path => $function:path) => {
        Operation {
            name: $name,
            method: Method::$method,
            path: $path,
            members: $members,
            raw_body: false,
            handler: handler!($function),
        }
    };
}

/// Every operation Larder answers. A new one is a row here, its shape, its function and its tests.
pub static OPERATIONS: &[Operation] = &[
    operation!("CreateAlias" POST "/2015-03-31/functions/{FunctionName}/aliases" aliases::CREATE => aliases::create),
    operation!("CreateFunction" POST "/2015-03-31/functions" functions::CREATE => functions::create),
    operation!("DeleteAlias" DELETE "/2015-03-31/functions/{FunctionName}/aliases/{Name}" aliases::NAMED => aliases::delete),
    operation!("DeleteFunction" DELETE "/2015-03-31/functions/{FunctionName}" functions::NAMED => functions::delete),
    operation!("GetAccountSettings" GET "/2016-08-19/account-settings" account::SETTINGS => account::settings),
    operation!("GetAlias" GET "/2015-03-31/functions/{FunctionName}/aliases/{Name}" aliases::NAMED => aliases::get),
    operation!("GetFunction" GET "/2015-03-31/functions/{FunctionName}" functions::NAMED => functions::get),
    operation!("GetFunctionConfiguration" GET "/2015-03-31/functions/{FunctionName}/configuration" functions::NAMED => functions::get_configuration),
    Operation {
        raw_body: true,
        ..operation!("Invoke" POST "/2015-03-31/functions/{FunctionName}/invocations" invocations::INVOKE => invocations::invoke)
    },
    operation!("ListAliases" GET "/2015-03-31/functions/{FunctionName}/aliases" aliases::LIST => aliases::list),
    operation!("ListFunctions" GET "/2015-03-31/functions" functions::LIST => functions::list),
    operation!("ListVersionsByFunction" GET "/2015-03-31/functions/{FunctionName}/versions" versions::LIST => versions::list),
    operation!("PublishVersion" POST "/2015-03-31/functions/{FunctionName}/versions" versions::PUBLISH => versions::publish),
    operation!("UpdateAlias" PUT "/2015-03-31/functions/{FunctionName}/aliases/{Name}" aliases::UPDATE => aliases::update),
    operation!("UpdateFunctionCode" PUT "/2015-03-31/functions/{FunctionName}/code" functions::UPDATE_CODE => functions::update_code),
    operation!("UpdateFunctionConfiguration" PUT "/2015-03-31/functions/{FunctionName}/configuration" functions::UPDATE_CONFIGURATION => functions::update_configuration),
];
