//! The pod's reader against hostile pods, and pods whose bytes changed.

use std::collections::BTreeSet;
use std::io::Write as _;

use larder::ledger::SCHEMA;
use larder::model::resource::ResourceKind;
use larder::pods::references::Reference;
use larder::pods::{PodError, read};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// An entry of an archive: name, kind, bytes.
type Entry = (String, tar::EntryType, Vec<u8>);

fn file(name: &str, bytes: &[u8]) -> Entry {
    (name.to_owned(), tar::EntryType::Regular, bytes.to_vec())
}

fn packed(entries: &[Entry]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
    // As Larder's own pods have it: without, a byte of the manifest may change unseen.
    encoder.include_checksum(true).expect("a checksum");
    let mut archive = tar::Builder::new(encoder);
    for (name, kind, bytes) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        // Written raw: the crate refuses what an attacker would not.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        archive.append(&header, &bytes[..]).expect("appends");
    }
    archive.into_inner().expect("ends").finish().expect("ends")
}

fn hex(bytes: &[u8]) -> String {
    larder::model::blob::BlobId(Sha256::digest(bytes).into()).hex()
}

fn part(path: &str, bytes: &[u8]) -> Value {
    json!({ "path": path, "sha256": hex(bytes), "size": bytes.len() })
}

fn manifest(parts: &[Value]) -> Value {
    json!({
        "format": 1, "schema": SCHEMA, "larder": "0", "store": "s", "sequence": 1, "time": 1, "counts": {},
        "parts": parts,
    })
}

fn state(resources: &Value) -> Vec<u8> {
    json!({ "schema": SCHEMA, "resources": resources }).to_string().into_bytes()
}

fn read(bytes: &[u8]) -> Result<read::Pod, PodError> {
    let staging = tempfile::tempdir().expect("a folder");
    let pod = read::read(bytes, staging.path(), 1024 * 1024);
    if pod.is_err() {
        assert_eq!(std::fs::read_dir(staging.path()).expect("reads").count(), 0, "nothing is left");
    }
    pod
}

fn small() -> Vec<u8> {
    let state = state(&json!([]));
    packed(&[
        file("manifest.json", manifest(&[part("state.json", &state)]).to_string().as_bytes()),
        file("state.json", &state),
    ])
}

