//! Writes the events that wait into a pod: a line of JSON each, in the order in which they were accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Seek as _, Write as _};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::ledger::{Ledger, portable};
use crate::model::blob::BlobId;
use crate::model::names::FunctionKey;
use crate::model::resource::Resource;
use crate::pods::redaction::{self, REDACTED, Rule};
use crate::pods::{EVENTS, MAX_EVENTS, PodError, io_error};
use crate::runs::{Attempts, RunId, WaitingEvent};

/// Events that are read at a time.
const CHUNK: usize = 100;

/// The events of a pod that is being written, in a file without a name: they may be more than memory has room for.
#[derive(Debug)]
pub struct WrittenEvents {
    /// The lines.
    pub file: File,
    /// Digest of its bytes.
    pub digest: BlobId,
    /// Its bytes.
    pub size: u64,
    /// The events.
    pub count: usize,
}

/// Writes the events that wait for functions among these resources. Blocking.
///
/// # Errors
/// The store cannot be read, the file not written, or no reader would take so many.
pub fn write(ledger: &Ledger, resources: &[Resource], redact: &[Rule]) -> Result<WrittenEvents, PodError> {
    let functions: BTreeSet<&FunctionKey> = resources.iter().filter_map(function).collect();
    let runs = ledger.runs();
    let is_chosen = |function: &Arc<FunctionKey>| functions.contains(&**function);
    let chosen = runs.events.iter().filter(|(_, waiting)| is_chosen(&waiting.lane));
    let chosen: Vec<RunId> = chosen.map(|(id, _)| *id).collect();
    let mut lines = Lines::new()?;

    for ids in chosen.chunks(CHUNK) {
        let mut found = BTreeMap::new();
        ledger.waiting_events(ids, |id, event, payload| drop(found.insert(id, (event, payload))))?;
        for (id, (event, payload)) in found {
            let attempts = runs.events.get(&id).map(|waiting| waiting.attempts).unwrap_or_default();
            lines.add(&event, attempts, &redacted(payload, redact))?;
        }
    }

    lines.end()
}

fn function(resource: &Resource) -> Option<&FunctionKey> {
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

/// Lines on their way into a file.
struct Lines {
    file: BufWriter<File>,
    hash: Sha256,
    size: u64,
    count: usize,
}

impl Lines {
    fn new() -> Result<Self, PodError> {
        let file = tempfile::tempfile().map_err(io_error("a temporary file"))?;
        Ok(Self { file: BufWriter::new(file), hash: Sha256::new(), size: 0, count: 0 })
    }

    fn add(&mut self, event: &WaitingEvent, attempts: Attempts, payload: &[u8]) -> Result<(), PodError> {
        let text = String::from_utf8_lossy(payload).into_owned();
        let mut line = portable::waiting_to_json(event, attempts, text)?;
        line.push('\n');
        self.size += line.len() as u64;
        self.count += 1;
        if self.size > MAX_EVENTS {
            return Err(PodError::Refused(format!(
                "{EVENTS} would have more than the limit of {MAX_EVENTS} bytes: --only chooses a part of the functions"
            )));
        }
        self.hash.update(line.as_bytes());
        self.file.write_all(line.as_bytes()).map_err(io_error("a temporary file"))
    }

    fn end(self) -> Result<WrittenEvents, PodError> {
        let mut file = self.file.into_inner().map_err(|error| io_error("a temporary file")(error.into_error()))?;
        file.rewind().map_err(io_error("a temporary file"))?;
        Ok(WrittenEvents { file, digest: BlobId(self.hash.finalize().into()), size: self.size, count: self.count })
    }
}
