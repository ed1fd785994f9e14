//! What of an application lives in the upstream, as pods tell it.

use std::path::Path;

use aws_sdk_lambda::types::{
    DeadLetterConfig, DestinationConfig, Environment, EventSourcePosition, OnFailure, OnSuccess, Runtime,
};
use serde_json::{Value, json};

use crate::pod_files::{larder, text};
use crate::support::functions::{active, create_python, creation, python};
use crate::support::http::{Request, get};
use crate::support::python::Moto;
use crate::support::queues::ask_json;
use crate::support::{Options, Server, queues};

const HELLO: &str = "def handler(event, context):\n    return 'hello'\n";

const ACCOUNT: &str = "us-east-1:000000000000";

/// A function that refers to this and that, in `server`, which has the queue `mine`.
async fn refer(server: &Server) {
    let client = server.client();
    queues::create(server, &["mine"]);
    create_python(&client, "other", HELLO).await;
    let tables = format!("[\"arn:aws:dynamodb:{ACCOUNT}:table/a\", \"arn:aws:dynamodb:{ACCOUNT}:table/b\"]");
    let variables = [
        ("TOPIC", format!("arn:aws:sns:{ACCOUNT}:topic")),
        ("TABLES", tables),
        ("QUEUE_URL", "http://localhost:4566/000000000000/theirs".to_owned()),
        ("MY_QUEUE", format!("{}/000000000000/mine", server.url())),
        ("PASSWORD", "hunter2".to_owned()),
        ("HOOK", "https://hooks.example.com/000000000000/s3cret".to_owned()),
    ];
    let environment =
        variables.into_iter().fold(Environment::builder(), |all, (name, value)| all.variables(name, value));
    let dead = DeadLetterConfig::builder().target_arn(format!("arn:aws:sqs:{ACCOUNT}:mine")).build();
    let function = creation(&client, "f", Runtime::Python312, python(HELLO)).environment(environment.build());
    function.dead_letter_config(dead).send().await.expect("created");
    active(&client, "f").await;

    let permission = client.add_permission().function_name("f").statement_id("s3").action("lambda:InvokeFunction");
    let permission = permission.principal("s3.amazonaws.com").source_arn("arn:aws:s3:::uploads");
    permission.send().await.expect("added");
    let success = OnSuccess::builder().destination(format!("arn:aws:events:{ACCOUNT}:event-bus/done")).build();
    let failure = OnFailure::builder().destination(format!("arn:aws:lambda:{ACCOUNT}:function:other")).build();
    let destinations = DestinationConfig::builder().on_success(success).on_failure(failure).build();
    let events = client.put_function_event_invoke_config().function_name("f").destination_config(destinations);
    events.send().await.expect("put");
    let mapping = client.create_event_source_mapping().function_name("f").enabled(false);
    let mapping = mapping.event_source_arn(format!("arn:aws:kinesis:{ACCOUNT}:stream/orders"));
    mapping.starting_position(EventSourcePosition::Latest).send().await.expect("made");
}

/// What `refer` refers to in the upstream.
fn referred() -> Vec<String> {
    let there = ["dynamodb:us-east-1:000000000000:table/a", "dynamodb:us-east-1:000000000000:table/b"];
    let more = ["events:us-east-1:000000000000:event-bus/done", "kinesis:us-east-1:000000000000:stream/orders"];
    let last = ["s3:::uploads", "sns:us-east-1:000000000000:topic", "sqs:us-east-1:000000000000:theirs"];
    there.iter().chain(&more).chain(&last).map(|rest| format!("arn:aws:{rest}")).collect()
}

/// The resources that JSON lists.
fn listed(upstream: &Value) -> Vec<String> {
    let all = upstream.as_array().into_iter().flatten();
    all.map(|one| one["resource"].as_str().expect("an ARN").to_owned()).collect()
}

fn inspected(pod: &Path) -> Value {
    let (ok, said) = larder("", &["pod", "inspect", text(pod), "--json"]);
    assert!(ok, "{said}");
    serde_json::from_str(&said).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_functions_refer_to_in_the_upstream_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let [pod, again, bare] = ["a.pod", "b.pod", "c.pod"].map(|name| folder.path().join(name));
    let from = Server::start(Options::any());
    refer(&from).await;
    let save = |pod: &Path, more: &[&str]| {
        let (ok, said) = larder("", &[&["pod", "save", text(pod), "--endpoint", &from.url()], more].concat());
        assert!(ok, "{said}");
        said
    };
    let said = save(&pod, &[]);
    assert!(said.contains("the upstream has to have arn:aws:s3:::uploads"), "{said}");
    save(&again, &[]);
    assert!(std::fs::read(&pod).expect("reads") == std::fs::read(&again).expect("reads"), "the same bytes");

    let manifest = inspected(&pod)["manifest"].clone();
    assert_eq!(listed(&manifest["upstream"]), referred());
    assert_eq!(manifest["upstream"][0]["needed_by"], format!("arn:aws:lambda:{ACCOUNT}:function:f"));
    assert!(!manifest.to_string().contains("hunter2") && !manifest.to_string().contains("s3cret"), "{manifest}");
    let (_, said) = larder("", &["pod", "inspect", text(&pod)]);
    assert!(said.contains("upstream") && said.contains("arn:aws:kinesis"), "{said}");
    // What is left out of the state is told by nothing else.
    save(&bare, &["--redact", "env:*", "--only", "function:f"]);
    let kept = listed(&inspected(&bare)["manifest"]["upstream"]);
    let expected = [2, 3, 4].map(|index| referred()[index].clone());
    assert_eq!(kept, expected, "the queue that is here is none of the upstream's");

    let to = Server::start(Options::any());
    let (ok, said) = larder("", &["pod", "load", text(&pod), "--endpoint", &to.url(), "--json"]);
    let loaded: Value = serde_json::from_str(&said).expect("JSON");
    assert!(ok, "{said}");
    assert_eq!(listed(&loaded["upstream"]), referred());
}

