//! A whole data dir verified, or written anew: the ledger's files and the blobs they refer to. Only reads the
//! data dir, and works on one that cannot be opened.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{BlobError, digest, io_error};
use crate::disk;
use crate::ledger::compact::{Compaction, Keep};
use crate::ledger::inspect::{self, Damage, Inspected};
use crate::ledger::{Ledger, log_lines, records, recover};
use crate::model::blob::BlobId;
use crate::model::resource::Resource;
use crate::model::state::State;

/// What a verification found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// Whether nothing is damaged.
    pub whole: bool,
    /// Whether digests and checkpoints were compared too.
    pub deep: bool,
    /// Sequence of the oldest event; 0 if there is none.
    pub begins: u64,
    /// Sequence of the newest.
    pub last: u64,
    /// Records of the journal.
    pub records: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// Checkpoints of another build, which a start skips.
    pub other_checkpoints: u64,
    /// Blobs that events refer to.
    pub blobs: u64,
    /// Segments of log lines.
    pub log_segments: u64,
    /// Segments of records of invocations.
    #[serde(default)]
    pub record_segments: u64,
    /// What is damaged.
    pub damage: Vec<Damage>,
}

/// Drops history that is not kept, once it is proven that every blob that is needed is there, whole. Blocking.
///
/// # Errors
/// See [`Ledger::compact`].
pub fn compact(data_dir: &Path, ledger: &Ledger, keep: Keep) -> Result<Compaction, BlobError> {
    let is_whole = |id: &BlobId| super::is_whole(&blob_path(data_dir, id), id);
    // Most are read before, so that callers that change something do not wait for it.
    let needed = ledger.state().resources().flat_map(|resource| resource.blobs()).collect::<HashSet<_>>();
    let read: HashSet<BlobId> = needed.into_iter().filter(|id| is_whole(id)).collect();
    Ok(ledger.compact(keep, &|id| read.contains(id) || is_whole(id))?)
}

