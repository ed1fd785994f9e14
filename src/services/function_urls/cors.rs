//! What browsers are told of a function's URL, by its `Cors`.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-cors>. No answer of AWS is recorded:
//! which answer has which header follows the Fetch standard.

use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderName, ORIGIN, VARY,
};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Response};

use crate::model::urls::Cors;

/// The CORS of a URL, for one request that a page sent.
#[derive(Debug)]
pub struct Page<'a> {
    cors: &'a Cors,
    /// Its origin, where that may call.
    origin: Option<HeaderValue>,
}

impl<'a> Page<'a> {
    /// Of a request; `None` where no page sent it, or the URL knows no CORS.
    pub fn of(cors: Option<&'a Cors>, parts: &Parts) -> Option<Self> {
        let cors = cors?;
        let origin = parts.headers.get(ORIGIN)?;
        let is_allowed = matches_any(cors.allow_origins.as_ref(), origin.to_str().unwrap_or_default());
        Some(Self { cors, origin: is_allowed.then(|| origin.clone()) })
    }

    /// The answer to a browser that asks before it lets a page call; the function is not asked.
    pub fn preflight(&self, parts: &Parts) -> Option<Response<Body>> {
        let method = parts.headers.get(ACCESS_CONTROL_REQUEST_METHOD).filter(|_| parts.method == Method::OPTIONS)?;
        let mut response = Response::new(Body::empty());
        response.headers_mut().insert(VARY, HeaderValue::from(ORIGIN));
        let is_allowed = matches_any(self.cors.allow_methods.as_ref(), method.to_str().unwrap_or_default())
            && self.allows_headers(parts);
        let Some(origin) = self.origin.as_ref().filter(|_| is_allowed) else { return Some(response) };

        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        let max_age = self.cors.max_age_s.map(|seconds| seconds.to_string());
        for (name, value) in [
            (ACCESS_CONTROL_ALLOW_METHODS, self.cors.allow_methods.as_ref().map(|methods| methods.join(","))),
            (ACCESS_CONTROL_ALLOW_HEADERS, self.cors.allow_headers.as_ref().map(|names| names.join(","))),
            (ACCESS_CONTROL_ALLOW_CREDENTIALS, self.with_credentials()),
            (ACCESS_CONTROL_MAX_AGE, max_age),
        ] {
            insert(headers, name, value);
        }
        Some(response)
    }

    /// Lets the page read an answer; what the function says of it itself gives way.
    pub fn mark(&self, response: &mut Response<Body>) {
        let headers = response.headers_mut();
        headers.append(VARY, HeaderValue::from(ORIGIN));
        let Some(origin) = &self.origin else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        insert(headers, ACCESS_CONTROL_ALLOW_CREDENTIALS, self.with_credentials());
        insert(headers, ACCESS_CONTROL_EXPOSE_HEADERS, self.cors.expose_headers.as_ref().map(|names| names.join(",")));
    }

    fn with_credentials(&self) -> Option<String> {
        self.cors.allow_credentials.filter(|allow| *allow).map(|allow| allow.to_string())
    }

    fn allows_headers(&self, parts: &Parts) -> bool {
        let asked = parts.headers.get(ACCESS_CONTROL_REQUEST_HEADERS).and_then(|value| value.to_str().ok());
        let mut names = asked.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
        names.all(|name| matches_any(self.cors.allow_headers.as_ref(), name))
    }
}

/// Whether a list names it, or everything.
fn matches_any(list: Option<&Vec<String>>, text: &str) -> bool {
    list.is_some_and(|list| list.iter().any(|entry| entry == "*" || entry.eq_ignore_ascii_case(text)))
}

fn insert(headers: &mut axum::http::HeaderMap, name: HeaderName, value: Option<String>) {
    if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        let texts = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect());
        Cors {
            allow_credentials: Some(true),
            allow_headers: texts(&["content-type", "x-a"]),
            allow_methods: texts(&["GET", "POST"]),
            allow_origins: texts(origins),
            expose_headers: texts(&["x-id"]),
            max_age_s: Some(300),
        }
    }

    fn request(method: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    fn shown(response: &Response<Body>) -> Vec<String> {
        let mut shown: Vec<_> = response
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")))
            .collect();
        shown.sort();
        shown
    }

    const ORIGIN: (&str, &str) = ("origin", "https://app.example");
    const ASKS: (&str, &str) = ("access-control-request-method", "POST");

    #[test]
    fn a_preflight_is_answered_for_the_page() {
        let cors = cors(&["https://app.example"]);
        let parts = request("OPTIONS", &[ORIGIN, ASKS, ("access-control-request-headers", "Content-Type, x-a")]);
        let response = Page::of(Some(&cors), &parts).and_then(|page| page.preflight(&parts)).expect("is answered");
        let wanted = [
            "access-control-allow-credentials: true",
            "access-control-allow-headers: content-type,x-a",
            "access-control-allow-methods: GET,POST",
            "access-control-allow-origin: https://app.example",
            "access-control-max-age: 300",
            "vary: origin",
        ];
        assert_eq!(shown(&response), wanted);
    }

    #[test]
    fn what_is_not_allowed_is_not_told() {
        let cors = cors(&["https://app.example"]);
        let asked = |origin, method, headers| {
            let parts = request(
                "OPTIONS",
                &[
                    ("origin", origin),
                    ("access-control-request-method", method),
                    ("access-control-request-headers", headers),
                ],
            );
            let response = Page::of(Some(&cors), &parts).and_then(|page| page.preflight(&parts)).expect("is answered");
            response.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN)
        };
        assert!(asked("https://app.example", "GET", ""));
        assert!(!asked("https://evil.example", "GET", ""));
        assert!(!asked("null", "GET", ""));
        assert!(!asked("https://app.example", "DELETE", ""));
        assert!(!asked("https://app.example", "GET", "authorization"));
    }

    #[test]
    fn an_answer_is_the_pages_to_read() {
        let any = cors(&["*"]);
        let parts = request("GET", &[ORIGIN]);
        let page = Page::of(Some(&any), &parts).expect("of a page");
        assert!(page.preflight(&parts).is_none());
        let mut response = Response::new(Body::empty());
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        page.mark(&mut response);
        let wanted = [
            "access-control-allow-credentials: true",
            "access-control-allow-origin: https://app.example",
            "access-control-expose-headers: x-id",
            "vary: origin",
        ];
        assert_eq!(shown(&response), wanted);

        assert!(Page::of(Some(&any), &request("GET", &[])).is_none(), "no page");
        assert!(Page::of(None, &parts).is_none(), "no CORS");
        let plain = request("OPTIONS", &[ORIGIN]);
        let page = Page::of(Some(&any), &plain).expect("of a page");
        assert!(page.preflight(&plain).is_none(), "an ordinary request");
    }
}
