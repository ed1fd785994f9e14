//! History as JSON: the log, single events, states, differences, rewinds and marks. The endpoints and the command
//! line, which also looks into data dirs without a server, answer from here.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

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

/// A page of the log, oldest first: `{"entries": […], "next": SEQ or null}`. An entry with very many changes has a
/// `summary` of them instead. Blocking.
pub fn log(ledger: &Ledger, query: &LogQuery) -> Result<Value, HistoryError> {
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
    let (mut entries, mut bytes, mut next) = (Vec::new(), 0, None);
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
    Ok(json!({ "entries": entries, "next": next, "sequence": published }))
}

/// A page of events, without what they changed: `{"events": […], "next": SEQ or null}`. Blocking.
pub fn events(ledger: &Ledger, from: u64, limit: usize) -> Result<Value, LedgerError> {
    // Up to the published state only: what is behind it was not acknowledged yet.
    let published = ledger.state().sequence;
    let begins = ledger.begins();
    if from.max(1) < begins {
        return Err(LedgerError::Compacted { begins });
    }
    let (mut events, mut bytes, mut next) = (Vec::new(), 0, from.max(1));
    for recorded in ledger.events_from(from).take(limit) {
        let recorded = recorded?;
        if recorded.sequence > published || bytes >= PAGE_BYTES {
            break;
        }
        next = recorded.sequence + 1;
        let event = events::show(&recorded);
        bytes += event.to_string().len();
        events.push(event);
    }
    let next = Some(next).filter(|next| !events.is_empty() && *next <= published);
    Ok(json!({ "events": events, "next": next }))
}

/// One event with all that it changed. Blocking.
pub fn show(ledger: &Ledger, sequence: u64, show_secrets: bool) -> Result<Long, HistoryError> {
    let newest = ledger.state().sequence;
    if sequence == 0 || sequence > newest {
        return Err(LedgerError::NotYet { asked: sequence, newest }.into());
    }
    let before = ledger.state_at(sequence - 1)?;
    let recorded = ledger.events(sequence, 1)?.pop().ok_or(LedgerError::NotYet { asked: sequence, newest })?;
    let mut after = (*before).clone();
    after.apply(&recorded.event);
    let head = entry_head(&recorded);
    drop(recorded);
    Ok(Long { head, list: "changes", items: changed(before, after.into(), secrets(show_secrets)) })
}

/// All resources of a point: `{"sequence": …, "resources": […]}`. Blocking.
pub fn state(ledger: &Ledger, at: Option<&str>, show_secrets: bool) -> Result<Long, HistoryError> {
    let state = match at {
        Some(at) => ledger.state_at(sequence(ledger, at)?)?,
        None => ledger.state(),
    };
    let secrets = secrets(show_secrets);
    let resources: Vec<_> = state.resources().collect();
    let items = resources.into_iter().map(move |resource| {
        let key = resource.key();
        json!({
            "kind": key.kind().name(), "name": key.name(), "arn": resource.arn(),
            "value": difference::shown(&resource, secrets),
        })
    });
    Ok(Long { head: members([("sequence", state.sequence)]), list: "resources", items: Box::new(items) })
}

/// What differs between two points of one store. Blocking.
pub fn diff(ledger: &Ledger, from: &str, to: &str, show_secrets: bool) -> Result<Long, HistoryError> {
    let side = |text| -> Result<Arc<State>, HistoryError> { Ok(ledger.state_at(sequence(ledger, text)?)?) };
    Ok(differences(side(from)?, side(to)?, secrets(show_secrets)))
}

/// What differs between two states.
pub fn differences(from: Arc<State>, to: Arc<State>, secrets: Secrets) -> Long {
    let head = members([("from", from.sequence), ("to", to.sequence)]);
    Long { head, list: "resources", items: changed(from, to, secrets) }
}

fn members<const N: usize>(members: [(&str, u64); N]) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}

