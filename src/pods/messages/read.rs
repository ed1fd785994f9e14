//! Reads the messages of a pod, and believes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::write::queue;
use super::{PART, PodMessage};
use crate::ledger::portable;
use crate::model::queues::{MAX_MESSAGE_BYTES, QueueKey, is_message_letter};
use crate::model::resource::Resource;
use crate::pods::{Manifest, PodError, lines};
use crate::runs::messages::{AttributeValue, MessageAttribute, QueuedMessage};

/// Letters of an id, of a group and of what else goes with a message at most.
const MAX_ID: usize = 128;

/// Letters of a trace header, of an attribute's name or type at most.
const MAX_TEXT: usize = 256;

/// Attributes at most.
const MAX_ATTRIBUTES: usize = 10;

/// The messages of a pod that is unpacked in `folder`; `None` where it was saved without.
///
/// # Errors
/// What is not as it must be, and in which line.
pub fn messages(
    manifest: &Manifest,
    folder: &Path,
    resources: &[Resource],
) -> Result<Option<Vec<PodMessage>>, PodError> {
    let queues: BTreeSet<&QueueKey> = resources.iter().filter_map(queue).collect();
    lines::read(PART, (manifest, folder), |line| message(line, &queues))
}

/// The message of a line, checked.
fn message(line: &[u8], queues: &BTreeSet<&QueueKey>) -> Result<PodMessage, String> {
    let (queue, message) = portable::message_from_json(line).map_err(|error| format!("cannot be read: {error}"))?;
    if !queues.contains(&queue) {
        return Err(format!("is in the queue {}, which the pod has not", queue.name));
    }
    check(&queue, &message.message)?;
    Ok(PodMessage { queue, message })
}

fn check(queue: &QueueKey, message: &QueuedMessage) -> Result<(), String> {
    let QueuedMessage { message_id, body, attributes, trace_header, sender, group, deduplication } = message;
    let is_graphic = |text: &str| text.len() <= MAX_ID && text.bytes().all(|byte| byte.is_ascii_graphic());
    if message_id.is_empty() || !is_graphic(message_id) {
        return Err("has no message id that can be one".to_owned());
    }
    if body.is_empty() || !body.chars().all(is_message_letter) {
        return Err("has a body that cannot be one".to_owned());
    }

    let is_printable =
        |text: &String, most: usize| text.len() <= most && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let trace_fits = trace_header.as_ref().is_none_or(|trace| is_printable(trace, MAX_TEXT));
    if !trace_fits || !is_printable(sender, MAX_ID) {
        return Err("has a trace or a sender that cannot be one".to_owned());
    }
    let ids_fit = [group, deduplication].into_iter().flatten().all(|id| !id.is_empty() && is_graphic(id));
    let is_whole = if queue.is_fifo() { group.is_some() && deduplication.is_some() } else { deduplication.is_none() };
    if !ids_fit || !is_whole {
        return Err("has a message group or a deduplication id that cannot be one".to_owned());
    }

    let size = body.len() + check_attributes(attributes)?;
    if size > usize::try_from(MAX_MESSAGE_BYTES).unwrap_or(usize::MAX) {
        return Err(format!("has more than {MAX_MESSAGE_BYTES} bytes"));
    }
    Ok(())
}

/// Checks attributes; their bytes.
fn check_attributes(attributes: &BTreeMap<String, MessageAttribute>) -> Result<usize, String> {
    let is_name = |text: &str| !text.is_empty() && text.len() < MAX_TEXT && text.chars().all(is_message_letter);
    let fits = |(name, MessageAttribute { data_type, value }): (&String, &MessageAttribute)| {
        let is_binary = data_type.split('.').next() == Some("Binary");
        let value_fits = match value {
            AttributeValue::Text(text) => !is_binary && text.chars().all(is_message_letter),
            AttributeValue::Binary(_) => is_binary,
        };
        is_name(name) && is_name(data_type) && value_fits
    };
    if attributes.len() > MAX_ATTRIBUTES || !attributes.iter().all(fits) {
        return Err("has attributes that cannot be such".to_owned());
    }

    let size = |(name, MessageAttribute { data_type, value }): (&String, &MessageAttribute)| {
        let value = match value {
            AttributeValue::Text(text) => text.len(),
            AttributeValue::Binary(bytes) => bytes.len(),
        };
        name.len() + data_type.len() + value
    };
    Ok(attributes.iter().map(size).sum())
}
