//! History and time travel: log, diff, state, rewind and marks, on a running server and offline.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::functions::{create_python, create_some};
use crate::support::http::Request;
use crate::support::invoke::invoke;
use crate::support::{Options, Server};

const COUNTER: &str = "calls = 0\ndef handler(event, context):\n    global calls\n    calls += 1\n    return calls\n";

fn post(server: &Server, path: &str, body: &Value) -> Value {
    let answer = Request::new("POST", path).body(body.to_string().into_bytes()).send(server.port());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// Runs the command line against a server, or a data dir.
fn larder(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_larder")).args(arguments).output().expect("larder runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).expect("is text"))
}

crate::on_each_executor! {
    async fn a_rewind_brings_back_what_was_and_leaves_the_rest_warm(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        create_python(&client, "kept", COUNTER).await;
        create_python(&client, "changed", "def handler(event, context):\n    return 'old'\n").await;
        assert_eq!(invoke(&client, "kept", json!({})).await.response(), json!(1));
        let marked = post(&server, "/_larder/marks/clean", &json!({}));
        client.delete_function().function_name("changed").send().await.expect("is deleted");
        create_python(&client, "changed", "def handler(event, context):\n    return 'new'\n").await;
        create_python(&client, "more", COUNTER).await;
        assert_eq!(invoke(&client, "changed", json!({})).await.response(), json!("new"));
        let rewound = post(&server, "/_larder/rewind", &json!({ "to": "mark:clean" }));
        assert_eq!(rewound["to"], marked["sequence"]);
        assert!(client.get_function().function_name("more").send().await.is_err(), "what came later is gone");
        assert_eq!(invoke(&client, "changed", json!({})).await.response(), json!("old"));
        assert_eq!(invoke(&client, "kept", json!({})).await.response(), json!(2), "its environment stayed warm");
        let again = post(&server, "/_larder/rewind", &json!({ "to": "mark:clean" }));
        assert_eq!(again["put"], json!([]), "it is so already, but for logs: {again}");
    }
}

#[tokio::test]
async fn after_a_rewind_the_log_still_begins_where_history_does() {
    let server = Server::start(Options::any());
    create_some(&server.client(), "one").await;
    post(&server, "/_larder/rewind", &json!({ "to": 0 }));
    let log = Request::new("GET", "/_larder/log").send(server.port()).json();
    let sequences: Vec<_> = log["entries"].as_array().expect("a list").iter().map(|entry| &entry["sequence"]).collect();
    assert_eq!(sequences.len() as u64, server.sequence(), "{log}");
    assert_eq!(Request::new("GET", "/_larder/state?at=0").send(server.port()).json()["sequence"], 0);
}

#[tokio::test]
async fn a_rewind_outlives_a_kill_and_history_is_not_rewritten() {
    let mut server = Server::start(Options::any());
    let client = server.client();
    create_python(&client, "one", COUNTER).await;
    let before = server.sequence();
    create_python(&client, "two", COUNTER).await;
    let only = post(&server, "/_larder/rewind", &json!({ "to": before, "only": ["function:t*"] }));
    assert_eq!(only["removed"].as_array().map(Vec::len), Some(1));
    let state = Request::new("GET", "/_larder/state").send(server.port()).json();
    let sequence = server.sequence();
    server.kill();
    server.restart();
    assert_eq!(server.sequence(), sequence);
    assert_eq!(Request::new("GET", "/_larder/state").send(server.port()).json(), state);
    let kinds: Vec<_> = server.events().iter().map(|event| event["kind"].clone()).collect();
    assert_eq!(kinds.last(), Some(&json!("StateRestored")));
    assert!(kinds.iter().filter(|kind| **kind == "FunctionCreated").count() == 2, "{kinds:?}");
}

