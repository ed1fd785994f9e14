//! Lambda's Runtime API, `/2018-06-01/runtime/…`, as AWS's documentation of custom runtimes and
//! its runtime interface emulator have it.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::{Method, Request, Response};

use super::answer::{self, ApiAnswer};
use super::body::{self, Collected};
use super::{ApiRequest, Gone, Shared, ask};

/// Names the kind of an error that the runtime posts, as header or trailer.
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";

/// Trailer with an error that happened while a response was streamed: JSON in base64.
const ERROR_BODY: &str = "lambda-runtime-function-error-body";

/// Says whether the response comes whole or as it is made.
const RESPONSE_MODE: &str = "lambda-runtime-function-response-mode";

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
    /// It is ready to be put into a snapshot, and asks to be told of the restore.
    RestoreNext,
    /// It could not go on after a restore.
    RestoreError(Posted),
    /// It streams its response: how is it to be taken?
    Stream {
        /// The event's request id.
        request_id: String,
        /// What its bytes are; empty where it is not said.
        content_type: String,
    },
    /// A part of a streamed response.
    Chunk {
        /// The event's request id.
        request_id: String,
        /// The bytes.
        data: Bytes,
    },
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
    /// The end of a response whose parts went before.
    Streamed,
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
    RestoreNext,
    RestoreError,
}

impl<'a> Route<'a> {
    /// Reads the path below the API's version.
    fn of(path: &'a str) -> Option<Self> {
        let path = path.strip_prefix("/2018-06-01/runtime/")?;
        match path.strip_prefix("invocation/") {
            None => match path {
                "init/error" => Some(Self::InitError),
                "restore/next" => Some(Self::RestoreNext),
                "restore/error" => Some(Self::RestoreError),
                _ => None,
            },
            Some("next") => Some(Self::Next),
            Some(rest) => match rest.split_once('/')? {
                (id, "response") => Some(Self::Response(id)),
                (id, "error") => Some(Self::Error(id)),
                _ => None,
            },
        }
    }

