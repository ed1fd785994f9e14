//! Files of a store that are lost or overwritten while no server has it: they are mended from the index where that is
//! whole, and missed by name where it is not.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use larder::ledger::{CheckpointPolicy, Durability, Ledger, LedgerOptions};
use larder::model::blob::BlobId;
use larder::model::event::Origin;
use larder::model::functions::command::{CreateFunction, FunctionCommand};
use larder::model::functions::{Content, FunctionConfig};
use larder::model::limits::Limits;
use larder::model::names::{FunctionKey, Scope};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::support::functions::create_some;
use crate::support::{Options, Server, eventually};

/// Functions, each with a blob that lies beside its event: more than a segment holds.
const FUNCTIONS: u64 = 620;
const BLOB: usize = 30_000;

/// A server that was stopped, on a store with a sealed segment and one more.
fn filled(checkpoint_events: u64) -> Server {
    let mut server = Server::start(Options::any());
    server.stop();
    let store = server.data_dir().join("store");
    std::fs::remove_dir_all(&store).expect("is removed");
    let options = LedgerOptions { path: store, durability: Durability::Never, limits: Limits::default() };
    let policy = CheckpointPolicy { events: checkpoint_events, bytes: u64::MAX };
    let ledger = Ledger::open_with(options, policy).expect("opens");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    std::thread::scope(|scope| {
        scope.spawn(|| (0..FUNCTIONS).for_each(|number| runtime.block_on(create(&ledger, number))));
    });
    ledger.close().expect("closes");
    server
}

async fn create(ledger: &Ledger, number: u64) {
    let mut random = StdRng::seed_from_u64(number);
    let bytes: Vec<u8> = (0..BLOB).map(|_| random.random()).collect();
    let id = BlobId(Sha256::digest(&bytes).into());
    let command = FunctionCommand::CreateFunction(Box::new(CreateFunction {
        key: FunctionKey {
            scope: Scope { account: "000000000000".into(), region: "us-east-1".into() },
            name: format!("f{number}").into(),
        },
        code: Content::Zip { blob: id, size: BLOB as u64 }.into(),
        config: FunctionConfig::new("python3.12", "arn:aws:iam::000000000000:role/r", "h.h", "/g"),
        tags: std::collections::BTreeMap::new(),
        publish: None,
        code_signing_config: None,
        signed: false,
    }));
    ledger.commit(command.into(), Origin::default(), Some((id, bytes.into()))).await.expect("is created");
}

/// Runs the command line: its exit code, what it said as JSON, and its errors.
fn larder(arguments: &[&str]) -> (Option<i32>, Value, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_larder")).args(arguments).output().expect("larder runs");
    let said = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code(), said, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("is text")
}

/// The segments, oldest first.
fn segments(data_dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(data_dir.join("store/journal")).expect("reads").flatten();
    let paths = entries.map(|entry| entry.path());
    let mut segments: Vec<_> = paths.filter(|path| path.to_string_lossy().contains(".segment")).collect();
    segments.sort();
    assert!(segments.len() >= 2, "{segments:?}");
    segments
}

/// Removes the index, of which a server that just ended may still have the files.
fn remove_index(data_dir: &Path) {
    std::fs::remove_dir_all(data_dir.join("store/sled")).expect("is removed");
}

fn is_whole(data_dir: &Path) -> bool {
    let (code, report, _) = larder(&["verify", "--deep", "--json", "--data-dir", text(data_dir)]);
    assert_eq!(code == Some(0), report["whole"] == true, "{report}");
    code == Some(0)
}

fn serve(data_dir: &Path) -> (Option<i32>, String) {
    let (code, _, said) = larder(&["serve", "--listen", "127.0.0.1:0", "--data-dir", text(data_dir)]);
    (code, said)
}

