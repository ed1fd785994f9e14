//! The console in a real browser, and what it lets nobody do.

use std::path::Path;

use aws_sdk_lambda::types::{DurableConfig, EventSourcePosition, Runtime};
use serde_json::{Value, json};

use crate::support::browser;
use crate::support::functions::{create_python, create_some, creation, some};
use crate::support::http::{Request, get};
use crate::support::invoke::invoke;
use crate::support::queues::Queue;
use crate::support::{Executor, Options, Server, eventually};

/// Answers with its event, or fails, unless it is mended.
const FAILS: &str = "
import os

def handler(event, context):
    print('an event came', event.get('says'))
    if event.get('fails') and not os.environ.get('MENDED'):
        raise ValueError('so be it')
    return event
";

#[tokio::test(flavor = "multi_thread")]
async fn it_works_in_a_browser() {
    if !Executor::Sandbox.is_here() {
        return;
    }
    let server = Server::start(Options::new(Executor::Sandbox));
    let client = server.client();
    create_python(&client, "shown", FAILS).await;
    invoke(&client, "shown", json!({})).await;
    let failed = invoke(&client, "shown", json!({ "fails": true, "password": "secret-9" })).await;
    let shots = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    std::fs::create_dir_all(&shots).expect("a folder");

    let port = server.port().to_string();
    let arguments = [port.as_str(), "shown", &failed.request_id, shots.to_str().expect("is text")];
    if let Some(said) = browser::script("console.mjs", &arguments) {
        assert!(said.contains("all of it"), "{said}");
    }
    let shown = get(server.port(), &format!("/_larder/console/invocations/{}", failed.request_id));
    assert!(!String::from_utf8_lossy(&shown.body).contains("secret-9"), "secrets are not on pages");
}