/// The service with the tables, and the version of its protocol.
const DYNAMODB: (&str, &str) = ("dynamodb", "1.0");

/// Puts something into the upstream's S3.
fn put(server: &Server, path: &str, body: &[u8]) {
    let request = Request::new("PUT", path).body(body.to_vec()).signed_for("s3", "test", "us-east-1");
    assert_eq!(request.send(server.port()).status, 200, "{path}");
}

fn tables(port: u16) -> String {
    ask_json(port, DYNAMODB, "DynamoDB_20120810.ListTables", &json!({})).to_string()
}

/// moto has recorded the calls that it got: they come along, and another moto answers them.
#[tokio::test(flavor = "multi_thread")]
async fn the_upstreams_state_comes_along() {
    let folder = tempfile::tempdir().expect("a folder");
    let pod = folder.path().join("a.pod");
    let recorder = Moto::start_recording(&folder.path().join("one"));
    let from = Server::start(Options::any().with("LARDER_UPSTREAM", recorder.url()));
    create_python(&from.client(), "f", HELLO).await;
    put(&from, "/uploads", b"");
    put(&from, "/uploads/greeting", b"hello \xff");
    let keys = json!([{ "AttributeName": "id", "KeyType": "HASH" }]);
    let attributes = json!([{ "AttributeName": "id", "AttributeType": "S" }]);
    let table = json!({
        "TableName": "orders", "KeySchema": keys, "AttributeDefinitions": attributes, "BillingMode": "PAY_PER_REQUEST",
    });
    ask_json(from.port(), DYNAMODB, "DynamoDB_20120810.CreateTable", &table);

    let save = ["pod", "save", text(&pod), "--with-upstream", "--endpoint", &from.url()];
    let (ok, said) = larder("", &[&save[..], &["--redact", "auto"]].concat());
    assert!(!ok && said.contains("cannot be used with"), "{said}");
    let strangers = Request::json("POST", "/_larder/pods/save", &json!({ "with_upstream": true })).send(from.port());
    assert_eq!(strangers.status, 403, "it is the owner's alone");
    let (ok, said) = larder("", &save);
    assert!(ok && said.contains("calls that made the upstream's state"), "{said}");

    let other = Moto::start_recording(&folder.path().join("other"));
    let to = Server::start(Options::any().with("LARDER_UPSTREAM", other.url()));
    let load = |more: &[&str]| larder("", &[&["pod", "load", text(&pod), "--endpoint", &to.url()], more].concat());
    let (ok, said) = load(&["--with-upstream", "--dry-run"]);
    assert!(ok, "{said}");
    assert!(!tables(other.port()).contains("orders"), "a dry run changes nothing");
    let (ok, said) = load(&["--with-upstream", "--merge", "nonsense"]);
    assert!(!ok && !tables(other.port()).contains("orders"), "what is not loaded is not handed on: {said}");
    let (ok, said) = load(&["--with-upstream"]);
    assert!(ok, "{said}");
    assert!(tables(to.port()).contains("orders"));
    let object = Request::new("GET", "/uploads/greeting").signed_for("s3", "test", "us-east-1").send(to.port());
    assert_eq!((object.status, &object.body[..]), (200, &b"hello \xff"[..]));
}

/// What an upstream does not offer, and where there is none, is said; nothing is loaded or saved then.
#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_without_a_recording_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let pod = folder.path().join("a.pod");
    let plain = Moto::start();
    let beside = Server::start(Options::any().with("LARDER_UPSTREAM", plain.url()));
    let alone = Server::start(Options::any());
    create_python(&alone.client(), "f", HELLO).await;
    for (server, reason) in [(&beside, "MOTO_ENABLE_RECORDING"), (&alone, "no upstream")] {
        let data_dir = server.data_dir().to_str().expect("is text").to_owned();
        let (ok, said) = larder("", &["pod", "save", text(&pod), "--with-upstream", "--data-dir", &data_dir]);
        assert!(!ok && said.contains(reason) && !pod.exists(), "{said}");
    }

    let (ok, said) = larder("", &["pod", "save", text(&pod), "--endpoint", &alone.url()]);
    assert!(ok, "{said}");
    let load = ["pod", "load", text(&pod), "--with-upstream", "--endpoint", &beside.url()];
    let (ok, said) = larder("", &load);
    assert!(!ok && said.contains("--with-upstream` takes it along"), "{said}");
    let sequence = get(beside.port(), "/_larder/health").json()["sequence"].clone();
    assert_eq!(sequence, 0, "nothing was loaded");
}