    fn method(&self) -> Method {
        if matches!(self, Self::Next | Self::RestoreNext) { Method::GET } else { Method::POST }
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
    match route {
        Route::Next => return Ok(ask(shared, runtime(RuntimeRequest::Next)).await?.into_response()),
        Route::RestoreNext => return Ok(ask(shared, runtime(RuntimeRequest::RestoreNext)).await?.into_response()),
        Route::Response(id) => match mode(&head.headers) {
            Ok(Mode::Buffered) => {}
            Ok(Mode::Streaming) => {
                let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
                let content_type = content_type.unwrap_or_default().to_owned();
                let request = RuntimeRequest::Stream { request_id: id.to_owned(), content_type };
                match ask(shared, runtime(request)).await? {
                    ApiAnswer::Stream => return stream(id, body, shared).await,
                    ApiAnswer::Collect => {}
                    refusal => return Ok(refusal.into_response()),
                }
            }
            Err(refusal) => return Ok(refusal.into_response()),
        },
        Route::Error(_) | Route::InitError | Route::RestoreError => {}
    }

    take(&route, &head.headers, body, shared).await
}

/// Reads a whole post and hands it over.
async fn take(
    route: &Route<'_>,
    headers: &HeaderMap,
    body: Incoming,
    shared: &Shared,
) -> Result<Response<Full<Bytes>>, Gone> {
    let permit = shared.bodies.acquire().await.map_err(|_| Gone)?;
    let (posted, rest) = match body::collect(body, shared.body_limit).await {
        Collected::Whole { body, trailers } => (posted(route, headers, trailers.as_ref(), body), None),
        Collected::TooLarge { bytes, rest } => (Posted::TooLarge { bytes }, Some(rest)),
        Collected::Broken => return Ok(answer::truncated()),
    };
    drop(permit);
    let answer = ask(shared, call(route, posted)).await?;

    // A client that is still writing would not see an answer: let it finish first.
    let keep = match rest {
        Some(rest) => body::discard(rest).await,
        None => true,
    };
    Ok(finish(answer, keep))
}

/// How a response comes.
enum Mode {
    Buffered,
    Streaming,
}

fn mode(headers: &HeaderMap) -> Result<Mode, ApiAnswer> {
    match text(headers, RESPONSE_MODE).as_str() {
        "" => Ok(Mode::Buffered),
        mode if mode.eq_ignore_ascii_case("streaming") => Ok(Mode::Streaming),
        _ => {
            Err(ApiAnswer::bad_request("InvalidFunctionResponseMode", "Invalid Lambda-Runtime-Function-Response-Mode"))
        }
    }
}

/// Hands a response over piece by piece, no faster than its caller takes it.
async fn stream(id: &str, mut body: Incoming, shared: &Shared) -> Result<Response<Full<Bytes>>, Gone> {
    let mut end = Posted::Streamed;
    while let Some(frame) = body.frame().await {
        match frame.map(hyper::body::Frame::into_data) {
            Ok(Ok(data)) => {
                let request = RuntimeRequest::Chunk { request_id: id.to_owned(), data };
                match ask(shared, runtime(request)).await? {
                    ApiAnswer::Stream => {}
                    refusal => return Ok(finish(refusal, body::discard(body).await)),
                }
            }
            Ok(Err(frame)) => {
                if let Some(error) = frame.into_trailers().ok().as_ref().and_then(error_in) {
                    end = error;
                }
            }
            Err(_) => {
                let body = Bytes::from_static(
                    b"{\"errorType\":\"Runtime.TruncatedResponse\",\"errorMessage\":\"Response stream was truncated\"}",
                );
                end = Posted::Error { error_type: "Runtime.TruncatedResponse".into(), body };
            }
        }
    }

    let request = RuntimeRequest::Result { request_id: id.to_owned(), posted: end };
    Ok(ask(shared, runtime(request)).await?.into_response())
}

fn runtime(request: RuntimeRequest) -> ApiRequest {
    ApiRequest::Runtime(request)
}

/// Shapes the answer, and hangs up where the request was not read to its end.
fn finish(answer: ApiAnswer, keep_alive: bool) -> Response<Full<Bytes>> {
    let mut response = answer.into_response();
    if !keep_alive {
        response.headers_mut().insert(hyper::header::CONNECTION, answer::CLOSE);
    }
    response
}

/// What the supervisor is told of a post.
fn call(route: &Route<'_>, posted: Posted) -> ApiRequest {
    runtime(match route {
        Route::Response(id) | Route::Error(id) => RuntimeRequest::Result { request_id: (*id).to_owned(), posted },
        Route::RestoreError | Route::RestoreNext => RuntimeRequest::RestoreError(posted),
        Route::InitError | Route::Next => RuntimeRequest::InitError(posted),
    })
}

/// Reads a whole post. A streamed response may turn out to be an error in its trailers.
fn posted(route: &Route<'_>, headers: &HeaderMap, trailers: Option<&HeaderMap>, body: Bytes) -> Posted {
    if !matches!(route, Route::Response(_)) {
        return Posted::Error { error_type: text(headers, ERROR_TYPE), body };
    }
    trailers.and_then(error_in).unwrap_or(Posted::Response(body))
}

/// The error in the trailers of a streamed response, where there is one.
fn error_in(trailers: &HeaderMap) -> Option<Posted> {
    if !trailers.contains_key(ERROR_TYPE) && !trailers.contains_key(ERROR_BODY) {
        return None;
    }
    let raw = trailers.get(ERROR_BODY).map_or(&[][..], |value| value.as_bytes());
    let body = body::base64(raw).unwrap_or_else(|| raw.to_vec());
    Some(Posted::Error { error_type: text(trailers, ERROR_TYPE), body: body.into() })
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
        assert_eq!(at("/2018-06-01/runtime/restore/next"), Some(Route::RestoreNext));
        for path in ["/2018-06-01/runtime/invocation/", "/2018-06-01/runtime/restore", "/"] {
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
