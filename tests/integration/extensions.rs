//! Extensions as third parties write them, in Python and in Bash, as layers of functions.

use std::time::{Duration, Instant};

use aws_sdk_lambda::types::{Environment, Runtime};
use serde_json::{Value, json};

use crate::on_each_executor;
use crate::support::functions::{active, creation, extension, python};
use crate::support::invoke::{call, invoke};
use crate::support::log_lines::{self, texts};
use crate::support::{Options, Server, eventually};

const GROUP: &str = "/aws/lambda/watched";

/// Answers with what the watcher was told, and who it is itself.
const WATCHED: &str = r#"
import json, os, time, uuid
me = str(uuid.uuid4())
def handler(event, context):
    print("at work")
    time.sleep(event.get("s", 0))
    path = "/tmp/watcher.jsonl"
    notes = [json.loads(line) for line in open(path) if line.endswith('\n')] if os.path.exists(path) else []
    return {"me": me, "notes": notes}
"#;

/// A server with a function that has both extensions; `how` says what the watcher does.
async fn watched(options: Options, how: &Value) -> Server {
    let server = Server::start(options);
    let client = server.client();
    let variables = Environment::builder().variables("WATCHER", how.to_string()).build();
    let mut creation =
        creation(&client, "watched", Runtime::Python311, python(WATCHED)).environment(variables).timeout(3);
    for name in ["watcher", "keeper"] {
        creation = creation.layers(extension(&client, name).await);
    }
    creation.memory_size(256).send().await.expect("created");
    active(&client, "watched").await;
    server
}

/// What of the watcher's notes is of one kind.
fn notes<'a>(answer: &'a Value, kind: &str) -> Vec<&'a Value> {
    answer["notes"].as_array().expect("notes").iter().filter_map(|note| note.get(kind)).collect()
}

