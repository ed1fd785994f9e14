//! `larder queue`, and what rewinds, pods and kills do to asynchronous events that wait.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use serde_json::{Value, json};

use crate::on_each_executor;
use crate::support::functions::{create_python, create_some};
use crate::support::http::Request;
use crate::support::invoke::call;
use crate::support::{Executor, Options, Server, eventually};

/// Fails on events, after a while if they say so; tells in answer to others which events it failed on.
const FAILS: &str = "
import time
seen = []
def handler(event, context):
    if 'n' not in event:
        return seen
    seen.append(event['n'])
    time.sleep(event.get('s', 0))
    if event.get('fails', True):
        raise Exception('so be it')
";

/// Where failed events wait so long that a test sees them.
const LONG_S: u64 = 300;

fn server(executor: Executor, base_delay_s: u64) -> Server {
    let options = Options::new(executor).with("LARDER_MAX_ENVIRONMENTS", 1);
    Server::start(options.with("LAMBDA_RETRY_BASE_DELAY_SECONDS", base_delay_s))
}

/// Has a function run without waiting for it.
async fn send(client: &Client, function: &str, event: Value) {
    let call = client.invoke().function_name(function).invocation_type(InvocationType::Event);
    call.payload(Blob::new(event.to_string())).send().await.expect("accepted");
}

/// Runs the command line; its exit code and what it said.
fn larder(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_larder")).args(arguments).output().expect("larder runs");
    let Output { status, stdout, stderr } = output;
    (status.code().expect("an exit code"), String::from_utf8([stdout, stderr].concat()).expect("is text"))
}

/// `larder queue …` on a server, that ends well.
fn queue(server: &Server, arguments: &[&str]) -> String {
    let (code, said) = larder(&[&["queue"], arguments, &["--endpoint", &server.url()]].concat());
    assert_eq!(code, 0, "{arguments:?}: {said}");
    said
}

