//! Pods saved from a store and loaded into one, looked into and compared.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::invocations::InvocationsError;
use super::long::Long;
use super::report::Meant;
use super::{history, report};
use crate::blobs::BlobStore;
use crate::invoke::record::Record;
use crate::ledger::Ledger;
use crate::ledger::difference::{Difference, Secrets};
use crate::model::event::Origin;
use crate::model::merge::MergeStrategy;
use crate::model::resource::Resource;
use crate::model::resource_pattern::ResourcePattern;
use crate::pods::events::bring::LoadedEvents;
use crate::pods::hot_folders::{self, NeededVariable, PortableFolders};
use crate::pods::manifest::Manifest;
use crate::pods::mapping::{self, Mapping};
use crate::pods::messages::PodMessage;
use crate::pods::messages::bring::LoadedMessages;
use crate::pods::read::Pod;
use crate::pods::redaction::Rule;
use crate::pods::references::{self, Reference};
use crate::pods::transfer::{self, Choice, LoadError, Loaded, Reception, Saved};
use crate::pods::upstream_calls::UpstreamCall;
use crate::pods::{PodError, read};
use crate::runs::command::Fate;
use crate::upstream::RecorderError;

/// Bytes that are read from a file at a time: each reading is a trip to another thread.
pub const CHUNK: usize = 1024 * 1024;

/// Why a store alone has nothing to do with an upstream.
const ONLY_A_SERVER: &str = "the upstream's state can be taken along and handed back by a running server only";

/// What a pod shall hold.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own, no state of a machine")]
pub struct SaveRequest {
    /// What its maker says of it.
    pub message: Option<String>,
    /// A point of history; else now.
    pub at: Option<String>,
    /// Patterns of resources; empty: all.
    pub only: Vec<String>,
    /// Whether the events come along.
    pub with_history: bool,
    /// Whether the events that wait come along, with their payloads. (Not sent to a server that may not know it.)
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub with_events: bool,
    /// Whether the messages of queues come along. (Not sent to a server that may not know it.)
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub with_messages: bool,
    /// Whether the calls come along that made the upstream's state. (Not sent to a server that may not know it.)
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub with_upstream: bool,
    /// Those calls: who has an upstream asks it for them before.
    #[serde(skip)]
    pub upstream_calls: Option<Vec<UpstreamCall>>,
    /// Whose values are left out: `env:GLOB`, or `auto`.
    pub redact: Vec<String>,
    /// Request id of an invocation that is reported with the pod, which then holds its function as it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
    /// All invocations since this time, in milliseconds since the epoch, are reported with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report_since: Option<u64>,
}

/// How a pod shall be loaded.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own, no state of a machine")]
pub struct LoadQuery {
    /// How it meets what is there.
    pub merge: Option<String>,
    /// Whether to tell only what would change.
    pub dry_run: bool,
    /// Whether whoever loads it vouches for it: else its functions do nothing by themselves.
    pub trust: bool,
    /// Whether the events that wait here are dropped.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub drop_events: bool,
    /// Whether the upstream answers the calls first that the pod has for it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub with_upstream: bool,
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
    fn strategy(&self) -> Result<MergeStrategy, PodsError> {
        let strategy = self.merge.as_deref().map_or(Ok(MergeStrategy::default()), str::parse);
        strategy.map_err(PodsError::Invalid)
    }

