//! Writes the messages of queues into a pod: a line of JSON each, in the order in which they were sent.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::PART;
use crate::ledger::{Ledger, portable};
use crate::model::queues::QueueKey;
use crate::model::resource::Resource;
use crate::pods::PodError;
use crate::pods::lines::{LinesWriter, WrittenLines};
use crate::pods::redaction::{self, REDACTED, Rule};
use crate::runs::RunId;
use crate::runs::messages::{AttributeValue, BroughtMessage, QueuedMessage};

/// Messages that are read at a time.
const CHUNK: usize = 100;

/// Writes the messages of queues among these resources. Blocking.
///
/// # Errors
/// The store cannot be read, the file not written, or no reader would take so many.
pub fn write(ledger: &Ledger, resources: &[Resource], redact: &[Rule]) -> Result<WrittenLines, PodError> {
    let queues: BTreeSet<&QueueKey> = resources.iter().filter_map(queue).collect();
    let runs = ledger.runs();
    let is_chosen = |queue: &QueueKey| queues.contains(queue);
    let chosen = runs.messages.iter().filter(|(_, message)| !message.is_deleted && is_chosen(&message.queue));
    let chosen: Vec<RunId> = chosen.map(|(id, _)| *id).collect();
    let mut lines = LinesWriter::new(PART)?;

    for ids in chosen.chunks(CHUNK) {
        let mut found = BTreeMap::new();
        ledger.messages(ids, |id, message| drop(found.insert(id, message)))?;
        for (id, message) in found {
            let Some(state) = runs.messages.get(id) else { continue };
            let message = BroughtMessage {
                message: redacted(message, redact),
                receives: state.receives,
                dead_letter_source: state.dead_letter_source().cloned(),
            };
            lines.add(portable::message_to_json(&state.queue, &message)?)?;
        }
    }

    lines.end()
}

pub(super) fn queue(resource: &Resource) -> Option<&QueueKey> {
    match resource {
        Resource::Queue(key, _) => Some(key),
        _ => None,
    }
}

/// A message without what looks like secrets in it, where that is a rule; rules of variables say nothing of it.
fn redacted(mut message: QueuedMessage, rules: &[Rule]) -> QueuedMessage {
    if !rules.contains(&Rule::Auto) {
        return message;
    }
    message.body = without_secrets(message.body);
    for (name, attribute) in &mut message.attributes {
        if let AttributeValue::Text(text) = &mut attribute.value {
            // As a member of JSON: its name may tell, or its value.
            let mut json = Value::Object([(name.clone(), Value::String(std::mem::take(text)))].into_iter().collect());
            redaction::hide_secrets(&mut json, REDACTED);
            json[name.as_str()].as_str().unwrap_or_default().clone_into(text);
        }
    }
    message
}

/// A body without secrets: of JSON what looks like one is replaced, any other text as a whole.
fn without_secrets(body: String) -> String {
    let read = serde_json::from_str::<Value>(&body);
    let is_json = read.is_ok();
    let mut json = read.unwrap_or_else(|_| Value::String(body.clone()));
    // What has none stays as it is, byte for byte.
    if !redaction::hide_secrets(&mut json, REDACTED) {
        return body;
    }
    if is_json { json.to_string() } else { REDACTED.to_owned() }
}
