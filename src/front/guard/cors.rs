//! Web pages of which sites may call, and what their browsers are told.

use std::str::FromStr;

use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};

/// Headers of answers that pages may read: those that AWS names (recorded in aws/aws-sdk-js#1080), and others of
/// Lambda's operations that have come since.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date,x-amz-log-result,x-amz-function-error,\
     x-amz-executed-version,x-amzn-trace-id,x-amzn-remapped-content-length,x-amz-durable-execution-arn",
);

/// Seconds that a browser may remember a preflight, as AWS says (recorded there too).
const MAX_AGE: HeaderValue = HeaderValue::from_static("172800");

/// An origin whose pages may call, as `--cors-origins` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorsOrigin {
    /// Any page: `*`.
    Any,
    /// Pages of one origin.
    One(String),
}

impl FromStr for CorsOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let whole = text.trim_end_matches('/').to_ascii_lowercase();
        let uri: Option<Uri> = whole.parse().ok();
        let is_origin = uri.is_some_and(|uri| {
            uri.scheme().is_some() && uri.path() == "/" && uri.query().is_none() && !whole.contains('@')
        });

        if is_origin { Ok(Self::One(whole)) } else { Err("write SCHEME://HOST[:PORT], or *".to_owned()) }
    }
}

/// The origins whose pages may call.
#[derive(Debug, Clone, Default)]
pub struct CorsOrigins(Vec<CorsOrigin>);

impl CorsOrigins {
    /// These.
    pub fn new(origins: &[CorsOrigin]) -> Self {
        Self(origins.to_vec())
    }

    /// Whether pages of every site may call.
    pub fn are_all(&self) -> bool {
        self.0.contains(&CorsOrigin::Any)
    }

    /// What the browser of an allowed page is told; `None` for pages that are not allowed. Larder's own endpoints are
    /// for origins that are named only.
    pub fn allow(&self, origin: &HeaderValue, larders_own: bool) -> Option<Allowed> {
        let text = origin.to_str().ok()?;
        let is_named = |allowed: &CorsOrigin| matches!(allowed, CorsOrigin::One(one) if one.eq_ignore_ascii_case(text));
        if self.0.iter().any(is_named) {
            return Some(Allowed(origin.clone()));
        }
        (self.are_all() && !larders_own).then(|| Allowed(HeaderValue::from_static("*")))
    }
}

/// An origin that may call: the value of `Access-Control-Allow-Origin`.
#[derive(Debug, Clone)]
pub struct Allowed(HeaderValue);

impl Allowed {
    /// The answer to a browser that asks before it lets a page call.
    pub fn preflight(&self, asked: &HeaderMap) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        self.mark(&mut response);
        let headers = response.headers_mut();
        for (question, answer) in [
            (ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_ALLOW_METHODS),
            (ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_ALLOW_HEADERS),
        ] {
            if let Some(value) = asked.get(question) {
                headers.insert(answer, value.clone());
            }
        }

        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        if asked.contains_key("access-control-request-private-network") {
            headers.insert("access-control-allow-private-network", HeaderValue::from_static("true"));
        }
        response
    }

    /// Lets the page read an answer.
    pub fn mark(&self, response: &mut Response<Body>) {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.0.clone());
        headers.entry(ACCESS_CONTROL_EXPOSE_HEADERS).or_insert(EXPOSED);
        if self.0 != "*" {
            headers.append(VARY, HeaderValue::from(ORIGIN));
        }
    }
}

/// Whether a browser asks whether a page may call.
pub fn is_preflight(request: &Request<Body>) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_exact() {
        let one = |text: &str| text.parse::<CorsOrigin>();
        assert_eq!(one("*"), Ok(CorsOrigin::Any));
        assert_eq!(one("https://App.example/"), Ok(CorsOrigin::One("https://app.example".into())));
        assert_eq!(one("http://localhost:3000"), Ok(CorsOrigin::One("http://localhost:3000".into())));
        for wrong in ["", "app.example", "https://app.example/path", "https://a@b", "null", "https://*.example/?x"] {
            assert!(one(wrong).is_err(), "{wrong}");
        }
        let origins = CorsOrigins::new(&[one("http://localhost:3000").expect("one")]);
        let allow = |origin: &'static str| origins.allow(&HeaderValue::from_static(origin), true).is_some();
        assert!(allow("http://localhost:3000"));

        for other in ["http://localhost", "https://localhost:3000", "http://localhost:30000", "null", ""] {
            assert!(!allow(other), "{other}");
        }
    }

    #[test]
    fn all_sites_do_not_have_larders_own_endpoints() {
        let origins = CorsOrigins::new(&[CorsOrigin::Any]);
        let null = HeaderValue::from_static("null");
        assert!(origins.allow(&null, false).is_some());
        assert!(origins.allow(&null, true).is_none());
    }
}
