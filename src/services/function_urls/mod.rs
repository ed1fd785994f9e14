//! Functions over HTTP: their URLs, without a client of AWS's.

mod access;
mod answer;
mod cors;
mod documents;
mod event;
mod identity;
mod prelude;
mod rates;
mod streamed;
mod target;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Collected, Limited};

use self::cors::Page;
use self::documents::Documents;
use self::event::Around;
use self::identity::Identity;
use self::rates::Rates;
use self::target::Target;
use crate::clock;
use crate::invoke::{InvokeRequest, Operation, Trigger, new_trace_root, reserved_exceeded};
use crate::model::error::{ApiError, ErrorCode};
use crate::model::names::UrlId;
use crate::protocol;
use crate::protocol::service::with_id;
use crate::services::Services;

/// Methods that functions take.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>.
const METHODS: [Method; 7] =
    [Method::GET, Method::POST, Method::PUT, Method::HEAD, Method::OPTIONS, Method::PATCH, Method::DELETE];

/// Bytes of a request's body.
const MAX_BODY: usize = 6 * 1024 * 1024;

/// Header with the trace of an invocation.
const TRACE: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// A URL that is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its id.
    pub id: UrlId,
    /// The path as the function sees it.
    pub path: String,
}

/// Where a request came from.
#[derive(Debug, Clone, Copy)]
pub struct CameFrom {
    /// The caller's address.
    pub ip: IpAddr,
    /// The port that was called.
    pub port: u16,
    /// `http` or `https`.
    pub scheme: &'static str,
}

impl Default for CameFrom {
    /// A function, over its environment's socket.
    fn default() -> Self {
        Self { ip: Ipv4Addr::LOCALHOST.into(), port: 80, scheme: "http" }
    }
}

/// Function URLs.
#[derive(Debug)]
pub struct FunctionUrls {
    services: Arc<Services>,
    rates: Rates,
    documents: Documents,
}

/// A request that was read.
struct Asked<'a> {
    parts: &'a Parts,
    body: Bytes,
    named: &'a Named,
    from: CameFrom,
    request_id: &'a str,
}

impl FunctionUrls {
    /// Over the functions of `services`.
    pub fn new(services: Arc<Services>) -> Self {
        Self { services, rates: Rates::default(), documents: Documents::default() }
    }

    /// Answers a request to a function's URL.
    pub async fn answer(
        &self,
        named: &Named,
        from: CameFrom,
        request: Request<Body>,
        request_id: &str,
    ) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let Some(target) = Target::of(&self.services.ledger.state(), &named.id, &self.documents) else {
            drain(body).await;
            return with_id(protocol::error::response(&ApiError::silent(ErrorCode::AccessDenied)), request_id);
        };
        let page = Page::of(target.url.cors.as_ref(), &parts);
        if let Some(preflight) = page.as_ref().and_then(|page| page.preflight(&parts)) {
            return with_id(preflight, request_id);
        }

        let answered = match read(&parts, body).await {
            Ok(body) => self.ask(&target, Asked { parts: &parts, body, named, from, request_id }).await,
            Err(response) => Ok(response),
        };
        let mut response = answered.unwrap_or_else(|error| refusal(&error));
        if let Some(page) = page {
            page.mark(&mut response);
        }
        with_id(response, request_id)
    }

    /// Lets the function answer.
    async fn ask(&self, target: &Target, asked: Asked<'_>) -> Result<Response<Body>, ApiError> {
        let state = self.services.ledger.state();
        let request = (asked.parts, &asked.body[..]);
        let identity = access::admit(&self.services.access, target, request, (&state, asked.request_id))?;
        let reserved = state.function(&target.key).and_then(|function| function.reserved_concurrency);
        drop(state);
        if reserved.is_some_and(|reserved| !self.rates.take(&target.key, reserved, Instant::now())) {
            return Err(reserved_exceeded());
        }

        let request = invocation(target, &asked, identity.as_ref())?;
        if target.url.invoke_mode() == "RESPONSE_STREAM" {
            let streaming = self.services.invoker.stream(request).await?;
            let trace = streaming.trace.clone();
            return Ok(with_trace(streamed::answer(streaming).await?, &trace));
        }
        let invoked = self.services.invoker.invoke(request).await?;
        let response = if invoked.function_error { answer::function_failed() } else { answer::answer(invoked.payload) };
        Ok(with_trace(response, &invoked.trace))
    }
}

/// The invocation that a request asks for.
fn invocation(target: &Target, asked: &Asked<'_>, identity: Option<&Identity>) -> Result<InvokeRequest, ApiError> {
    let sent = asked.parts.headers.get(&TRACE).and_then(|value| value.to_str().ok());
    let trace = sent.map_or_else(|| format!("Root={}", new_trace_root()), str::to_owned);
    let around = Around {
        url_id: asked.named.id.as_str(),
        path: &asked.named.path,
        request_id: asked.request_id,
        trace: &trace,
        identity,
        source_ip: asked.from.ip,
        port: asked.from.port,
        scheme: asked.from.scheme,
        time: clock::now(),
    };
    let payload = event::event(asked.parts, &asked.body, &around);
    let payload = payload.map_err(|error| protocol::error::fault(&error))?;

    Ok(InvokeRequest {
        operation: Operation::Synchronous,
        trigger: Trigger::Url,
        answers: None,
        request_id: asked.request_id.to_owned(),
        reference: target.reference.clone(),
        trace_id: Some(trace),
        client_context: None,
        tenant_id: None,
        wants_log: false,
        durable_execution_name: None,
        payload,
    })
}

/// The body of a request; of one that is none for functions, the answer.
async fn read(parts: &Parts, body: Body) -> Result<Bytes, Response<Body>> {
    if !METHODS.contains(&parts.method) {
        drain(body).await;
        // Its body is not recorded.
        return Err(answer::failed(StatusCode::METHOD_NOT_ALLOWED));
    }
    match Limited::new(body, MAX_BODY).collect().await.map(Collected::to_bytes) {
        Ok(body) => Ok(body),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            let message = format!("Request must be smaller than {MAX_BODY} bytes for the InvokeFunction operation");
            Err(protocol::error::response(&ApiError::new(ErrorCode::RequestTooLarge, message)))
        }
        Err(_) => Err(answer::failed(StatusCode::BAD_REQUEST)),
    }
}

/// One who still sends would not hear the answer.
async fn drain(body: Body) {
    let _ = Limited::new(body, MAX_BODY).collect().await;
}

/// The answer where a function could not be run: AWS's own errors are told of what the caller did, and no more.
fn refusal(error: &ApiError) -> Response<Body> {
    match error.code.status() {
        403 | 413 | 429 => protocol::error::response(error),
        503 => answer::failed(StatusCode::SERVICE_UNAVAILABLE),
        _ => {
            tracing::info!(%error, "a function could not be run for its URL");
            answer::function_failed()
        }
    }
}

fn with_trace(mut response: Response<Body>, trace: &str) -> Response<Body> {
    if let Ok(trace) = HeaderValue::from_str(trace) {
        response.headers_mut().insert(TRACE, trace);
    }
    response
}
