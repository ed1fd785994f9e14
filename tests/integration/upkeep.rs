//! `larder compact`, `gc` and `recover` on stores that functions lived in.

use std::path::Path;
use std::process::Command;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::Value;

use crate::support::functions::{create, create_some, update, zip};
use crate::support::{Options, Server};

/// A package whose blob is a file of its own, as it is too large to lie beside its event.
fn large(seed: u64) -> Vec<u8> {
    let mut random = StdRng::seed_from_u64(seed);
    let noise: Vec<u8> = (0..100_000).map(|_| random.random()).collect();
    zip(&[("handler.py", b"def handler(event, context):\n    return 1\n"), ("noise", &noise)])
}

/// Runs the command line, which must succeed; what it said as JSON.
fn larder(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_larder")).args(arguments).arg("--json").output();
    let output = output.expect("larder runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("is JSON")
}

fn blobs(data_dir: &Path) -> usize {
    std::fs::read_dir(data_dir.join("blobs/sha256")).expect("reads").count()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("is text")
}

#[tokio::test]
async fn compact_and_gc_free_what_no_kept_event_needs() {
    let mut server = Server::start(Options::any());
    let client = server.client();
    create(&client, "f", aws_sdk_lambda::types::Runtime::Python311, large(1)).await;
    update(&client, "f", large(2)).await;
    create(&client, "gone", aws_sdk_lambda::types::Runtime::Python311, large(3)).await;
    client.delete_function().function_name("gone").send().await.expect("is deleted");
    // Nothing is held any more by a server that has just started.
    server.kill();
    let data_dir = server.data_dir();
    let offline = ["--data-dir", text(&data_dir)];
    assert_eq!(blobs(&data_dir), 3);
    let collected = larder(&[&["gc"], &offline[..]].concat());
    assert_eq!((collected["blobs"].as_u64(), blobs(&data_dir)), (Some(0), 3), "history needs them all");
    let kept = larder(&[&["compact", "--keep-days", "1"], &offline[..]].concat());
    assert_eq!(kept["dropped"], 0, "all of it is of today");
    let compacted = larder(&[&["compact"], &offline[..]].concat());
    assert!(compacted["dropped"].as_u64() > Some(0), "{compacted}");
    let trial = larder(&[&["gc", "--dry-run"], &offline[..]].concat());
    assert_eq!((trial["blobs"].as_u64(), blobs(&data_dir)), (Some(2), 3), "a trial removes nothing");
    let collected = larder(&[&["gc"], &offline[..]].concat());
    assert_eq!((collected["blobs"].as_u64(), blobs(&data_dir)), (Some(2), 1));
    assert!(collected["freed_bytes"].as_u64() > Some(150_000), "{collected}");
    assert_eq!(collected["freed_bytes"], trial["freed_bytes"]);
    assert_eq!(larder(&[&["verify", "--deep"], &offline[..]].concat())["whole"], true);
    server.restart();
    let found = server.client().get_function().function_name("f").send().await.expect("is there");
    assert_eq!(found.configuration().expect("one").code_size(), i64::try_from(large(2).len()).expect("fits"));
}

#[tokio::test]
async fn recover_writes_a_store_as_it_was_and_leaves_the_old_one() {
    let mut server = Server::start(Options::any());
    let mut sequences = Vec::new();
    for name in ["a", "b", "c"] {
        create_some(&server.client(), name).await;
        sequences.push(server.sequence());
    }
    server.kill();
    let (data_dir, folder) = (server.data_dir(), tempfile::tempdir().expect("a folder"));
    let into = folder.path().join("recovered");
    let to = sequences[1].to_string();
    let arguments = ["recover", "--data-dir", text(&data_dir), "--into", text(&into), "--to", &to];
    assert_eq!(larder(&arguments)["recovery"]["last"], sequences[1]);
    let resources = |dir: &Path| {
        let state = larder(&["state", "--data-dir", text(dir)]);
        state["resources"].as_array().expect("resources").len()
    };
    assert_eq!((resources(&into), resources(&data_dir)), (2, 3));
    assert_eq!(larder(&["verify", "--deep", "--data-dir", text(&into)])["whole"], true);
    // It is a store of its own from there on, and the same folder is not written twice.
    let again = Command::new(env!("CARGO_BIN_EXE_larder")).args(arguments).output().expect("larder runs");
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("is not empty"));
    server.restart();
}