fn parsed(said: &str) -> Value {
    serde_json::from_str(said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// The events that wait, once there are as many that were tried as often.
async fn waiting(server: &Server, count: usize, failed: u64) -> Vec<Value> {
    eventually("the events wait", || async {
        let page = Request::new("GET", "/_larder/queue").send(server.port()).json();
        let events = page["events"].as_array().expect("a list").clone();
        let are_tried = events.iter().all(|it| it["attempts"]["failed"] == failed && it["standing"] == "waiting");
        (events.len() == count && are_tried).then_some(events)
    })
    .await
}

/// The events that the function saw, once there are as many.
async fn seen(client: &Client, function: &str, count: usize) -> Vec<u64> {
    eventually("the attempts are made", || async {
        let seen: Vec<u64> = serde_json::from_value(call(client, function).await.response()).expect("a list");
        (seen.len() >= count).then_some(seen)
    })
    .await
}

on_each_executor! {
    async fn events_are_seen_retried_and_dropped(executor) {
        let server = server(executor, LONG_S);
        let client = server.client();
        create_python(&client, "f", FAILS).await;
        assert!(queue(&server, &["list"]).contains("no event waits"));
        send(&client, "f", json!({ "n": 1, "token": "very-secret" })).await;
        send(&client, "f", json!({ "n": 2 })).await;
        let events = waiting(&server, 2, 1).await;
        assert_eq!(server.health()["counts"]["waiting_events"], 2);
        let id = events.iter().find(|it| it["size"].as_u64() > Some(10)).expect("the first")["id"].to_string();
        let listed = queue(&server, &["list"]);
        let (first, request_id) = (&events[0], events[0]["request_id"].as_str().expect("a text"));
        assert!(first["due_in_s"].as_u64().is_some_and(|due| due > LONG_S - 60 && due <= LONG_S), "{first}");
        assert!(listed.contains(request_id) && (listed.contains("in 4m") || listed.contains("in 5m")) && listed.contains("2 events in all"), "{listed}");
        let functions = parsed(&queue(&server, &["functions", "--json"]));
        assert_eq!((&functions["functions"][0]["waiting"], &functions["functions"][0]["running"]), (&json!(2), &json!(0)));

        let shown = queue(&server, &["show", &id]);
        assert!(shown.contains("\"token\": \"***\"") && !shown.contains("very-secret"), "{shown}");
        let shown = parsed(&queue(&server, &["show", &id, "--json", "--show-secrets"]));
        assert_eq!(shown["payload"], json!({ "n": 1, "token": "very-secret" }));
        let open = Request::new("GET", &format!("/_larder/queue/{id}?show_secrets=true")).send(server.port());
        assert_eq!(open.status, 403, "secrets are the owner's");

        assert!(queue(&server, &["retry", &id]).contains("1 events are due now"));
        assert_eq!(seen(&client, "f", 3).await.iter().filter(|n| **n == 1).count(), 2, "at once");
        eventually("what became of it is stored", || async {
            let page = Request::new("GET", "/_larder/queue").send(server.port()).json();
            let failed = page["events"].as_array()?.iter().map(|it| it["attempts"]["failed"].as_u64());
            (page["running"] == 0 && failed.sum::<Option<u64>>() == Some(3)).then_some(())
        })
        .await;
        assert!(queue(&server, &["retry", "--all", "--function", "f"]).contains("2 events are due now"));
        assert_eq!(seen(&client, "f", 5).await.len(), 5, "both are tried again");

        let dropped = parsed(&queue(&server, &["drop", "--all", "--json"]));
        assert!(dropped["dropped"].as_u64() >= Some(1), "{dropped}");
        queue(&server, &["wait"]);
        assert!(queue(&server, &["list"]).contains("no event waits"));
        let (code, said) = larder(&["queue", "drop", &id, "--endpoint", &server.url()]);
        assert!(code == 4 && said.contains("has been run, or was given up or dropped"), "{code}: {said}");
    }

    async fn who_waits_is_told_apart_from_whose_time_was_up(executor) {
        let mut server = server(executor, 0);
        let client = server.client();
        create_python(&client, "f", FAILS).await;
        create_python(&client, "other", FAILS).await;
        send(&client, "f", json!({ "n": 1, "s": 3, "fails": false })).await;
        let url = server.url();
        let wait = |more: &[&str]| larder(&[&["queue", "wait", "--endpoint", &url], more].concat());
        let (code, said) = wait(&["--timeout", "0"]);
        assert!(code == 8 && said.contains("the time is up: 1 events wait or run"), "{code}: {said}");
        assert_eq!(wait(&["--function", "other"]).0, 0, "it has none");
        let (code, said) = wait(&["--function", "none"]);
        assert!(code == 4 && said.contains("no function none"), "{code}: {said}");
        let (code, said) = wait(&["--function", "f", "--timeout", "50"]);
        assert!(code == 0 && said.contains("no event waits or runs"), "{code}: {said}");
        assert_eq!(call(&client, "f").await.response(), json!([1]), "it has been run");

        send(&client, "f", json!({ "n": 2, "s": 1, "fails": false })).await;
        let (code, said) = larder(&["queue", "drain", "--endpoint", &url]);
        assert!(code == 0 && said.contains("no event waits or runs"), "{code}: {said}");

        // The server's end is not held up by who waits.
        send(&client, "f", json!({ "n": 3, "s": 2, "fails": false })).await;
        let waiting = std::thread::spawn(move || larder(&["queue", "wait", "--endpoint", &url]));
        tokio::time::sleep(Duration::from_millis(500)).await;
        let begun = Instant::now();
        assert_eq!(server.stop().code(), Some(0));
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
        assert!([2, 3].contains(&waiting.join().expect("ends").0), "no server answers any more");
    }

    /// It cannot be dropped half: the attempt goes on, is waited for, and is the last.
    async fn what_runs_is_dropped_after_its_attempt(executor) {
        let server = server(executor, 0);
        let client = server.client();
        create_python(&client, "f", FAILS).await;
        assert_eq!(call(&client, "f").await.response(), json!([]));
        send(&client, "f", json!({ "n": 1, "s": 2 })).await;
        let running = eventually("it runs", || async {
            let page = Request::new("GET", "/_larder/queue").send(server.port()).json();
            page["events"].as_array()?.iter().find(|it| it["standing"] == "running").cloned()
        })
        .await;
        let id = running["id"].to_string();
        let (code, said) = larder(&["queue", "retry", &id, "--endpoint", &server.url()]);
        assert!(code == 5 && said.contains("runs right now"), "{code}: {said}");
        let said = queue(&server, &["drop", &id]);
        assert!(said.contains("1 of them run right now: these attempts go on to their end"), "{said}");
        assert!(queue(&server, &["list"]).contains("no event waits"));
        let waited = parsed(&queue(&server, &["wait", "--json"]));
        assert_eq!((&waited["done"], &waited["running"]), (&json!(true), &json!(0)));
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(seen(&client, "f", 1).await, [1], "one attempt");
    }

    async fn what_was_changed_outlives_a_kill(executor) {
        let mut server = server(executor, LONG_S);
        create_python(&server.client(), "f", FAILS).await;
        for n in 1..=3 {
            send(&server.client(), "f", json!({ "n": n })).await;
        }
        let ids: Vec<String> = waiting(&server, 3, 1).await.iter().map(|it| it["id"].to_string()).collect();
        queue(&server, &["drop", &ids[0]]);
        server.kill();
        let data_dir = server.data_dir().to_str().expect("is text").to_owned();
        let offline = |arguments: &[&str]| larder(&[&["queue"], arguments, &["--data-dir", &data_dir]].concat());
        let (code, said) = offline(&["list"]);
        assert!(code == 0 && said.contains("2 events in all, of which 0 run"), "{code}: {said}");
        let (code, said) = offline(&["wait"]);
        assert!(code == 3 && said.contains("2 events wait, and no server has the data dir"), "{code}: {said}");
        assert_eq!(offline(&["drop", &ids[1]]).0, 0);
        server.restart();
        let left = waiting(&server, 1, 1).await;
        assert_eq!(left[0]["id"].to_string(), ids[2], "with its attempt");
        // An answered retry is on disk: whether it was begun or not, it is run.
        queue(&server, &["retry", &ids[2]]);
        server.kill();
        server.restart();
        waiting(&server, 1, 2).await;
    }

    async fn a_rewind_says_what_becomes_of_events(executor) {
        let server = server(executor, LONG_S);
        let client = server.client();
        create_python(&client, "kept", FAILS).await;
        let url = server.url();
        let rewind = |more: &[&str]| larder(&[&["rewind", "--to", "mark:here", "--endpoint", &url], more].concat());
        assert_eq!(larder(&["mark", "here", "--endpoint", &url]).0, 0);
        create_python(&client, "gone", FAILS).await;
        for function in ["kept", "gone", "gone"] {
            send(&client, function, json!({ "n": 1 })).await;
        }
        waiting(&server, 3, 1).await;
        let (code, said) = rewind(&[]);
        assert!(code == 0 && said.contains("2 events that waited were dropped"), "{code}: {said}");
        assert!(said.contains("1 events wait and are run when they are due"), "{said}");
        let (_, said) = rewind(&["--keep-events", "--json"]);
        assert_eq!(parsed(&said)["events"], json!({ "waiting": 1, "dropped": 0 }));
        let (code, said) = rewind(&["--drop-events"]);
        assert!(code == 0 && said.contains("1 events that waited were dropped"), "{code}: {said}");
        assert!(queue(&server, &["list"]).contains("no event waits"));
    }

    async fn events_of_a_strangers_pod_do_not_run_before_they_are_trusted(executor) {
        let folder = tempfile::tempdir().expect("a folder");
        let pod = folder.path().join("events.pod");
        let pod = pod.to_str().expect("is text");
        let from = server(executor, LONG_S);
        create_python(&from.client(), "f", FAILS).await;
        for n in 1..=2 {
            send(&from.client(), "f", json!({ "n": n, "fails": n == 1 })).await;
        }
        // The second has been run, so that it does not travel.
        waiting(&from, 1, 1).await;
        send(&from.client(), "f", json!({ "n": 3 })).await;
        waiting(&from, 2, 1).await;
        let unasked = Request::new("POST", "/_larder/pods/save").body(br#"{"with_events": true, "redact": ["env:*"]}"#.to_vec());
        assert_eq!(unasked.send(from.port()).status, 403, "payloads are the owner's");
        let (code, said) = larder(&["pod", "save", pod, "--with-events", "--endpoint", &from.url()]);
        assert!(code == 0 && said.contains("with 2 events that wait"), "{code}: {said}");
        assert!(larder(&["pod", "inspect", pod]).1.contains("2 that wait"));

        let mut to = server(executor, 0);
        let load = |to: &Server, more: &[&str]| {
            let (code, said) = larder(&[&["pod", "load", pod, "--endpoint", &to.url()], more].concat());
            assert_eq!(code, 0, "{said}");
            said
        };
        let said = load(&to, &[]);
        assert!(said.contains("2 events of the pod are taken in") && said.contains("2 of them are held"), "{said}");
        to.kill();
        to.restart();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(to.environments(), 0, "nothing of it runs");
        let listed = queue(&to, &["list"]);
        assert!(listed.contains("held") && listed.contains("2 events in all"), "{listed}");
        assert!(queue(&to, &["wait"]).contains("2 are held"), "nobody waits for them");

        // Each has one attempt made, and two to come.
        let said = load(&to, &["--trust"]);
        assert!(said.contains("0 events of the pod are taken in, 2 wait here already"), "{said}");
        queue(&to, &["wait", "--timeout", "50"]);
        let mut seen = seen(&to.client(), "f", 4).await;
        seen.sort_unstable();
        assert_eq!(seen, [1, 1, 3, 3]);
    }
}

/// As many as no page has; none of them runs, as they are held.
#[tokio::test]
async fn pages_follow_each_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let pod = folder.path().join("many.pod");
    let pod = pod.to_str().expect("is text");
    let mut server = Server::start(Options::any());
    create_some(&server.client(), "f").await;
    assert_eq!(larder(&["pod", "save", pod, "--with-events", "--endpoint", &server.url()]).0, 0);
    with_many(Path::new(pod), 230);
    let (code, said) = larder(&["pod", "load", pod, "--endpoint", &server.url()]);
    assert!(code == 0 && said.contains("230 events of the pod are taken in"), "{code}: {said}");

    let page = Request::new("GET", "/_larder/queue?limit=1000").send(server.port()).json();
    assert_eq!(page["events"].as_array().map(Vec::len), Some(100), "a page has an end");
    assert!(page["next"].is_string());
    let all = parsed(&queue(&server, &["list", "--limit", "1000", "--json"]));
    let ids: std::collections::BTreeSet<_> =
        all["events"].as_array().expect("a list").iter().map(|it| it["id"].as_u64()).collect();
    assert_eq!((ids.len(), &all["next"]), (230, &Value::Null));
    assert!(queue(&server, &["list", "--limit", "150"]).contains("--limit shows more"));
    for (path, status) in
        [("queue?after=x", 400), ("queue?function=none", 404), ("queue/999999", 404), ("queue?x=1", 400)]
    {
        assert_eq!(Request::new("GET", &format!("/_larder/{path}")).send(server.port()).status, status, "{path}");
    }
    for (body, status) in [("{}", 400), (r#"{"id": 999999}"#, 404), (r#"{"id": 1, "all": true}"#, 400), ("x", 400)] {
        let drop = Request::new("POST", "/_larder/queue/drop").body(body.as_bytes().to_vec());
        assert_eq!(drop.send(server.port()).status, status, "{body}");
    }

    // Offline all of them go, and the server knows.
    server.kill();
    let data_dir = server.data_dir().to_str().expect("is text").to_owned();
    let (code, said) = larder(&["queue", "drop", "--all", "--function", "f", "--data-dir", &data_dir]);
    assert!(code == 0 && said.contains("230 events are dropped"), "{code}: {said}");
    server.restart();
    assert_eq!(server.health()["counts"]["waiting_events"], 0);
}

/// Events of a pod that was made when pods first had them.
#[tokio::test]
async fn golden_events_are_taken_in() {
    let server = Server::start(Options::any());
    let pod = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/pods/v5-events.pod");
    let (code, said) = larder(&["pod", "load", pod, "--endpoint", &server.url()]);
    assert!(code == 0 && said.contains("3 events of the pod are taken in"), "{code}: {said}");
    let page = parsed(&queue(&server, &["list", "--json"]));
    let events = page["events"].as_array().expect("a list");
    let told = events.iter().map(|it| json!([it["qualifier"], it["attempts"]["failed"], it["standing"], it["size"]]));
    let expected = [json!([null, 1, "held", 28]), json!(["$LATEST", 1, "held", 2]), json!([null, 1, "held", 0])];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    let second = parsed(&queue(&server, &["show", &events[1]["id"].to_string(), "--json"]));
    assert_eq!(second["trace_id"], "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1");
}

/// Puts events into a pod that has a place for them.
pub fn with_many(pod: &Path, count: usize) {
    let mut entries = unpacked(pod);
    let line = |number: usize| {
        let scope = json!({ "account": "000000000000", "region": "us-east-1" });
        let event = json!({
            "function": { "scope": scope, "name": "f" }, "request_id": format!("r-{number}"), "accepted": 1, "due": 1,
        });
        json!({ "event": event, "failed": 0, "held_back": 0, "payload": "{}" }).to_string() + "\n"
    };
    let lines = (0..count).map(line).collect::<String>().into_bytes();
    let mut manifest: Value = serde_json::from_slice(&entries[0].1).expect("is JSON");
    let part = manifest["parts"].as_array_mut().expect("parts").iter_mut().find(|it| it["path"] == "events.jsonl");
    let digest = larder::blobs::digest(&lines).hex();
    *part.expect("has events") = json!({ "path": "events.jsonl", "sha256": digest, "size": lines.len() });
    entries[0].1 = manifest.to_string().into_bytes();
    entries.iter_mut().find(|(name, _)| name == "events.jsonl").expect("has events").1 = lines;

    let target = std::fs::File::create(pod).expect("makes");
    let mut archive = tar::Builder::new(zstd::Encoder::new(target, 1).expect("an encoder"));
    for (name, bytes) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, &bytes[..]).expect("appends");
    }
    archive.into_inner().expect("ends").finish().expect("ends");
}

/// The entries of a pod, by name.
fn unpacked(pod: &Path) -> Vec<(String, Vec<u8>)> {
    let archive = zstd::decode_all(std::fs::File::open(pod).expect("opens")).expect("is whole");
    let mut archive = tar::Archive::new(&archive[..]);
    let entry = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.expect("an entry");
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).expect("reads");
        (entry.path().expect("a name").display().to_string(), bytes)
    };
    archive.entries().expect("entries").map(entry).collect()
}