on_each_executor! {
    async fn they_are_told_of_invocations_telemetry_and_the_end(executor) {
        let server = watched(Options::new(executor), &json!({ "lingers": 0.3 })).await;
        let client = server.client();
        let first = call(&client, "watched").await;
        // Telemetry comes when it comes.
        let answer = eventually("the watcher was told of the first report", || async {
            let later = call(&client, "watched").await;
            assert!(!later.is_cold(), "{:#?}", log_lines::now(&server, GROUP));
            let answer = later.response();
            let reported = notes(&answer, "telemetry").iter().any(|event| event["type"] == "platform.report");
            reported.then_some(answer)
        })
        .await;
        assert!(first.is_cold());
        let facts = notes(&answer, "registered");
        assert_eq!((&facts[0]["functionName"], &facts[0]["accountId"]), (&json!("watched"), &json!("000000000000")));
        let events = notes(&answer, "event");
        assert_eq!(events[0]["eventType"], "INVOKE", "{answer:#}");
        assert_eq!(events[0]["requestId"], first.request_id.as_str());
        assert_eq!(events[0]["invokedFunctionArn"], "arn:aws:lambda:us-east-1:000000000000:function:watched");
        let told = notes(&answer, "telemetry");
        let of = |kind: &str| told.iter().filter(|event| event["type"] == kind).count();
        for kind in ["platform.initStart", "platform.initRuntimeDone", "platform.initReport", "platform.runtimeDone", "platform.report", "function"] {
            assert!(of(kind) >= 1, "{kind}: {told:#?}");
        }
        assert!(told.iter().any(|event| event["record"] == "at work"), "{told:#?}");
        let done = told.iter().find(|event| event["type"] == "platform.runtimeDone").expect("told");
        assert_eq!((&done["record"]["requestId"], &done["record"]["status"]), (&json!(first.request_id), &json!("success")));

        client.delete_function().function_name("watched").send().await.expect("deleted");
        let lines = log_lines::with(&server, GROUP, "watcher has ended").await;
        let texts = texts(&lines);
        for line in [
            "TELEMETRY\tName: watcher\tState: Subscribed\tTypes: [Platform, Function, Extension]\n",
            "EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n",
            "EXTENSION\tName: keeper\tState: Ready\tEvents: [SHUTDOWN]\n",
            "watcher is ready\n",
            "keeper is ready\n",
            "watcher ends: spindown\n",
            "keeper ends: spindown\n",
        ] {
            assert!(texts.contains(&line), "{line:?} is not in {texts:#?}");
        }
        assert!(lines.iter().all(|line| line.stream == lines[0].stream), "one environment, one stream: {lines:#?}");
    }

    async fn they_have_their_time_when_the_server_stops(executor) {
        let mut server = watched(Options::new(executor), &json!({ "lingers": 0.5 })).await;
        call(&server.client(), "watched").await.response();
        assert_eq!(server.stop().code(), Some(0));
        server.assert_nothing_left();
        server.restart();
        let lines = log_lines::now(&server, GROUP);
        assert!(texts(&lines).contains(&"watcher has ended\n"), "{lines:#?}");
        assert!(texts(&lines).contains(&"keeper ends: spindown\n"), "{lines:#?}");
    }

    async fn one_that_does_not_end_is_ended(executor) {
        let mut server = watched(Options::new(executor), &json!({ "lingers": 60 })).await;
        call(&server.client(), "watched").await.response();
        let start = Instant::now();
        assert_eq!(server.stop().code(), Some(0));
        assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
        server.assert_nothing_left();
        server.restart();
        let lines = log_lines::now(&server, GROUP);
        assert!(texts(&lines).contains(&"watcher ends: spindown\n"), "{lines:#?}");
        assert!(!texts(&lines).contains(&"watcher has ended\n"), "{lines:#?}");
    }

    async fn callers_have_their_answer_while_one_still_works(executor) {
        let server = watched(Options::new(executor), &json!({ "works": 2 })).await;
        let client = server.client();
        let output = client.invoke().function_name("watched").send().await.expect("invoked");
        assert_eq!(output.function_error(), None, "{output:?}");
        let report = log_lines::now(&server, GROUP).iter().any(|line| line.text.starts_with("REPORT"));
        assert!(!report, "it is not over yet");
        let first: Value = serde_json::from_slice(output.payload().expect("a payload").as_ref()).expect("JSON");
        let other = client.invoke().function_name("watched").send().await.expect("invoked");
        let other: Value = serde_json::from_slice(other.payload().expect("a payload").as_ref()).expect("JSON");
        assert_ne!(first["me"], other["me"], "the first environment is still at work");
        let lines = log_lines::with(&server, GROUP, "REPORT").await;
        let works = lines.iter().filter(|line| line.text == "at work\n").count();
        assert_eq!(works, 2, "each event was handed over once: {lines:#?}");
        let report = lines.iter().find(|line| line.text.starts_with("REPORT")).expect("one");
        let duration = report.text.split("\tDuration: ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a duration");
        assert!(duration.parse::<f64>().expect("ms") >= 2000.0, "an invocation lasts until its extensions are done: {:#?}", log_lines::now(&server, GROUP));
    }

    async fn one_that_ends_while_it_starts_fails_the_init_phase(executor) {
        for (dies, error, reason) in [
            ("init", "Extension.Crash", "exit status 1"),
            ("init error", "Extension.InitError", "Extension.Mine"),
        ] {
            let server = watched(Options::new(executor), &json!({ "dies": dies })).await;
            for _ in 0..2 {
                let failed = call(&server.client(), "watched").await;
                let message = format!("RequestId: {} Error: {reason}", failed.request_id);
                assert_eq!(failed.failure(), (error.to_owned(), message), "{dies}");
            }
            let lines = log_lines::with(&server, GROUP, "REPORT").await;
            let line = texts(&lines).into_iter().find(|line| line.starts_with("EXTENSION\tName: watcher")).map(str::to_owned);
            assert!(line.as_ref().is_some_and(|line| line.contains("Error Type: Extension.")), "{lines:#?}");
        }
    }

    async fn one_that_ends_in_an_invocation_fails_it(executor) {
        let server = watched(Options::new(executor), &json!({ "dies": "invoke" })).await;
        for _ in 0..2 {
            let failed = invoke(&server.client(), "watched", json!({ "s": 1 })).await;
            let message = format!("RequestId: {} Error: exit status 3", failed.request_id);
            assert_eq!(failed.failure(), ("Extension.Crash".to_owned(), message));
        }
        let client = server.client();
        let variables = Environment::builder().variables("WATCHER", "{}").build();
        client.update_function_configuration().function_name("watched").environment(variables).send().await.expect("updated");
        active(&client, "watched").await;
        call(&client, "watched").await.response();
    }

    async fn they_are_told_why_when_the_function_runs_out_of_time(executor) {
        let server = watched(Options::new(executor), &json!({})).await;
        let client = server.client();
        let failed = invoke(&client, "watched", json!({ "s": 60 })).await;
        assert_eq!(failed.failure().0, "Sandbox.Timedout");
        let lines = log_lines::with(&server, GROUP, "watcher ends: timeout").await;
        assert!(texts(&lines).contains(&"keeper ends: timeout\n"), "{lines:#?}");
        let after = call(&client, "watched").await.response();
        let reasons: Vec<_> = notes(&after, "event").iter().filter_map(|event| event["shutdownReason"].as_str()).collect();
        assert_eq!(reasons, ["timeout"], "/tmp is kept, with the watcher's notes");
        assert_eq!(notes(&after, "registered").len(), 2, "they were started again");
    }
}
