//! Routing from (method, path) to operations, by the table of [`super::operation`].

use std::collections::HashMap;

use axum::http::Method;
use percent_encoding::percent_decode_str;

use super::operation::{Operation, operations};
use crate::model::error::{ApiError, ErrorCode};

/// The routes, built once.
#[derive(Debug)]
pub struct Router {
    paths: matchit::Router<HashMap<Method, Vec<&'static Operation>>>,
}

/// A call's operation and what its path said.
pub type Route = (&'static Operation, Vec<(String, String)>);

impl Default for Router {
    /// The routes of all operations.
    fn default() -> Self {
        let mut by_path: HashMap<&str, HashMap<Method, Vec<&Operation>>> = HashMap::new();
        for operation in operations() {
            let methods = by_path.entry(operation.path_template()).or_default();
            methods.entry(operation.method.clone()).or_default().push(operation);
        }
        // An operation that is told by its query is looked at before the one without.
        for operations in by_path.values_mut().flat_map(HashMap::values_mut) {
            operations.sort_by_key(|operation| operation.query().is_none());
        }
        let mut paths = matchit::Router::new();
        for (path, methods) in by_path {
            paths.insert(path, methods).expect("the templates of the table do not overlap");
        }
        Self { paths }
    }
}

impl Router {
    /// Whether any operation has this raw path.
    pub fn has_path(&self, path: &str) -> bool {
        self.paths.at(without_slash(path)).is_ok()
    }

    /// Finds the operation of a raw path and query. A path may end in a slash, as AWS allows.
    ///
    /// # Errors
    /// `UnknownOperationException` for an unknown path, `MethodNotAllowedException` for a known one.
    pub fn find(&self, method: &Method, path: &str, query: &str) -> Result<Route, ApiError> {
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
        let operation = operations.iter().find(|operation| operation.query().is_none_or(asked)).ok_or_else(unknown)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded_after_the_path_is_split() {
        let path = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af%2Fx/code";
        let (operation, params) = Router::default().find(&Method::PUT, path, "").expect("is a path");
        assert_eq!(operation.name, "UpdateFunctionCode");
        assert_eq!(params[0].1, "arn:aws:lambda:us-east-1:000000000000:function:f/x");
    }

    #[test]
    fn unknown_paths_and_methods_are_told_apart() {
        let find = |method, path| Router::default().find(&method, path, "").map(|_| ()).map_err(|error| error.code);
        assert_eq!(find(Method::GET, "/nothing"), Err(ErrorCode::UnknownOperation));
        assert_eq!(find(Method::PATCH, "/2015-03-31/functions"), Err(ErrorCode::MethodNotAllowed));
        assert_eq!(find(Method::GET, "/2015-03-31/functions/"), Ok(()));
        let has = |path| Router::default().has_path(path);
        assert!(has("/2015-03-31/functions/") && has("/2015-03-31/functions/f/code"));
        assert!(!has("/2013-04-01/hostedzone") && !has("/"));
    }
}
