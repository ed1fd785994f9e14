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
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::io::ReaderStream;

use super::long::Long;
use super::{Console, Trusted, history, time_travel, trust};
use crate::blobs::BlobStore;
use crate::ledger::difference::Secrets;
use crate::ledger::{CommitError, Ledger};
use crate::model::event::Origin;
use crate::model::merge::MergeStrategy;
use crate::model::resource::Resource;
use crate::model::resource_pattern::ResourcePattern;
use crate::pods::hot_folders::{self, NeededVariable, PortableFolders};
use crate::pods::mapping::{self, Mapping};
use crate::pods::read::Pod;
use crate::pods::redaction::Rule;
use crate::pods::transfer::{self, Choice, LoadError, Loaded, Reception, Saved};
use crate::pods::{PodError, read};

/// Bytes that are read from a file at a time: each reading is a trip to another thread.
pub const CHUNK: usize = 1024 * 1024;

/// The routes.
pub fn routes() -> Router<Arc<Console>> {
    Router::new().route("/_larder/pods/save", post(save)).route("/_larder/pods/load", post(load))
}

/// What a pod shall hold.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SaveRequest {
    /// What its maker says of it.
    pub message: Option<String>,
    /// A point of history; else now.
    pub at: Option<String>,
    /// Patterns of resources; empty: all.
    pub only: Vec<String>,
    /// Whether the events come along.
    pub with_history: bool,
    /// Whose values are left out: `env:GLOB`, or `auto`.
    pub redact: Vec<String>,
}

/// How a pod shall be loaded.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoadQuery {
    /// How it meets what is there.
    pub merge: Option<String>,
    /// Whether to tell only what would change.
    pub dry_run: bool,
    /// Whether whoever loads it vouches for it: else its functions do nothing by themselves.
    pub trust: bool,
    /// Where it came from, for history.
    pub source: Option<String>,
    /// Functions that get other names: `OLD=NEW`, with commas between.
    pub rename: String,
    /// The account that the pod's are brought into.
    pub account: Option<String>,
    /// The region that the pod's are brought into.
    pub region: Option<String>,
}

impl LoadQuery {
    fn mapping(&self) -> Result<Mapping, PodsError> {
        let renames = self.rename.split(',').filter(|rename| !rename.is_empty()).map(|rename| {
            let (old, new) = rename.split_once('=').filter(|(old, new)| !old.is_empty() && !new.is_empty())?;
            Some((old.to_owned(), new.to_owned()))
        });
        let renames: Option<Vec<_>> = renames.collect();
        let renames = renames.ok_or_else(|| PodsError::Invalid("a name is changed by OLD=NEW".to_owned()))?;
        let (account, region) = (self.account.clone().map(Into::into), self.region.clone().map(Into::into));
        Ok(Mapping { account, region, renames })
    }
}

