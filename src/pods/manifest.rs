//! The manifest: what a pod says of itself, and what of that can be believed.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use super::references::Reference;
use super::{BLOBS, EVENTS, FORMAT, HISTORY, MANIFEST, MESSAGES, PodError, README, RECORDS, REPORT, STATE, UPSTREAM};
use crate::ledger::SCHEMA;
use crate::model::blob::BlobId;

/// The first entry of a pod, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the format.
    pub format: u32,
    /// Version of the shapes in `state.json` and of the frames in `history.jsonl`.
    pub schema: u32,
    /// The Larder that wrote it.
    pub larder: String,
    /// Id of the store it is of.
    pub store: String,
    /// The store's sequence.
    pub sequence: u64,
    /// Time of the event of that sequence, in milliseconds since the epoch.
    pub time: u64,
    /// What its maker says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Resources by kind.
    pub counts: BTreeMap<String, u64>,
    /// Resources in the upstream that its functions refer to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upstream: Vec<Reference>,
    /// The entries that follow, in their order.
    pub parts: Vec<Part>,
}

/// Entries that are known by their names.
const NAMED: [&str; 8] = [STATE, HISTORY, EVENTS, MESSAGES, UPSTREAM, RECORDS, REPORT, README];

/// An entry of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Its name.
    pub path: String,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
    /// Its bytes.
    pub size: u64,
}

impl Part {
    /// A part of these bytes.
    pub fn new(path: impl Into<String>, digest: &BlobId, size: u64) -> Self {
        Self { path: path.into(), sha256: digest.hex(), size }
    }

    /// Its digest. The manifest was checked: there is one.
    pub fn digest(&self) -> BlobId {
        BlobId::from_hex(&self.sha256).unwrap_or(BlobId([0; 32]))
    }
}

impl Manifest {
    /// As it is written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, PodError> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads and checks one.
    ///
    /// # Errors
    /// It is no manifest, of a later Larder, or names parts that no pod has.
    pub fn read(bytes: &[u8]) -> Result<Self, PodError> {
        #[derive(Deserialize)]
        struct Versions {
            format: u32,
            schema: u32,
        }

        let broken = |error: serde_json::Error| PodError::Broken(format!("{MANIFEST}: {error}"));
        // The rest of a later one may have another shape.
        let Versions { format, schema } = serde_json::from_slice(bytes).map_err(broken)?;
        for (what, found, known) in [("format", format, FORMAT), ("schema", schema, SCHEMA)] {
            if found > known {
                return Err(PodError::Newer { what, found, known });
            }
        }

        let manifest: Self = serde_json::from_slice(bytes).map_err(broken)?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), PodError> {
        let refused = |message: String| Err(PodError::Refused(message));
        let mut names = HashSet::new();
        for part in &self.parts {
            let Some(digest) = BlobId::from_hex(&part.sha256) else {
                return refused(format!("{:?} has no SHA-256 in its manifest", part.path));
            };
            let blob = part.path.strip_prefix(BLOBS);
            let is_named = NAMED.contains(&part.path.as_str());
            if !is_named && blob != Some(digest.hex().as_str()) {
                return refused(format!("its manifest names {:?}, which is no part of a pod", part.path));
            }
            if !names.insert(&part.path) {
                return refused(format!("its manifest names {:?} twice", part.path));
            }
        }

        if names.iter().any(|name| *name == STATE) { Ok(()) } else { refused(format!("it has no {STATE}")) }
    }

    /// Bytes of all parts; `None` if no number holds them.
    pub fn size(&self) -> Option<u64> {
        self.parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(part.size))
    }
}
