//! History as JSON: the log, single events, states, differences, rewinds and marks. The endpoints and the command
//! line, which also looks into data dirs without a server, answer from here.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answers::{
    Differences, Entry, EventPage, EventsLeft, LogPage, Marked, Marks, Resources, Rewound, ShownEvent, ShownMark,
    ShownResource, Summary, Unmarked,
};
use super::events;
use super::long::Long;
use crate::clock;
use crate::ledger::difference::Secrets;
use crate::ledger::point::Point;
use crate::ledger::time_travel::RewindError;
use crate::ledger::{Ledger, LedgerError, difference};
use crate::model::event::{Origin, Recorded};
use crate::model::history::MarkName;
use crate::model::history::command::HistoryCommand;
use crate::model::resource::{Changes, Resource, ResourceKey};
use crate::model::resource_pattern::ResourcePattern;
use crate::model::state::State;
use crate::runs::command::Fate;

/// Entries of a page of the log at most.
const PAGE: usize = 1000;

/// Bytes of a page, after which it ends.
const PAGE_BYTES: usize = 1024 * 1024;

/// Bytes of changes that an entry of a page has at most: of a larger one it has the counts, and `show` has it whole.
const ENTRY_BYTES: usize = 256 * 1024;

/// Which entries of the log are wanted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogQuery {
    /// The first sequence, or a point: what came after it.
    pub since: Option<String>,
    /// A function's name, with `*` and `?`.
    pub function: Option<String>,
    /// An ARN, with `*` and `?`.
    pub resource: Option<String>,
    /// An event's name.
    pub kind: Option<String>,
    /// Entries of a page.
    pub limit: Option<usize>,
    /// Whether values of functions' variables are shown.
    pub show_secrets: bool,
}

