//! Reads `state.json` of a pod: resource by resource, so that a hostile one takes no more memory than its bytes.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fmt, fs};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::{ALWAYS_READ, BLOBS, MAX_RESOURCE, MAX_STATE, Manifest, PodError, STATE, path_error};
use crate::ledger::portable;
use crate::memory;
use crate::model::blob::BlobId;
use crate::model::resource::{Resource, ResourceKey};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    schema: u32,
    #[serde(deserialize_with = "in_order")]
    resources: Vec<Resource>,
}

/// The resources of a pod's state, checked: each place once and in order, and every blob there.
pub(super) fn resources(manifest: &Manifest, folder: &Path) -> Result<Vec<Resource>, PodError> {
    let part = manifest.parts.iter().find(|part| part.path == STATE);
    let part = part.ok_or_else(|| PodError::Refused(format!("it has no {STATE}")))?;
    let most = largest();
    if part.size > most {
        let why = "an eighth of this machine's memory is the limit: a pod of a part of the state, made with --only, is smaller";
        return Err(PodError::Refused(format!("{STATE} has {} bytes, more than {most}; {why}", part.size)));
    }
    let path = folder.join(part.digest().hex());
    let bytes = fs::read(&path).map_err(path_error(&path))?;
    let state: State = serde_json::from_slice(&bytes).map_err(|error| refused(&error))?;

    if state.schema != manifest.schema {
        let found = state.schema;
        let expected = manifest.schema;
        return Err(PodError::Refused(format!("{STATE} has schema {found}, its manifest {expected}")));
    }

    let blobs = manifest.parts.iter().filter(|part| part.path.starts_with(BLOBS));
    let blobs: BTreeMap<_, _> = blobs.map(|part| (part.digest(), part.size)).collect();
    for resource in &state.resources {
        zips_fit(resource, &blobs)?;
    }

    Ok(state.resources)
}

/// Bytes of a state at most that this machine reads.
fn largest() -> u64 {
    memory::total().map_or(ALWAYS_READ, |memory| memory / 8).clamp(ALWAYS_READ, MAX_STATE)
}

/// Whether the pod holds the zips of a resource, and as long as it says: account limits count what it says.
fn zips_fit(resource: &Resource, blobs: &BTreeMap<BlobId, u64>) -> Result<(), PodError> {
    for (id, size) in resource.zips() {
        let arn = resource.arn();
        let Some(found) = blobs.get(&id) else {
            return Err(PodError::Refused(format!("{arn} in {STATE} needs {id}, which the pod has not")));
        };
        if *found != size {
            return Err(PodError::Refused(format!("{arn} in {STATE} says that {id} has {size} bytes, not {found}")));
        }
    }
    Ok(())
}

fn refused(error: &serde_json::Error) -> PodError {
    match error.classify() {
        Category::Data => PodError::Refused(format!("{STATE}: {error}")),
        _ => PodError::Broken(format!("{STATE}: {error}")),
    }
}

/// Resources in the order of their places, each read and checked when it is its turn.
fn in_order<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Resource>, D::Error> {
    deserializer.deserialize_seq(InOrder)
}

struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Vec<Resource>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of resources")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut resources = Vec::new();
        let mut last: Option<ResourceKey> = None;
        while let Some(json) = entries.next_element::<&RawValue>()? {
            let wrong = |what: String| A::Error::custom(format!("resource {} {what}", resources.len()));
            let resource = resource(json.get()).map_err(|what| wrong(format!("cannot be read: {what}")))?;
            let key = resource.key();
            if !resource.is_in_place() || !is_named_well(&key) {
                return Err(wrong(format!("cannot be at {}", key.arn())));
            }
            if !resource.is_numbered_well() {
                return Err(wrong(format!(
                    "({}) has versions that are not numbered as Lambda numbers them",
                    key.arn()
                )));
            }
            if last.is_some_and(|last| last >= key) {
                return Err(wrong(format!("({}) comes twice or out of order", key.arn())));
            }
            last = Some(key);
            resources.push(resource);
        }
        Ok(resources)
    }
}

fn resource(json: &str) -> Result<Resource, String> {
    if json.len() as u64 > MAX_RESOURCE {
        return Err(format!("it has more than {MAX_RESOURCE} bytes"));
    }
    let json = serde_json::from_str(json).map_err(|error| error.to_string())?;
    portable::from_json(json).map_err(|error| error.to_string())
}

/// Whether account, region and name are such as AWS has: they end up in paths, labels and ARNs.
pub(super) fn is_named_well(key: &ResourceKey) -> bool {
    let is_account =
        key.account().as_str().len() == 12 && key.account().as_str().bytes().all(|byte| byte.is_ascii_digit());
    let is_region = key.region().is_none_or(|region| {
        let text = region.as_str();
        !text.is_empty() && text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    });
    let allows = |letter: char| match key {
        ResourceKey::LogGroup(_) | ResourceKey::LogStream(_) => !letter.is_control(),
        ResourceKey::Role(_)
        | ResourceKey::Policy(_)
        | ResourceKey::InstanceProfile(_)
        | ResourceKey::User(_)
        | ResourceKey::Group(_) => letter.is_ascii_alphanumeric() || "+=,.@-_".contains(letter),
        ResourceKey::Queue(_) => letter.is_ascii_alphanumeric() || "-_.".contains(letter),
        _ => letter.is_ascii_alphanumeric() || "-_".contains(letter),
    };
    let name = key.name();

    is_account && is_region && !name.is_empty() && name.len() <= 1100 && name.chars().all(allows)
}