/// Roles, policies and log groups have a history of their own, also what a rewind made of them.
#[tokio::test(flavor = "multi_thread")]
async fn changes_of_iam_and_of_logs_are_shown_alone() {
    let server = Server::start(Options::any());
    let port = server.port();
    let iam = |form: &str| {
        let request = Request::new("POST", "/").header("content-type", "application/x-www-form-urlencoded");
        let answer = request.signed_for("iam", "test", "us-east-1").body(form.as_bytes().to_vec()).send(port);
        assert_eq!(answer.status, 200, "{form}: {}", String::from_utf8_lossy(&answer.body));
    };
    let policy = |member: &str| {
        format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",{member},"Action":"sts:AssumeRole"}}]}}"#)
    };
    let trust = policy(r#""Principal":{"Service":"lambda.amazonaws.com"}"#);
    iam(&format!("Action=CreateRole&Version=2010-05-08&RoleName=deploys&AssumeRolePolicyDocument={trust}"));
    let reads = policy(r#""Resource":"*""#);
    iam(&format!("Action=CreatePolicy&Version=2010-05-08&PolicyName=reads&PolicyDocument={reads}"));
    let group = Request::json("POST", "/", &json!({ "logGroupName": "/shop" }));
    let group = group.header("x-amz-target", "Logs_20140328.CreateLogGroup").signed_for("logs", "test", "us-east-1");
    assert_eq!(group.send(port).status, 200);
    creation(&server.client(), "f", Runtime::Providedal2023, some("f")).send().await.expect("created");

    let page = |query: &str| get(port, &format!("/_larder/console/history?{query}"));
    let named = |area: &str| -> Vec<String> {
        let entries = page(&format!("area={area}&format=json")).json()["entries"].clone();
        let entries = entries.as_array().expect("a list").iter();
        let changes = entries.flat_map(|entry| entry["changes"].as_array().expect("a list").clone());
        changes.map(|change| change["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(named("iam"), ["reads", "deploys"], "the newest first");
    assert_eq!(named("logs"), ["/shop"]);
    assert!(named("lambda").iter().all(|name| name == "f"));
    let shown = String::from_utf8_lossy(&page("area=iam").body).into_owned();
    assert!(shown.contains("deploys") && !shown.contains("/shop"), "{shown}");
    assert_eq!(page("area=s3").status, 400);
    assert!(named("").len() > 3, "an empty field means all");

    let rewound = Request::json("POST", "/_larder/rewind", &json!({ "to": "1" })).send(port);
    assert_eq!(rewound.status, 200);
    assert!(named("iam").starts_with(&["reads".to_owned()]), "the rewind took it away: {:?}", named("iam"));
    assert_eq!(page("area=sqs&format=json").json()["entries"], Value::Array(Vec::new()));
}

/// How deep queues are, and what becomes of what is read.
#[tokio::test(flavor = "multi_thread")]
async fn queues_and_mappings_are_shown() {
    let server = Server::start(Options::any());
    let client = server.client();
    create_some(&client, "f").await;
    client.publish_version().function_name("f").send().await.expect("published");
    client.create_alias().function_name("f").name("live").function_version("1").send().await.expect("made");
    let queue = Queue::create(server.port(), "jobs", &json!({}));
    queue.send("one");
    assert_eq!(queue.receive().len(), 1);
    queue.send("two");
    let map = |source: &str| client.create_event_source_mapping().function_name("f:live").event_source_arn(source);
    map(&queue.arn).enabled(false).send().await.expect("made");
    let stream = "arn:aws:kinesis:us-east-1:000000000000:stream/orders";
    map(stream).starting_position(EventSourcePosition::Latest).send().await.expect("made");

    let page = "/_larder/console/events";
    let json = || get(server.port(), &format!("{page}?format=json")).json();
    let depth = &json()["queues"][0];
    assert_eq!((&depth["messages"], &depth["hidden"]), (&json!(2), &json!(1)));
    assert!(depth["next_waits_s"].is_u64(), "{depth}");
    let line = |all: &Value, source: &str| {
        let lines = all["mappings"].as_array().expect("a list").clone();
        lines.into_iter().find(|line| line["source"] == source).expect("is listed")
    };
    let problem = eventually("it is said why the stream is not read", || async {
        let line = line(&json(), stream);
        line["last_result"].as_str().filter(|_| line["state"] == "Enabled").map(str::to_owned)
    });
    assert!(problem.await.starts_with("PROBLEM: "));
    eventually("the queue's mapping has settled", || async {
        (line(&json(), &queue.arn)["state"] == "Disabled").then_some(())
    })
    .await;

    let shown = String::from_utf8_lossy(&get(server.port(), page).body).into_owned();
    let function = "/_larder/console/functions/000000000000/us-east-1/f";
    assert!(shown.contains(&format!("href=\"{function}\"")) && shown.contains("PROBLEM: "), "{shown}");
    let of_function = get(server.port(), &format!("{function}?format=json")).json();
    assert_eq!(line(&of_function, stream)["function"], "arn:aws:lambda:us-east-1:000000000000:function:f:live");
}

/// There are no durable executions to show, and the page says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_durable_function_says_that_it_is_not_run() {
    let server = Server::start(Options::any());
    let durable = DurableConfig::builder().execution_timeout(3600).retention_period_in_days(7).build();
    let create = creation(&server.client(), "d", Runtime::Providedal2023, some("d")).durable_config(durable);
    create.send().await.expect("created");
    let path = "/_larder/console/functions/000000000000/us-east-1/d";
    let json = get(server.port(), &format!("{path}?format=json")).json();
    assert_eq!(json["durable"], json!({ "execution_timeout_s": 3600, "retention_days": 7 }));
    let shown = String::from_utf8_lossy(&get(server.port(), path).body).into_owned();
    assert!(shown.contains("executions of up to 3600 s, kept for 7 days") && shown.contains("does not run them"));
}

/// Nobody frames it, what is shown is never obeyed, and pages of others get nothing.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_others_get_nothing() {
    let server = Server::start(Options::any());
    let port = server.port();
    let page = get(port, "/_larder/");
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");

    let from = |origin: &str, path: &str| Request::new("GET", path).header("origin", origin).send(port).status;
    assert_eq!(from("http://evil.example", "/_larder/"), 403);
    assert_eq!(from("http://evil.example", "/_larder/console/live"), 403);
    let rebound = Request::new("GET", "/_larder/").header("host", "evil.example").send(port);
    assert_eq!(rebound.status, 403);
    let url = Request::new("GET", "/_larder/").header("host", "abc.lambda-url.us-east-1.localhost").send(port);
    assert_eq!(url.status, 403, "a function's host leads nowhere near");

    let hostile = get(port, "/_larder/console/functions?q=%3Cscript%3Ealert(1)%3C/script%3E");
    assert!(!String::from_utf8_lossy(&hostile.body).contains("<script>alert"), "it is escaped");
    let total: usize = ["/_larder/", "/_larder/console/style.css", "/_larder/console/script.js"]
        .map(|path| get(port, path).body.len())
        .iter()
        .sum();
    assert!(total < 150_000, "{total} bytes");
}
