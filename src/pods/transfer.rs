//! Saves a store's state as a pod, and loads a pod into a store.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use super::events;
use super::events::bring::{self, Bringing, LoadedEvents};
use super::hot_folders::PortableFolders;
use super::messages::bring::LoadedMessages;
use super::read::Pod;
use super::redaction::{self, Rule};
use super::references::Reference;
use super::report::Report;
use super::upstream_calls::{self, UpstreamCall};
use super::write::{self, Contents};
use super::{Manifest, PodError, messages, references, selection};
use crate::blobs::{BlobError, BlobStore};
use crate::ledger::{Attachment, CommitError, Ledger, LedgerError};
use crate::model::blob::BlobId;
use crate::model::event::{Event, Origin, Recorded};
use crate::model::history::Cause;
use crate::model::history::command::HistoryCommand;
use crate::model::history::event::HistoryEvent;
use crate::model::merge::{self, MergeStrategy};
use crate::model::queues::QueueKey;
use crate::model::resource::{Resource, ResourceKey};
use crate::model::resource_pattern::ResourcePattern;
use crate::model::state::State;
use crate::runs::command::{Fate, RunCommand};

/// What goes into a pod.
#[derive(Debug, Default)]
pub struct Choice {
    /// The sequence whose state it is; `None`: now.
    pub at: Option<u64>,
    /// The resources, with what they need; empty: all.
    pub only: Vec<ResourcePattern>,
    /// What its maker says of it.
    pub message: Option<String>,
    /// Whether the events come along.
    pub with_history: bool,
    /// Whether the events that wait come along.
    pub with_events: bool,
    /// Whether the messages of queues come along.
    pub with_messages: bool,
    /// Calls that made the upstream's state, where they come along.
    pub upstream_calls: Option<Vec<UpstreamCall>>,
    /// Whose values are left out.
    pub redact: Vec<Rule>,
    /// What invocations are reported.
    pub report: Option<Report>,
}

/// A pod that was written.
#[derive(Debug)]
pub struct Saved {
    /// Its digest.
    pub digest: BlobId,
    /// What it says of itself.
    pub manifest: Manifest,
    /// What the chosen resources need and brought along, with one that needs it.
    pub taken_along: Vec<(ResourceKey, ResourceKey)>,
    /// Variables in it that look like secrets: the ARN of the function, and the name.
    pub suspects: Vec<(String, String)>,
    /// Events that wait in it, where they came along.
    pub events: Option<usize>,
    /// Messages of queues in it, where they came along.
    pub messages: Option<usize>,
    /// Calls that made the upstream's state, where they came along.
    pub upstream_calls: Option<usize>,
}

/// Writes a pod of a store. Blocking.
///
/// # Errors
/// A pattern matches nothing, a blob is missing or damaged, or the target cannot be written.
pub fn save(ledger: &Ledger, blobs: &BlobStore, mut choice: Choice, target: impl Write) -> Result<Saved, PodError> {
    let state = match choice.at {
        Some(sequence) => ledger.state_at(sequence)?,
        None => ledger.state(),
    };
    let (resources, taken_along) = if choice.only.is_empty() {
        (state.resources().collect(), Vec::new())
    } else {
        let selection = selection::select(&state, &choice.only).map_err(PodError::Refused)?;
        (selection.resources, selection.taken_along)
    };
    let mut folders = PortableFolders::default();
    let Prepared { resources, suspects, upstream, blobs: needed } =
        prepared(resources, &choice.redact, &mut folders, |queue| state.queues.contains_key(queue));
    let last = ledger.events_from(state.sequence).next().transpose()?;
    let events = choice.with_events.then(|| events::write::write(ledger, &resources, &choice.redact)).transpose()?;
    let messages =
        choice.with_messages.then(|| messages::write::write(ledger, &resources, &choice.redact)).transpose()?;
    let upstream_calls = choice.upstream_calls.as_deref().map(upstream_calls::write).transpose()?;
    let report = choice.report.take();
    let counts = [&events, &messages, &upstream_calls].map(|lines| lines.as_ref().map(|lines| lines.count));
    let contents = Contents {
        store: ledger.store_id().to_owned(),
        sequence: state.sequence,
        time: last.filter(|_| state.sequence > 0).map_or(0, |recorded| recorded.time.0),
        message: choice.message.clone(),
        upstream,
        resources,
        blobs: needed,
        history: choice.with_history.then(|| history(ledger, state.sequence, &choice, &mut folders)).transpose()?,
        events,
        messages,
        upstream_calls,
        report,
    };
    let (digest, manifest) = write::write(&contents, blobs, target)?;

    let [events, messages, upstream_calls] = counts;
    Ok(Saved { digest, manifest, taken_along, suspects, events, messages, upstream_calls })
}

