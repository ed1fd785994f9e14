//! Points of history: how people name them, and which event they stand for.

use std::fmt;
use std::str::FromStr;

use chrono::DateTime;

use super::{Ledger, LedgerError};
use crate::model::history::MarkName;
use crate::model::state::State;
use crate::model::time::Timestamp;

/// A point of history: right after an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Point {
    /// After the newest event.
    Now,
    /// After the event of this sequence; 0 is before everything.
    Sequence(u64),
    /// After the newest event that is not later than this.
    Time(Timestamp),
    /// So long ago, in milliseconds.
    Ago(u64),
    /// Where a mark was made.
    Mark(MarkName),
}

/// Forms of a time beside RFC 3339: as AWS and `larder log` write it.
const AWS_TIME: &str = "%Y-%m-%dT%H:%M:%S%.f%z";

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "now" {
            return Ok(Self::Now);
        }
        if let Some(name) = text.strip_prefix("mark:") {
            return MarkName::parse(name).map(Self::Mark);
        }
        if let Ok(sequence) = text.parse() {
            return Ok(Self::Sequence(sequence));
        }
        if let Ok(time) = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_str(text, AWS_TIME)) {
            return Ok(Self::Time(Timestamp(u64::try_from(time.timestamp_millis()).unwrap_or_default())));
        }
        let ago = humantime::parse_duration(text).ok().and_then(|ago| u64::try_from(ago.as_millis()).ok());

        ago.map(Self::Ago).ok_or_else(|| {
            format!(
                "`{text}` is no point of history: write a sequence (42), a time (2026-01-31T12:00:00Z), how long ago \
                 (10m, 2h, 1day), mark:NAME, or now"
            )
        })
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now => f.write_str("now"),
            Self::Sequence(sequence) => write!(f, "{sequence}"),
            Self::Time(time) => write!(f, "{time}"),
            Self::Ago(ms) => write!(f, "{} ago", humantime::format_duration(std::time::Duration::from_millis(*ms))),
            Self::Mark(name) => write!(f, "mark:{name}"),
        }
    }
}

impl Ledger {
    /// The sequence that a point stands for. Blocking.
    ///
    /// # Errors
    /// There is no such mark; or the store cannot be read.
    pub fn resolve(&self, point: &Point, now: Timestamp) -> Result<u64, LedgerError> {
        match point {
            Point::Now => Ok(self.state().sequence),
            Point::Sequence(sequence) => Ok(*sequence),
            Point::Time(time) => self.sequence_at(*time),
            Point::Ago(ms) => self.sequence_at(Timestamp(now.0.saturating_sub(*ms))),
            Point::Mark(name) => {
                let state: &State = &self.state();
                state.marks.get(name).map(|mark| mark.sequence).ok_or_else(|| LedgerError::NoMark(name.to_string()))
            }
        }
    }
}
