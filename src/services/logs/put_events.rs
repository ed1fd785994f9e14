//! `PutLogEvents`. Limits and rules from its documentation; texts as recorded in `test_logs_events`, the others as
//! clients of AWS report them.

use serde_json::{Map, Value, json};

use super::named::stream;
use super::{Logs, invalid, shapes};
use crate::clock;
use crate::ledger::log_lines::{LINE_OVERHEAD, NewLine};
use crate::model::error::ApiError;
use crate::model::logs::LogGroup;
use crate::model::logs::decide::{log_group_not_found, log_stream_not_found};
use crate::model::time::Timestamp;
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::shape::{Kind, Member, length};

/// Bytes of a batch at most, as of one event: with [`LINE_OVERHEAD`] for each.
const MAX_BYTES: u64 = 1_048_576;

/// Time that one batch may span, in milliseconds.
const MAX_SPAN_MS: u64 = 24 * 3600 * 1000;

/// How far in the future an event may lie.
const FUTURE_MS: u64 = 2 * 3600 * 1000;

/// How far in the past.
const PAST_MS: u64 = 14 * 24 * 3600 * 1000;

/// The token of every stream: it has been ignored since 2023, and clients still want one.
pub const SEQUENCE_TOKEN: &str = "49590000000000000000000000000000000000000000000000000000";

/// `PutLogEvents`.
pub const PUT: &[Member] = &[
    shapes::GROUP_NAME,
    shapes::STREAM_NAME,
    Member::body("logEvents", Kind::List { length: Some((1, 10_000)), item: &Kind::Structure(EVENT) }).required(),
    Member::body("sequenceToken", shapes::TOKEN),
    Member::body("entity", Kind::Structure(ENTITY)),
];

const EVENT: &[Member] =
    &[Member::body("timestamp", shapes::TIME).required(), Member::body("message", length(1, usize::MAX)).required()];

const ENTITY: &[Member] = &[
    Member::body("keyAttributes", Kind::Map { length: Some((2, 4)), key: &shapes::ANY_TEXT, value: &shapes::ANY_TEXT }),
    Member::body("attributes", Kind::Map { length: Some((0, 10)), key: &shapes::ANY_TEXT, value: &shapes::ANY_TEXT }),
];

/// `PutLogEvents`: on disk before it is answered, where the store's durability says so.
pub async fn put(logs: &Logs, mut call: Call) -> Answer {
    let events: Vec<NewLine> = call.take_list("logEvents").into_iter().map(new_line).collect();
    check_size(&events)?;
    let key = stream(&call);
    let state = logs.ledger.state();
    let group = state.log_groups.get(&key.group).ok_or_else(log_group_not_found)?;
    let place = state.log_place(&key).ok_or_else(log_stream_not_found)?;
    let now = clock::now();
    let window = Window::of(&events, group, now)?;
    let accepted = window.accepted(events);
    logs.on_lines(move |lines| {
        lines.append(place, now, accepted)?;
        lines.settle()
    })
    .await?;

    let mut answer = Map::new();
    answer.insert("nextSequenceToken".into(), SEQUENCE_TOKEN.into());
    if let Some(rejected) = window.rejected() {
        answer.insert("rejectedLogEventsInfo".into(), rejected);
    }
    call.answer(&answer)
}

fn new_line(mut event: Value) -> NewLine {
    let time_ms = event["timestamp"].as_u64().unwrap_or_default();
    let text = match event["message"].take() {
        Value::String(text) => text,
        _ => String::new(),
    };
    NewLine { time_ms, text }
}

fn check_size(events: &[NewLine]) -> Result<(), ApiError> {
    let cost = |event: &NewLine| event.text.len() as u64 + LINE_OVERHEAD;
    if let Some(large) = events.iter().map(cost).find(|cost| *cost > MAX_BYTES) {
        return Err(invalid(format!("Log event too large: {large} bytes exceeds limit of {MAX_BYTES}")));
    }
    let total: u64 = events.iter().map(cost).sum();
    if total > MAX_BYTES {
        return Err(invalid(format!("Upload too large: {total} bytes exceeds limit of {MAX_BYTES}")));
    }

    Ok(())
}

/// Which events of a batch are neither too old nor too new.
#[derive(Debug, PartialEq, Eq)]
struct Window {
    events: usize,
    /// The first that is not older than 14 days.
    too_old_end: usize,
    /// The first that the group's retention keeps.
    expired_end: usize,
    /// The first that is too far in the future.
    too_new_start: usize,
}

