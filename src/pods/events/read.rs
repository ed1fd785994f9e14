//! Reads the events that wait of a pod, and believes nothing.

use std::collections::BTreeSet;
use std::path::Path;

use serde::de::IgnoredAny;

use super::write::function;
use super::{PART, PodEvent};
use crate::ledger::portable;
use crate::model::names::FunctionKey;
use crate::model::resource::Resource;
use crate::pods::{Manifest, PodError, lines};
use crate::runs::WaitingEvent;

/// Letters of a qualifier at most, as AWS has it.
const MAX_QUALIFIER: usize = 128;

/// Letters of what else goes with an event at most: X-Ray's header has the most, AWS's limit for it.
const MAX_TEXT: usize = 256;

/// The events of a pod that is unpacked in `folder`; `None` where it was saved without.
///
/// # Errors
/// What is not as it must be, and in which line.
pub fn events(manifest: &Manifest, folder: &Path, resources: &[Resource]) -> Result<Option<Vec<PodEvent>>, PodError> {
    let functions: BTreeSet<&FunctionKey> = resources.iter().filter_map(function).collect();
    lines::read(PART, (manifest, folder), |line| event(line, &functions))
}

/// The event of a line, checked.
fn event(line: &[u8], functions: &BTreeSet<&FunctionKey>) -> Result<PodEvent, String> {
    let read = portable::waiting_from_json(line);
    let (mut event, attempts, payload) = read.map_err(|error| format!("cannot be read: {error}"))?;
    let Some(function) = functions.get(&event.function) else {
        return Err(format!("is for the function {}, which the pod has not", event.function.name));
    };
    // One name for all of them takes less memory.
    event.function = (*function).clone();
    texts(&event)?;
    // As of one that a caller sends: JSON, or nothing.
    if !payload.is_empty() {
        serde_json::from_str::<IgnoredAny>(&payload)
            .map_err(|error| format!("has a payload that is no JSON: {error}"))?;
    }

    Ok(PodEvent { event, attempts, payload: payload.into() })
}

/// Checks what goes with an event: it ends up in headers, logs and environments' files.
fn texts(event: &WaitingEvent) -> Result<(), String> {
    let is_id = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if event.request_id.is_empty() || event.request_id.len() > MAX_QUALIFIER || !is_id(&event.request_id) {
        return Err("has no request id that can be one".to_owned());
    }
    let qualifier = event.qualifier.as_ref().map(ToString::to_string);
    let fits = |text: &String| text.len() <= MAX_QUALIFIER && is_id(&text.replace(['$', '.'], ""));
    if qualifier.as_ref().is_some_and(|qualifier| !fits(qualifier)) {
        return Err("has a qualifier that cannot be one".to_owned());
    }

    for (what, text) in [
        ("trace", &event.trace_id),
        ("tenant", &event.tenant_id),
        ("name of a durable execution", &event.durable_execution_name),
    ] {
        let fits = |text: &String| text.len() <= MAX_TEXT && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if text.as_ref().is_some_and(|text| !fits(text)) {
            return Err(format!("has a {what} that cannot be one"));
        }
    }

    Ok(())
}
