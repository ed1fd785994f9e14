//! What waits: events page by page, functions and their counts, one event with its payload. Of the events of a page what
//! the state does not have is read from the disk; of no others.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Chosen, Queue, QueueError};
use crate::clock;
use crate::desk::answers::{
    FunctionQueue, FunctionQueues, LostDelivery, QueuePage, QueuedEvent, ShownAttempts, Standing, WholeEvent,
};
use crate::ledger::difference::Secrets;
use crate::model::arn::{self, Arn};
use crate::model::names::FunctionKey;
use crate::model::time::Timestamp;
use crate::pods::redaction;
use crate::reactors::running::RunningEvents;
use crate::runs::state::Runs;
use crate::runs::waits::Waiting;
use crate::runs::{NEVER, RunId, WaitingEvent};

/// Entries of a page, unless others are wanted.
const PAGE: usize = 50;

/// Entries of a page at most: each may be read from the disk with a megabyte of payload.
pub const LONGEST_PAGE: usize = 100;

/// What is shown in the place of secrets, as where variables are shown.
const MASK: &str = "***";

/// Which events are wanted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueueQuery {
    /// A function's name or ARN, with `*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// Entries of a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// The `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl QueueQuery {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(PAGE).clamp(1, LONGEST_PAGE)
    }
}

/// A place in the list of events: `DUE.ID.ARN`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    function: Arc<FunctionKey>,
    due: Timestamp,
    id: RunId,
}

impl Place {
    fn parse(text: &str) -> Result<Self, QueueError> {
        let read = || {
            let [due, id, arn]: [&str; 3] = text.splitn(3, '.').collect::<Vec<_>>().try_into().ok()?;
            let (due, id) = due.parse().ok().zip(id.parse().ok())?;
            Some(Self { function: Arc::new(function_of(arn)?), due: Timestamp(due), id: RunId(id) })
        };
        read().ok_or_else(|| not_after(text))
    }

    fn text(&self) -> String {
        format!("{}.{}.{}", self.due.0, self.id.0, arn::function(&self.function))
    }
}

fn function_of(text: &str) -> Option<FunctionKey> {
    Arn::parse(text)?.function_key()
}

fn not_after(text: &str) -> QueueError {
    QueueError::Invalid(format!("`{text}` is no place in the list: `after` is the `next` of the page before"))
}

/// A page of events. Blocking.
///
/// # Errors
/// There is no such function or place, or the store cannot be read.
pub fn events(queue: &Queue, query: &QueueQuery) -> Result<QueuePage, QueueError> {
    let chosen = Chosen::parse(queue, query.function.as_deref())?;
    let after = query.after.as_deref().map(Place::parse).transpose()?;
    let runs = queue.ledger.runs();
    let running = queue.running.now();
    let limit = query.limit();
    let mut places: Vec<Place> = places(&runs, &chosen, after.as_ref()).take(limit + 1).collect();
    let has_more = places.len() > limit;
    places.truncate(limit);

    let ids: Vec<RunId> = places.iter().map(|place| place.id).collect();
    let mut read = BTreeMap::new();
    queue.ledger.waiting_events(&ids, |id, event, payload| drop(read.insert(id, (event, payload.len()))))?;
    let now = clock::now();
    let events = ids.iter().filter_map(|id| {
        let (event, size) = read.get(id)?;
        Some(shown(*id, runs.events.get(id)?, (event, *size), &running, now))
    });
    let events = events.collect();

    let next = places.last().filter(|_| has_more).map(Place::text);
    Ok(QueuePage { waiting: runs.events.len(), running: running.len(), events, next })
}

/// The places of events behind one, in order.
fn places<'a>(runs: &'a Runs, chosen: &'a Chosen, after: Option<&'a Place>) -> impl Iterator<Item = Place> + 'a {
    let first = after.map_or(Bound::Unbounded, |place| Bound::Included(Arc::clone(&place.function)));
    let queues = runs.events.lanes().range((first, Bound::Unbounded)).filter(|(function, _)| chosen.has(function));
    queues.flat_map(move |(function, queue)| {
        let last = after.filter(|place| place.function == *function);
        let first = last.map_or(Bound::Unbounded, |place| Bound::Excluded((place.due, place.id)));
        let events = queue.range((first, Bound::Unbounded));
        events.map(move |(due, id)| Place { function: Arc::clone(function), due: *due, id: *id })
    })
}

/// An event as lists show it.
fn shown(
    id: RunId,
    waiting: &Waiting<FunctionKey>,
    (event, size): (&WaitingEvent, usize),
    running: &RunningEvents,
    now: Timestamp,
) -> QueuedEvent {
    let standing = match waiting {
        _ if running.contains_key(&id) => Standing::Running,
        waiting if waiting.is_held() => Standing::Held,
        _ => Standing::Waiting,
    };
    QueuedEvent {
        id: id.0,
        function: arn::function(&event.function),
        qualifier: event.qualifier.as_ref().map(ToString::to_string),
        request_id: event.request_id.clone(),
        standing,
        accepted: event.accepted.to_string(),
        age_s: now.0.saturating_sub(event.accepted.0) / 1000,
        due: due(waiting.due),
        due_in_s: if waiting.is_held() { 0 } else { waiting.due.0.saturating_sub(now.0).div_ceil(1000) },
        attempts: ShownAttempts { failed: waiting.attempts.failed, held_back: waiting.attempts.held_back },
        size,
    }
}

