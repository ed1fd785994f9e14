//! The endpoints of the pod library, `/_larder/pods` and `/_larder/pods/library/POD`: what `larder pod` does with
//! `NAME` or `NAME:VERSION`.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::pods::{loaded, received, refuse, with_upstream};
use super::{Console, Trusted, respond, time_travel, trust};
use crate::desk::history;
use crate::desk::pods::{LoadQuery, PodsError, SaveRequest, SavedPod, inspected, save_to};
use crate::ledger::difference::Secrets;
use crate::pods::location::{Local, Location};
use crate::pods::read::Pod;
use crate::pods::remotes::{self, Address, Place};
use crate::pods::{PodError, library, read};

/// The routes.
pub fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/_larder/pods", get(list))
        .route("/_larder/pods/inspect", post(inspect))
        .route("/_larder/pods/diff", get(diff))
        .route("/_larder/pods/library/{pod}", get(versions).post(save).delete(delete))
        .route("/_larder/pods/library/{pod}/inspect", get(inspect_kept))
        .route("/_larder/pods/library/{pod}/load", post(load))
        .route("/_larder/pods/library/{pod}/push", post(push))
        .route("/_larder/pods/library/{pod}/pull", post(pull))
}

fn answer(answer: Result<impl Serialize, PodsError>) -> Response {
    match answer {
        Ok(said) => Json(said).into_response(),
        Err(error) => refuse(&error),
    }
}

/// Answers off the threads that serve.
async fn blocking<T: Serialize + Send + 'static>(
    ask: impl FnOnce() -> Result<T, PodsError> + Send + 'static,
) -> Response {
    match tokio::task::spawn_blocking(ask).await {
        Ok(said) => answer(said),
        Err(error) => super::unavailable(&error),
    }
}

async fn list(State(console): State<Arc<Console>>) -> Response {
    blocking(move || {
        let pods = library::list(&library::folder(console.pods_dir.as_deref())?)?;
        let pods: Vec<_> = pods.iter().map(|(name, versions)| json!({ "name": name, "versions": versions })).collect();
        Ok(json!({ "pods": pods }))
    })
    .await
}

async fn versions(State(console): State<Arc<Console>>, Path(name): Path<String>) -> Response {
    blocking(move || {
        let versions = library::versions(&library::folder(console.pods_dir.as_deref())?, &name)?;
        let versions: Vec<_> =
            versions.iter().map(|(version, manifest)| json!({ "version": version, "manifest": manifest })).collect();
        Ok(json!({ "name": name, "versions": versions }))
    })
    .await
}

async fn delete(State(console): State<Arc<Console>>, Path(pod): Path<String>) -> Response {
    blocking(move || {
        let library = library::folder(console.pods_dir.as_deref())?;
        let (name, version) = if pod.contains(':') {
            library::find(&library, &pod).map(|(name, version)| (name, Some(version)))?
        } else {
            (pod, None)
        };
        let freed = library::delete(&library, &name, version)?;
        Ok(json!({ "deleted": name, "version": version, "parts": freed.parts, "bytes": freed.bytes }))
    })
    .await
}

async fn save(State(console): State<Arc<Console>>, Path(name): Path<String>, body: Bytes) -> Response {
    let request: SaveRequest = match serde_json::from_slice(if body.is_empty() { b"{}" } else { &body }) {
        Ok(request) => request,
        Err(error) => return refuse(&PodsError::Invalid(format!("the body says not what to save: {error}"))),
    };
    let request = match with_upstream(&console, request).await {
        Ok(request) => request,
        Err(error) => return refuse(&error),
    };
    let writing = Arc::clone(&console);
    let written = tokio::task::spawn_blocking(move || {
        let mut file = tempfile::NamedTempFile::new_in(&writing.staging)?;
        let target = std::io::BufWriter::new(file.as_file_mut());
        let saved = save_to(&writing.ledger, &writing.blobs, request, target)?;
        Ok::<_, PodsError>((file, saved))
    });
    let (file, saved) = match written.await {
        Ok(Ok(written)) => written,
        Ok(Err(error)) => return refuse(&error),
        Err(error) => return super::unavailable(&error),
    };

    match Location::Library(name).store(file, console.pods_dir.as_deref(), |_| {}).await {
        Ok(place) => Json(SavedPod { saved: Some(place), ..saved.into() }).into_response(),
        Err(error) => refuse(&error.into()),
    }
}