/// Flips a bit of every file of a folder, at a place between 0 and 1000 thousandths of it.
fn flip(folder: &Path, thousandths: usize) -> usize {
    let entries = std::fs::read_dir(folder).expect("reads").map(|entry| entry.expect("an entry").path());
    let files: Vec<_> = entries.filter(|path| path.is_file()).collect();
    for file in &files {
        let mut bytes = std::fs::read(file).expect("reads");
        // One that was being written when the server was killed may be empty.
        let Some(used) = bytes.iter().rposition(|byte| *byte != 0) else { continue };
        bytes[used * thousandths / 1000] ^= 0x10;
        std::fs::write(file, bytes).expect("writes");
    }
    files.len()
}

#[tokio::test]
async fn damaged_checkpoints_are_skipped() {
    let mut server = Server::start(Options::any().with("LARDER_CHECKPOINT_EVENTS", 2));
    for name in ["a", "b", "c", "d"] {
        create_some(&server.client(), name).await;
    }
    for thousandths in [0, 10, 300, 700, 1000] {
        server.kill();
        let (store, sequence) = (server.data_dir().join("store"), larder_state(&server)["sequence"].clone());
        assert!(flip(&store.join("checkpoints"), thousandths) > 0);
        server.restart();
        assert_eq!(server.health()["sequence"], sequence);
        assert_eq!(server.health()["counts"]["functions"], 4);
        create_some(&server.client(), &format!("f{thousandths}")).await;
        server.client().delete_function().function_name(format!("f{thousandths}")).send().await.expect("is deleted");
    }
    assert!(server.log().contains("checkpoint"), "{}", server.log());
}

fn larder_state(server: &Server) -> Value {
    larder(&["state", "--data-dir", text(&server.data_dir())])
}

#[tokio::test]
async fn what_neither_has_is_told_and_the_rest_recovered() {
    let mut server = Server::start(Options::any());
    for name in ["a", "b", "c"] {
        create_some(&server.client(), name).await;
    }
    server.kill();
    let (data_dir, folder) = (server.data_dir(), tempfile::tempdir().expect("a folder"));
    let store = data_dir.join("store");
    // A data dir can be asked twice in one command, and again at once.
    let same = format!("{0}..{0}", text(&data_dir));
    for _ in 0..2 {
        assert_eq!(larder(&["diff", &same])["resources"].as_array().map(Vec::len), Some(0));
    }
    flip(&store.join("journal"), 600);
    for gone in ["sled", "checkpoints"] {
        std::fs::remove_dir_all(store.join(gone)).expect("is removed");
    }
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_larder")).args(arguments).output().expect("larder runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = run(&["serve", "--listen", "127.0.0.1:0", "--data-dir", text(&data_dir)]);
    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains("larder verify") && said.contains("larder recover") && said.contains(".segment"), "{said}");
    assert_eq!(run(&["verify", "--data-dir", text(&data_dir)]).0, Some(1));
    let into = folder.path().join("recovered");
    let output = Command::new(env!("CARGO_BIN_EXE_larder"))
        .args(["recover", "--json", "--data-dir", text(&data_dir), "--into", text(&into)])
        .output()
        .expect("larder runs");
    assert_eq!(output.status.code(), Some(6), "not everything could be saved");
    let recovery: Value = serde_json::from_slice(&output.stdout).expect("is JSON");
    assert_eq!(recovery["recovery"]["complete"], false, "{recovery}");
    let last = recovery["recovery"]["last"].as_u64().expect("a sequence");
    assert!(last > 0 && recovery["recovery"]["ended"]["sequence"].as_u64() == Some(last + 1), "{recovery}");
    let functions = larder(&["state", "--data-dir", text(&into)])["resources"].as_array().map_or(0, Vec::len);
    assert!((1..3).contains(&functions), "{functions}");
    // The test's own end looks for a server's leftovers only.
    std::fs::remove_dir_all(&store).expect("is removed");
    server.restart();
}
