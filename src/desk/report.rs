//! Reports: an invocation with those before it in its environment, for a pod that reproduces it elsewhere.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::invocations::{self, InvocationsError};
use crate::clock;
use crate::invoke::record::Record;
use crate::ledger::Ledger;
use crate::ledger::log_lines::{LinePosition, Order};
use crate::model::arn::Arn;
use crate::model::time::Timestamp;
use crate::pods::PodError;
use crate::pods::read::Pod;
use crate::pods::redaction::{self, REDACTED};
use crate::pods::report::{self, Lines, Report};

/// Invocations of an environment before the reported one that come along: state in globals matters.
const NEIGHBOURS: usize = 1000;

/// What a report says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Request ids of the invocations that it is about.
    pub request_ids: Vec<String>,
    /// The Larder that made it.
    pub larder: String,
    /// The system's kernel.
    pub kernel: String,
    /// Its processors.
    pub architecture: String,
    /// When it was made.
    pub made: String,
}

/// A report that came with a pod.
#[derive(Debug)]
pub struct Reported {
    /// What it says of itself.
    pub about: About,
    /// The invocations, in the order in which they began.
    pub records: Vec<Record>,
}

/// An invocation, and those before it in its environment, the oldest first. Blocking.
///
/// # Errors
/// Nothing is remembered of it, or the store cannot be read.
pub fn with_neighbours(ledger: &Ledger, request_id: &str) -> Result<Vec<Record>, InvocationsError> {
    let mut found = invocations::find(ledger, None, request_id)?;
    let Some(last) = found.pop() else { return Err(InvocationsError::Unknown(request_id.to_owned())) };
    let mut all = before(ledger, &last)?;
    all.push(last);
    Ok(all)
}

/// The invocations of a record's environment before it, the oldest first.
fn before(ledger: &Ledger, last: &Record) -> Result<Vec<Record>, InvocationsError> {
    let records = ledger.records();
    let key = Arn::parse(&last.function).and_then(|arn| arn.function_key());
    let (Some(key), Some(ran_in)) = (key, &last.environment) else { return Ok(Vec::new()) };
    let all = LinePosition::start_of(0)..LinePosition::start_of(u64::MAX);
    let mut found = Vec::new();

    for line in records.search(Some(&key), false, all, Order::NewestFirst) {
        let line = line?;
        if !line.text.contains(&ran_in.id) {
            continue;
        }
        let Ok(record) = serde_json::from_str::<Record>(&line.text) else { continue };
        let is_before = record.started < last.started;
        let environment = record.environment.as_ref().filter(|environment| environment.id == ran_in.id && is_before);
        let Some(is_first) = environment.map(|environment| environment.invocation == Some(1)) else { continue };
        found.push(record.whole(&records));
        if is_first || found.len() == NEIGHBOURS {
            break;
        }
    }

    found.reverse();
    Ok(found)
}

/// All invocations that began since a time, with those before them in their environments, the oldest first. Blocking.
///
/// # Errors
/// The store cannot be read.
pub fn since(ledger: &Ledger, time_ms: u64) -> Result<Vec<Record>, InvocationsError> {
    let records = ledger.records();
    let range = LinePosition::start_of(time_ms)..LinePosition::start_of(u64::MAX);
    let lines = records.search(None, false, range, Order::OldestFirst);
    let read =
        lines.map(|line| Ok(serde_json::from_str::<Record>(&line?.text).ok().map(|record| record.whole(&records))));
    let mut found: Vec<Record> = read.filter_map(Result::transpose).collect::<Result<_, InvocationsError>>()?;
    // A record is written a moment after its end, and by that time it is found.
    let since = Timestamp(time_ms).iso();
    found.retain(|record| record.started >= since);
    found.sort_by(|one, other| one.started.cmp(&other.started));

    let mut environments = HashSet::new();
    let firsts: Vec<Record> = found.iter().filter(|record| is_new(record, &mut environments)).cloned().collect();
    for first in firsts {
        found.extend(before(ledger, &first)?);
    }
    found.sort_by(|one, other| one.started.cmp(&other.started));
    Ok(found)
}

