//! What the server's memory is bounded by: sizes of pages, not those of events, pods and logs.

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use larder::blobs::BlobStore;
use larder::desk::pods::{LoadQuery, load_from};
use larder::ledger::{Durability, Ledger, LedgerOptions};
use larder::model::event::Origin;
use larder::model::limits::Limits;
use larder::model::resource::Resource;
use larder::pods::write::{Contents, write};
use serde_json::Value;

use crate::support::functions::create_some;
use crate::support::http::{Answer, Request, get};
use crate::support::{Options, Server};

/// Megabytes that the server ever had in memory, as the kernel counts.
fn peak_mb(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
}

/// A pod of as many functions as wanted, that all are the function of `server`.
async fn pod_of(server: &Server, functions: usize, folder: &Path) -> Vec<u8> {
    let saved = Request::new("POST", "/_larder/pods/save").by_owner(server).send(server.port());
    let options =
        LedgerOptions { path: folder.join("store"), durability: Durability::Never, limits: Limits::default() };
    let ledger = Arc::new(Ledger::open(options).expect("opens"));
    let blobs = Arc::new(BlobStore::open(&folder.join("blobs"), ledger.small_blobs()).expect("opens"));
    let (query, source) = (LoadQuery::default(), Cursor::new(saved.body));
    let loaded = load_from(&ledger, &blobs, source, folder, query, Origin::default()).await;
    loaded.map(drop).expect("is loaded");
    let state = ledger.state();
    let first = state.functions.values().next().expect("a function");
    let named = |number: usize| {
        let mut function = (*first).clone();
        function.key.name = format!("function-{number:05}").as_str().into();
        Resource::Function(function.key.clone(), Arc::new(function))
    };
    let resources: Vec<_> = (0..functions).map(named).collect();
    let (history, events, messages, upstream_calls) = (None, None, None, None);
    let contents = Contents {
        store: "s".into(),
        sequence: 1,
        time: 1,
        message: None,
        upstream: Vec::new(),
        blobs: resources.iter().flat_map(Resource::blobs).collect(),
        resources,
        history,
        events,
        messages,
        upstream_calls,
        report: None,
    };
    let mut pod = Vec::new();
    write(&contents, &blobs, &mut pod).expect("is written");
    ledger.close().expect("closes");
    pod
}

fn load(server: &Server, pod: &[u8]) -> Answer {
    let answer = Request::new("POST", "/_larder/pods/load?merge=overwrite").body(pod.to_vec()).send(server.port());
    assert_eq!(answer.status, 200, "{:?}", String::from_utf8_lossy(&answer.body[..answer.body.len().min(500)]));
    answer
}

/// A pod of some kilobytes whose functions take megabytes: memory is that of what it holds, and of nothing made of it.
#[tokio::test]
async fn a_pod_of_many_functions_and_its_history_take_little_memory() {
    const FUNCTIONS: usize = 10_000;
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(Options::any());
    create_some(&server.client(), "one").await;
    let small = pod_of(&server, 1, &folder.path().join("small")).await;
    let pod = pod_of(&server, FUNCTIONS, &folder.path().join("large")).await;
    assert!(pod.len() < 1_000_000, "{}", pod.len());
    for _ in 0..2 {
        let answer = load(&server, &pod).json();
        // The one that both pods have stays.
        assert!(answer["resources"].as_array().expect("a list").len() >= FUNCTIONS - 1);
        load(&server, &small);
    }
    let after_loads = peak_mb(&server);
    assert!(after_loads < 400, "{after_loads} MB");
    // Each page is small, and all of history comes by them.
    let (mut since, mut entries) = (1, Vec::new());
    loop {
        let page = get(server.port(), &format!("/_larder/log?since={since}"));
        assert!(page.body.len() < 2_000_000, "{}", page.body.len());
        let page = page.json();
        entries.extend(page["entries"].as_array().expect("a list").clone());
        let Some(next) = page["next"].as_u64() else { break };
        since = next;
    }
    let sequences: Vec<_> = entries.iter().map(|entry| entry["sequence"].as_u64().expect("a number")).collect();
    assert_eq!(sequences, (1..=server.sequence()).collect::<Vec<_>>());
    let loaded: Vec<&Value> = entries.iter().filter(|entry| entry["summary"].is_object()).collect();
    assert_eq!(loaded.len(), 4, "what came and what went, twice");
    assert_eq!(loaded[0]["summary"]["added"]["function"], FUNCTIONS);
    // One event whole.
    let whole = get(server.port(), &format!("/_larder/log/{}", loaded[0]["sequence"])).json();
    assert!(whole["changes"].as_array().expect("a list").len() >= FUNCTIONS);
    assert!(get(server.port(), "/_larder/events").body.len() < 2_000_000);
    let state = get(server.port(), "/_larder/state?at=3").json();
    assert!(!state["resources"].as_array().expect("a list").is_empty());
    let at_last = peak_mb(&server);
    assert!(at_last < 400, "{at_last} MB, of which the loads took {after_loads}");
}
