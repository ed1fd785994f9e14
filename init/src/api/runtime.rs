//! Lambda's Runtime API, `/2018-06-01/runtime/…`, as AWS's documentation of custom runtimes and
//! its runtime interface emulator have it.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Method, Request, Response};

use super::answer::{self, Answer};
use super::body::{self, Collected};
use super::{Gone, Shared, ask};

/// Names the kind of an error that the runtime posts, as header or trailer.
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";

/// Trailer with an error that happened while a response was streamed: JSON in base64.
const ERROR_BODY: &str = "lambda-runtime-function-error-body";

/// What a runtime asks or tells.
#[derive(Debug, PartialEq, Eq)]
pub enum RuntimeRequest {
    /// It asks for the next event.
    Next,
    /// It answers an event.
    Result {
        /// The event's request id.
        request_id: String,
        /// What came out.
        posted: Posted,
    },
    /// It could not begin.
    InitError(Posted),
}

/// What a runtime posted.
#[derive(Debug, PartialEq, Eq)]
pub enum Posted {
    /// A response.
    Response(Bytes),
    /// An error.
    Error {
        /// Its kind; empty when it was not named.
        error_type: String,
        /// Its JSON, unchecked.
        body: Bytes,
    },
    /// A body beyond the limit.
    TooLarge {
        /// Its announced size, or what was read of it.
        bytes: u64,
    },
}

/// The operations, as the path names them.
#[derive(Debug, PartialEq, Eq)]
enum Route<'a> {
    Next,
    Response(&'a str),
    Error(&'a str),
    InitError,
}

impl<'a> Route<'a> {
    /// Reads the path below the API's version.
    fn of(path: &'a str) -> Option<Self> {
        let path = path.strip_prefix("/2018-06-01/runtime/")?;
        match path.strip_prefix("invocation/") {
            None => (path == "init/error").then_some(Self::InitError),
            Some("next") => Some(Self::Next),
            Some(rest) => match rest.split_once('/')? {
                (id, "response") => Some(Self::Response(id)),
                (id, "error") => Some(Self::Error(id)),
                _ => None,
            },
        }
    }

    fn method(&self) -> Method {
        if *self == Self::Next { Method::GET } else { Method::POST }
    }
}

/// Serves one request.
pub(super) async fn serve(request: Request<Incoming>, shared: &Shared) -> Result<Response<Full<Bytes>>, Gone> {
    let (head, body) = request.into_parts();
    let Some(route) = Route::of(head.uri.path()) else {
        return Ok(answer::not_found());
    };
    if head.method != route.method() {
        return Ok(answer::wrong_method());
    }
    if route == Route::Next {
        return Ok(ask(shared, RuntimeRequest::Next).await?.into_response());
    }
    let permit = shared.bodies.acquire().await.map_err(|_| Gone)?;
    let (posted, rest) = match body::collect(body, shared.body_limit).await {
        Collected::Whole { body, trailers } => (posted(&route, &head.headers, trailers.as_ref(), body), None),
        Collected::TooLarge { bytes, rest } => (Posted::TooLarge { bytes }, Some(rest)),
        Collected::Broken => return Ok(answer::truncated()),
    };
    drop(permit);
    let answer = ask(shared, call(&route, posted)).await?;
    // A client that is still writing would not see an answer: let it finish first.
    let keep = match rest {
        Some(rest) => body::discard(rest).await,
        None => true,
    };
    Ok(finish(answer, keep))
}

/// Shapes the answer, and hangs up where the request was not read to its end.
fn finish(answer: Answer, keep_alive: bool) -> Response<Full<Bytes>> {
    let mut response = answer.into_response();
    if !keep_alive {
        response.headers_mut().insert(hyper::header::CONNECTION, answer::CLOSE);
    }
    response
}

/// What the supervisor is told of a post.
fn call(route: &Route<'_>, posted: Posted) -> RuntimeRequest {
    match route {
        Route::Response(id) | Route::Error(id) => RuntimeRequest::Result { request_id: (*id).to_owned(), posted },
        Route::InitError | Route::Next => RuntimeRequest::InitError(posted),
    }
}

/// Reads a whole post. A streamed response may turn out to be an error in its trailers.
fn posted(route: &Route<'_>, headers: &HeaderMap, trailers: Option<&HeaderMap>, body: Bytes) -> Posted {
    if !matches!(route, Route::Response(_)) {
        return Posted::Error { error_type: text(headers, ERROR_TYPE), body };
    }
    match trailers {
        Some(trailers) if trailers.contains_key(ERROR_TYPE) || trailers.contains_key(ERROR_BODY) => {
            let raw = trailers.get(ERROR_BODY).map_or(&[][..], |value| value.as_bytes());
            let body = body::base64(raw).unwrap_or_else(|| raw.to_vec());
            Posted::Error { error_type: text(trailers, ERROR_TYPE), body: body.into() }
        }
        _ => Posted::Response(body),
    }
}

/// A header as text; empty when there is none.
fn text(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map_or_else(String::new, |value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_apart() {
        let at = |path: &'static str| Route::of(path);
        assert_eq!(at("/2018-06-01/runtime/invocation/next"), Some(Route::Next));
        assert_eq!(at("/2018-06-01/runtime/invocation/r1/response"), Some(Route::Response("r1")));
        assert_eq!(at("/2018-06-01/runtime/invocation/r1/error"), Some(Route::Error("r1")));
        assert_eq!(at("/2018-06-01/runtime/init/error"), Some(Route::InitError));
        for path in ["/2018-06-01/runtime/invocation/", "/2018-06-01/runtime/restore/next", "/"] {
            assert_eq!(at(path), None, "{path}");
        }
    }

    #[test]
    fn an_error_in_the_trailers_replaces_the_response() {
        let mut trailers = HeaderMap::new();
        trailers.insert(ERROR_TYPE, hyper::header::HeaderValue::from_static("E"));
        trailers.insert(ERROR_BODY, hyper::header::HeaderValue::from_static("e30="));
        let posted = posted(&Route::Response("r"), &HeaderMap::new(), Some(&trailers), Bytes::from_static(b"half"));
        assert_eq!(posted, Posted::Error { error_type: "E".into(), body: Bytes::from_static(b"{}") });
    }
}
