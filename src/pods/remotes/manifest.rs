//! What remotes read of a pod's manifest: its parts.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use super::error::RemoteError;

/// Manifests above this many bytes are refused: one of 100,000 parts takes a sixth of it.
pub(super) const MAXIMUM_MANIFEST: u64 = 64 * 1024 * 1024;

/// A part of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Part {
    /// Its path in the pod.
    pub path: String,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

impl Part {
    /// Where the library and the remotes with its layout have it.
    pub(super) fn key(&self) -> String {
        format!("parts/sha256/{}", self.sha256)
    }

    /// Where a library has it.
    pub(super) fn file(&self, library: &Path) -> PathBuf {
        library.join(self.key())
    }

    fn check(&self) -> Result<(), String> {
        let is_digit = |letter: u8| letter.is_ascii_digit() || (b'a'..=b'f').contains(&letter);
        if self.sha256.len() != 64 || !self.sha256.bytes().all(is_digit) {
            return Err(format!("the part {:?} has no SHA-256 of 64 hexadecimal digits", self.path));
        }
        let is_plain = |component| matches!(component, Component::Normal(_));
        if self.path.is_empty() || !Path::new(&self.path).components().all(is_plain) {
            return Err(format!("the part {:?} has a path that leaves the pod", self.path));
        }

        Ok(())
    }
}

#[derive(Deserialize)]
struct Manifest {
    parts: Vec<Part>,
}

/// The parts of a manifest that `of` has, each checked.
pub(super) fn parts(manifest: &[u8], of: &str) -> Result<Vec<Part>, RemoteError> {
    let refused = |reason: String| RemoteError::new(format!("{of}: the manifest is refused: {reason}"));
    let manifest: Manifest = serde_json::from_slice(manifest).map_err(|error| refused(error.to_string()))?;
    let mut sizes = BTreeMap::new();
    for part in &manifest.parts {
        part.check().map_err(refused)?;
        if *sizes.entry(&part.sha256).or_insert(part.size) != part.size {
            return Err(refused(format!("the part {} has two sizes", part.sha256)));
        }
    }

    Ok(manifest.parts)
}

/// Each digest once, in the manifest's order.
pub(super) fn distinct(parts: &[Part]) -> Vec<&Part> {
    let mut seen = std::collections::BTreeSet::new();
    parts.iter().filter(|part| seen.insert(&part.sha256)).collect()
}
