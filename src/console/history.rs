//! History as JSON: the log, single events, states, differences, rewinds and marks. The endpoints and the command
//! line, which also looks into data dirs without a server, answer from here.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::event_view;
use crate::ledger::difference::{self, Difference, Secrets};
use crate::ledger::point::Point;
use crate::ledger::time_travel::RewindError;
use crate::ledger::{Ledger, LedgerError};
use crate::model::command::history::HistoryCommand;
use crate::model::event::{Origin, Recorded};
use crate::model::history::MarkName;
use crate::model::resource::{Resource, ResourceKey};
use crate::model::resource_pattern::ResourcePattern;
use crate::model::state::State;
use crate::model::time::Timestamp;

/// Entries of a page of the log at most.
const PAGE: usize = 1000;

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

/// Now.
pub fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

/// Reads a point and finds its sequence.
pub fn sequence(ledger: &Ledger, text: &str) -> Result<u64, HistoryError> {
    let point: Point = text.parse().map_err(HistoryError::Invalid)?;
    Ok(ledger.resolve(&point, now())?)
}

/// How secrets are shown.
pub fn secrets(show: bool) -> Secrets {
    if show { Secrets::Shown } else { Secrets::Masked }
}

/// A page of the log, oldest first: `{"entries": […], "next": SEQ or null}`. Blocking.
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
    let (mut entries, mut next) = (Vec::new(), None);
    for recorded in ledger.events_from(before.sequence + 1) {
        let recorded = recorded?;
        if recorded.sequence > published {
            break;
        }
        if entries.len() == limit {
            next = Some(recorded.sequence);
            break;
        }
        let mut after = before.clone();
        after.apply(&recorded.event);
        let changes = difference::between(&before, &after, secrets(query.show_secrets));
        if wanted.has(&recorded, &changes) {
            entries.push(entry(&recorded, &changes));
        }
        before = after;
    }
    Ok(json!({ "entries": entries, "next": next, "sequence": published }))
}

/// One event with what it changed. Blocking.
pub fn show(ledger: &Ledger, sequence: u64, show_secrets: bool) -> Result<Value, HistoryError> {
    let newest = ledger.state().sequence;
    if sequence == 0 || sequence > newest {
        return Err(LedgerError::NotYet { asked: sequence, newest }.into());
    }
    let before = ledger.state_at(sequence - 1)?;
    let recorded = ledger.events(sequence, 1)?.pop().ok_or(LedgerError::NotYet { asked: sequence, newest })?;
    let mut after = (*before).clone();
    after.apply(&recorded.event);
    Ok(entry(&recorded, &difference::between(&before, &after, secrets(show_secrets))))
}

/// All resources of a point: `{"sequence": …, "resources": […]}`. Blocking.
pub fn state(ledger: &Ledger, at: Option<&str>, show_secrets: bool) -> Result<Value, HistoryError> {
    let state = match at {
        Some(at) => ledger.state_at(sequence(ledger, at)?)?,
        None => ledger.state(),
    };
    Ok(state_json(&state, secrets(show_secrets)))
}

fn state_json(state: &State, secrets: Secrets) -> Value {
    let resources = state.resources().map(|resource| {
        let key = resource.key();
        json!({
            "kind": key.kind().name(), "name": key.name(), "arn": resource.arn(),
            "value": difference::shown(&resource, secrets),
        })
    });
    json!({ "sequence": state.sequence, "resources": resources.collect::<Vec<_>>() })
}

/// What differs between two points of one store. Blocking.
pub fn diff(ledger: &Ledger, from: &str, to: &str, show_secrets: bool) -> Result<Value, HistoryError> {
    let side = |text| -> Result<Arc<State>, HistoryError> { Ok(ledger.state_at(sequence(ledger, text)?)?) };
    let (from, to) = (side(from)?, side(to)?);
    Ok(differences(&from, &to, secrets(show_secrets)))
}

/// What differs between two states.
pub fn differences(from: &State, to: &State, secrets: Secrets) -> Value {
    json!({ "from": from.sequence, "to": to.sequence, "resources": difference::between(from, to, secrets) })
}

/// Brings the state back.
pub async fn rewind(ledger: &Arc<Ledger>, to: &str, only: &[String], origin: Origin) -> Result<Value, HistoryError> {
    let point: Point = to.parse().map_err(HistoryError::Invalid)?;
    let only: Result<Vec<ResourcePattern>, _> = only.iter().map(|text| ResourcePattern::parse(text)).collect();
    let rewound = ledger.rewind(point, &only.map_err(HistoryError::Invalid)?, now(), origin).await?;
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

fn entry(recorded: &Recorded, changes: &[Difference]) -> Value {
    let mut entry = event_view::show(recorded);
    if let Some(members) = entry.as_object_mut() {
        // What changed says it better, and with the values before.
        if !matches!(recorded.event, crate::model::event::Event::History(_)) {
            members.remove("details");
        }
        members.insert("changes".to_owned(), json!(changes));
    }
    entry
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

    fn has(&self, recorded: &Recorded, changes: &[Difference]) -> bool {
        let is_touched = |pattern: &ResourcePattern| changes.iter().any(|change| pattern.matches(&change.key));
        self.kind.is_none_or(|kind| recorded.event.name().eq_ignore_ascii_case(kind))
            && self.patterns.iter().all(is_touched)
    }
}
