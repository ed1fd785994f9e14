//! Requests to functions' URLs: told by their host, or by a path for clients that cannot look that up.

use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, header};

use super::service::host;
use crate::services::function_urls::Named;

/// What paths begin with that name a URL's id.
const PATH: &str = "/_url/";

/// The label of a host behind a URL's id.
const LABEL: &str = "lambda-url";

/// A page of a function shares its origin with Larder's own endpoints if it is called by a path: its browser is told to
/// give it one that nobody has.
const SANDBOXED: HeaderValue = HeaderValue::from_static("sandbox allow-forms allow-popups allow-scripts");

/// A function's URL that a request is sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionUrl {
    /// It, and the path behind it.
    pub named: Named,
    /// Whether browsers take it for one site with Larder's own endpoints.
    pub shares_origin: bool,
}

impl FunctionUrl {
    /// That of a request, if it is sent to one.
    pub fn of<B>(request: &Request<B>) -> Option<Self> {
        let of_host = by_host(request).map(|named| Self { named, shares_origin: false });
        of_host.or_else(|| Some(Self { named: by_path(request)?, shares_origin: true }))
    }

    /// Keeps what a function answers away from what shares its origin.
    pub fn contain(&self, response: &mut Response<Body>) {
        if self.shares_origin {
            response.headers_mut().append(header::CONTENT_SECURITY_POLICY, SANDBOXED);
        }
    }
}

/// `https://ID.lambda-url.REGION.on.aws`, or the same under a name of this machine.
fn by_host<B>(request: &Request<B>) -> Option<Named> {
    let host = host(request.headers(), request.uri())?;
    let mut labels = host.split('.');
    let id = labels.next().filter(|id| !id.is_empty())?;
    let is_url = labels.next() == Some(LABEL) && labels.count() >= 2;
    is_url.then(|| Named { id: id.into(), path: request.uri().path().to_owned() })
}

/// `/_url/ID/PATH`.
fn by_path<B>(request: &Request<B>) -> Option<Named> {
    let rest = request.uri().path().strip_prefix(PATH)?;
    let (id, path) = rest.split_once('/').map_or((rest, ""), |(id, path)| (id, path));
    (!id.is_empty()).then(|| Named { id: id.to_ascii_lowercase().into(), path: format!("/{path}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(host: &str, uri: &str) -> Option<(String, String)> {
        let request = Request::get(uri).header("host", host).body(()).expect("a request");
        FunctionUrl::of(&request).map(|found| (found.named.id.to_string(), found.named.path))
    }

    #[test]
    fn urls_are_told_by_host_or_path() {
        for (host, uri, path) in [
            ("abc.lambda-url.us-east-1.localhost:4566", "/a/b?c", "/a/b"),
            ("ABC.Lambda-URL.us-east-1.on.aws", "/", "/"),
            ("abc.lambda-url.us-east-1.localhost.localstack.cloud:4566", "/_larder/state", "/_larder/state"),
            ("127.0.0.1:4566", "/_url/abc", "/"),
            ("127.0.0.1:4566", "/_url/abc/", "/"),
            ("localhost", "/_url/Abc/x%2Fy/../z?q", "/x%2Fy/../z"),
        ] {
            assert_eq!(found(host, uri), Some(("abc".to_owned(), path.to_owned())), "{host}{uri}");
        }
    }

    #[test]
    fn others_are_none() {
        for (host, uri) in [
            ("localhost:4566", "/_url"),
            ("localhost:4566", "/_url/"),
            ("localhost:4566", "/_url//x"),
            ("lambda-url.us-east-1.localhost", "/"),
            (".lambda-url.us-east-1.localhost", "/"),
            ("abc.lambda-url.localhost", "/"),
            ("a.abc.lambda-url.us-east-1.localhost", "/"),
            ("localhost", "/2015-03-31/functions"),
        ] {
            assert_eq!(found(host, uri), None, "{host}{uri}");
        }
    }
}