/// Verifies the data dir `data_dir`: all of it, or, beside a running server, up to the state `live`. `step` hears
/// how far it is: the sequence of the event, then the count of blobs.
///
/// # Errors
/// The folders cannot be read; damage is no error.
pub fn verify(
    data_dir: &Path,
    live: Option<&State>,
    deep: bool,
    mut step: impl FnMut(&'static str, u64),
) -> Result<Report, BlobError> {
    let store = data_dir.join("store");
    let until = live.map_or(u64::MAX, |state| state.sequence);
    let mut found = inspect::inspect(&store, until, deep, |sequence| step("events", sequence))?;
    if let Some(live) = live
        && found.damage.is_empty()
        && *live != found.state
    {
        let problem = format!("the events up to {until} do not make the state that the server has");
        found.damage.push(damage(&store, Some(until), problem));
    }

    references(&store, &mut found);
    let blobs = blobs(data_dir, &mut found, deep, &mut step);
    let logs = log_lines::inspect::inspect(&store, deep)?;
    found.damage.extend(logs.damage);
    let (log_segments, record_segments) = (logs.segments, logs.record_segments);
    let Inspected { begins, last, records, checkpoints, other_checkpoints, damage, .. } = found;
    let whole = damage.is_empty();

    Ok(Report {
        whole,
        deep,
        begins,
        last,
        records,
        checkpoints,
        other_checkpoints,
        blobs,
        log_segments,
        record_segments,
        damage,
    })
}

fn damage(file: &Path, sequence: Option<u64>, problem: String) -> Damage {
    Damage { file: file.to_owned(), offset: None, sequence, problem }
}

/// What resources name must be there.
fn references(store: &Path, found: &mut Inspected) {
    let state = &found.state;
    let configs = state
        .code_signing_users
        .iter()
        .filter(|(config, _)| !state.code_signing_configs.contains_key(config))
        .map(|(config, function)| format!("function {} names {}, which is not there", function.name, config.arn()));
    let providers =
        state.provider_versions.iter().filter(|(provider, _)| !state.capacity_providers.contains_key(provider)).map(
            |(provider, (function, _))| {
                format!("function {} names {}, which is not there", function.name, provider.arn())
            },
        );
    let streams = state
        .log_streams
        .keys()
        .filter(|stream| !state.log_groups.contains_key(&stream.group))
        .map(|stream| format!("log stream {} is in no group", stream.name));
    let problems: Vec<_> = configs.chain(providers).chain(streams).collect();
    let last = found.last;

    found.damage.extend(problems.into_iter().map(|problem| damage(store, Some(last), problem)));
}

/// Every blob that an event names must be there; returns how many are named.
fn blobs(data_dir: &Path, found: &mut Inspected, deep: bool, step: &mut impl FnMut(&'static str, u64)) -> u64 {
    for (count, id) in (1..).zip(&found.uses.blobs) {
        step("blobs", count);
        if !found.small.contains(id)
            && let Some(problem) = missing_or_damaged(data_dir, id, deep)
        {
            found.damage.push(damage(&blob_path(data_dir, id), None, problem));
        }
    }
    found.uses.blobs.len() as u64
}

fn blob_path(data_dir: &Path, id: &BlobId) -> std::path::PathBuf {
    crate::ledger::blob_file(&data_dir.join("store"), id)
}

fn missing_or_damaged(data_dir: &Path, id: &BlobId, deep: bool) -> Option<String> {
    let path = blob_path(data_dir, id);
    if !deep {
        return (!path.is_file()).then(|| format!("blob {id} is missing"));
    }
    match fs::read(&path).map(|bytes| digest(&bytes)) {
        Ok(same) if same == *id => None,
        Ok(other) => Some(format!("blob {id} is damaged: its bytes have the digest {other}")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(format!("blob {id} is missing")),
        Err(error) => Some(format!("blob {id} cannot be read: {error}")),
    }
}

/// What was written anew.
#[derive(Debug, Serialize)]
pub struct Recovery {
    /// Whether everything up to the wanted event is there, with its blobs.
    pub complete: bool,
    /// Sequence of the oldest event in the new data dir.
    pub begins: u64,
    /// Sequence of the newest.
    pub last: u64,
    /// Functions there after it.
    pub functions: usize,
    /// Functions of these that lack code or a layer.
    pub functions_without_code: Vec<String>,
    /// Blobs that were saved.
    pub blobs: usize,
    /// Events that only the index had.
    pub from_index: u64,
    /// Events that are gone, and why it ended where it did.
    pub lost: Vec<Damage>,
    /// Why it ended there, where more was wanted and could not be had.
    pub ended: Option<Damage>,
    /// Blobs that the events name and that are missing or damaged, and log lines that are.
    pub missing: Vec<String>,
}

/// Writes the events of `data_dir` up to `to`, as far as they can be had, with their blobs, into the new data dir
/// `into`. The old one is only read.
///
/// # Errors
/// A folder cannot be read or written.
pub fn recover(data_dir: &Path, to: u64, into: &Path) -> Result<Recovery, BlobError> {
    let recovered = recover::recover(&data_dir.join("store"), to, into)?;
    let folder = into.join("blobs").join("sha256");
    disk::create_folder(&folder).map_err(io_error(&folder))?;
    let mut missing = Vec::new();
    let mut lacking = HashSet::new();

    for id in recovered.uses.blobs.iter().filter(|id| !recovered.small.contains(id)) {
        if let Some(problem) = missing_or_damaged(data_dir, id, true) {
            missing.push(problem);
            lacking.insert(*id);
            continue;
        }
        let to = blob_path(into, id);
        disk::copy(&blob_path(data_dir, id), &to).map_err(io_error(&to))?;
    }

    disk::sync_folder(&folder).map_err(io_error(&folder))?;
    let store = data_dir.join("store");
    let new_store = into.join("store");
    log_lines::inspect::copy(&store, &new_store)?;
    records::copy_payloads(&store, &new_store)?;
    let damaged = log_lines::inspect::inspect(&new_store, true)?.damage.into_iter();
    missing.extend(damaged.map(|damage| format!("log lines of {}: {}", damage.file.display(), damage.problem)));

    let blobs = recovered.uses.blobs.len() - lacking.len();
    let without = |resource: Resource| match &resource {
        Resource::Function(key, _) if resource.blobs().iter().any(|id| lacking.contains(id)) => {
            Some(key.name.to_string())
        }
        _ => None,
    };
    Ok(Recovery {
        complete: recovered.lost.is_empty() && missing.is_empty(),
        begins: recovered.begins,
        last: recovered.last,
        functions: recovered.state.functions.len(),
        functions_without_code: recovered.state.resources().filter_map(without).collect(),
        blobs,
        from_index: recovered.from_index,
        ended: recovered.lost.last().cloned(),
        lost: recovered.lost,
        missing,
    })
}