impl Window {
    fn of(events: &[NewLine], group: &LogGroup, now: Timestamp) -> Result<Self, ApiError> {
        if events.windows(2).any(|pair| pair[1].time_ms < pair[0].time_ms) {
            return Err(invalid("Log events in a single PutLogEvents request must be in chronological order."));
        }
        let before = |time_ms: u64| events.partition_point(|event| event.time_ms < time_ms);
        let window = Self {
            events: events.len(),
            too_old_end: before(now.0.saturating_sub(PAST_MS)),
            expired_end: before(group.expiry_ms(now)),
            too_new_start: before(now.0 + FUTURE_MS + 1),
        };
        let valid = window.valid();
        let span = events[valid].first().zip(events[window.valid()].last());

        if span.is_some_and(|(first, last)| last.time_ms - first.time_ms > MAX_SPAN_MS) {
            return Err(invalid(
                "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
            ));
        }

        Ok(window)
    }

    fn valid(&self) -> std::ops::Range<usize> {
        let start = self.too_old_end.max(self.expired_end);
        start..self.too_new_start.max(start)
    }

    fn accepted(&self, mut events: Vec<NewLine>) -> Vec<NewLine> {
        let valid = self.valid();
        events.truncate(valid.end);
        events.split_off(valid.start.min(events.len()))
    }

    /// `rejectedLogEventsInfo`: ends are exclusive, the start is inclusive.
    fn rejected(&self) -> Option<Value> {
        let mut rejected = Map::new();
        if self.too_new_start < self.events {
            rejected.insert("tooNewLogEventStartIndex".into(), json!(self.too_new_start));
        }
        if self.too_old_end > 0 {
            rejected.insert("tooOldLogEventEndIndex".into(), json!(self.too_old_end));
        }
        if self.expired_end > self.too_old_end {
            rejected.insert("expiredLogEventEndIndex".into(), json!(self.expired_end));
        }

        (!rejected.is_empty()).then(|| rejected.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::logs::{LogGroupKey, LogId, STANDARD};
    use crate::model::names::Scope;

    const DAY: u64 = 24 * 3600 * 1000;
    const NOW: Timestamp = Timestamp(100 * DAY);

    fn group(retention_days: Option<u32>) -> LogGroup {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        LogGroup {
            key: LogGroupKey { scope, name: "/g".into() },
            id: LogId(uuid::Uuid::nil()),
            created: Timestamp(0),
            class: STANDARD.into(),
            kms_key: None,
            retention_days,
            protected: false,
            tags: std::collections::BTreeMap::new(),
        }
    }

    fn window(times: &[u64], retention: Option<u32>) -> Result<(Vec<u64>, Option<Value>), ApiError> {
        let events: Vec<_> = times.iter().map(|time| NewLine { time_ms: *time, text: "x".into() }).collect();
        let window = Window::of(&events, &group(retention), NOW)?;
        Ok((window.accepted(events).into_iter().map(|event| event.time_ms).collect(), window.rejected()))
    }

    #[test]
    fn events_outside_of_the_window_are_told_and_left_out() {
        let old = NOW.0 - 15 * DAY;
        let fine = NOW.0 - DAY / 2;
        let new = NOW.0 + DAY;
        assert_eq!(window(&[fine], None).expect("fine"), (vec![fine], None));
        let (accepted, rejected) = window(&[old, old, fine, new], None).expect("fine");
        assert_eq!(accepted, [fine]);
        assert_eq!(rejected, Some(json!({ "tooNewLogEventStartIndex": 3, "tooOldLogEventEndIndex": 2 })));
        let expired = NOW.0 - 2 * DAY;
        let (accepted, rejected) = window(&[expired, fine], Some(1)).expect("fine");
        assert_eq!((accepted, rejected), (vec![fine], Some(json!({ "expiredLogEventEndIndex": 1 }))));
        assert_eq!(window(&[new, new], None).expect("fine").0, [0; 0]);

        assert_eq!(window(&[old, new], None).expect("fine").0, [0; 0]);
    }

    #[test]
    fn disorder_and_long_spans_are_refused() {
        assert!(window(&[NOW.0, NOW.0 - 1], None).is_err());
        assert!(window(&[NOW.0 - DAY - 1, NOW.0], None).is_err());
        assert!(window(&[NOW.0 - DAY, NOW.0], None).is_ok());
    }
}