/// Whether a record is the first seen of its environment.
fn is_new(record: &Record, seen: &mut HashSet<String>) -> bool {
    record.environment.as_ref().is_some_and(|environment| seen.insert(environment.id.clone()))
}

/// Invocations for a report, and the request ids of those that it is about.
#[derive(Debug)]
pub struct Meant {
    /// The invocations, the oldest first.
    pub records: Vec<Record>,
    /// The ids.
    pub request_ids: Vec<String>,
}

/// The report of some invocations; without what looks like a secret, where that is wanted.
///
/// # Errors
/// It cannot be written.
pub fn make(meant: Meant, redacts: bool) -> Result<Report, PodError> {
    let Meant { mut records, request_ids } = meant;
    if redacts {
        records.iter_mut().for_each(redact);
    }
    let system = rustix::system::uname();
    let about = About {
        request_ids,
        larder: env!("CARGO_PKG_VERSION").to_owned(),
        kernel: format!("{} {}", system.sysname().to_string_lossy(), system.release().to_string_lossy()),
        architecture: std::env::consts::ARCH.to_owned(),
        made: clock::now().iso(),
    };
    let readme = readme(&about, &records);
    let lines = records.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
    Report::new(lines, serde_json::to_string_pretty(&about)?, readme)
}

/// Hides what looks like a secret in all that came from outside.
fn redact(record: &mut Record) {
    let calls = record.calls.iter_mut().flat_map(|call| [&mut call.body, &mut call.answer]);
    for payload in calls.chain([&mut record.event]).chain(record.answer.as_mut()) {
        invocations::mask(payload, REDACTED);
    }
    let mut log = serde_json::Value::Array(record.log.lines().map(Into::into).collect());
    if redaction::hide_secrets(&mut log, REDACTED) {
        let lines = log.as_array().into_iter().flatten().filter_map(|line| line.as_str());
        record.log = lines.map(|line| line.to_owned() + "\n").collect();
    }
}

/// The report of a pod, checked; `None` where it has none.
///
/// # Errors
/// It is not as it must be.
pub fn of_pod(pod: &Pod) -> Result<Option<Reported>, PodError> {
    let Some(Lines { about, records }) = report::of(pod)? else { return Ok(None) };
    let about = serde_json::from_slice(&about)
        .map_err(|error| PodError::Refused(format!("what its report says of itself cannot be read: {error}")))?;
    let read = |(number, line): (usize, &Vec<u8>)| {
        let refused = |error| PodError::Refused(format!("record {number} of its report cannot be read: {error}"));
        serde_json::from_slice::<Record>(line).map_err(refused)
    };
    let records = (1..).zip(&records).map(read).collect::<Result<_, _>>()?;
    Ok(Some(Reported { about, records }))
}

/// What whoever opens the file reads first.
fn readme(about: &About, records: &[Record]) -> String {
    let About { larder, kernel, architecture, made, .. } = about;
    let reported = records.iter().filter(|record| about.request_ids.contains(&record.request_id));
    let lines = reported.map(|record| {
        let Record { request_id, function, version, started, runtime, executor, .. } = record;
        let error = if record.failed() { invocations::error_of(record) } else { "ended well".to_owned() };
        let name = invocations::name_of(function);
        let ground = record.environment.as_ref().and_then(|environment| environment.ground.as_ref());
        let ground = ground.map(|ground| format!(": {ground}")).unwrap_or_default();
        format!("- {started} `{request_id}`: {name}, version {version} ({runtime}, {executor}{ground}): {error}\n")
    });
    let lines: String = lines.collect();
    let bytes = |record: &Record| record.event.bytes().map_or(0, |bytes| bytes.len());
    let events: usize = records.iter().map(bytes).sum();
    format!(
        "# A failing call, and the state that it failed in\n\n\
         {lines}\n\
         `larder reproduce FILE` runs it again in a store of its own and says whether it fails as it did. The file holds the \
         function with its code, configuration and layers, {} recorded invocations with {events} bytes of events, and what \
         they called.\n\n\
         Made on {made} by larder {larder} on {kernel} ({architecture}).\n",
        records.len(),
    )
}