/// Resources as they go into a pod, and what else of them goes there.
struct Prepared {
    resources: Vec<Resource>,
    suspects: Vec<(String, String)>,
    upstream: Vec<Reference>,
    blobs: BTreeSet<BlobId>,
}

/// Looks at each resource once: there may be many, most of them folded.
fn prepared(
    mut resources: Vec<Resource>,
    rules: &[Rule],
    folders: &mut PortableFolders,
    is_here: impl Fn(&QueueKey) -> bool,
) -> Prepared {
    let mut suspects = Vec::new();
    let mut found = references::Found::new(is_here);
    let mut blobs = BTreeSet::new();
    for resource in &mut resources {
        let before = resource.opened();
        let mut after = before.clone();
        let one = std::slice::from_mut(&mut after);
        redaction::redact(one, rules);
        folders.change(one);
        suspects.extend(redaction::suspects(one));
        found.add(&after);
        blobs.extend(after.blobs());
        if !after.is_same(&before) {
            *resource = after;
        }
    }

    forget_trust(&mut resources);
    Prepared { resources, suspects, upstream: found.references(), blobs }
}

/// The events up to a sequence.
fn history(
    ledger: &Ledger,
    sequence: u64,
    choice: &Choice,
    folders: &mut PortableFolders,
) -> Result<Vec<Recorded>, LedgerError> {
    let until = |recorded: &Result<Recorded, LedgerError>| {
        recorded.as_ref().map_or(true, |recorded| recorded.sequence <= sequence)
    };
    let mut events: Vec<_> = ledger.events_from(ledger.begins()).take_while(until).collect::<Result<_, _>>()?;
    for recorded in &mut events {
        redaction::redact_event(&mut recorded.event, &choice.redact);
        folders.change_event(&mut recorded.event);
        match &mut recorded.event {
            Event::History(HistoryEvent::StateRestored { changes, .. }) => forget_trust(&mut changes.put),
            Event::History(HistoryEvent::HistoryCompacted { resources, .. }) => forget_trust(resources),
            _ => {}
        }
    }

    Ok(events)
}

/// Takes out who vouched for what: that is for each store to know.
fn forget_trust(resources: &mut [Resource]) {
    for resource in resources {
        if let Resource::Function(_, function) = resource
            && function.is_inert()
        {
            Arc::make_mut(function).vouch();
        }
    }
}

/// Why a pod was not loaded; nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Its blobs cannot be stored.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The change cannot be made.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The events that wait cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What loading a pod changed, or would.
#[derive(Debug)]
pub struct Loaded {
    /// The pod's digest.
    pub digest: BlobId,
    /// The state before it.
    pub before: Arc<State>,
    /// The state after it, or what it would be.
    pub after: Arc<State>,
    /// How many of the pod's functions nobody has vouched for: they do nothing by themselves.
    pub inert: usize,
    /// What became of events that wait.
    pub events: LoadedEvents,
    /// What became of the pod's messages.
    pub messages: LoadedMessages,
}

/// How a pod meets what is there.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reception {
    /// What wins where both have something.
    pub strategy: MergeStrategy,
    /// Whether somebody vouches for it.
    pub trusted: bool,
    /// What becomes of the events that wait here.
    pub fate: Fate,
}

