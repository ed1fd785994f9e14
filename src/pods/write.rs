//! Writes a pod: the same state gives the same bytes, on any machine.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use base64::Engine as _;
use serde::{Serialize, Serializer};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::lines::{PartWriter, WrittenLines, WrittenPart};
use super::references::Reference;
use super::report::Report;
use super::{
    BLOBS, EVENTS, FORMAT, HISTORY, MANIFEST, MAX_MANIFEST, MAX_STATE, MESSAGES, Manifest, Part, PodError, STATE,
    UPSTREAM, io_error,
};
use crate::blobs::{BlobStore, digest};
use crate::ledger::{SCHEMA, portable};
use crate::model::blob::BlobId;
use crate::model::event::Recorded;
use crate::model::resource::Resource;

/// How hard it is compressed: blobs are zips, which do not become smaller.
const LEVEL: i32 = 3;

/// What goes into a pod.
#[derive(Debug)]
pub struct Contents {
    /// Id of the store.
    pub store: String,
    /// The sequence of the state.
    pub sequence: u64,
    /// Time of its event, in milliseconds since the epoch.
    pub time: u64,
    /// What its maker says.
    pub message: Option<String>,
    /// The resources, in the order of their places.
    pub resources: Vec<Resource>,
    /// The blobs that they need.
    pub blobs: BTreeSet<BlobId>,
    /// Resources in the upstream that its functions refer to.
    pub upstream: Vec<Reference>,
    /// The events that led there, if they shall come along.
    pub history: Option<Vec<Recorded>>,
    /// The events that wait, if they shall come along.
    pub events: Option<WrittenLines>,
    /// The messages of queues, if they shall come along.
    pub messages: Option<WrittenLines>,
    /// Calls that made the upstream's state, if they shall come along.
    pub upstream_calls: Option<WrittenLines>,
    /// What invocations are reported.
    pub report: Option<Report>,
}

/// Writes a pod; its digest is that of its manifest, which names all else.
///
/// # Errors
/// A blob is missing or damaged, the target cannot be written, or no reader would take so large a pod.
pub fn write(contents: &Contents, blobs: &BlobStore, target: impl Write) -> Result<(BlobId, Manifest), PodError> {
    let mut state = PartWriter::new()?;
    write_state(&contents.resources, &mut state)?;
    let state = state.end()?;
    let history = contents.history.as_deref().map(written_history).transpose()?;
    let lines = [(EVENTS, &contents.events), (MESSAGES, &contents.messages), (UPSTREAM, &contents.upstream_calls)];
    let lines = lines.into_iter().filter_map(|(path, lines)| Some((path, &lines.as_ref()?.part)));
    let reported = contents.report.iter().flat_map(Report::parts).map(|(path, lines)| (path, &lines.part));
    let written = [(STATE, &state)].into_iter().chain(history.iter().map(|part| (HISTORY, part)));
    let written: Vec<_> = written.chain(lines).chain(reported).collect();
    let mut parts: Vec<_> = written.iter().map(|(path, part)| Part::new(*path, &part.digest, part.size)).collect();

    for id in &contents.blobs {
        let (size, _) = blobs.open_blob(id)?;
        parts.push(Part::new(format!("{BLOBS}{}", id.hex()), id, size));
    }

    let manifest = Manifest {
        format: FORMAT,
        schema: SCHEMA,
        larder: env!("CARGO_PKG_VERSION").to_owned(),
        store: contents.store.clone(),
        sequence: contents.sequence,
        time: contents.time,
        message: contents.message.clone(),
        counts: counts(&contents.resources),
        upstream: contents.upstream.clone(),
        parts,
    };
    let bytes = manifest.to_bytes()?;
    check_sizes(state.size, bytes.len() as u64)?;
    pack(&bytes, &manifest, target, |part| -> Result<Box<dyn Read>, PodError> {
        Ok(match written.iter().find(|(path, _)| part.path == *path) {
            Some((_, written)) => Box::new(&written.file),
            None => blobs.open_blob(&part.digest())?.1,
        })
    })?;

    Ok((digest(&bytes), manifest))
}

