//! The pod's reader over a corpus of real pods whose bytes, archives and contents were changed. It refuses, or what it
//! takes is fit for all that is done with pods; nothing is left behind, and nothing panics. `PROPTEST_CASES` says how
//! often it tries.

use std::path::Path;

use larder::ledger::difference::{self, Secrets};
use larder::ledger::portable;
use larder::model::merge::{self, MergeStrategy};
use larder::model::state::State;
use larder::pods::events::PodEvent;
use larder::pods::mapping::{self, Mapping};
use larder::pods::{PodError, read, redaction, write};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::pod_file::{entries, made, packed, unpacked};

/// The pods that the project ships.
fn corpus() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files =
        ["fixtures/pods/v2.pod", "fixtures/pods/v3.pod", "docs/examples/orders.pod", "fixtures/pods/v5-events.pod"];
    files.iter().map(|file| std::fs::read(root.join(file)).expect("a pod of the project")).collect()
}

/// Reads, and does with a pod that is taken what others do with it.
fn read(bytes: &[u8]) -> Result<read::Pod, PodError> {
    let staging = tempfile::tempdir().expect("a folder");
    let pod = read::read(bytes, staging.path(), 1024 * 1024);
    let Ok(pod) = pod else {
        assert_eq!(std::fs::read_dir(staging.path()).expect("reads").count(), 0, "nothing is left");
        return pod;
    };
    let mut state = State::default();
    for strategy in [MergeStrategy::Overwrite, MergeStrategy::Resource] {
        state.make(&merge::merge(&state, &pod.resources, strategy, true));
    }
    let empty = State::default();
    for key in empty.changes_to(&state).keys() {
        let _ = difference::at(&key, &empty, &state, Secrets::Masked);
    }
    let _ = redaction::suspects(&pod.resources);
    let (account, region) = (Some("999999999999".into()), Some("ap-south-2".into()));
    let _ = mapping::map(&pod.resources, &Mapping { account, region, ..Mapping::default() });
    // What is taken can be written again.
    write::write_state(&pod.resources, std::io::sink()).expect("is written");
    for PodEvent { event, attempts, payload } in pod.waiting() {
        let payload = String::from_utf8(payload.to_vec()).expect("is text");
        portable::waiting_to_json(event, *attempts, payload).expect("is written");
    }
    Ok(pod)
}

/// Some way to spoil bytes.
#[derive(Debug, Clone)]
enum Spoil {
    Set(Vec<(Index, u8)>),
    Cut(Index),
    Double(Index, Index),
    Splice(usize, Index, Index),
}

fn spoil() -> impl Strategy<Value = Spoil> {
    let index = any::<Index>;
    prop_oneof![
        3 => prop::collection::vec((index(), any::<u8>()), 1..6).prop_map(Spoil::Set),
        1 => index().prop_map(Spoil::Cut),
        1 => (index(), index()).prop_map(|(from, to)| Spoil::Double(from, to)),
        2 => (0..4_usize, index(), index()).prop_map(|(other, end, start)| Spoil::Splice(other, end, start)),
    ]
}

impl Spoil {
    fn apply(&self, bytes: &[u8], others: &[Vec<u8>]) -> Vec<u8> {
        let mut spoiled = bytes.to_vec();
        match self {
            Self::Set(places) => places.iter().for_each(|(at, to)| spoiled[at.index(bytes.len())] = *to),
            Self::Cut(at) => spoiled.truncate(at.index(bytes.len())),
            Self::Double(from, to) => {
                let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
                spoiled.extend_from_slice(&bytes[from.min(to)..from.max(to)]);
            }
            Self::Splice(other, end, start) => {
                spoiled.truncate(end.index(bytes.len()));
                let other = &others[other % others.len()];
                spoiled.extend_from_slice(&other[start.index(other.len())..]);
            }
        }
        spoiled
    }
}

/// What a value becomes, wherever it is in a manifest or a state.
fn other_value() -> impl Strategy<Value = Value> {
    let texts =
        vec!["", "a", "..", "/", "arn:", "arn:aws:lambda:us-east-1:000000000000:function:a", "state.json", "\u{0}"];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![0_u64, 1, 2, u64::from(u32::MAX), u64::MAX]).prop_map(Value::from),
        Just(json!(-1)),
        Just(json!(1e300)),
        prop::sample::select(texts).prop_map(Value::from),
        Just(json!("a".repeat(5000))),
        Just(json!([])),
        Just(json!({})),
    ]
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum::<usize>(),
        _ => 0,
    }
}

