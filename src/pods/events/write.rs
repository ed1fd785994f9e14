//! Writes the events that wait into a pod: a line of JSON each, in the order in which they were accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::PART;
use crate::ledger::{Ledger, portable};
use crate::model::names::FunctionKey;
use crate::model::resource::Resource;
use crate::pods::PodError;
use crate::pods::lines::{LinesWriter, WrittenLines};
use crate::pods::redaction::{self, REDACTED, Rule};
use crate::runs::RunId;

/// Events that are read at a time.
const CHUNK: usize = 100;

/// Writes the events that wait for functions among these resources. Blocking.
///
/// # Errors
/// The store cannot be read, the file not written, or no reader would take so many.
pub fn write(ledger: &Ledger, resources: &[Resource], redact: &[Rule]) -> Result<WrittenLines, PodError> {
    let functions: BTreeSet<&FunctionKey> = resources.iter().filter_map(function).collect();
    let runs = ledger.runs();
    let is_chosen = |function: &Arc<FunctionKey>| functions.contains(&**function);
    let chosen = runs.events.iter().filter(|(_, waiting)| is_chosen(&waiting.lane));
    let chosen: Vec<RunId> = chosen.map(|(id, _)| *id).collect();
    let mut lines = LinesWriter::new(PART)?;

    for ids in chosen.chunks(CHUNK) {
        let mut found = BTreeMap::new();
        ledger.waiting_events(ids, |id, event, payload| drop(found.insert(id, (event, payload))))?;
        for (id, (event, payload)) in found {
            let attempts = runs.events.get(&id).map(|waiting| waiting.attempts).unwrap_or_default();
            let payload = String::from_utf8_lossy(&redacted(payload, redact)).into_owned();
            lines.add(portable::waiting_to_json(&event, attempts, payload)?)?;
        }
    }

    lines.end()
}

pub(super) fn function(resource: &Resource) -> Option<&FunctionKey> {
    match resource {
        Resource::Function(key, _) => Some(key),
        _ => None,
    }
}

/// A payload without what looks like secrets in it, where that is a rule; rules of variables say nothing of it.
fn redacted(payload: Bytes, rules: &[Rule]) -> Bytes {
    if !rules.contains(&Rule::Auto) {
        return payload;
    }
    let Ok(mut json) = serde_json::from_slice::<Value>(&payload) else { return payload };
    // What has none stays as it is, byte for byte.
    if redaction::hide_secrets(&mut json, REDACTED) { Bytes::from(json.to_string()) } else { payload }
}