fn due(due: Timestamp) -> Option<String> {
    (due != NEVER).then(|| due.to_string())
}

/// A page of functions that have events, with their counts; `after` is the ARN of the last of the page before.
///
/// # Errors
/// There is no such function or place.
pub fn functions(queue: &Queue, query: &QueueQuery) -> Result<FunctionQueues, QueueError> {
    let chosen = Chosen::parse(queue, query.function.as_deref())?;
    let after = query.after.as_deref().map(|text| function_of(text).map(Arc::new).ok_or_else(|| not_after(text)));
    let first = after.transpose()?.map_or(Bound::Unbounded, Bound::Excluded);
    let runs = queue.ledger.runs();
    let running = queue.running.now();
    let mut run_by: BTreeMap<&FunctionKey, usize> = BTreeMap::new();
    for function in running.values() {
        *run_by.entry(function).or_default() += 1;
    }

    let limit = query.limit();
    let queues = runs.events.lanes().range((first, Bound::Unbounded)).filter(|(function, _)| chosen.has(function));
    let counted = queues.take(limit + 1).map(|(function, events)| FunctionQueue {
        function: arn::function(function),
        waiting: events.len(),
        running: run_by.get(&**function).copied().unwrap_or_default(),
        held: events.range((NEVER, RunId(0))..).count(),
        due: events.get_min().and_then(|(first, _)| due(*first)),
    });
    let mut functions: Vec<_> = counted.collect();
    let has_more = functions.len() > limit;
    functions.truncate(limit);

    let next = functions.last().filter(|_| has_more).map(|last| last.function.clone());
    let deliveries = runs.deliveries.len();
    let lost = lost(queue, &chosen);
    Ok(FunctionQueues { waiting: runs.events.len(), running: running.len(), deliveries, lost, functions, next })
}

/// Deliveries of these functions that were given up.
fn lost(queue: &Queue, chosen: &Chosen) -> Vec<LostDelivery> {
    let all = queue.lost.all().into_iter().filter(|((function, _), _)| chosen.has(function));
    let told = all.map(|((function, metric), count)| LostDelivery {
        function: arn::function(&function),
        metric: metric.to_owned(),
        count,
    });
    told.collect()
}

/// One event with its payload. Blocking.
///
/// # Errors
/// It does not wait, or the store cannot be read.
pub fn show(queue: &Queue, id: u64, secrets: Secrets) -> Result<WholeEvent, QueueError> {
    let runs = queue.ledger.runs();
    let waiting = runs.events.get(&RunId(id)).ok_or(QueueError::NoEvent(id))?;
    let (event, payload) = queue.ledger.waiting_event(RunId(id))?.ok_or(QueueError::NoEvent(id))?;
    let running = queue.running.now();
    Ok(WholeEvent {
        event: shown(RunId(id), waiting, (&event, payload.len()), &running, clock::now()),
        payload: (!payload.is_empty()).then(|| shown_payload(&payload, secrets)),
        trace_id: event.trace_id,
        tenant_id: event.tenant_id,
        durable_execution_name: event.durable_execution_name,
    })
}

/// A payload, which is JSON, as it was checked when it was accepted.
fn shown_payload(payload: &[u8], secrets: Secrets) -> Value {
    let text = || String::from_utf8_lossy(payload).into_owned();
    let mut json = serde_json::from_slice(payload).unwrap_or_else(|_| Value::String(text()));
    if secrets == Secrets::Masked {
        redaction::hide_secrets(&mut json, MASK);
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::Scope;
    use crate::runs::Attempts;

    fn key(name: &str) -> FunctionKey {
        FunctionKey { scope: Scope { account: "000000000000".into(), region: "us-east-1".into() }, name: name.into() }
    }

    /// Events of some functions, due in the order of their numbers from the last.
    fn runs() -> Runs {
        let mut runs = Runs::default();
        for number in 0..60_u64 {
            let function = key(["a", "b", "c"][usize::try_from(number % 3).expect("fits")]);
            runs.events.put(RunId(number), &function, Timestamp(1000 - number / 2), Attempts::default());
        }
        runs
    }

    #[test]
    fn pages_have_each_event_once_in_order() {
        let runs = runs();
        let all: Vec<Place> = places(&runs, &Chosen::default(), None).collect();
        assert_eq!(all.len(), 60);
        for length in [1, 7, 20, 60] {
            let mut found: Vec<Place> = Vec::new();
            let mut after: Option<Place> = None;
            loop {
                let page: Vec<_> = places(&runs, &Chosen::default(), after.as_ref()).take(length).collect();
                let Some(last) = page.last() else { break };
                after = Some(Place::parse(&last.text()).expect("reads back"));
                found.extend(page);
            }
            assert_eq!(found, all, "pages of {length}");
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in ["", "1", "1.2", "1.2.f", "x.2.arn:aws:lambda:us-east-1:000000000000:function:f", "1.2.arn:aws:x"] {
            assert!(Place::parse(text).is_err(), "{text}");
        }
    }
}
