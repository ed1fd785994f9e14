//! What functions call is remembered with their invocations: the request, the answer, and how long it took. In a replay it
//! is answered from the record instead.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Body, HttpBody};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Collected, Limited};
use hyper::body::{Frame, SizeHint};

use super::service::ServiceName;
use crate::invoke::Invoker;
use crate::invoke::record::{Asked, Call, Draft, Payload, masked};
use crate::model::error::{ApiError, ErrorCode};
use crate::protocol::refusal::{self, Protocol};
use crate::protocol::service::with_id;

/// Bytes of a request or an answer that are remembered.
const REMEMBERED: usize = 256 * 1024;

/// Bytes of a request that a replay compares.
const COMPARED: usize = 16 * 1024 * 1024;

/// Header with the token of temporary credentials.
const TOKEN: &str = "x-amz-security-token";

/// Headers of answers that are remembered, beside those that begin with [`AWS`].
const HEADERS: [&str; 4] = ["content-type", "etag", "last-modified", "location"];

/// How the names of AWS's own headers begin.
const AWS: [&str; 2] = ["x-amz-", "x-amzn-"];

/// The record in the making of the invocation that a request comes from, if it comes from one.
pub fn caller(invoker: &Invoker, headers: &HeaderMap) -> Option<Arc<Draft>> {
    invoker.draft_of(headers.get(TOKEN)?.to_str().ok()?)
}

/// Answers a call from the record that an invocation replays; the request back where it is to be asked for real.
pub async fn replayed(
    draft: &Draft,
    service: &ServiceName,
    request: Request<Body>,
) -> Result<Response<Body>, Request<Body>> {
    let Some(answers) = draft.answers() else { return Err(request) };
    let (parts, body) = request.into_parts();
    let protocol = Protocol::of(service.as_str(), &parts);
    let request_id = uuid::Uuid::new_v4().to_string();
    let refuse = |message: String| {
        let error = ApiError::new(ErrorCode::NotServed, message);
        with_id(refusal::response(&error, protocol, &request_id), &request_id)
    };
    let Ok(body) = Limited::new(body, COMPARED).collect().await.map(Collected::to_bytes) else {
        return Ok(refuse("the request is too long to be compared with the record".into()));
    };

    let asked = asked(service, &parts);
    let Some(call) = answers.take(&asked, &body) else {
        let what = asked.name();
        return Ok(refuse(format!(
            "The recorded invocation did not make this call of {what}. `larder replay --live` asks for real."
        )));
    };
    draft.called(call.clone());
    let whole = call.answer.bytes().filter(|_| !call.cut);
    Ok(whole
        .map_or_else(|| refuse("The record has only a part of this call.".into()), |answer| response(&call, answer)))
}

/// A call as its head says it.
fn asked(service: &ServiceName, parts: &Parts) -> Asked {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    Asked {
        service: service.as_str().to_owned(),
        request: format!("{} {path}", parts.method),
        target: target.map(str::to_owned),
    }
}

/// The answer of a recorded call.
fn response(call: &Call, answer: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(answer));
    *response.status_mut() = StatusCode::from_u16(call.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &call.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// A call that is under way.
#[derive(Debug)]
pub struct Observed {
    draft: Arc<Draft>,
    asked: Asked,
    sent: Arc<Mutex<Heard>>,
    started: Instant,
}

impl Observed {
    /// Begins to watch a call; the request goes on as it is.
    pub fn begin(draft: Arc<Draft>, service: &ServiceName, request: Request<Body>) -> (Self, Request<Body>) {
        let (parts, body) = request.into_parts();
        let sent = Arc::<Mutex<Heard>>::default();
        let asked = asked(service, &parts);
        let body = Body::new(Overheard { body, heard: Arc::clone(&sent), answer: None });
        (Self { draft, asked, sent, started: Instant::now() }, Request::from_parts(parts, body))
    }

    /// Watches the answer, too. The call is remembered when all of it was sent.
    pub fn answered(self, response: Response<Body>) -> Response<Body> {
        let (parts, body) = response.into_parts();
        let headers = parts.headers.iter().filter(|(name, _)| is_remembered(name.as_str()));
        let headers = headers.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
        let answer = Answer { headers: headers.collect(), status: parts.status.as_u16(), call: self };
        let body = Body::new(Overheard { body, heard: Arc::default(), answer: Some(answer) });
        Response::from_parts(parts, body)
    }
}

fn is_remembered(name: &str) -> bool {
    HEADERS.contains(&name) || AWS.iter().any(|prefix| name.starts_with(prefix))
}

/// What went by of a body.
#[derive(Debug, Default)]
struct Heard {
    bytes: Vec<u8>,
    cut: bool,
}

impl Heard {
    fn hear(&mut self, bytes: &[u8]) {
        let room = REMEMBERED - self.bytes.len();
        self.cut |= bytes.len() > room;
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// The head of an answer, and what it answers.
#[derive(Debug)]
struct Answer {
    call: Observed,
    status: u16,
    headers: Vec<(String, String)>,
}

/// A body that is listened to.
#[derive(Debug)]
struct Overheard {
    body: Body,
    heard: Arc<Mutex<Heard>>,
    answer: Option<Answer>,
}

impl HttpBody for Overheard {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            self.heard.lock().unwrap_or_else(PoisonError::into_inner).hear(data);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Overheard {
    /// The last of an answer was sent, or nobody takes more of it.
    fn drop(&mut self) {
        let Some(Answer { call, status, headers }) = self.answer.take() else { return };
        let taken = |heard: &Mutex<Heard>| std::mem::take(&mut *heard.lock().unwrap_or_else(PoisonError::into_inner));
        let (sent, answered) = (taken(&call.sent), taken(&self.heard));
        let Observed { draft, asked, started, .. } = call;
        draft.called(Call {
            service: asked.service,
            request: asked.request,
            target: asked.target,
            body: Payload::of(&masked(&sent.bytes)),
            status,
            headers,
            answer: Payload::of(&masked(&answered.bytes)),
            ms: started.elapsed().as_secs_f64() * 1000.0,
            after_ms: draft.age_at(started).as_secs_f64() * 1000.0,
            cut: sent.cut || answered.cut,
        });
    }
}
