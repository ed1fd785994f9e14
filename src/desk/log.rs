//! The log: who changed what, when, in words and field by field.

use std::collections::VecDeque;
use std::str::FromStr as _;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::answers::{Entry, LogPage, Outcome, ShownEvent, Summary};
use super::history::{self, HistoryError, PAGE_BYTES, size_of};
use super::long::Long;
use super::{events, words};
use crate::ledger::difference::{Difference, Secrets};
use crate::ledger::{Ledger, LedgerError, difference};
use crate::model::concurrency::event::ConcurrencyEvent;
use crate::model::event::{Event, FollowUp, Recorded};
use crate::model::functions::event::FunctionEvent;
use crate::model::resource::{Changes, Resource};
use crate::model::resource_pattern::ResourcePattern;
use crate::model::state::State;

/// Entries of a page of the log at most.
const PAGE: usize = 1000;

/// Events that a page of the newest looks at, where not all are wanted.
const WINDOW: usize = 1000;

/// Bytes of changes that an entry of a page has at most: of a larger one it has the counts, and `show` has it whole.
const ENTRY_BYTES: usize = 256 * 1024;

/// Which entries of the log are wanted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogQuery {
    /// The first sequence, or a point: what came after it.
    pub since: Option<String>,
    /// The last sequence, of the newest first.
    pub until: Option<u64>,
    /// Whether the newest are wanted, and come first.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub newest_first: bool,
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

/// A page of the log. An entry with very many changes has a summary of them instead. Blocking.
pub fn log(ledger: &Ledger, query: &LogQuery) -> Result<LogPage, HistoryError> {
    let wanted = Wanted::of(query)?;
    if query.newest_first { newest(ledger, query, &wanted) } else { oldest(ledger, query, &wanted) }
}

/// The oldest that are wanted, in order.
fn oldest(ledger: &Ledger, query: &LogQuery, wanted: &Wanted) -> Result<LogPage, HistoryError> {
    let published = ledger.state().sequence;
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let mut entries = Vec::new();
    let mut bytes = 0;
    let mut next = None;

    for step in steps(ledger, floor(ledger, query)?)? {
        let step = step?;
        let sequence = step.recorded.sequence;
        if sequence > published {
            break;
        }
        if entries.len() == limit || bytes >= PAGE_BYTES {
            next = Some(sequence);
            break;
        }
        if wanted.has(&step) {
            let (entry, size) = entry(&step, history::secrets(query.show_secrets));
            entries.push(entry);
            bytes += size;
        }
    }

    Ok(LogPage { entries, next, sequence: published })
}

/// The newest that are wanted, the newest of them first; `next` is where the page before them ends.
fn newest(ledger: &Ledger, query: &LogQuery, wanted: &Wanted) -> Result<LogPage, HistoryError> {
    let published = ledger.state().sequence;
    let floor = floor(ledger, query)?;
    let until = query.until.unwrap_or(published).min(published);
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let reach = if wanted.all() { limit } else { WINDOW };
    let begins = until.saturating_sub(reach as u64).max(floor);
    let mut next = (begins > floor).then_some(begins);
    let mut entries = VecDeque::new();
    let mut bytes = 0;

    for step in steps(ledger, begins)? {
        let step = step?;
        if step.recorded.sequence > until {
            break;
        }
        if !wanted.has(&step) {
            continue;
        }
        let (entry, size) = entry(&step, history::secrets(query.show_secrets));
        entries.push_back((entry, size));
        bytes += size;
        while entries.len() > limit || (bytes > PAGE_BYTES && entries.len() > 1) {
            let Some((gone, size)) = entries.pop_front() else { break };
            next = Some(gone.event.sequence);
            bytes -= size;
        }
    }

    Ok(LogPage { entries: entries.into_iter().rev().map(|(entry, _)| entry).collect(), next, sequence: published })
}

/// The sequence behind which entries are wanted and can be had.
fn floor(ledger: &Ledger, query: &LogQuery) -> Result<u64, HistoryError> {
    let first = query.since.as_deref().map_or(Ok(0), |since| match since.parse::<u64>() {
        // A sequence is itself meant; of a time, what came after it.
        Ok(sequence) => Ok(sequence.saturating_sub(1)),
        Err(_) => history::sequence(ledger, since),
    })?;
    let begins = ledger.begins();

    Ok((if begins > 1 { first.max(begins) } else { first }).min(ledger.state().sequence))
}

