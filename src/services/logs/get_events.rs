//! `GetLogEvents`: the lines of one stream, page by page in both directions.
//!
//! A token is a position: `f/…` stands behind a line and goes on forwards, `b/…` stands before one and goes on
//! backwards. At the end of a direction its token is the one that was given, so that a client knows.

use std::ops::Range;

use serde_json::{Value, json};

use super::named::{identified_group, stream_of};
use super::{Logs, invalid, shapes};
use crate::clock;
use crate::ledger::LedgerError;
use crate::ledger::log_lines::{LINE_OVERHEAD, Line, LinePosition, LogLines, Order};
use crate::model::error::ApiError;
use crate::model::logs::LogPlace;
use crate::model::logs::decide::{log_group_not_found, log_stream_not_found};
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::shape::{Kind, Member};

/// Bytes of a page at most, and what a line counts: as of `PutLogEvents`.
pub const PAGE_BYTES: u64 = 1_048_576;

/// Lines of a page where the caller names no limit.
pub const PAGE_LINES: u64 = 10_000;

/// Digits of a position's time, and of its number.
const TIME_DIGITS: usize = 20;

/// All digits of a position: as many as AWS's have.
const DIGITS: usize = 56;

/// `GetLogEvents`.
pub const GET: &[Member] = &[
    Member::body("logGroupName", shapes::GROUP),
    Member::body("logGroupIdentifier", shapes::IDENTIFIER),
    shapes::STREAM_NAME,
    Member::body("startTime", shapes::TIME),
    Member::body("endTime", shapes::TIME),
    shapes::NEXT_TOKEN,
    Member::body("limit", shapes::EVENTS_LIMIT),
    Member::body("startFromHead", Kind::Boolean),
    Member::body("unmask", Kind::Boolean),
];

/// Where a page begins, and in which direction it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    /// The lines behind a position.
    Behind(LinePosition),
    /// The lines before a position.
    Before(LinePosition),
}

/// `GetLogEvents`. `endTime` itself is not included, other than in `FilterLogEvents`.
pub async fn get(logs: &Logs, call: Call) -> Answer {
    let key = stream_of(&call, identified_group(&call)?);
    let token = call.text("nextToken").map(read_token).transpose()?;
    let state = logs.ledger.state();
    let group = state.log_groups.get(&key.group).ok_or_else(log_group_not_found)?;
    let place = state.log_place(&key).ok_or_else(log_stream_not_found)?;
    let start = call.number("startTime").unwrap_or_default().max(group.expiry_ms(clock::now()));
    let end = call.number("endTime").unwrap_or(u64::MAX);
    let times = LinePosition::start_of(start)..LinePosition::start_of(end);
    let from = token.unwrap_or(match call.flag("startFromHead") {
        Some(true) => From::Behind(times.start),
        _ => From::Before(times.end),
    });
    let limit = call.number("limit").unwrap_or(PAGE_LINES);
    let lines = logs.on_lines(move |lines| page(lines, place, &times, from, limit)).await?;
    let (forward, backward) = next(&lines, from, token.is_some());

    call.answer(&json!({
        "events": lines.iter().map(shown).collect::<Vec<_>>(),
        "nextForwardToken": format!("f/{}/s", digits(forward)),
        "nextBackwardToken": format!("b/{}/s", digits(backward)),
    }))
}

/// The lines of a page, oldest first.
fn page(
    lines: &LogLines,
    place: LogPlace,
    times: &Range<LinePosition>,
    from: From,
    limit: u64,
) -> Result<Vec<Line>, LedgerError> {
    match from {
        From::Behind(position) => {
            // A position that stands for no line is before all of its time.
            let start = if position.number == 0 { position } else { position.next() };
            fill(lines.range(place, start.max(times.start)..times.end, Order::OldestFirst), limit)
        }
        From::Before(position) => {
            let range = times.start..position.min(times.end);
            let found = fill(lines.range(place, range, Order::NewestFirst), limit);
            found.map(|found| found.into_iter().rev().collect())
        }
    }
}

/// As many lines as a page takes.
fn fill(lines: impl Iterator<Item = Result<Line, LedgerError>>, limit: u64) -> Result<Vec<Line>, LedgerError> {
    let mut page = Vec::new();
    let mut bytes = 0;
    for line in lines.take(usize::try_from(limit).unwrap_or(usize::MAX)) {
        let line = line?;
        bytes += line.text.len() as u64 + LINE_OVERHEAD;
        if bytes > PAGE_BYTES && !page.is_empty() {
            break;
        }
        page.push(line);
    }

    Ok(page)
}

/// The positions of both tokens. On an empty page they are where the page began.
fn next(lines: &[Line], from: From, by_token: bool) -> (LinePosition, LinePosition) {
    if let (Some(first), Some(last)) = (lines.first(), lines.last()) {
        return (last.position, first.position);
    }
    match from {
        From::Behind(position) => (position, position),
        From::Before(position) if by_token => (position, position),
        // Nothing was ever before: what is to come is behind the very beginning.
        From::Before(_) => (LinePosition::start_of(0), LinePosition::start_of(0)),
    }
}

fn shown(line: &Line) -> Value {
    json!({ "timestamp": line.position.time_ms, "message": line.text, "ingestionTime": line.ingested.0 })
}

/// A position as 56 digits, as tokens and ids of events are on AWS.
pub fn digits(position: LinePosition) -> String {
    let LinePosition { time_ms, number } = position;
    format!("{time_ms:0TIME_DIGITS$}{number:0width$}", width = DIGITS - TIME_DIGITS)
}

/// The position of 56 digits.
pub fn read_digits(digits: &str) -> Option<LinePosition> {
    let plain = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    let (time, number) = plain.then(|| digits.split_at(TIME_DIGITS))?;
    Some(LinePosition { time_ms: time.parse().ok()?, number: number.parse().ok()? })
}

fn read_token(token: &str) -> Result<From, ApiError> {
    let position = |rest: &str| read_digits(rest.strip_suffix("/s").unwrap_or(rest));
    let forward = token.strip_prefix("f/").and_then(position).map(From::Behind);
    let from = forward.or_else(|| token.strip_prefix("b/").and_then(position).map(From::Before));
    from.ok_or_else(|| invalid("The specified nextToken is invalid."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back() {
        let position = LinePosition { time_ms: 1_764_038_324_007, number: 42 };
        assert_eq!(digits(position).len(), 56);
        assert_eq!(read_digits(&digits(position)), Some(position));
        assert_eq!(read_token(&format!("f/{}/s", digits(position))), Ok(From::Behind(position)));
        assert_eq!(read_token(&format!("b/{}", digits(position))), Ok(From::Before(position)));
        let highest = LinePosition { time_ms: u64::MAX, number: u64::MAX };
        assert_eq!(read_digits(&digits(highest)), Some(highest));
        assert!(read_token("not-existing-token").is_err());
        assert!(read_token(&format!("n/{}", digits(position))).is_err());

        assert!(read_token("f/99999999999999999999000000000000000000000000000000000001").is_err());
    }
}
