//! Pods. Bytes that are no zstd are taken for the archive inside one, and JSON for the state inside that: behind digests
//! and compression a change of bytes at random would seldom get.

use larder::model::merge::{self, MergeStrategy};
use larder::model::state::State;
use larder::pods::{read, write};

use super::pod_file::{entries, made, packed, unpacked};

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
        take(&packed(input));
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
    write::write_state(&pod.resources, std::io::sink()).expect("what is taken can be written again");
}

/// A pod of the project with another state.
fn around(state: &[u8]) -> Vec<u8> {
    let mut entries = entries(&super::fixture("fixtures/pods/v4.pod"));
    for (_, bytes) in entries.iter_mut().filter(|(name, _)| name == "state.json") {
        *bytes = state.to_vec();
    }
    let manifest = serde_json::from_slice(&entries[0].1).expect("a manifest");
    made(entries, manifest)
}

pub fn seeds() -> Vec<Vec<u8>> {
    let pods = ["fixtures/pods/v2.pod", "fixtures/pods/v3.pod", "fixtures/pods/v4.pod"].map(super::fixture);
    let archives = pods.iter().map(|pod| unpacked(pod));
    let states = entries(&pods[2]).into_iter().filter(|(name, _)| name == "state.json").map(|(_, bytes)| bytes);
    archives.chain(states).chain(pods.clone()).collect()
}