/// What loading a pod would change. Blocking.
///
/// # Errors
/// The store cannot be read, or an event of the pod could not be taken in.
pub fn preview(ledger: &Ledger, pod: &Pod, reception: Reception) -> Result<Loaded, LoadError> {
    let Reception { strategy, trusted, fate } = reception;
    let state = ledger.state();
    let mut after = (*state).clone();
    after.make(&merge::merge(&state, &pod.resources, strategy, trusted));
    let inert = inert(&after, pod);

    let (Bringing { command, events }, messages) = bringing(ledger, pod, fate, trusted)?;
    let (told, waiting) = ledger.preview_runs(&after, &command).map_err(CommitError::from)?;
    let events = events.after(&told, waiting);
    Ok(Loaded { digest: pod.digest, before: state, after: after.into(), inert, events, messages })
}

/// The one command that takes in what was under way, and what will have come of it. Blocking.
fn bringing(ledger: &Ledger, pod: &Pod, fate: Fate, trusted: bool) -> Result<(Bringing, LoadedMessages), LedgerError> {
    let Bringing { command, events } = bring::bringing(ledger, pod.waiting(), fate, trusted)?;
    let (messages, loaded) = messages::bring::bringing(ledger, pod.queued(), trusted)?;
    let command = RunCommand::InTurn(std::iter::once(command).chain(messages).collect());
    Ok((Bringing { command, events }, loaded))
}

/// How many of the functions of a pod are inert in a state.
fn inert(state: &State, pod: &Pod) -> usize {
    let functions = pod.resources.iter().filter_map(|resource| match resource {
        Resource::Function(key, _) => Some(key),
        _ => None,
    });
    functions.filter(|key| state.function(key).is_some_and(|function| function.is_inert())).count()
}

/// Loads a pod: its blobs, and then all its resources by one event, with the events that waited. None of its code runs by
/// that, unless somebody vouches for it: then reactors do what it asks for.
///
/// # Errors
/// See [`LoadError`]; blobs that were stored already are nobody's, and `larder gc` removes them.
pub async fn load(
    ledger: &Arc<Ledger>,
    blobs: &Arc<BlobStore>,
    pod: Arc<Pod>,
    reception: Reception,
    source: String,
    origin: Origin,
) -> Result<Loaded, LoadError> {
    let Reception { strategy, trusted, fate } = reception;
    let staged = staged(blobs, &pod).await?;
    let bringing = {
        let ledger = Arc::clone(ledger);
        let pod = Arc::clone(&pod);
        tokio::task::spawn_blocking(move || bringing(&ledger, &pod, fate, trusted))
    };
    let (Bringing { command: bring, events }, messages) = bringing.await.map_err(|_| CommitError::Closed)??;
    let before = ledger.state();
    let message = pod.manifest.message.clone();
    let cause = Cause::PodLoaded { digest: pod.digest.to_string(), source, message, strategy: strategy.to_string() };
    let command = HistoryCommand::Merge { incoming: pod.resources.clone(), strategy, trusted, cause };
    let committed = ledger.commit_both(command.into(), bring, origin, staged).await?;
    let inert = inert(&committed.state, &pod);
    let events = events.after(&committed.told, committed.waiting);

    Ok(Loaded { digest: pod.digest, before, after: committed.state, inert, events, messages })
}

/// Stores the blobs of a pod that are files of their own; those that go with the change.
async fn staged(blobs: &Arc<BlobStore>, pod: &Arc<Pod>) -> Result<Vec<Attachment>, LoadError> {
    let store = Arc::clone(blobs);
    let read = Arc::clone(pod);
    let staged = tokio::task::spawn_blocking(move || {
        let staged = read.blobs().map(|id| store.stage_file(id, &read.blob(&id)));
        staged.filter_map(|staged| staged.map(|staged| staged.attachment).transpose()).collect::<Result<Vec<_>, _>>()
    });
    Ok(staged.await.map_err(|_| CommitError::Closed)??)
}