/// One event with all that it changed. Blocking.
pub fn show(ledger: &Ledger, sequence: u64, show_secrets: bool) -> Result<Long<Entry>, HistoryError> {
    let newest = ledger.state().sequence;
    if sequence == 0 || sequence > newest {
        return Err(LedgerError::NotYet { asked: sequence, newest }.into());
    }
    let secrets = history::secrets(show_secrets);
    let before = ledger.state_at(sequence - 1)?;
    let recorded = ledger.events(sequence, 1)?.pop().ok_or(LedgerError::NotYet { asked: sequence, newest })?;
    let step = Step::of((*before).clone(), recorded);
    let first = step.changes.keys().next().map(|key| difference::at(&key, &before, &step.after, secrets));
    let head = head_of(&step, first.as_ref());

    Ok(Long::new(head, "changes", history::changed(before, Arc::new(step.after), secrets))?)
}

/// An event, and the states around it.
struct Step {
    recorded: Recorded,
    before: State,
    after: State,
    changes: Changes,
}

impl Step {
    fn of(before: State, recorded: Recorded) -> Self {
        let mut after = before.clone();
        after.apply(&recorded.event);
        let changes = before.changes_to(&after);
        Self { recorded, before, after, changes }
    }
}

/// The events behind a sequence, in order, with the states around them.
fn steps(ledger: &Ledger, behind: u64) -> Result<impl Iterator<Item = Result<Step, LedgerError>> + '_, LedgerError> {
    let mut state = (*ledger.state_at(behind)?).clone();
    let events = ledger.events_from(behind + 1);
    Ok(events.map(move |recorded| {
        let step = Step::of(state.clone(), recorded?);
        state = step.after.clone();
        Ok(step)
    }))
}

/// An entry of a page, and about how many bytes it has.
fn entry(step: &Step, secrets: Secrets) -> (Entry, usize) {
    let mut changes = Vec::new();
    let mut counts = None;
    let mut bytes = 0;
    for key in step.changes.keys() {
        let change = difference::at(&key, &step.before, &step.after, secrets);
        bytes += size_of(&change);
        if bytes > ENTRY_BYTES {
            changes.clear();
            counts = Some(summary(&step.changes, &step.before));
            break;
        }
        changes.push(change);
    }

    let entry = Entry { event: head_of(step, changes.first()), summary: counts, changes };
    let size = size_of(&entry);
    (entry, size)
}

/// What an entry says before its changes.
fn head_of(step: &Step, change: Option<&Difference>) -> ShownEvent {
    let event = &step.recorded.event;
    let mut head = events::show(&step.recorded);
    head.says = words::of(event, &step.before, change);
    head.follow_up = outcome(&step.recorded);
    // What changed says it better, and with the values before.
    if !matches!(event, Event::History(_)) {
        head.details = None;
    }
    head
}

/// How something ended that Larder did by itself, after a change or a call.
fn outcome(recorded: &Recorded) -> Option<Outcome> {
    FollowUp::from_str(&recorded.origin.request_id).ok()?;
    let has_failed = match &recorded.event {
        Event::Function(FunctionEvent::FunctionSettled { failure, .. }) => failure.is_some(),
        Event::Concurrency(ConcurrencyEvent::ProvisionedConcurrencySettled { failure, .. }) => failure.is_some(),
        _ => false,
    };
    Some(if has_failed { Outcome::Failed } else { Outcome::Well })
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

    /// Whether all are.
    fn all(&self) -> bool {
        self.kind.is_none() && self.patterns.is_empty()
    }

    fn has(&self, step: &Step) -> bool {
        let is_touched = |pattern: &ResourcePattern| step.changes.keys().any(|key| pattern.matches(&key));
        self.kind.is_none_or(|kind| step.recorded.event.name().eq_ignore_ascii_case(kind))
            && self.patterns.iter().all(is_touched)
    }
}