/// Why a question about history has no answer.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The question is none.
    #[error("{0}")]
    Invalid(String),
    /// History has no such place.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A rewind was not made.
    #[error(transparent)]
    Rewind(#[from] RewindError),
    /// It cannot be told in JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Reads a point and finds its sequence.
pub fn sequence(ledger: &Ledger, text: &str) -> Result<u64, HistoryError> {
    let point: Point = text.parse().map_err(HistoryError::Invalid)?;
    Ok(ledger.resolve(&point, clock::now())?)
}

/// How secrets are shown.
pub fn secrets(show: bool) -> Secrets {
    if show { Secrets::Shown } else { Secrets::Masked }
}

/// A page of the log, oldest first. An entry with very many changes has a summary of them instead. Blocking.
pub fn log(ledger: &Ledger, query: &LogQuery) -> Result<LogPage, HistoryError> {
    let wanted = Wanted::of(query)?;
    let first = query.since.as_deref().map_or(Ok(0), |since| match since.parse::<u64>() {
        // A sequence is itself meant; of a time, what came after it.
        Ok(sequence) => Ok(sequence.saturating_sub(1)),
        Err(_) => sequence(ledger, since),
    })?;
    let published = ledger.state().sequence;
    let begins = ledger.begins();
    let mut before = (*ledger.state_at((if begins > 1 { first.max(begins) } else { first }).min(published))?).clone();
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let secrets = secrets(query.show_secrets);
    let mut entries = Vec::new();
    let mut bytes = 0;
    let mut next = None;

    for recorded in ledger.events_from(before.sequence + 1) {
        let recorded = recorded?;
        if recorded.sequence > published {
            break;
        }
        if entries.len() == limit || bytes >= PAGE_BYTES {
            next = Some(recorded.sequence);
            break;
        }
        let mut after = before.clone();
        after.apply(&recorded.event);
        let changes = before.changes_to(&after);
        if wanted.has(&recorded, &changes) {
            let (entry, size) = entry(&recorded, &changes, &before, &after, secrets);
            entries.push(entry);
            bytes += size;
        }
        before = after;
    }

    Ok(LogPage { entries, next, sequence: published })
}

/// A page of events, without what they changed. Blocking.
pub fn events(ledger: &Ledger, from: u64, limit: usize) -> Result<EventPage, LedgerError> {
    // Up to the published state only: what is behind it was not acknowledged yet.
    let published = ledger.state().sequence;
    let begins = ledger.begins();
    if from.max(1) < begins {
        return Err(LedgerError::Compacted { begins });
    }
    let mut events = Vec::new();
    let mut bytes = 0;
    let mut next = from.max(1);

    for recorded in ledger.events_from(from).take(limit) {
        let recorded = recorded?;
        if recorded.sequence > published || bytes >= PAGE_BYTES {
            break;
        }
        next = recorded.sequence + 1;
        let event = events::show(&recorded);
        bytes += size_of(&event);
        events.push(event);
    }

    let next = Some(next).filter(|next| !events.is_empty() && *next <= published);
    Ok(EventPage { events, next })
}

/// One event with all that it changed. Blocking.
pub fn show(ledger: &Ledger, sequence: u64, show_secrets: bool) -> Result<Long<Entry>, HistoryError> {
    let newest = ledger.state().sequence;
    if sequence == 0 || sequence > newest {
        return Err(LedgerError::NotYet { asked: sequence, newest }.into());
    }
    let before = ledger.state_at(sequence - 1)?;
    let recorded = ledger.events(sequence, 1)?.pop().ok_or(LedgerError::NotYet { asked: sequence, newest })?;
    let mut after = (*before).clone();
    after.apply(&recorded.event);
    let head = head_of(&recorded);
    drop(recorded);

    Ok(Long::new(head, "changes", changed(before, after.into(), secrets(show_secrets)))?)
}

/// All resources of a point. Blocking.
pub fn state(ledger: &Ledger, at: Option<&str>, show_secrets: bool) -> Result<Long<Resources>, HistoryError> {
    let state = match at {
        Some(at) => ledger.state_at(sequence(ledger, at)?)?,
        None => ledger.state(),
    };
    let secrets = secrets(show_secrets);
    let resources: Vec<_> = state.resources().collect();
    let items = resources.into_iter().map(move |resource| {
        let key = resource.key();
        json!(ShownResource {
            kind: key.kind().name().to_owned(),
            name: key.name(),
            arn: resource.arn(),
            value: difference::shown(&resource, secrets),
        })
    });

    Ok(Long::new(json!({ "sequence": state.sequence }), "resources", items)?)
}

/// What differs between two points of one store. Blocking.
pub fn diff(ledger: &Ledger, from: &str, to: &str, show_secrets: bool) -> Result<Long<Differences>, HistoryError> {
    let side = |text| -> Result<Arc<State>, HistoryError> { Ok(ledger.state_at(sequence(ledger, text)?)?) };
    Ok(differences(side(from)?, side(to)?, secrets(show_secrets))?)
}

/// What differs between two states.
///
/// # Errors
/// Never: JSON has all numbers of a sequence.
pub fn differences(from: Arc<State>, to: Arc<State>, secrets: Secrets) -> Result<Long<Differences>, serde_json::Error> {
    let head = json!({ "from": from.sequence, "to": to.sequence });
    Long::new(head, "resources", changed(from, to, secrets))
}

/// What became of each resource that is not the same in two states.
pub fn changed(from: Arc<State>, to: Arc<State>, secrets: Secrets) -> impl Iterator<Item = Value> + Send + use<> {
    let keys: Vec<_> = from.changes_to(&to).keys().collect();
    keys.into_iter().map(move |key| json!(difference::at(&key, &from, &to, secrets)))
}

/// Brings the state back. Events that wait have `fate`.
pub async fn rewind(
    ledger: &Arc<Ledger>,
    to: &str,
    only: &[String],
    fate: Fate,
    origin: Origin,
) -> Result<Rewound, HistoryError> {
    let point: Point = to.parse().map_err(HistoryError::Invalid)?;
    let only: Result<Vec<ResourcePattern>, _> = only.iter().map(|text| ResourcePattern::parse(text)).collect();
    let rewound = ledger.rewind(point, &only.map_err(HistoryError::Invalid)?, fate, clock::now(), origin).await?;
    Ok(Rewound {
        to: rewound.to,
        sequence: rewound.sequence,
        put: rewound.changes.put.iter().map(Resource::arn).collect(),
        removed: rewound.changes.removed.iter().map(ResourceKey::arn).collect(),
        events: EventsLeft { waiting: rewound.waiting, dropped: rewound.dropped },
    })
}

/// Names the present.
pub async fn mark(ledger: &Ledger, name: &str, origin: Origin) -> Result<Marked, HistoryError> {
    let name = MarkName::parse(name).map_err(HistoryError::Invalid)?;
    let committed = ledger.put_mark(name.clone(), origin).await.map_err(RewindError::from)?;
    Ok(Marked { mark: name.to_string(), sequence: committed.state.sequence })
}

/// Forgets a mark.
pub async fn unmark(ledger: &Ledger, name: &str, origin: Origin) -> Result<Unmarked, HistoryError> {
    let name = MarkName::parse(name).map_err(HistoryError::Invalid)?;
    let command = HistoryCommand::DeleteMark { name: name.clone() };
    ledger.commit(command.into(), origin, None).await.map_err(RewindError::from)?;
    Ok(Unmarked { deleted: name.to_string() })
}

/// All marks.
pub fn marks(ledger: &Ledger) -> Marks {
    let state = ledger.state();
    let shown = state.marks.iter().map(|(name, mark)| ShownMark {
        mark: name.to_string(),
        sequence: mark.sequence,
        time: mark.time.to_string(),
    });
    Marks { marks: shown.collect() }
}

/// An entry of a page, and about how many bytes it has.
fn entry(recorded: &Recorded, changes: &Changes, from: &State, to: &State, secrets: Secrets) -> (Entry, usize) {
    let mut entry = Entry { event: head_of(recorded), summary: None, changes: Vec::new() };
    let mut bytes = 0;
    for key in changes.keys() {
        let change = difference::at(&key, from, to, secrets);
        bytes += size_of(&change);
        if bytes > ENTRY_BYTES {
            entry.changes.clear();
            entry.summary = Some(summary(changes, from));
            break;
        }
        entry.changes.push(change);
    }

    let size = size_of(&entry);
    (entry, size)
}

/// Bytes of something as JSON.
fn size_of(shown: &impl Serialize) -> usize {
    serde_json::to_vec(shown).map_or(0, |json| json.len())
}

/// What an entry says before its changes.
fn head_of(recorded: &Recorded) -> ShownEvent {
    let mut head = events::show(recorded);
    // What changed says it better, and with the values before.
    if !matches!(recorded.event, crate::model::event::Event::History(_)) {
        head.details = None;
    }
    head
}

/// How many resources of which kinds came, changed and went.
fn summary(changes: &Changes, from: &State) -> Summary {
    let mut counts = Summary::new();
    let put = changes.put.iter().map(Resource::key).map(|key| {
        let is_there = from.resource(&key).is_some();
        (if is_there { "changed" } else { "added" }, key.kind().name())
    });
    let removed = changes.removed.iter().map(|key| ("removed", key.kind().name()));
    for (change, kind) in put.chain(removed) {
        *counts.entry(change.to_owned()).or_default().entry(kind.to_owned()).or_default() += 1;
    }

    counts
}

/// The entries that are wanted.
struct Wanted<'a> {
    kind: Option<&'a str>,
    patterns: Vec<ResourcePattern>,
}

impl<'a> Wanted<'a> {
    fn of(query: &'a LogQuery) -> Result<Self, HistoryError> {
        let function = query.function.as_ref().map(|name| format!("function:{name}"));
        let texts = function.iter().chain(&query.resource);
        let patterns: Result<_, _> = texts.map(|text| ResourcePattern::parse(text)).collect();
        Ok(Self { kind: query.kind.as_deref(), patterns: patterns.map_err(HistoryError::Invalid)? })
    }

    fn has(&self, recorded: &Recorded, changes: &Changes) -> bool {
        let is_touched = |pattern: &ResourcePattern| changes.keys().any(|key| pattern.matches(&key));
        self.kind.is_none_or(|kind| recorded.event.name().eq_ignore_ascii_case(kind))
            && self.patterns.iter().all(is_touched)
    }
}