/// Waits until the index is made anew.
async fn whole_again(server: &Server) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while server.health()["status"] != "ok" {
        assert!(Instant::now() < deadline, "{}", server.health());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_first_segment_is_mended_from_the_index_or_missed_by_name() {
    let mut server = tokio::task::spawn_blocking(|| filled(10_000)).await.expect("is filled");
    let data_dir = server.data_dir();
    std::fs::remove_file(&segments(&data_dir)[0]).expect("is removed");
    assert!(!is_whole(&data_dir), "verify sees the loss");
    server.restart();
    assert_eq!(server.health()["counts"]["functions"], FUNCTIONS);
    whole_again(&server).await;
    assert!(server.log().contains("mended from the index"), "{}", server.log());
    server.stop();
    assert!(is_whole(&data_dir));
    // Without the index nobody has it.
    let lost = segments(&data_dir)[0].clone();
    std::fs::remove_file(&lost).expect("is removed");
    remove_index(&data_dir);
    let before = segments_bytes(&data_dir);
    let (code, said) = serve(&data_dir);
    assert_eq!(code, Some(6), "{said}");
    let name = lost.file_name().expect("a name").to_string_lossy().replace(".zst", "");
    assert!(said.contains(&name) && said.contains("the events 1 to") && said.contains("larder recover"), "{said}");
    assert_eq!(segments_bytes(&data_dir), before, "a refusal changes nothing");
    let folder = tempfile::tempdir().expect("a folder");
    let into = folder.path().join("recovered");
    let (code, said, error) = larder(&["recover", "--json", "--data-dir", text(&data_dir), "--into", text(&into)]);
    assert_eq!(code, Some(6), "{said} {error}");
    let recovery = &said["recovery"];
    assert_eq!((&recovery["complete"], &recovery["functions"]), (&Value::from(false), &Value::from(0)), "{said}");
    assert!(recovery["lost"][0]["problem"].as_str().expect("a problem").contains("the events 1 to"), "{said}");
    // The test's own end looks for a server's leftovers only.
    std::fs::remove_dir_all(data_dir.join("store")).expect("is removed");
    server.restart();
}

fn segments_bytes(data_dir: &Path) -> Vec<(PathBuf, u64)> {
    let entries = std::fs::read_dir(data_dir.join("store/journal")).expect("reads").flatten();
    let mut found: Vec<_> = entries.map(|entry| (entry.path(), entry.metadata().expect("is there").len())).collect();
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn recover_takes_what_a_checkpoint_and_the_index_have() {
    let mut server = tokio::task::spawn_blocking(|| filled(600)).await.expect("is filled");
    let data_dir = server.data_dir();
    std::fs::remove_file(&segments(&data_dir)[0]).expect("is removed");
    let folder = tempfile::tempdir().expect("a folder");
    let into = folder.path().join("with-index");
    let (code, said, error) = larder(&["recover", "--json", "--data-dir", text(&data_dir), "--into", text(&into)]);
    assert_eq!(code, Some(0), "the index has all of it: {said} {error}");
    assert_eq!((&said["recovery"]["complete"], &said["recovery"]["functions"]), (&true.into(), &FUNCTIONS.into()));
    assert!(is_whole(&into));
    remove_index(&data_dir);
    let into = folder.path().join("without-index");
    let (code, said, _) = larder(&["recover", "--json", "--data-dir", text(&data_dir), "--into", text(&into)]);
    assert_eq!(code, Some(6));
    let recovery = &said["recovery"];
    assert_eq!(recovery["functions"], FUNCTIONS, "the checkpoint has them: {said}");
    let without = recovery["functions_without_code"].as_array().expect("names").len();
    let missing = recovery["missing"].as_array().expect("blobs").len();
    assert!(without > 400 && without == missing && without < 620, "{without} {missing}");
    std::fs::remove_dir_all(data_dir.join("store")).expect("is removed");
    server.restart();
}

/// Overwrites the head of the record in the middle of the newest segment.
fn zero_a_head(path: &Path) -> u64 {
    let mut bytes = std::fs::read(path).expect("reads");
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize;
    let mut heads = vec![120];
    while word(heads[heads.len() - 1]) != 0 {
        let last = heads[heads.len() - 1];
        heads.push(last + 24 + word(last));
    }
    let at = heads[heads.len() / 2];
    bytes[at..at + 24].fill(0);
    std::fs::write(path, bytes).expect("writes");
    at as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn zeros_over_a_records_head_are_damage_and_no_end() {
    let mut server = tokio::task::spawn_blocking(|| filled(10_000)).await.expect("is filled");
    let data_dir = server.data_dir();
    let newest = segments(&data_dir).pop().expect("a segment");
    let at = zero_a_head(&newest);
    let (code, report, _) = larder(&["verify", "--json", "--data-dir", text(&data_dir)]);
    assert_eq!((code, report["damage"][0]["offset"].as_u64()), (Some(1), Some(at)), "{report}");
    server.restart();
    assert_eq!(server.health()["counts"]["functions"], FUNCTIONS, "mended from the index");
    server.stop();
    assert!(is_whole(&data_dir));
    zero_a_head(&segments(&data_dir).pop().expect("a segment"));
    remove_index(&data_dir);
    let (code, said) = serve(&data_dir);
    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains(".segment") && said.contains("byte"), "{said}");
    std::fs::remove_dir_all(data_dir.join("store")).expect("is removed");
    server.restart();
}

/// The index is lost: it is made anew beside the running server, which answers from the journal meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_index_is_made_anew_while_the_server_runs() {
    let mut server = tokio::task::spawn_blocking(|| filled(10_000)).await.expect("is filled");
    let data_dir = server.data_dir();
    std::fs::write(data_dir.join("store/sled/db"), b"no database").expect("writes");
    server.restart();
    assert_eq!(server.health()["counts"]["functions"], FUNCTIONS);
    // Over such a file sled begins from nothing, or waits for ever: then there is an index again after the next start.
    let said = eventually("the index is there, or given up", || async {
        let health = server.health();
        let given_up = health["problems"].to_string().contains("after the next start");
        (health["status"] == "ok" || given_up).then_some(given_up)
    });
    let given_up = said.await;
    println!("sled waits for ever: {given_up}");
    create_some(&server.client(), "one-more").await;
    server.stop();
    server.restart();
    whole_again(&server).await;
    assert_eq!(server.health()["counts"]["functions"], FUNCTIONS + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newest_segment_that_is_shorter_than_it_was_is_no_torn_write() {
    let mut server = tokio::task::spawn_blocking(|| filled(10_000)).await.expect("is filled");
    let data_dir = server.data_dir();
    let newest = segments(&data_dir).pop().expect("there are some");
    std::fs::File::options().write(true).open(&newest).expect("opens").set_len(1_000_000).expect("is cut");
    assert!(!is_whole(&data_dir), "verify sees it");
    let copy = data_dir.with_file_name("copy");
    assert!(Command::new("cp").arg("-a").args([&data_dir, &copy]).status().expect("cp runs").success());
    remove_index(&copy);
    let before = segments_bytes(&copy);
    let (code, said) = serve(&copy);
    assert!(code == Some(6) && said.contains("is damaged at byte") && said.contains("larder recover"), "{said}");
    assert_eq!(segments_bytes(&copy), before, "nothing was changed");
    // The index has what was cut.
    server.restart();
    assert_eq!(server.health()["counts"]["functions"], FUNCTIONS);
}