/// Replaces the value at a place, counted from the outside in, or takes it away.
fn replace(value: &mut Value, place: &mut usize, to: Option<&Value>) -> bool {
    let here = |place: &mut usize| std::mem::replace(place, place.wrapping_sub(1)) == 0;
    match value {
        Value::Array(items) => {
            for index in 0..items.len() {
                if here(place) {
                    match to {
                        Some(to) => items[index] = to.clone(),
                        None => drop(items.remove(index)),
                    }
                    return true;
                }
                if replace(&mut items[index], place, to) {
                    return true;
                }
            }
            false
        }
        Value::Object(members) => {
            let names: Vec<String> = members.keys().cloned().collect();
            for name in names {
                if here(place) {
                    match to {
                        Some(to) => drop(members.insert(name, to.clone())),
                        None => drop(members.shift_remove(&name)),
                    }
                    return true;
                }
                if replace(&mut members[&name], place, to) {
                    return true;
                }
            }
            false
        }
        _ => false,
    }
}

#[test]
fn the_corpus_is_whole() {
    for pod in corpus() {
        assert!(read(&pod).is_ok());
        // Made anew it is the same pod, as far as a reader can tell.
        let entries = entries(&pod);
        let manifest = serde_json::from_slice(&entries[0].1).expect("is JSON");
        assert!(read(&made(entries, manifest)).is_ok());
    }
}

proptest! {
    #[test]
    fn spoiled_bytes_are_refused_or_the_same_pod(which in 0..4_usize, spoil in spoil()) {
        let corpus = corpus();
        if let Ok(pod) = read(&spoil.apply(&corpus[which], &corpus)) {
            let known: Vec<_> = corpus.iter().map(|pod| read(pod).expect("is whole").digest).collect();
            prop_assert!(known.contains(&pod.digest));
        }
    }

    /// With a checksum that fits, so that the compression does not refuse what the archive should.
    #[test]
    fn spoiled_archives_are_refused_or_say_the_same(which in 0..4_usize, spoil in spoil()) {
        let archives: Vec<_> = corpus().iter().map(|pod| unpacked(pod)).collect();
        if let Ok(pod) = read(&packed(&spoil.apply(&archives[which], &archives))) {
            let whole = read(&packed(&archives[which])).expect("is whole");
            prop_assert!(pod.digest != whole.digest || pod.resources == whole.resources);
        }
    }

    /// With digests and sizes that fit, so that only what the state says can be refused.
    #[test]
    fn spoiled_states_are_refused_or_fit_for_use(
        which in 0..4_usize, place in any::<Index>(), to in prop::option::weighted(0.8, other_value()), again in any::<bool>(),
    ) {
        let mut entries = entries(&corpus()[which]);
        let manifest = serde_json::from_slice(&entries[0].1).expect("is JSON");
        let mut state: Value = serde_json::from_slice(&entries[1].1).expect("is JSON");
        let mut at = place.index(count(&state) - 1);
        prop_assert!(replace(&mut state, &mut at, to.as_ref()));
        if again {
            let first = state["resources"][0].clone();
            if let Some(resources) = state["resources"].as_array_mut() {
                resources.push(first);
            }
        }
        entries[1].1 = state.to_string().into_bytes();
        let read = read(&made(entries, manifest));
        prop_assert!(!again || read.is_err(), "twice the same");
    }

    /// The same for events that wait.
    #[test]
    fn spoiled_events_are_refused_or_fit_for_use(
        line in any::<Index>(), place in any::<Index>(), to in prop::option::weighted(0.8, other_value()),
    ) {
        let mut entries = entries(&corpus()[3]);
        let manifest = serde_json::from_slice(&entries[0].1).expect("is JSON");
        let events = entries.iter_mut().find(|(name, _)| name == "events.jsonl").expect("has events");
        let text = String::from_utf8(events.1.clone()).expect("is text");
        let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("is JSON")).collect();
        let line = line.index(lines.len());
        let mut at = place.index(count(&lines[line]) - 1);
        prop_assert!(replace(&mut lines[line], &mut at, to.as_ref()));
        events.1 = lines.iter().map(|line| line.to_string() + "\n").collect::<String>().into_bytes();
        let _ = read(&made(entries, manifest));
    }

    #[test]
    fn spoiled_manifests_are_refused_or_fit_for_use(
        which in 0..4_usize, place in any::<Index>(), to in prop::option::weighted(0.8, other_value()),
    ) {
        let entries = entries(&corpus()[which]);
        let mut manifest: Value = serde_json::from_slice(&entries[0].1).expect("is JSON");
        let mut at = place.index(count(&manifest) - 1);
        prop_assert!(replace(&mut manifest, &mut at, to.as_ref()));
        let _ = read(&made(entries, manifest));
    }
}