/// Refuses what a reader would refuse.
fn check_sizes(state: u64, manifest: u64) -> Result<(), PodError> {
    for (what, size, limit) in [(STATE, state, MAX_STATE), (MANIFEST, manifest, MAX_MANIFEST)] {
        if size > limit {
            return Err(PodError::Refused(format!(
                "{what} would have {size} bytes, more than the limit of {limit}: --only chooses a part of the state"
            )));
        }
    }
    Ok(())
}

/// Writes the file of a manifest and its parts, each checked on the way.
pub fn pack<R: Read>(
    bytes: &[u8],
    manifest: &Manifest,
    target: impl Write,
    open: impl Fn(&Part) -> Result<R, PodError>,
) -> Result<(), PodError> {
    let wrong = || io_error("the pod cannot be written");
    let mut packed = zstd::Encoder::new(target, LEVEL).map_err(wrong())?;
    packed.include_checksum(true).map_err(wrong())?;
    let mut archive = tar::Builder::new(packed);
    append(&mut archive, MANIFEST, bytes.len() as u64, bytes)?;

    for part in &manifest.parts {
        let mut hashed = Hashed { reader: open(part)?.take(part.size), hash: Sha256::new() };
        append(&mut archive, &part.path, part.size, &mut hashed)?;
        let expected = part.digest();
        let found = BlobId(hashed.hash.finalize().into());
        if found != expected {
            return Err(PodError::Digest { path: part.path.clone(), expected, found });
        }
    }

    let packed = archive.into_inner().map_err(wrong())?;
    packed.finish().and_then(|mut target| target.flush()).map_err(wrong())
}

/// Writes `state.json`: a line breaks after each member, so that two of them can be compared line by line.
///
/// # Errors
/// It cannot be written.
pub fn write_state(resources: &[Resource], mut target: impl Write) -> Result<(), PodError> {
    let state = StateJson { schema: SCHEMA, resources: resources.iter().map(ResourceJson).collect() };
    serde_json::to_writer_pretty(&mut target, &state).map_err(|error| match error.io_error_kind() {
        Some(kind) => io_error("a temporary file")(kind.into()),
        None => error.into(),
    })?;
    target.write_all(b"\n").map_err(io_error("a temporary file"))
}

#[derive(Serialize)]
struct StateJson<'a> {
    schema: u32,
    resources: Vec<ResourceJson<'a>>,
}

/// A resource that becomes JSON when it is its turn: all at once would be many times the state's size.
struct ResourceJson<'a>(&'a Resource);

impl Serialize for ResourceJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        portable::serialize(self.0, serializer)
    }
}

fn written_history(events: &[Recorded]) -> Result<WrittenPart, PodError> {
    let mut lines = PartWriter::new()?;
    for recorded in events {
        let frame = portable::event_frame(recorded).map_err(|error| PodError::Broken(error.to_string()))?;
        let line = json!({
            "sequence": recorded.sequence, "time": recorded.time.to_string(), "kind": recorded.event.name(),
            "resource": recorded.event.subject().arn, "request_id": recorded.origin.request_id,
            "access_key_id": recorded.origin.access_key_id, "user_agent": recorded.origin.user_agent,
            "frame": base64::engine::general_purpose::STANDARD.encode(frame),
        });
        writeln!(lines, "{line}").map_err(io_error("a temporary file"))?;
    }

    lines.end()
}

fn counts(resources: &[Resource]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for resource in resources {
        *counts.entry(resource.key().kind().name().to_owned()).or_default() += 1;
    }
    counts
}

fn append<W: Write>(archive: &mut tar::Builder<W>, path: &str, size: u64, bytes: impl Read) -> Result<(), PodError> {
    let mut header = tar::Header::new_ustar();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_entry_type(tar::EntryType::Regular);
    let wrong = || io_error(format!("{path} cannot be written to the pod"));
    header.set_path(path).map_err(wrong())?;
    header.set_cksum();

    archive.append(&header, bytes).map_err(wrong())
}

struct Hashed<R> {
    reader: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}