#[test]
fn what_is_no_point_or_no_resource_is_refused_and_changes_nothing() {
    let server = Server::start(Options::any());
    for (body, status, says) in [
        (r#"{"to": 99}"#, 404, "there is no event 99 yet"),
        (r#"{"to": "mark:none"}"#, 404, "there is no mark none"),
        (r#"{"to": "yesterday"}"#, 400, "is no point of history"),
        (r#"{"to": 0, "only": ["function:none"]}"#, 404, "there is no function:none"),
        (r#"{"to": 0, "only": ["none"]}"#, 400, "chooses no resource"),
        (r#"{"to": 0, "more": 1}"#, 400, "the body is no rewind"),
        ("nonsense", 400, "the body is no rewind"),
    ] {
        let answer = Request::new("POST", "/_larder/rewind").body(body.as_bytes().to_vec()).send(server.port());
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        let error = answer.json()["error"].as_str().expect("an error").to_owned();
        assert!(error.contains(says), "{body}: {error}");
    }
    let bad = Request::new("POST", "/_larder/marks/a%20b").send(server.port());
    assert_eq!(bad.status, 400);
    assert_eq!(server.sequence(), 0);
}

#[tokio::test]
async fn the_log_says_what_changed_and_keeps_secrets() {
    let mut server = Server::start(Options::any());
    let client = server.client();
    create_python(&client, "orders", COUNTER).await;
    let variables = aws_sdk_lambda::types::Environment::builder().variables("TOKEN", "s3cret-value").build();
    let update = client.update_function_configuration().function_name("orders").environment(variables).timeout(9);
    update.send().await.expect("is updated");
    let endpoint = format!("http://127.0.0.1:{}", server.port());
    let (ok, log) = larder(&["log", "--function", "orders", "-p", "--endpoint", &endpoint]);
    assert!(ok, "{log}");
    for part in [
        "aws-sdk-rust  orders: Timeout 30 → 9, TOKEN added",
        "        Timeout: 30 → 9",
        "        Environment.Variables.TOKEN: added",
        "orders: created, python3",
    ] {
        assert!(log.contains(part), "{part} is in {log}");
    }
    assert!(!log.contains("latest.") && !log.contains("s3cret-value"), "{log}");
    let (_, none) = larder(&["log", "--function", "other*", "--endpoint", &endpoint]);
    assert_eq!(none, "Nothing has changed that is meant here.\n");
    let (ok, diff) = larder(&["diff", "0..1", "--json", "--endpoint", &endpoint]);
    assert!(ok && diff.contains("\"added\""), "{diff}");
    server.kill();
    let folder = server.data_dir().to_str().expect("is text").to_owned();
    for arguments in
        [&["log"][..], &["show", "1"], &["state"], &["state", "--at", "1", "--json"], &["marks"], &["diff", "1..0"]]
    {
        let (ok, text) = larder(&[arguments, &["--data-dir", &folder]].concat());
        assert!(ok && !text.contains("s3cret-value"), "{arguments:?}: {text}");
    }
    let (ok, shown) = larder(&["state", "--json", "--show-secrets", "--data-dir", &folder]);
    assert!(ok && shown.contains("s3cret-value"));
    let (ok, rewound) = larder(&["rewind", "--to", "0", "--data-dir", &folder]);
    assert!(ok && rewound.contains("the state is that of 0 again"), "{rewound}");
    server.restart();
    assert!(client.get_function().function_name("orders").send().await.is_err());
}

#[tokio::test]
async fn the_log_has_a_line_for_each_change_the_newest_first() {
    let server = Server::start(Options::any());
    let client = server.client();
    create_some(&client, "orders").await;
    client.publish_version().function_name("orders").send().await.expect("is published");
    let mut unreserved = client.put_function_concurrency().function_name("orders");
    unreserved = unreserved.reserved_concurrent_executions(5);
    unreserved.send().await.expect("is put");
    let endpoint = format!("http://127.0.0.1:{}", server.port());
    let log = |more: &[&str]| {
        let (ok, text) = larder(&[&["log", "--endpoint", &endpoint, "--function", "orders"], more].concat());
        assert!(ok, "{more:?}: {text}");
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let what = |more: &[&str]| log(&[&["--format", "{what}"], more].concat());

    let told = ["orders: reserved concurrency 5", "orders: version 1 published", "orders: created, provided.al2023"];
    let said = what(&[]);
    assert_eq!(said, told, "what followed is left out");
    assert_eq!(what(&["-n", "1"]), told[..1]);
    let mut forward = what(&["--reversed"]);
    forward.reverse();
    assert_eq!(forward, said);
    assert!(what(&["--all"]).contains(&"orders: ready".to_owned()));
    assert_eq!(log(&["--format", "{sequence} {name} {{"])[2], "1 orders {");
    assert!(log(&[]).iter().all(|line| line.contains(" ago  ") || line.contains("just now  ")), "{:?}", log(&[]));
    let (ok, refused) = larder(&["log", "--format", "{none}"]);
    assert!(!ok && refused.contains("there is no {none}"), "{refused}");
}

#[tokio::test]
async fn pages_of_the_newest_lead_back_to_the_first() {
    let server = Server::start(Options::any());
    create_some(&server.client(), "one").await;
    let whole = Request::new("GET", "/_larder/log").send(server.port()).json();
    let sequences = |page: &Value| -> Vec<u64> {
        page["entries"].as_array().expect("a list").iter().filter_map(|entry| entry["sequence"].as_u64()).collect()
    };
    for more in ["", "&function=one"] {
        let mut back = Vec::new();
        let mut until = String::new();
        loop {
            let path = format!("/_larder/log?newest_first=true&limit=2{until}{more}");
            let page = Request::new("GET", &path).send(server.port()).json();
            back.extend(sequences(&page));
            let Some(next) = page["next"].as_u64() else { break };
            until = format!("&until={next}");
        }
        back.reverse();
        let all = sequences(&whole);
        assert!(if more.is_empty() { back == all } else { back.iter().all(|it| all.contains(it)) }, "{back:?} {all:?}");
    }
}

#[tokio::test]
async fn what_would_change_is_told_and_differences_end_with_their_own_code() {
    let mut server = Server::start(Options::any());
    let client = server.client();
    create_some(&client, "orders").await;
    let before = server.sequence().to_string();
    let patch = client.update_function_configuration().function_name("orders").memory_size(512);
    patch.send().await.expect("is updated");
    let sequence = server.sequence();
    let endpoint = format!("http://127.0.0.1:{}", server.port());
    let folder = server.data_dir().to_str().expect("is text").to_owned();
    let at = [["--endpoint", &endpoint], ["--data-dir", &folder]];

    for at in at {
        if at[0] == "--data-dir" {
            server.kill();
        }
        let (ok, told) = larder(&[&["rewind", "--dry-run", "--to", &before][..], &at].concat());
        assert!(ok && told.contains("MemorySize: 512 → 128") && told.contains("nothing was changed"), "{told}");
        let (ok, refused) =
            larder(&[&["rewind", "--dry-run", "--to", "0", "--only", "function:none"][..], &at].concat());
        assert!(!ok && refused.contains("there is no function:none"), "{refused}");
        let code = |more: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
            command.arg("diff").args(more).args(at).output().expect("larder runs").status.code()
        };
        assert_eq!(code(&[&before, "--exit-code"]), Some(1), "from then to now");
        assert_eq!(code(&[&before]), Some(0));
        assert_eq!(code(&["now..now", "--exit-code"]), Some(0));
    }
    server.restart();
    assert!(server.sequence() >= sequence, "nothing was rewound");
}
