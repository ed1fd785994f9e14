//! What of an application lives in the upstream, as pods tell it.

use std::path::Path;

use aws_sdk_lambda::types::{
    DeadLetterConfig, DestinationConfig, Environment, EventSourcePosition, OnFailure, OnSuccess, Runtime,
};
use serde_json::{Value, json};

use crate::pod_files::{larder, text};
use crate::support::functions::{active, create_python, creation, python};
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