    fn mapping(&self) -> Result<Mapping, PodsError> {
        let renames = self.rename.split(',').filter(|rename| !rename.is_empty()).map(|rename| {
            let (old, new) = rename.split_once('=').filter(|(old, new)| !old.is_empty() && !new.is_empty())?;
            Some((old.to_owned(), new.to_owned()))
        });
        let renames: Option<Vec<_>> = renames.collect();
        let renames = renames.ok_or_else(|| PodsError::Invalid("a name is changed by OLD=NEW".to_owned()))?;
        let account = self.account.clone().map(Into::into);
        let region = self.region.clone().map(Into::into);

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
    /// What is remembered of an invocation cannot be had.
    #[error(transparent)]
    Invocations(#[from] InvocationsError),
    /// The upstream's state cannot be had, or handed back.
    #[error(transparent)]
    Upstream(#[from] RecorderError),
    /// A file cannot be used.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It cannot be told in JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Writes a pod of a store. Blocking.
pub fn save_to(
    ledger: &Ledger,
    blobs: &BlobStore,
    request: SaveRequest,
    target: impl std::io::Write,
) -> Result<Saved, PodsError> {
    check(&request)?;
    let mut request = request;
    let redacts = request.redact.iter().any(|rule| rule == "auto");
    let reported = reported(ledger, &mut request)?;
    let report = reported.map(|meant| report::make(meant, redacts)).transpose()?;
    let at = request.at.as_deref().map(|at| history::sequence(ledger, at)).transpose()?;
    let only: Result<Vec<_>, _> = request.only.iter().map(|text| ResourcePattern::parse(text)).collect();
    let only = only.map_err(PodsError::Invalid)?;
    let redact: Result<Vec<_>, _> = request.redact.iter().map(|text| Rule::parse(text)).collect();
    let redact = redact.map_err(PodsError::Invalid)?;
    let SaveRequest { message, with_history, with_events, with_messages, upstream_calls, .. } = request;
    let choice = Choice { at, only, message, with_history, with_events, with_messages, upstream_calls, redact, report };
    Ok(transfer::save(ledger, blobs, choice, target)?)
}

/// Refuses what excludes each other.
fn check(request: &SaveRequest) -> Result<(), PodsError> {
    for (name, what, is_wanted) in [
        ("with_events", "events wait", request.with_events),
        ("with_messages", "messages wait", request.with_messages),
        ("with_upstream", "the upstream's calls are those until", request.with_upstream),
    ] {
        if is_wanted && request.at.is_some() {
            let text = format!("{what} now and have no history: `at` and `{name}` exclude each other");
            return Err(PodsError::Invalid(text));
        }
    }

    if request.with_upstream && !request.redact.is_empty() {
        let text = "what the upstream recorded is not redacted: `redact` and `with_upstream` exclude each other";
        return Err(PodsError::Invalid(text.to_owned()));
    }
    if request.with_upstream && request.upstream_calls.is_none() {
        return Err(PodsError::Invalid(ONLY_A_SERVER.to_owned()));
    }
    Ok(())
}

/// What a pod reports; the request is completed by what that says.
fn reported(ledger: &Ledger, request: &mut SaveRequest) -> Result<Option<Meant>, PodsError> {
    if let Some(id) = request.report.take() {
        let records = report::with_neighbours(ledger, &id)?;
        let last = records.last();
        request.at = request.at.take().or_else(|| Some(last?.sequence.to_string()));
        request.only.extend(last.map(|record| record.function.clone()));
        return Ok(Some(Meant { records, request_ids: vec![id] }));
    }

    let Some(since) = request.report_since.take() else { return Ok(None) };
    let records = report::since(ledger, since)?;
    let failed = records.iter().any(Record::failed);
    let meant = records.iter().filter(|record| record.failed() == failed);
    let request_ids = meant.map(|record| record.request_id.clone()).collect();
    Ok(Some(Meant { records, request_ids }))
}

/// Loads a pod from a stream of bytes, or tells what that would change. No upstream gets anything.
pub async fn load_from(
    ledger: &Arc<Ledger>,
    blobs: &Arc<BlobStore>,
    source: impl std::io::Read + Send + 'static,
    staging: &Path,
    query: LoadQuery,
    origin: Origin,
) -> Result<Long<LoadedPod>, PodsError> {
    if query.with_upstream {
        return Err(PodsError::Invalid(ONLY_A_SERVER.to_owned()));
    }
    let pod = read_for(&query, source, staging).await?;
    load(ledger, blobs, pod, query, origin).await
}

/// Reads a pod from a stream of bytes, its resources in the places where they shall be.
pub async fn read_for(
    query: &LoadQuery,
    source: impl std::io::Read + Send + 'static,
    staging: &Path,
) -> Result<Pod, PodsError> {
    // Before anything is done with the pod: what cannot be loaded is handed to no upstream either.
    query.strategy()?;
    let staging = staging.to_owned();
    let reading = tokio::task::spawn_blocking(move || read::read(source, &staging, read::MAX_SIZE));
    let mut pod = reading.await.map_err(std::io::Error::other)??;
    let mapping = query.mapping()?;
    let mapped = mapping::map(&pod.resources, &mapping);
    let mut resources = mapped.map_err(|error| PodsError::Invalid(error.to_string()))?;

    // Whatever wrote the pod: no path of it reaches into this machine unless its user says so.
    PortableFolders::default().change(&mut resources);
    pod.replace(resources)?;
    for waiting in pod.events.iter_mut().flatten() {
        waiting.event.function = mapping.function(&waiting.event.function);
    }
    for PodMessage { queue, message } in pod.messages.iter_mut().flatten() {
        *queue = mapping.queue(queue);
        message.dead_letter_source = message.dead_letter_source.as_ref().map(|source| mapping.queue(source));
    }
    Ok(pod)
}

/// Loads a pod that was read, or tells what that would change.
pub async fn load(
    ledger: &Arc<Ledger>,
    blobs: &Arc<BlobStore>,
    pod: Pod,
    query: LoadQuery,
    origin: Origin,
) -> Result<Long<LoadedPod>, PodsError> {
    let strategy = query.strategy()?;
    let pod = Arc::new(pod);
    let read = Arc::clone(&pod);
    let fate = Fate { drops_events: query.drop_events, ..Fate::default() };
    let reception = Reception { strategy, trusted: query.trust, fate };
    let loaded = if query.dry_run {
        let ledger = Arc::clone(ledger);
        let preview = tokio::task::spawn_blocking(move || transfer::preview(&ledger, &pod, reception));
        preview.await.map_err(std::io::Error::other)??
    } else {
        let source = query.source.unwrap_or_default();
        transfer::load(ledger, blobs, pod, reception, source, origin).await?
    };

    let after = &loaded.after;
    let upstream = references::references(&read.resources, |queue| after.queues.contains_key(queue));
    let needed = hot_folders::needed(&read.resources);
    Ok(told(loaded, (strategy, query.dry_run), needed, upstream)?)
}

/// A pod that was loaded, or would be.
#[derive(Debug, Serialize, Deserialize)]
pub struct LoadedPod {
    /// The pod's digest.
    pub digest: String,
    /// The newest sequence after it.
    pub sequence: u64,
    /// How it met what was there.
    pub merge: String,
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// Variables that its folders begin with.
    pub needed_variables: Vec<NeededVariable>,
    /// Functions that do nothing by themselves, as nobody vouched for them.
    pub inert: usize,
    /// What became of events that wait.
    #[serde(default)]
    pub events: LoadedEvents,
    /// What became of the pod's messages.
    #[serde(default)]
    pub messages: LoadedMessages,
    /// Resources that its functions refer to and that this store does not have: the upstream has to.
    #[serde(default)]
    pub upstream: Vec<Reference>,
    /// What became of each resource that it changed.
    pub resources: Vec<Difference>,
}

fn told(
    loaded: Loaded,
    (strategy, dry_run): (MergeStrategy, bool),
    needed: Vec<NeededVariable>,
    upstream: Vec<Reference>,
) -> Result<Long<LoadedPod>, serde_json::Error> {
    let head = LoadedPod {
        digest: loaded.digest.to_string(),
        sequence: loaded.after.sequence,
        merge: strategy.to_string(),
        dry_run,
        needed_variables: needed,
        inert: loaded.inert,
        events: loaded.events,
        messages: loaded.messages,
        upstream,
        resources: Vec::new(),
    };
    Long::new(head, "resources", history::changed(loaded.before, loaded.after, Secrets::Masked))
}

/// What a pod holds.
#[derive(Debug, Serialize, Deserialize)]
pub struct InspectedPod {
    /// Its digest.
    pub digest: String,
    /// What it says of itself.
    pub manifest: Manifest,
    /// ARNs of its resources.
    pub resources: Vec<String>,
    /// Variables that its folders begin with.
    pub needed_variables: Vec<NeededVariable>,
    /// Events that wait in it, where it has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<usize>,
    /// Messages of queues in it, where it has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<usize>,
}

/// Says what a pod holds.
pub fn inspected(pod: &Pod) -> InspectedPod {
    InspectedPod {
        digest: pod.digest.to_string(),
        manifest: pod.manifest.clone(),
        resources: pod.resources.iter().map(Resource::arn).collect(),
        needed_variables: hot_folders::needed(&pod.resources),
        events: pod.events.as_ref().map(Vec::len),
        messages: pod.messages.as_ref().map(Vec::len),
    }
}

/// A pod that was saved.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SavedPod {
    /// Its digest.
    pub digest: String,
    /// What it says of itself; not in a header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Manifest>,
    /// What the chosen resources need and brought along.
    pub taken_along: Vec<TakenAlong>,
    /// Variables in it that look like secrets.
    pub suspects: Vec<Suspect>,
    /// Events that wait in it, where they came along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<usize>,
    /// Messages of queues in it, where they came along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<usize>,
    /// Calls that made the upstream's state, where they came along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_calls: Option<usize>,
    /// Resources in the upstream that its functions refer to.
    #[serde(default)]
    pub upstream: Vec<Reference>,
    /// How long the lists are, where they were cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<SavedCounts>,
    /// Where it was put.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<String>,
}

/// A resource that came along.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TakenAlong {
    /// Its ARN.
    pub resource: String,
    /// ARN of one that needs it.
    pub needed_by: String,
}

/// A variable that looks like a secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Suspect {
    /// ARN of the function.
    pub resource: String,
    /// The variable's name.
    pub variable: String,
}

/// How long the lists of a [`SavedPod`] are.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct SavedCounts {
    /// Resources that came along.
    pub taken_along: usize,
    /// Variables that look like secrets.
    pub suspects: usize,
    /// Resources in the upstream.
    #[serde(default)]
    pub upstream: usize,
}

