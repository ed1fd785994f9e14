//! What is remembered of invocations: pages of it, and one of them with all of its log.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock;
use crate::invoke::record::{End, Payload, Record, Recorder, Trigger};
use crate::ledger::difference::Secrets;
use crate::ledger::log_lines::{Line, LinePosition, Order};
use crate::ledger::point::Point;
use crate::ledger::records::Records;
use crate::ledger::{Ledger, LedgerError};
use crate::model::arn::Arn;
use crate::model::logs::{LogGroupKey, LogPlace as LinesPlace, LogStreamKey};
use crate::model::names::FunctionKey;
use crate::model::resource_pattern::is_like;
use crate::pods::redaction;

/// Invocations of a page, unless others are wanted.
const PAGE: usize = 50;

/// Those of a page at most.
pub const LONGEST_PAGE: usize = 1000;

/// What is shown in the place of secrets.
const MASK: &str = "***";

/// Lines of a log that are looked through for one invocation.
const LINES: usize = 100_000;

/// Milliseconds after an invocation's end within which its last lines come.
const LATE: u64 = 60_000;

/// Which invocations are wanted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InvocationsQuery {
    /// A function's name, with `*`, or its ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// Only those that failed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub errors: bool,
    /// Those that were over after a time, or so long ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// What had them run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// What event, answer or log have in them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Invocations of a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Those before the last of a page: its `next`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Those that came after a page: its `newest`. They are the oldest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A page of invocations, the newest first.
#[derive(Debug, Serialize, Deserialize)]
pub struct InvocationPage {
    /// They.
    pub invocations: Vec<InvocationLine>,
    /// Where the next page begins; `None` at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Where those begin that come after this page.
    pub newest: String,
}

/// An invocation in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InvocationLine {
    /// Request id.
    pub request_id: String,
    /// ARN of the function.
    pub function: String,
    /// What the caller named of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qualifier: Option<String>,
    /// The version that ran.
    pub version: String,
    /// What had it run.
    pub trigger: Trigger,
    /// When it began.
    pub started: String,
    /// How it ended.
    pub end: End,
    /// What went wrong, in short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Milliseconds that it took.
    pub duration_ms: f64,
    /// Whether its environment was made for it.
    pub cold: bool,
    /// Calls that it made.
    pub calls: usize,
}

/// Why a question about invocations has no answer.
#[derive(Debug, thiserror::Error)]
pub enum InvocationsError {
    /// The question is none.
    #[error("{0}")]
    Invalid(String),
    /// Nothing is remembered of it.
    #[error(
        "nothing is remembered of an invocation {0}: it never was, is older than `larder serve --record-days`, or was \
         not to be remembered (--record)"
    )]
    Unknown(String),
    /// The store cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A page of invocations. Blocking.
///
/// # Errors
/// The query is none, or the store cannot be read.
pub fn list(
    ledger: &Ledger,
    recorder: Option<&Recorder>,
    query: &InvocationsQuery,
) -> Result<InvocationPage, InvocationsError> {
    if let Some(recorder) = recorder {
        recorder.settle();
    }
    let wanted = Wanted::of(query)?;
    let limit = query.limit.unwrap_or(PAGE).clamp(1, LONGEST_PAGE);
    let order = if query.after.is_some() { Order::OldestFirst } else { Order::NewestFirst };
    let start = query.after.as_deref().map(position).transpose()?.map(LinePosition::next);
    let start = start.unwrap_or_else(|| LinePosition::start_of(0)).max(wanted.since);
    let end = query.before.as_deref().map(position).transpose()?;
    let end = end.unwrap_or_else(|| LinePosition::start_of(u64::MAX));

    let mut page = InvocationPage {
        invocations: Vec::new(),
        next: None,
        newest: query.after.clone().unwrap_or_else(|| start.to_string()),
    };
    let mut newest = start;
    let mut last = end;
    for line in ledger.records().search(wanted.key.as_ref(), query.errors, start..end, order) {
        let line = line?;
        newest = newest.max(line.position);
        let Some(record) = wanted.take(&line) else { continue };
        if page.invocations.len() == limit {
            page.next = Some(last.to_string());
            break;
        }
        last = line.position;
        if order == Order::OldestFirst {
            newest = line.position;
        }
        page.invocations.push(InvocationLine::of(record));
    }

    page.newest = newest.to_string();
    Ok(page)
}