#[test]
fn hostile_pods_are_refused_with_the_reason() {
    assert!(read(&small()).is_ok());
    let empty = state(&json!([]));
    let with = |manifest: &Value, entries: &[Entry]| {
        packed(&[&[file("manifest.json", manifest.to_string().as_bytes())], entries].concat())
    };
    let good = manifest(&[part("state.json", &empty)]);
    let changed = |member: &str, value: Value| {
        let mut manifest = good.clone();
        manifest[member] = value;
        manifest
    };
    let lies = |size: u64| {
        let mut part = part("state.json", &empty);
        part["size"] = size.into();
        manifest(&[part])
    };
    let nested = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    let deep = [format!(r#"{{"schema": {SCHEMA}, "resources": ["#).as_bytes(), &nested, b"]}"].concat();
    let link = ("state.json".to_owned(), tar::EntryType::Symlink, Vec::new());
    let blob = format!("blobs/sha256/{}", "a".repeat(64));
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (packed(&[]), "it ends before manifest.json"),
        (packed(&[file("state.json", &empty)]), "where \"manifest.json\" must come"),
        (with(&good, &[]), "it ends before state.json"),
        (with(&good, &[file("../state.json", &empty)]), "where \"state.json\" must come"),
        (with(&good, &[link]), "no plain file"),
        (with(&good, &[file("state.json", &empty), file("state.json", &empty)]), "which its manifest does not name"),
        (with(&good, &[file("state.json", &[&empty[..], b" "].concat())]), "where its manifest says"),
        (with(&good, &[file("state.json", &vec![b' '; empty.len()])]), "has the digest"),
        (with(&lies(u64::MAX), &[file("state.json", &empty)]), "more than 1048576 bytes"),
        (with(&lies(7), &[file("state.json", &empty)]), "where its manifest says 7"),
        (with(&changed("format", 9.into()), &[]), "format 9"),
        (with(&changed("schema", 999.into()), &[]), "schema 999"),
        (with(&changed("more", 1.into()), &[]), "unknown field `more`"),
        (with(&changed("parts", json!([])), &[]), "it has no state.json"),
        (with(&manifest(&[part("/etc/passwd", b"x")]), &[]), "which is no part of a pod"),
        (with(&manifest(&[part("state.json", &empty), part("state.json", &empty)]), &[]), "twice"),
        (with(&manifest(&[part("state.json", &empty), part(&blob, b"x")]), &[]), "which is no part of a pod"),
        (with(&manifest(&[part("state.json", &deep)]), &[file("state.json", &deep)]), "recursion limit"),
        (small()[..small().len() - 3].to_vec(), "no whole pod"),
        ([small(), b"more".to_vec()].concat(), "no whole pod"),
    ];
    for (bytes, reason) in cases {
        let error = read(&bytes).expect_err(reason).to_string();
        assert!(error.contains(reason), "{reason}: {error}");
    }
}

#[test]
fn hostile_states_are_refused_with_the_reason() {
    let role = |name: &str, account: &str| {
        json!({ "role": {
            "at": { "account": account, "name": name },
            "is": {
                "key": { "account": account, "name": name }, "name": name, "path": "/", "id": "AROA", "created": 0,
                "description": null, "trust_policy": "{}", "max_session_duration_s": 3600, "boundary": null,
                "tags": {}, "inline": {}, "attached": [],
            },
        } })
    };
    let mut moved = role("a", "000000000000");
    moved["role"]["at"]["name"] = "b".into();
    let pod = |resources: Value| {
        let state = state(&resources);
        let blob = format!("blobs/sha256/{}", hex(b"z"));
        let parts = [part("state.json", &state), part(&blob, b"z")];
        packed(&[
            file("manifest.json", manifest(&parts).to_string().as_bytes()),
            file("state.json", &state),
            file(&blob, b"z"),
        ])
    };
    assert!(read(&pod(json!([role("a", "000000000000"), role("b", "000000000000")]))).is_ok());
    let layer = |blob: &str, number: u64, last: u64, size: u64| {
        json!({ "layer": {
            "at": { "scope": { "account": "000000000000", "region": "us-east-1" }, "name": "l" },
            "is": { "last_version": last, "versions": { "1": {
                "number": number, "description": "", "license": null, "runtimes": null, "architectures": null,
                "blob": blob, "size": size, "created": 0, "policy": null,
            } } },
        } })
    };
    let zip = hex(b"z");
    assert!(read(&pod(json!([layer(&zip, 1, 1, 1)]))).is_ok());
    for (resources, reason) in [
        (json!([role("a", "000000000000"), role("a", "000000000000")]), "comes twice or out of order"),
        (json!([role("b", "000000000000"), role("a", "000000000000")]), "comes twice or out of order"),
        (json!([role("../a", "000000000000")]), "cannot be at"),
        (json!([role("a", "1")]), "cannot be at"),
        (json!([moved]), "cannot be at"),
        (json!([layer(&"a".repeat(64), 1, 1, 1)]), "which the pod has not"),
        (json!([layer(&zip, 1, 1, u64::MAX)]), "has 18446744073709551615 bytes, not 1"),
        (json!([layer(&zip, 2, 2, 1)]), "not numbered as"),
        (json!([layer(&zip, 1, 0, 1)]), "not numbered as"),
        (json!([layer(&zip, 1, u64::MAX, 1)]), "not numbered as"),
        (json!([{ "topic": {} }]), "unknown variant"),
        (json!([1]), "cannot be read"),
    ] {
        let error = read(&pod(resources)).expect_err(reason).to_string();
        assert!(error.contains(reason), "{reason}: {error}");
    }
}

#[test]
fn the_schemas_in_the_docs_name_what_is_written() {
    let schema = |text: &str| serde_json::from_str::<Value>(text).expect("is JSON");
    let of_manifest = schema(include_str!("../../docs/pod-manifest.schema.json"));
    let of_state = schema(include_str!("../../docs/pod-state.schema.json"));
    let names = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<BTreeSet<_>>();
    let mut pod = read(&small()).expect("is whole");
    pod.manifest.message = Some("hello".to_owned());
    pod.manifest.upstream = vec![Reference { resource: "r".to_owned(), needed_by: "f".to_owned() }];
    let written = serde_json::to_value(&pod.manifest).expect("is written");
    assert_eq!(names(&written), names(&of_manifest["properties"]));
    let reference = &of_manifest["properties"]["upstream"]["items"]["properties"];
    assert_eq!(names(&written["upstream"][0]), names(reference));
    assert_eq!(names(&written["parts"][0]), names(&of_manifest["properties"]["parts"]["items"]["properties"]));
    let kinds: Vec<_> = ResourceKind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(of_state["$defs"]["kind"]["enum"], json!(kinds));
}

#[test]
fn a_bomb_is_not_unpacked() {
    let mut packed = zstd::Encoder::new(Vec::new(), 19).expect("an encoder");
    for _ in 0..64 {
        packed.write_all(&vec![0; 1024 * 1024]).expect("writes");
    }
    assert!(read(&packed.finish().expect("ends")).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_pod_whose_bytes_changed_is_refused_or_is_the_same(at in any::<prop::sample::Index>(), to in any::<u8>(), cut in any::<bool>()) {
        let whole = small();
        let mut bytes = whole.clone();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] = to;
        }
        if let Ok(pod) = read(&bytes) {
            prop_assert_eq!(pod.digest, read(&whole).expect("is whole").digest);
        }
    }

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(read(&bytes).is_err());
    }
}