/// Why a pod was not saved or loaded.
#[derive(Debug, thiserror::Error)]
pub enum PodsError {
    /// The request is none.
    #[error("{0}")]
    Invalid(String),
    /// A point of history is not to be had.
    #[error(transparent)]
    History(#[from] history::HistoryError),
    /// The pod cannot be written or read.
    #[error(transparent)]
    Pod(#[from] PodError),
    /// The pod cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A file cannot be used.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Writes a pod of a store. Blocking.
pub fn save_to(
    ledger: &Ledger,
    blobs: &BlobStore,
    request: SaveRequest,
    target: impl std::io::Write,
) -> Result<Saved, PodsError> {
    let at = request.at.as_deref().map(|at| history::sequence(ledger, at)).transpose()?;
    let only: Result<Vec<_>, _> = request.only.iter().map(|text| ResourcePattern::parse(text)).collect();
    let only = only.map_err(PodsError::Invalid)?;
    let redact: Result<Vec<_>, _> = request.redact.iter().map(|text| Rule::parse(text)).collect();
    let redact = redact.map_err(PodsError::Invalid)?;
    let choice = Choice { at, only, message: request.message, with_history: request.with_history, redact };
    Ok(transfer::save(ledger, blobs, &choice, target)?)
}

/// Loads a pod from a stream of bytes, or tells what that would change.
pub async fn load_from(
    ledger: &Arc<Ledger>,
    blobs: &Arc<BlobStore>,
    source: impl std::io::Read + Send + 'static,
    staging: &Path,
    query: LoadQuery,
    origin: Origin,
) -> Result<Long, PodsError> {
    let strategy = query.merge.as_deref().map_or(Ok(MergeStrategy::default()), str::parse);
    let strategy = strategy.map_err(PodsError::Invalid)?;
    let staging = staging.to_owned();
    let reading = tokio::task::spawn_blocking(move || read::read(source, &staging, read::MAX_SIZE));
    let mut pod = reading.await.map_err(std::io::Error::other)??;
    let mapped = mapping::map(&pod.resources, &query.mapping()?);
    let mut resources = mapped.map_err(|error| PodsError::Invalid(error.to_string()))?;
    // Whatever wrote the pod: no path of it reaches into this machine unless its user says so.
    PortableFolders::default().change(&mut resources);
    let needed = hot_folders::needed(&resources);
    pod.replace(resources)?;
    let (pod, reception) = (Arc::new(pod), Reception { strategy, trusted: query.trust });
    let loaded = if query.dry_run {
        transfer::preview(ledger, &pod, reception)
    } else {
        let source = query.source.unwrap_or_default();
        transfer::load(ledger, blobs, pod, reception, source, origin).await?
    };
    Ok(loaded_json(loaded, strategy, query.dry_run, &needed))
}

fn loaded_json(loaded: Loaded, strategy: MergeStrategy, dry_run: bool, needed: &[NeededVariable]) -> Long {
    let mut head = serde_json::Map::new();
    head.insert("digest".to_owned(), loaded.digest.to_string().into());
    head.insert("sequence".to_owned(), loaded.after.sequence.into());
    head.insert("merge".to_owned(), strategy.to_string().into());
    head.insert("dry_run".to_owned(), dry_run.into());
    head.insert("needed_variables".to_owned(), json!(needed));
    head.insert("inert".to_owned(), loaded.inert.into());
    let items = history::changed(loaded.before, loaded.after, Secrets::Masked);
    Long { head, list: "resources", items }
}

/// What a pod holds, as JSON.
pub fn inspected(pod: &Pod) -> Value {
    let resources: Vec<_> = pod.resources.iter().map(Resource::arn).collect();
    json!({
        "digest": pod.digest.to_string(), "manifest": pod.manifest, "resources": resources,
        "needed_variables": hot_folders::needed(&pod.resources),
    })
}

/// Entries of each list that a header takes along: there may be thousands, and clients take some hundred kilobytes.
const LISTED: usize = 50;

/// What was saved, as JSON.
pub fn saved_json(saved: &Saved) -> Value {
    let taken_along = saved.taken_along.iter().map(|(key, by)| json!({ "resource": key.arn(), "needed_by": by.arn() }));
    let suspects = saved.suspects.iter().map(|(arn, name)| json!({ "resource": arn, "variable": name }));
    json!({
        "digest": saved.digest.to_string(), "manifest": saved.manifest,
        "taken_along": taken_along.collect::<Vec<_>>(), "suspects": suspects.collect::<Vec<_>>(),
    })
}

/// What a header says of a pod: the lists are cut, and the counts say how long they were.
fn header_summary(says: &Value) -> Value {
    let list = |name: &str| {
        let entries = says[name].as_array().map_or(&[][..], Vec::as_slice);
        (json!(&entries[..entries.len().min(LISTED)]), entries.len())
    };
    let ((taken_along, taken), (suspects, suspected)) = (list("taken_along"), list("suspects"));
    json!({
        "digest": says["digest"], "taken_along": taken_along, "suspects": suspects,
        "counts": { "taken_along": taken, "suspects": suspected },
    })
}

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
    if asker.is_none() && !request.redact.iter().any(|rule| rule == NO_VALUES) {
        return trust::refuse(&format!("a pod with values of variables (without `\"redact\": [\"{NO_VALUES}\"]`)"));
    }
    let written = tokio::task::spawn_blocking(move || {
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
            let says = saved_json(&saved);
            let headers = response.headers_mut();
            headers.insert("content-length", size.into());
            headers.insert("content-type", axum::http::HeaderValue::from_static("application/zstd"));
            let summary = header_summary(&says).to_string();
            if let Ok(summary) = axum::http::HeaderValue::from_str(&summary) {
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
    let (ledger, blobs) = (&console.ledger, &console.blobs);
    let origin = time_travel::origin(&headers);
    match load_from(ledger, blobs, std::io::BufReader::new(file), &console.staging, query, origin).await {
        Ok(loaded) => loaded.into_response(),
        Err(error) => refuse(&error),
    }
}

/// The body in a temporary file.
pub async fn received(staging: &Path, body: Body) -> Result<std::fs::File, PodsError> {
    let mut file = tempfile::tempfile_in(staging)?;
    let (mut stream, mut size) = (body.into_data_stream(), 0_u64);
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
        PodsError::Pod(PodError::Library(_)) => StatusCode::NOT_FOUND,
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