impl SavedPod {
    /// The same for a header, which takes that much only: lists of `most` entries, and how long they were.
    pub fn cut(mut self, most: usize) -> Self {
        self.counts = Some(self.counts());
        self.taken_along.truncate(most);
        self.suspects.truncate(most);
        self.upstream.truncate(most);
        self.manifest = None;
        self
    }

    /// How long the lists are, or were before they were cut.
    pub fn counts(&self) -> SavedCounts {
        let Self { taken_along, suspects, upstream, .. } = self;
        let here = SavedCounts { taken_along: taken_along.len(), suspects: suspects.len(), upstream: upstream.len() };
        self.counts.unwrap_or(here)
    }
}

impl From<Saved> for SavedPod {
    fn from(saved: Saved) -> Self {
        let taken_along = saved.taken_along.iter();
        let suspects = saved.suspects.into_iter();
        Self {
            digest: saved.digest.to_string(),
            upstream: saved.manifest.upstream.clone(),
            manifest: Some(saved.manifest),
            taken_along: taken_along.map(|(key, by)| TakenAlong { resource: key.arn(), needed_by: by.arn() }).collect(),
            suspects: suspects.map(|(resource, variable)| Suspect { resource, variable }).collect(),
            events: saved.events,
            messages: saved.messages,
            upstream_calls: saved.upstream_calls,
            counts: None,
            saved: None,
        }
    }
}
