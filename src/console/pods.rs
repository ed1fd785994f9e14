//! The endpoints of pods: `POST /_larder/pods/save` answers with one, `POST /_larder/pods/load` takes one.

use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use futures_util::StreamExt as _;
use serde_json::json;
use tokio_util::io::ReaderStream;

use super::{Console, Trusted, respond, time_travel, trust};
use crate::desk::invocations::InvocationsError;
use crate::desk::long::Long;
use crate::desk::pods::{self, CHUNK, LoadQuery, LoadedPod, PodsError, SaveRequest, SavedPod, save_to};
use crate::desk::upstream_calls;
use crate::ledger::CommitError;
use crate::model::event::Origin;
use crate::pods::transfer::LoadError;
use crate::pods::{PodError, read};

/// The routes.
pub fn routes() -> Router<Arc<Console>> {
    Router::new().route("/_larder/pods/save", post(save)).route("/_larder/pods/load", post(load))
}

/// Entries of each list that a header takes along: there may be thousands, and clients take some hundred kilobytes.
const LISTED: usize = 50;

/// What a pod keeps of all variables' values.
const NO_VALUES: &str = "env:*";

async fn save(
    State(console): State<Arc<Console>>,
    asker: Option<Extension<Trusted>>,
    body: axum::body::Bytes,
) -> Response {
    let request: SaveRequest = match serde_json::from_slice(if body.is_empty() { b"{}" } else { &body }) {
        Ok(request) => request,
        Err(error) => return refuse(&PodsError::Invalid(format!("the body says not what to save: {error}"))),
    };
    if asker.is_none() && request.with_events {
        return trust::refuse("a pod with the payloads of events that wait");
    }
    if asker.is_none() && request.with_messages {
        return trust::refuse("a pod with the messages of queues");
    }
    if asker.is_none() && request.with_upstream {
        return trust::refuse("a pod with calls of an upstream");
    }
    let reports = request.report.is_some() || request.report_since.is_some();
    if asker.is_none() && reports {
        return trust::refuse("a pod with the events of invocations");
    }
    if asker.is_none() && !request.redact.iter().any(|rule| rule == NO_VALUES) {
        return trust::refuse(&format!("a pod with values of variables (without `\"redact\": [\"{NO_VALUES}\"]`)"));
    }
    let request = match with_upstream(&console, request).await {
        Ok(request) => request,
        Err(error) => return refuse(&error),
    };
    let written = tokio::task::spawn_blocking(move || {
        if reports {
            console.invoker.recorder().settle();
        }
        // Into a file first: a pod that fails half-way must be an error, not a short answer.
        let mut file = tempfile::tempfile_in(&console.staging)?;
        let saved = save_to(&console.ledger, &console.blobs, request, std::io::BufWriter::new(&mut file))?;
        file.rewind()?;
        let size = file.metadata()?.len();
        Ok::<_, PodsError>((saved, file, size))
    });
    match written.await {
        Ok(Ok((saved, file, size))) => {
            let stream = ReaderStream::with_capacity(tokio::fs::File::from_std(file), CHUNK);
            let mut response = Response::new(Body::from_stream(stream));
            let says = SavedPod::from(saved).cut(LISTED);
            let headers = response.headers_mut();
            headers.insert("content-length", size.into());
            headers.insert("content-type", axum::http::HeaderValue::from_static("application/zstd"));
            if let Ok(summary) = axum::http::HeaderValue::from_str(&json!(says).to_string()) {
                headers.insert("x-larder-pod", summary);
            }
            response
        }
        Ok(Err(error)) => refuse(&error),
        Err(error) => super::unavailable(&error),
    }
}

async fn load(
    State(console): State<Arc<Console>>,
    Query(query): Query<LoadQuery>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let file = match received(&console.staging, body).await {
        Ok(file) => file,
        Err(error) => return refuse(&error),
    };
    match loaded(&console, file, query, time_travel::origin(&headers)).await {
        Ok(loaded) => respond::long(loaded),
        Err(error) => refuse(&error),
    }
}

/// What is to be saved, with what the upstream has of it where that is wanted.
pub async fn with_upstream(console: &Console, request: SaveRequest) -> Result<SaveRequest, PodsError> {
    if !request.with_upstream {
        return Ok(request);
    }
    let upstream_calls = Some(upstream_calls::taken(&console.upstream).await?);
    Ok(SaveRequest { upstream_calls, ..request })
}

/// Loads a pod; the upstream gets its part first where that is wanted, as functions may look for it at once.
pub async fn loaded(
    console: &Console,
    file: std::fs::File,
    query: LoadQuery,
    origin: Origin,
) -> Result<Long<LoadedPod>, PodsError> {
    let pod = pods::read_for(&query, std::io::BufReader::new(file), &console.staging).await?;
    if query.with_upstream {
        upstream_calls::hand_back(&console.upstream, &pod, query.dry_run).await?;
    }
    pods::load(&console.ledger, &console.blobs, pod, query, origin).await
}

/// The body in a temporary file.
pub async fn received(staging: &Path, body: Body) -> Result<std::fs::File, PodsError> {
    let mut file = tempfile::tempfile_in(staging)?;
    let mut stream = body.into_data_stream();
    let mut size = 0_u64;
    while let Some(bytes) = stream.next().await {
        let bytes = bytes.map_err(std::io::Error::other)?;
        if size == 0 && !read::may_begin_a_pod(&bytes) {
            return Err(PodError::Broken("it does not begin as one".to_owned()).into());
        }
        size += bytes.len() as u64;
        if size > read::MAX_SIZE {
            return Err(PodsError::Invalid(format!("the pod has more than {} bytes", read::MAX_SIZE)));
        }
        // A file of the page cache: it waits for no disk.
        file.write_all(&bytes)?;
    }

    file.rewind()?;
    Ok(file)
}

/// What is wrong, as `{"error": …}`.
pub fn refuse(error: &PodsError) -> Response {
    let status = match error {
        PodsError::History(error) => return time_travel::refuse(error),
        PodsError::Load(LoadError::Commit(CommitError::Refused(_))) | PodsError::Pod(PodError::Busy(_)) => {
            StatusCode::CONFLICT
        }
        PodsError::Upstream(_) => StatusCode::BAD_GATEWAY,
        PodsError::Pod(PodError::Library(_)) | PodsError::Invocations(InvocationsError::Unknown(_)) => {
            StatusCode::NOT_FOUND
        }
        PodsError::Invalid(_)
        | PodsError::Pod(
            PodError::Broken(_)
            | PodError::Refused(_)
            | PodError::Name(_)
            | PodError::Remote(_)
            | PodError::Newer { .. }
            | PodError::Digest { .. },
        ) => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    if status.is_server_error() {
        tracing::error!(%error, "a pod was not saved or loaded");
    }
    (status, Json(json!({ "error": error.to_string() }))).into_response()
}
