//! Lines of functions' logs, of all functions or some, in the order of their times.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::ledger::log_lines::{LinePosition, Order};
use crate::ledger::{Ledger, LedgerError};
use crate::model::logs::{LogPlace, LogStreamKey};
use crate::model::state::State;

/// Lines of a page.
const PAGE: usize = 200;

/// Lines that are looked through for those of a page.
const LOOKED_THROUGH: usize = 200_000;

/// Which lines are wanted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LinesQuery {
    /// What the log group's name has in it.
    pub group: Option<String>,
    /// The function that writes them.
    pub function: Option<String>,
    /// What a line has in it.
    pub text: Option<String>,
    /// Only those behind this place, the oldest first: the `newest` of a page.
    pub after: Option<String>,
}

/// Lines, the newest first, or the oldest first where those behind a place were wanted.
#[derive(Debug, Serialize, Deserialize)]
pub struct LinesPage {
    /// They.
    pub lines: Vec<LogLine>,
    /// The place of the newest that was looked at.
    pub newest: String,
}

/// A line of a log.
#[derive(Debug, Serialize, Deserialize)]
pub struct LogLine {
    /// When it was written, in milliseconds since the epoch.
    pub time_ms: u64,
    /// Its log group.
    pub group: String,
    /// Its stream.
    pub stream: String,
    /// The line.
    pub text: String,
}

/// Lines of logs. Blocking.
///
/// # Errors
/// The store cannot be read.
pub fn lines(ledger: &Ledger, query: &LinesQuery) -> Result<LinesPage, LedgerError> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (group, text) = (given(&query.group), given(&query.text));
    let groups = given(&query.function).map(|name| groups_of(&ledger.state(), &name));
    let (streams, places) = streams(ledger, group.as_deref(), groups.as_ref());
    let after = query.after.as_deref().and_then(LinePosition::parse);
    let order = if after.is_some() { Order::OldestFirst } else { Order::NewestFirst };
    let start = after.map_or(LinePosition::start_of(0), LinePosition::next);
    let mut newest = after.unwrap_or(start);
    let mut lines = Vec::new();

    let range = start..LinePosition::start_of(u64::MAX);
    for found in ledger.log_lines().search(&places, range, order).take(LOOKED_THROUGH) {
        let (at, line) = found?;
        newest = newest.max(line.position);
        if text.as_deref().is_some_and(|text| !line.text.contains(text)) {
            continue;
        }
        let Some(key) = streams.get(&places[at]) else { continue };
        let (group, stream) = (key.group.name.to_string(), key.name.to_string());
        lines.push(LogLine { time_ms: line.position.time_ms, group, stream, text: line.text });
        if lines.len() == PAGE {
            break;
        }
    }
    Ok(LinesPage { lines, newest: newest.to_string() })
}

/// The groups that functions of a name write to. Of one that is gone, its lines are kept: where it wrote by default.
fn groups_of(state: &State, name: &str) -> HashSet<String> {
    let written = state.functions.range(.., |key| key.name.as_str() == name);
    let written = written.flat_map(|function| function.all_versions().map(|it| it.config.logging.group.clone()));
    written.chain([format!("/aws/lambda/{name}")]).collect()
}

/// The streams of some groups, by where their lines are.
fn streams(
    ledger: &Ledger,
    group: Option<&str>,
    groups: Option<&HashSet<String>>,
) -> (HashMap<LogPlace, LogStreamKey>, Vec<LogPlace>) {
    let state = ledger.state();
    let wanted = |key: &LogStreamKey| {
        let name = key.group.name.as_str();
        group.is_none_or(|part| name.contains(part)) && groups.is_none_or(|groups| groups.contains(name))
    };
    let found = state.log_streams.iter().filter(|(key, _)| wanted(key)).filter_map(|(key, stream)| {
        let group = state.log_groups.get(&key.group)?;
        Some((LogPlace { group: group.id, stream: stream.id }, key.clone()))
    });
    let streams: HashMap<_, _> = found.collect();
    let places = streams.keys().copied().collect();
    (streams, places)
}