/// An invocation with all of its payloads and its log: of an asynchronous event all attempts, in their order. Blocking.
///
/// # Errors
/// Nothing is remembered of it, or the store cannot be read.
pub fn find(ledger: &Ledger, recorder: Option<&Recorder>, request_id: &str) -> Result<Vec<Record>, InvocationsError> {
    if let Some(recorder) = recorder {
        recorder.settle();
    }
    let records = ledger.records();
    let mut found = attempts(&records, None, request_id)?;
    for record in &mut found {
        if let Some(log) = whole_log(ledger, record) {
            record.log = log;
        }
    }
    found.reverse();

    Ok(found.into_iter().map(|record| record.whole(&records)).collect())
}

/// The last attempt of an invocation of a function, without its log: only what is remembered of that function is looked
/// through. Blocking.
///
/// # Errors
/// Nothing is remembered of it, or the store cannot be read.
pub fn last_of(ledger: &Ledger, function: &str, request_id: &str) -> Result<Record, InvocationsError> {
    let records = ledger.records();
    let key = Arn::parse(function).and_then(|arn| arn.function_key());
    let last = attempts(&records, key.as_ref(), request_id)?.into_iter().next();
    last.map(|record| record.whole(&records)).ok_or_else(|| InvocationsError::Unknown(request_id.to_owned()))
}

/// The attempts of an invocation, the last first; of a function's where that is known.
fn attempts(
    records: &Records,
    function: Option<&FunctionKey>,
    request_id: &str,
) -> Result<Vec<Record>, InvocationsError> {
    // What a record begins with, so that others need not be read.
    let beginning = format!("{{\"request_id\":{}", Value::from(request_id));
    let all = LinePosition::start_of(0)..LinePosition::start_of(u64::MAX);
    let mut found: Vec<Record> = Vec::new();
    for line in records.search(function, false, all, Order::NewestFirst) {
        let line = line?;
        if !line.text.starts_with(&beginning) {
            continue;
        }
        let Ok(record) = serde_json::from_str::<Record>(&line.text) else { continue };
        let is_first = !matches!(record.trigger, Trigger::Event { attempt } if attempt > 1);
        found.push(record);
        if is_first {
            break;
        }
    }
    if found.is_empty() { Err(InvocationsError::Unknown(request_id.to_owned())) } else { Ok(found) }
}

/// All lines of an invocation: those of its stream from the first that names it to the last. Nothing where they are gone.
fn whole_log(ledger: &Ledger, record: &Record) -> Option<String> {
    let place = record.log_stream.as_ref()?;
    let scope = Arn::parse(&record.function)?.scope();
    let group = LogGroupKey { scope, name: place.group.as_str().into() };
    let key = LogStreamKey { group, name: place.stream.as_str().into() };
    let state = ledger.state();
    let (group, stream) = (state.log_groups.get(&key.group)?, state.log_streams.get(&key)?);
    let place = LinesPlace { group: group.id, stream: stream.id };
    let Ok(Point::Time(started)) = record.started.parse::<Point>() else { return None };
    let took = Duration::try_from_secs_f64(record.duration_ms / 1000.0).unwrap_or_default();
    let ended = started.0.saturating_add(u64::try_from(took.as_millis()).unwrap_or_default() + LATE);

    let range = LinePosition::start_of(started.0)..LinePosition::start_of(ended);
    let lines = ledger.log_lines().range(place, range, Order::OldestFirst).take(LINES);
    let lines: Vec<String> = lines.map_while(Result::ok).map(|line| line.text).collect();
    let names = |line: &String| line.contains(&record.request_id);
    let first = lines.iter().position(names)?;
    let last = lines.iter().rposition(names)?;
    let lines = lines[first..=last].iter().map(|line| line.trim_end_matches('\n').to_owned() + "\n");
    Some(lines.collect())
}

/// A record without what looks like a secret, unless that is to be shown.
pub fn shown(mut record: Record, secrets: Secrets) -> Record {
    if secrets == Secrets::Shown {
        return record;
    }
    let calls = record.calls.iter_mut().flat_map(|call| [&mut call.body, &mut call.answer]);
    for payload in calls.chain([&mut record.event]).chain(record.answer.as_mut()) {
        mask(payload, MASK);
    }
    record
}

