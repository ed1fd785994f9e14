//! Routing from (method, path) to operations, by the tables of a service.

use std::collections::HashMap;

use axum::http::Method;
use percent_encoding::percent_decode_str;

use super::operation::Operation;
use super::service::Service;
use crate::model::error::{ApiError, ErrorCode};

/// The operations of a path.
type ByMethod<S> = HashMap<Method, Vec<(Option<&'static str>, &'static Operation<S>)>>;

/// The routes of a service, built once.
#[derive(Debug)]
pub struct Router<S: 'static> {
    paths: matchit::Router<ByMethod<S>>,
}

/// A call's operation and what its path said.
pub type Found<S> = (&'static Operation<S>, Vec<(String, String)>);

impl<S> Router<S> {
    /// The routes of all operations of a service.
    pub fn new(service: &Service<S>) -> Self {
        let mut by_path: HashMap<&str, ByMethod<S>> = HashMap::new();
        for operation in service.operations() {
            let Some(route) = &operation.request.route else { continue };
            let methods = by_path.entry(route.path_template()).or_default();
            methods.entry(route.method.clone()).or_default().push((route.query(), operation));
        }

        // An operation that is told by its query is looked at before the one without.
        for operations in by_path.values_mut().flat_map(HashMap::values_mut) {
            operations.sort_by_key(|(query, _)| query.is_none());
        }

        let mut paths = matchit::Router::new();
        for (path, methods) in by_path {
            paths.insert(path, methods).expect("the templates of the table do not overlap");
        }
        Self { paths }
    }

    /// Whether any operation has this raw path.
    pub fn has_path(&self, path: &str) -> bool {
        self.paths.at(without_slash(path)).is_ok()
    }

    /// Finds the operation of a raw path and query. A path may end in a slash, as AWS allows.
    ///
    /// # Errors
    /// `UnknownOperationException` for an unknown path, `MethodNotAllowedException` for a known one.
    pub fn find(&self, method: &Method, path: &str, query: &str) -> Result<Found<S>, ApiError> {
        let path = without_slash(path);
        let unknown = || {
            let message = format!("no operation of Lambda served here has the path {path}");
            ApiError::new(ErrorCode::UnknownOperation, message)
        };
        let matched = self.paths.at(path).map_err(|_| unknown())?;
        let operations = matched
            .value
            .get(method)
            .ok_or_else(|| ApiError::new(ErrorCode::MethodNotAllowed, format!("{method} is not a method of {path}")))?;
        let asked = |wanted: &str| query.split('&').any(|pair| pair == wanted);
        let (_, operation) = operations.iter().find(|(query, _)| query.is_none_or(asked)).ok_or_else(unknown)?;
        let params = matched.params.iter().map(|(name, value)| (name.to_owned(), decoded(value))).collect();

        Ok((operation, params))
    }
}

/// A path without the slash that it may end in.
fn without_slash(path: &str) -> &str {
    path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path)
}

/// Percent-decodes a path segment; bytes that are no UTF-8 become U+FFFD, which no pattern allows. Some
/// clients encode ARNs twice; no name has a `%` of its own.
fn decoded(segment: &str) -> String {
    let once = percent_decode_str(segment).decode_utf8_lossy();
    percent_decode_str(&once).decode_utf8_lossy().into_owned()
}
