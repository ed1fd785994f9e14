//! `FilterLogEvents`: the lines of many streams, by time, as far as they match a pattern.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::get_events::{PAGE_BYTES, PAGE_LINES, digits, read_digits};
use super::named::identified_group;
use super::paging::read_token;
use super::pattern::Pattern;
use super::{Logs, invalid, shapes};
use crate::clock;
use crate::ledger::LedgerError;
use crate::ledger::log_lines::{LINE_OVERHEAD, Line, LinePosition, LogLines, Order};
use crate::model::error::ApiError;
use crate::model::logs::decide::{log_group_not_found, log_stream_not_found};
use crate::model::logs::{LogGroup, LogPlace, LogStreamKey};
use crate::model::state::State;
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::page::token;
use crate::protocol::shape::{Kind, Member, length};

/// Lines that one call looks at; AWS's pages, too, may end before their limit.
const SCANNED: usize = 100_000;

/// `startFromHead: false` needs a `startTime` from 2024 on.
const BACKWARDS_SINCE_MS: u64 = 1_704_067_200_000;

/// `FilterLogEvents`.
pub const FILTER: &[Member] = &[
    Member::body("logGroupName", shapes::GROUP),
    Member::body("logGroupIdentifier", shapes::IDENTIFIER),
    Member::body("logStreamNames", Kind::List { length: Some((1, 100)), item: &shapes::STREAM }),
    Member::body("logStreamNamePrefix", shapes::STREAM),
    Member::body("startTime", shapes::TIME),
    Member::body("endTime", shapes::TIME),
    Member::body("filterPattern", length(0, 1024)),
    shapes::NEXT_TOKEN,
    Member::body("limit", shapes::EVENTS_LIMIT),
    Member::body("startFromHead", Kind::Boolean),
    Member::body("interleaved", Kind::Boolean),
    Member::body("unmask", Kind::Boolean),
];

/// A search on its way.
struct Search {
    streams: Vec<(String, LogPlace)>,
    from: LinePosition,
    to: LinePosition,
    forward: bool,
    limit: usize,
    pattern: Pattern,
}

/// What a search found, and where the next one goes on.
struct Found {
    lines: Vec<(String, Line)>,
    next: Option<LinePosition>,
}

/// `FilterLogEvents`. `endTime` itself is included, other than in `GetLogEvents`.
pub async fn filter(logs: &Logs, call: Call) -> Answer {
    let state = logs.ledger.state();
    let key = identified_group(&call)?;
    let search = Search::of(&call, &state, state.log_groups.get(&key).ok_or_else(log_group_not_found)?)?;
    let forward = search.forward;
    let found = logs.on_lines(move |lines| search.run(lines)).await?;
    let mut answer = json!({
        "events": found.lines.iter().map(|(stream, line)| shown(stream, line)).collect::<Vec<_>>(),
        // Empty since May 2020 (the model's documentation).
        "searchedLogStreams": [],
    });

    if let Some(next) = found.next {
        let direction = if forward { "forward" } else { "backward" };
        answer["nextToken"] = token(&format!("{direction}/{}", digits(next))).into();
    }

    call.answer(&answer)
}

fn shown(stream: &str, line: &Line) -> Value {
    json!({
        "logStreamName": stream, "timestamp": line.position.time_ms, "message": line.text,
        "ingestionTime": line.ingested.0, "eventId": digits(line.position),
    })
}

impl Search {
    fn of(call: &Call, state: &State, group: &LogGroup) -> Result<Self, ApiError> {
        let text = call.text("filterPattern").unwrap_or_default();
        let pattern = Pattern::parse(text).map_err(|_| invalid("Invalid filter pattern"))?;
        let start = call.number("startTime").unwrap_or_default();
        let end = call.number("endTime").map_or(u64::MAX, |end| end.saturating_add(1));
        let token = call.text("nextToken").map(read_next).transpose()?;
        let forward = token.map_or(call.flag("startFromHead").unwrap_or(true), |(forward, _)| forward);

        if !forward && start < BACKWARDS_SINCE_MS {
            // The rule is in the model's documentation; the text is a guess.
            return Err(invalid("startFromHead can be false only if startTime is on or after January 1, 2024."));
        }
        let mut from = LinePosition::start_of(start.max(group.expiry_ms(clock::now())));
        let mut to = LinePosition::start_of(end);
        match token {
            Some((true, position)) => from = from.max(position.next()),
            Some((false, position)) => to = to.min(position),
            None => {}
        }

        let limit = usize::try_from(call.number("limit").unwrap_or(PAGE_LINES)).unwrap_or(usize::MAX);
        Ok(Self { streams: streams(call, state, group)?, from, to, forward, limit, pattern })
    }

    fn run(&self, lines: &LogLines) -> Result<Found, LedgerError> {
        let places: Vec<_> = self.streams.iter().map(|(_, place)| *place).collect();
        let order = if self.forward { Order::OldestFirst } else { Order::NewestFirst };
        let mut merged = lines.search(&places, self.from..self.to, order).peekable();
        let mut found = Vec::new();
        let mut bytes = 0;
        let mut last = None;

        for _ in 0..SCANNED {
            let Some((stream, line)) = merged.next().transpose()? else {
                return Ok(Found { lines: found, next: None });
            };
            if self.pattern.matches(&line.text) {
                bytes += line.text.len() as u64 + LINE_OVERHEAD;
                if bytes > PAGE_BYTES && !found.is_empty() {
                    return Ok(Found { lines: found, next: last });
                }
                last = Some(line.position);
                found.push((self.streams[stream].0.clone(), line));
                if found.len() >= self.limit {
                    break;
                }
            } else {
                last = Some(line.position);
            }
        }

        Ok(Found { lines: found, next: last.filter(|_| merged.peek().is_some()) })
    }
}

/// The streams to be searched.
fn streams(call: &Call, state: &State, group: &LogGroup) -> Result<Vec<(String, LogPlace)>, ApiError> {
    let place = |stream| LogPlace { group: group.id, stream };
    let prefix = call.text("logStreamNamePrefix");
    if let Some(names) = call.texts("logStreamNames") {
        if prefix.is_some() {
            // The code is in the model's documentation; the text is a guess.
            return Err(invalid("logStreamNamePrefix and logStreamNames are mutually exclusive parameters."));
        }
        let mut found = BTreeMap::new();
        for name in names {
            let key = LogStreamKey { group: group.key.clone(), name: name.into() };
            let stream = state.log_streams.get(&key).ok_or_else(log_stream_not_found)?;
            found.insert(name.to_owned(), place(stream.id));
        }
        return Ok(found.into_iter().collect());
    }

    let prefix = prefix.unwrap_or_default();
    let streams = state.log_streams_from(&group.key, prefix);
    let streams = streams.take_while(|stream| stream.key.name.as_str().starts_with(prefix));
    Ok(streams.map(|stream| (stream.key.name.to_string(), place(stream.id))).collect())
}

/// The direction of a token, and the last position of the page before.
fn read_next(token: &str) -> Result<(bool, LinePosition), ApiError> {
    let text = read_token(token)?;
    let position = |direction: &str| text.strip_prefix(direction).and_then(read_digits);
    let forward = position("forward/").map(|position| (true, position));
    let next = forward.or_else(|| position("backward/").map(|position| (false, position)));
    next.ok_or_else(|| invalid("The specified nextToken is invalid."))
}