/// What became of each resource that is not the same in two states.
pub fn changed(from: Arc<State>, to: Arc<State>, secrets: Secrets) -> Box<dyn Iterator<Item = Value> + Send> {
    let keys: Vec<_> = from.changes_to(&to).keys().collect();
    Box::new(keys.into_iter().map(move |key| json!(difference::at(&key, &from, &to, secrets))))
}

/// Brings the state back.
pub async fn rewind(ledger: &Arc<Ledger>, to: &str, only: &[String], origin: Origin) -> Result<Value, HistoryError> {
    let point: Point = to.parse().map_err(HistoryError::Invalid)?;
    let only: Result<Vec<ResourcePattern>, _> = only.iter().map(|text| ResourcePattern::parse(text)).collect();
    let rewound = ledger.rewind(point, &only.map_err(HistoryError::Invalid)?, clock::now(), origin).await?;
    let put: Vec<_> = rewound.changes.put.iter().map(Resource::arn).collect();
    let removed: Vec<_> = rewound.changes.removed.iter().map(ResourceKey::arn).collect();
    Ok(json!({ "to": rewound.to, "sequence": rewound.sequence, "put": put, "removed": removed }))
}

/// Names the present.
pub async fn mark(ledger: &Ledger, name: &str, origin: Origin) -> Result<Value, HistoryError> {
    let name = MarkName::parse(name).map_err(HistoryError::Invalid)?;
    let committed = ledger.put_mark(name.clone(), origin).await.map_err(RewindError::from)?;
    Ok(json!({ "mark": name.as_str(), "sequence": committed.state.sequence }))
}

/// Forgets a mark.
pub async fn unmark(ledger: &Ledger, name: &str, origin: Origin) -> Result<Value, HistoryError> {
    let name = MarkName::parse(name).map_err(HistoryError::Invalid)?;
    let command = HistoryCommand::DeleteMark { name: name.clone() };
    ledger.commit(command.into(), origin, None).await.map_err(RewindError::from)?;
    Ok(json!({ "deleted": name.as_str() }))
}

/// All marks.
pub fn marks(ledger: &Ledger) -> Value {
    let state = ledger.state();
    let marks = state
        .marks
        .iter()
        .map(|(name, mark)| json!({ "mark": name.as_str(), "sequence": mark.sequence, "time": mark.time.to_string() }));
    json!({ "marks": marks.collect::<Vec<_>>() })
}

/// An entry of a page, and about how many bytes it has.
fn entry(recorded: &Recorded, changes: &Changes, from: &State, to: &State, secrets: Secrets) -> (Value, usize) {
    let mut entry = entry_head(recorded);
    let (mut shown, mut bytes) = (Vec::new(), 0);
    for key in changes.keys() {
        let change = json!(difference::at(&key, from, to, secrets));
        bytes += change.to_string().len();
        if bytes > ENTRY_BYTES {
            shown.clear();
            entry.insert("summary".to_owned(), summary(changes, from));
            break;
        }
        shown.push(change);
    }
    entry.insert("changes".to_owned(), shown.into());
    let entry = Value::from(entry);
    let size = entry.to_string().len();
    (entry, size)
}

/// What an entry says before its changes.
fn entry_head(recorded: &Recorded) -> Map<String, Value> {
    let Value::Object(mut head) = events::show(recorded) else { return Map::new() };
    // What changed says it better, and with the values before.
    if !matches!(recorded.event, crate::model::event::Event::History(_)) {
        head.remove("details");
    }
    head
}

/// How many resources of which kinds came, changed and went.
fn summary(changes: &Changes, from: &State) -> Value {
    let mut counts: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    let put = changes.put.iter().map(Resource::key).map(|key| {
        let is_there = from.resource(&key).is_some();
        (if is_there { "changed" } else { "added" }, key.kind().name())
    });
    let removed = changes.removed.iter().map(|key| ("removed", key.kind().name()));
    for (change, kind) in put.chain(removed) {
        *counts.entry(change).or_default().entry(kind).or_default() += 1;
    }
    json!(counts)
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
