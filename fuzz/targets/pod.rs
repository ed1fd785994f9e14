//! Pods. Bytes that are no zstd are taken for the archive inside one, and JSON for the state inside that: behind digests
//! and compression a change of bytes at random would seldom get.

use std::io::Read as _;

use larder::model::merge::{self, MergeStrategy};
use larder::model::state::State;
use larder::pods::{read, write};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Bytes of the parts of a pod.
const LIMIT: u64 = 1024 * 1024;

/// What zstd's frames begin with.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

pub fn run(input: &[u8]) {
    if input.starts_with(&ZSTD) {
        take(input);
    } else if input.starts_with(b"{") || input.starts_with(b"[") {
        take(&around(input));
    } else {
        take(&zstd::encode_all(input, 1).expect("is packed"));
    }
}

/// Reads, and does with a pod that is taken what others do with it.
fn take(bytes: &[u8]) {
    let staging = super::scratch();
    let Ok(pod) = read::read(bytes, staging.path(), LIMIT) else {
        assert_eq!(std::fs::read_dir(staging.path()).expect("reads").count(), 0, "nothing is left");
        return;
    };
    let mut state = State::default();
    for strategy in [MergeStrategy::Overwrite, MergeStrategy::Resource] {
        state.make(&merge::merge(&state, &pod.resources, strategy, false));
    }
    write::state_json(&pod.resources).expect("what is taken can be written again");
}

/// A pod of the project with another state.
fn around(state: &[u8]) -> Vec<u8> {
    let mut entries = entries(&super::fixture("fixtures/pods/v4.pod"));
    for (name, bytes) in &mut entries {
        if name == "state.json" {
            *bytes = state.to_vec();
        }
    }
    let mut manifest: Value = serde_json::from_slice(&entries[0].1).expect("a manifest");
    let parts = manifest["parts"].as_array_mut().expect("parts");
    for part in parts.iter_mut().filter(|part| part["path"] == "state.json") {
        let digest = format!("{:x}", Sha256::digest(state));
        *part = json!({ "path": "state.json", "sha256": digest, "size": state.len() });
    }
    entries[0].1 = manifest.to_string().into_bytes();

    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in &entries {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, &bytes[..]).expect("appends");
    }
    zstd::encode_all(&archive.into_inner().expect("ends")[..], 1).expect("is packed")
}

fn entries(pod: &[u8]) -> Vec<(String, Vec<u8>)> {
    let archive = zstd::decode_all(pod).expect("is whole");
    let mut archive = tar::Archive::new(&archive[..]);
    let read = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let (mut entry, mut bytes) = (entry.expect("an entry"), Vec::new());
        entry.read_to_end(&mut bytes).expect("reads");
        (entry.path().expect("a name").display().to_string(), bytes)
    };
    archive.entries().expect("entries").map(read).collect()
}

pub fn seeds() -> Vec<Vec<u8>> {
    let pods = ["fixtures/pods/v2.pod", "fixtures/pods/v3.pod", "fixtures/pods/v4.pod"].map(super::fixture);
    let archives = pods.iter().map(|pod| zstd::decode_all(&pod[..]).expect("is whole"));
    let states = entries(&pods[2]).into_iter().filter(|(name, _)| name == "state.json").map(|(_, bytes)| bytes);
    archives.chain(states).chain(pods.clone()).collect()
}
