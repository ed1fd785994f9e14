//! Pods taken apart and put together again, with digests that fit.

use std::io::Read as _;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub fn unpacked(pod: &[u8]) -> Vec<u8> {
    zstd::decode_all(pod).expect("is whole")
}

pub fn packed(archive: &[u8]) -> Vec<u8> {
    zstd::encode_all(archive, 1).expect("is packed")
}

/// The entries of a pod, by name.
pub fn entries(pod: &[u8]) -> Vec<(String, Vec<u8>)> {
    let archive = unpacked(pod);
    let mut archive = tar::Archive::new(&archive[..]);
    let entry = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let (mut entry, mut bytes) = (entry.expect("an entry"), Vec::new());
        entry.read_to_end(&mut bytes).expect("reads");
        (entry.path().expect("a name").display().to_string(), bytes)
    };
    archive.entries().expect("entries").map(entry).collect()
}

/// A pod of these entries, whose manifest says of each what is so.
pub fn made(mut entries: Vec<(String, Vec<u8>)>, mut manifest: Value) -> Vec<u8> {
    if let Some(parts) = manifest["parts"].as_array_mut() {
        let changes = |part: &&mut Value| {
            ["state.json", "events.jsonl", "messages.jsonl"].iter().any(|path| part["path"] == *path)
        };
        for part in parts.iter_mut().filter(changes) {
            let (name, bytes) = entries.iter().find(|(name, _)| part["path"] == **name).expect("a part");
            *part = json!({ "path": name, "sha256": format!("{:x}", Sha256::digest(bytes)), "size": bytes.len() });
        }
    }
    entries[0].1 = manifest.to_string().into_bytes();
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in &entries {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, &bytes[..]).expect("appends");
    }
    packed(&archive.into_inner().expect("ends"))
}