async fn load(
    State(console): State<Arc<Console>>,
    Path(pod): Path<String>,
    Query(mut query): Query<LoadQuery>,
    headers: HeaderMap,
) -> Response {
    let loading = async {
        let local = Location::Library(pod.clone()).bring(console.pods_dir.as_deref(), |_| {}).await?;
        let file = std::fs::File::open(local.path())?;
        query.source.get_or_insert(pod);
        loaded(&console, file, query, time_travel::origin(&headers)).await
    };
    match loading.await {
        Ok(loaded) => respond::long(loaded),
        Err(error) => refuse(&error),
    }
}

/// Reads a pod whole and says what is in it; nothing of it is loaded.
async fn inspect(State(console): State<Arc<Console>>, body: Body) -> Response {
    let file = match received(&console.staging, body).await {
        Ok(file) => file,
        Err(error) => return refuse(&error),
    };
    blocking(move || Ok(inspected(&read::read(file, &console.staging, read::MAX_SIZE)?))).await
}

/// The same for a pod of the library.
async fn inspect_kept(State(console): State<Arc<Console>>, Path(pod): Path<String>) -> Response {
    match Location::Library(pod).bring(console.pods_dir.as_deref(), |_| {}).await {
        Ok(local) => blocking(move || Ok(inspected(&whole(&local, &console.staging)?))).await,
        Err(error) => refuse(&error.into()),
    }
}

/// Reads a pod that was brought here. Blocking.
fn whole(local: &Local, staging: &std::path::Path) -> Result<Pod, PodsError> {
    Ok(read::read(std::fs::File::open(local.path())?, staging, read::MAX_SIZE)?)
}

/// Two pods of the library, each `NAME` or `NAME:VERSION`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sides {
    from: String,
    to: String,
}

async fn diff(State(console): State<Arc<Console>>, Query(sides): Query<Sides>) -> Response {
    let comparing = async {
        let mut states = Vec::with_capacity(2);
        for side in [sides.from, sides.to] {
            let local = Location::Library(side).bring(console.pods_dir.as_deref(), |_| {}).await?;
            let staging = console.staging.clone();
            let reading = tokio::task::spawn_blocking(move || whole(&local, &staging).map(|pod| pod.state()));
            states.push(Arc::new(reading.await.map_err(std::io::Error::other)??));
        }
        let from = Arc::clone(&states[0]);
        let to = Arc::clone(&states[1]);
        Ok(history::differences(from, to, Secrets::Masked)?)
    };
    match comparing.await {
        Ok(differences) => respond::long(differences),
        Err(error) => refuse(&error),
    }
}

/// Body of `…/push` and `…/pull`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    remote: String,
}

/// The remote: one of those that the server was started with, as whoever calls need not be who may read and write
/// here, nor who the server's credentials are for.
fn remote(console: &Console, body: &[u8]) -> Result<Address, PodsError> {
    let exchange: Exchange = serde_json::from_slice(body).map_err(|error| {
        PodsError::Invalid(format!("the body names no remote, {{\"remote\": \"s3://…\"}}: {error}"))
    })?;
    let address = Address::parse(&exchange.remote).map_err(PodError::from)?;
    if matches!(address.place(), Place::Folder(_)) {
        let text = "a folder is no remote here: `larder pod push` and `larder pod pull` take one".to_owned();
        return Err(PodsError::Invalid(text));
    }

    if !console.pod_remotes.iter().any(|allowed| address.is_below(allowed)) {
        let text = format!(
            "{address}: this server pushes to and pulls from the remotes only that it was started with, as its \
             credentials go there; start it with --pod-remote {address}, or use `larder pod push` and `larder pod pull`"
        );
        return Err(PodsError::Invalid(text));
    }

    Ok(address)
}

async fn push(
    State(console): State<Arc<Console>>,
    asker: Option<Extension<Trusted>>,
    Path(pod): Path<String>,
    body: Bytes,
) -> Response {
    let address = match remote(&console, &body) {
        // To wherever the caller says, with all that is in it.
        Ok(_) if asker.is_none() => return trust::refuse("sending a pod away"),
        Ok(address) => address,
        Err(error) => return refuse(&error),
    };
    let pushing = async {
        let library = library::folder(console.pods_dir.as_deref())?;
        let (name, version) = library::find(&library, &pod)?;
        let pushed = remotes::push(&library, &name, version, &address, |_| {}).await;
        Ok(pushed.map_err(PodError::from)?)
    };
    answer(pushing.await)
}

async fn pull(State(console): State<Arc<Console>>, Path(name): Path<String>, body: Bytes) -> Response {
    let pulling = async {
        let address = remote(&console, &body)?;
        let library = library::folder(console.pods_dir.as_deref())?;
        let pulled = remotes::pull(&address, &library, &name, |_| {}).await;
        Ok(pulled.map_err(PodError::from)?)
    };
    answer(pulling.await)
}