/// Hides what looks like a secret in a payload.
pub fn mask(payload: &mut Payload, instead: &str) {
    if let Payload::Text(text) = payload {
        if text.starts_with("Action=") {
            *text = masked_form(text, instead);
            return;
        }
        let mut json = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()));
        if redaction::hide_secrets(&mut json, instead) {
            *text = json.as_str().map_or_else(|| json.to_string(), str::to_owned);
        }
    }
}

/// The same in a form.
fn masked_form(form: &str, instead: &str) -> String {
    let mut masked = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(form.as_bytes()) {
        let mut pair = serde_json::json!({ &*name: &*value });
        redaction::hide_secrets(&mut pair, instead);
        masked.append_pair(&name, pair[&*name].as_str().unwrap_or(instead));
    }
    masked.finish()
}

/// What is looked for.
struct Wanted<'a> {
    query: &'a InvocationsQuery,
    key: Option<FunctionKey>,
    since: LinePosition,
}

impl<'a> Wanted<'a> {
    fn of(query: &'a InvocationsQuery) -> Result<Self, InvocationsError> {
        let since = match query.since.as_deref().map(str::parse).transpose().map_err(InvocationsError::Invalid)? {
            None => 0,
            Some(Point::Time(time)) => time.0,
            Some(Point::Ago(ms)) => clock::now().0.saturating_sub(ms),
            Some(point) => {
                let message = format!("`{point}` is no time: write 2026-01-31T12:00:00Z, or how long ago (10m, 2h)");
                return Err(InvocationsError::Invalid(message));
            }
        };
        let key = query.function.as_deref().and_then(|arn| Arn::parse(arn)?.function_key());
        Ok(Self { query, key, since: LinePosition::start_of(since) })
    }

    /// The record of a line, if it is wanted.
    fn take(&self, line: &Line) -> Option<Record> {
        let has_text = |text: &str| line.text.contains(text) || line.text.contains(&escaped(text));
        if self.query.text.as_deref().is_some_and(|text| !has_text(text)) {
            return None;
        }
        let record = serde_json::from_str::<Record>(&line.text).ok()?;
        let by_name = self.query.function.as_deref().filter(|_| self.key.is_none());
        let is_named = by_name.is_none_or(|pattern| is_like(name_of(&record.function), pattern));
        let is_triggered = self.query.trigger.as_deref().is_none_or(|trigger| trigger == record.trigger.name());
        (is_named && is_triggered).then_some(record)
    }
}

/// A text as it is in JSON.
fn escaped(text: &str) -> String {
    let json = Value::from(text).to_string();
    json.trim_matches('"').to_owned()
}

/// The name in a function's ARN.
pub fn name_of(arn: &str) -> &str {
    arn.split_once(":function:").map_or(arn, |(_, name)| name)
}

impl InvocationLine {
    fn of(record: Record) -> Self {
        let error = record.failed().then(|| error_of(&record));
        Self {
            error,
            request_id: record.request_id,
            function: record.function,
            qualifier: record.qualifier,
            version: record.version,
            trigger: record.trigger,
            started: record.started,
            end: record.end,
            duration_ms: record.duration_ms,
            cold: record.environment.is_some_and(|environment| environment.cold),
            calls: record.calls.len(),
        }
    }
}

/// What went wrong, in a line: type and message of the error.
pub fn error_of(record: &Record) -> String {
    let answer = record.answer.as_ref().and_then(Payload::bytes).unwrap_or_default();
    let json = serde_json::from_slice::<Value>(&answer).unwrap_or_default();
    let member = |name: &str| json[name].as_str().unwrap_or_default();
    match (member("errorType"), member("errorMessage")) {
        ("", "") => String::from_utf8_lossy(&answer).chars().take(200).collect(),
        ("", message) => message.to_owned(),
        (kind, message) => format!("{kind}: {message}"),
    }
}

fn position(text: &str) -> Result<LinePosition, InvocationsError> {
    let refused = || format!("`{text}` is no place in the list: it is the `next` or `newest` of a page");
    LinePosition::parse(text).ok_or_else(|| InvocationsError::Invalid(refused()))
}
