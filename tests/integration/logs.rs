//! CloudWatch Logs: what functions write arrives, lines outlive a killed server, both protocols answer.

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_lambda::types::{LoggingConfig, Runtime};
use serde_json::{Value, json};

use crate::on_each_executor;
use crate::support::functions::{active, create_python, creation, python};
use crate::support::http::{Answer, Request};
use crate::support::invoke::invoke;
use crate::support::{Options, Server, eventually};

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    now.as_millis().try_into().expect("before the end of time")
}

/// Asks in JSON.
fn ask(server: &Server, operation: &str, members: &Value) -> Answer {
    let request = Request::new("POST", "/").body(members.to_string().into_bytes());
    request
        .header("x-amz-target", &format!("Logs_20140328.{operation}"))
        .signed_for("logs", "test", "us-east-1")
        .send(server.port())
}

/// Asks in CBOR.
fn ask_in_cbor(server: &Server, operation: &str, members: &Value) -> Answer {
    let mut body = Vec::new();
    ciborium::into_writer(members, &mut body).expect("encodes");
    let request = Request::new("POST", &format!("/service/Logs_20140328/operation/{operation}")).body(body);
    request.header("smithy-protocol", "rpc-v2-cbor").header("content-type", "application/cbor").send(server.port())
}

fn cbor(answer: &Answer) -> Value {
    assert_eq!(answer.header("smithy-protocol"), "rpc-v2-cbor", "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/cbor", "{answer:?}");
    ciborium::from_reader(&answer.body[..]).expect("CBOR")
}

/// The lines of a group, once there are so many.
pub async fn lines(server: &Server, group: &str, count: usize) -> Vec<String> {
    eventually("the lines are there", || async {
        let answer = ask(server, "FilterLogEvents", &json!({ "logGroupName": group }));
        let found = answer.json();
        let lines: Vec<String> = found["events"]
            .as_array()?
            .iter()
            .map(|event| event["message"].as_str().unwrap_or_default().to_owned())
            .collect();
        (lines.len() >= count).then_some(lines)
    })
    .await
}

const TALKER: &str = r#"
import os
print("module")
def handler(event, context):
    print("one", event["n"])
    print("two\n\nthree")
    if event.get("exit"):
        os._exit(3)
    return [os.environ["AWS_LAMBDA_LOG_GROUP_NAME"], os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]]
"#;

on_each_executor! {
    async fn what_a_function_writes_arrives_in_order(executor) {
        let mut server = Server::start(Options::new(executor));
        let client = server.client();
        create_python(&client, "talker", TALKER).await;
        let first = invoke(&client, "talker", json!({ "n": 1 })).await;
        let crash = invoke(&client, "talker", json!({ "n": 2, "exit": true })).await;
        let third = invoke(&client, "talker", json!({ "n": 3 })).await;
        let lines = lines(&server, "/aws/lambda/talker", 22).await;
        // What the sandbox says about language versions is not of this test.
        let lines: Vec<_> = lines.iter().filter(|line| !line.starts_with("[WARNING]")).map(String::as_str).collect();
        assert!(lines[0].starts_with("INIT_START Runtime Version: python:3.11.v"), "{lines:#?}");
        let body = |n: u32| vec![format!("one {n}\n"), "two\n".into(), "\n".into(), "three\n".into()];
        let start = |id: &str| format!("START RequestId: {id} Version: $LATEST\n");
        let end = |id: &str| format!("END RequestId: {id}\n");
        let report = |line: &str, id: &str| line.starts_with(&format!("REPORT RequestId: {id}\tDuration: "));
        assert_eq!(lines[1], "module\n");
        let mut rest = lines[2..].iter();
        for (id, n, exits) in
            [(&first.request_id, 1, false), (&crash.request_id, 2, true), (&third.request_id, 3, false)]
        {
            if n == 3 {
                // The runtime started again.
                assert_eq!(rest.next(), Some(&"module\n"));
            }
            assert_eq!(rest.next(), Some(&&*start(id)), "{lines:#?}");
            for line in body(n) {
                assert_eq!(rest.next(), Some(&&*line), "{lines:#?}");
            }
            if exits {
                let error = format!("RequestId: {id} Error: Runtime exited with error: exit status 3\nRuntime.ExitError\n");
                assert_eq!(rest.next(), Some(&&*error), "{lines:#?}");
            }
            assert_eq!(rest.next(), Some(&&*end(id)), "{lines:#?}");
            assert!(report(rest.next().expect("a report"), id), "{lines:#?}");
        }
        // The stream is the one that the function knows.
        let names = third.response();
        let streams = ask(&server, "DescribeLogStreams", &json!({ "logGroupName": names[0] })).json();
        assert_eq!(streams["logStreams"][0]["logStreamName"], names[1]);
        // Lines that were seen are never lost.
        server.kill();
        server.restart();
        let again = self::lines(&server, "/aws/lambda/talker", 22).await;
        assert_eq!(again.iter().filter(|line| line.starts_with("START")).count(), 3);
        // An adopted environment goes on in its stream.
        invoke(&server.client(), "talker", json!({ "n": 4 })).await;
        let more = self::lines(&server, "/aws/lambda/talker", again.len() + 6).await;
        assert!(more.contains(&"one 4\n".to_owned()), "{more:#?}");
    }

    async fn a_function_writes_to_the_group_it_is_told(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let logging = LoggingConfig::builder().log_group("/my/own").build();
        let package = python("def handler(event, context):\n    print('x' * 100)\n    return 1\n");
        creation(&client, "own", Runtime::Python311, package).logging_config(logging).send().await.expect("created");
        active(&client, "own").await;
        invoke(&client, "own", json!({})).await;
        let lines = lines(&server, "/my/own", 4).await;
        assert!(lines.contains(&format!("{}\n", "x".repeat(100))), "{lines:#?}");
        assert_eq!(ask(&server, "DescribeLogStreams", &json!({ "logGroupName": "/aws/lambda/own" })).status, 400);
    }

    async fn a_function_that_floods_its_log_is_answered(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let code = "import os\ndef handler(event, context):\n    for n in range(400):\n        os.write(1, b'y' * 99_999 + b'\\n')\n    return 'done'\n";
        create_python(&client, "flood", code).await;
        assert_eq!(invoke(&client, "flood", json!({})).await.response(), json!("done"));
        let found = ask(&server, "FilterLogEvents", &json!({ "logGroupName": "/aws/lambda/flood", "filterPattern": "?REPORT ?WARNING" }));
        assert_eq!(found.status, 200, "{found:?}");
    }
}

#[tokio::test]
async fn acknowledged_lines_and_groups_outlive_a_kill() {
    let mut server = Server::start(Options::any());
    let group = json!({ "logGroupName": "/g", "tags": { "a": "b" } });
    assert_eq!(ask(&server, "CreateLogGroup", &group).body, b"");
    ask(&server, "PutRetentionPolicy", &json!({ "logGroupName": "/g", "retentionInDays": 30 }));
    for stream in ["kept", "gone"] {
        let stream = json!({ "logGroupName": "/g", "logStreamName": stream });
        assert_eq!(ask(&server, "CreateLogStream", &stream).status, 200);
        let mut put = stream.clone();
        put["logEvents"] = json!([{ "timestamp": now() - 5, "message": "a" }, { "timestamp": now(), "message": "b" }]);
        assert_eq!(ask(&server, "PutLogEvents", &put).status, 200);
    }
    ask(&server, "DeleteLogStream", &json!({ "logGroupName": "/g", "logStreamName": "gone" }));
    let described = ask(&server, "DescribeLogStreams", &json!({ "logGroupName": "/g" })).json();
    server.kill();
    server.restart();
    assert_eq!(ask(&server, "DescribeLogStreams", &json!({ "logGroupName": "/g" })).json(), described);
    let groups = ask(&server, "DescribeLogGroups", &json!({})).json();
    assert_eq!(groups["logGroups"][0]["retentionInDays"], 30);
    assert_eq!(groups["logGroups"][0]["storedBytes"], 2 * 27);
    assert_eq!(
        ask(&server, "ListTagsLogGroup", &json!({ "logGroupName": "/g" })).json(),
        json!({ "tags": { "a": "b" } })
    );
    assert_eq!(lines(&server, "/g", 2).await, ["a", "b"]);
    let kinds: Vec<_> =
        server.events().iter().map(|event| event["kind"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(kinds, ["LogGroupPut", "LogGroupPut", "LogStreamCreated", "LogStreamCreated", "LogStreamDeleted"]);
    // Newest first, which the SDKs of the tests do not know yet.
    let newest = json!({ "logGroupName": "/g", "startTime": now() - 60_000, "startFromHead": false, "limit": 1 });
    let first = ask(&server, "FilterLogEvents", &newest).json();
    assert_eq!(first["events"][0]["message"], "b");
    let mut next = newest.clone();
    next["nextToken"] = first["nextToken"].clone();
    assert_eq!(ask(&server, "FilterLogEvents", &next).json()["events"][0]["message"], "a");
    let old = json!({ "logGroupName": "/g", "startFromHead": false });
    assert_eq!(ask(&server, "FilterLogEvents", &old).json()["__type"], "InvalidParameterException");
}

#[tokio::test]
async fn cbor_is_answered_in_cbor() {
    let server = Server::start(Options::any());
    let stream = json!({ "logGroupName": "/g", "logStreamName": "s" });
    let missing = ask_in_cbor(&server, "CreateLogStream", &stream);
    assert_eq!(missing.status, 400);
    assert_eq!(cbor(&missing)["__type"], "com.amazonaws.cloudwatchlogs#ResourceNotFoundException");
    assert_eq!(cbor(&missing)["message"], "The specified log group does not exist.");
    let created = ask_in_cbor(&server, "CreateLogGroup", &json!({ "logGroupName": "/g" }));
    assert_eq!((created.status, created.body.len(), created.header("smithy-protocol")), (200, 0, "rpc-v2-cbor"));
    assert_eq!(ask_in_cbor(&server, "CreateLogStream", &stream).status, 200);
    let time = now();
    let mut put = stream.clone();
    put["logEvents"] = json!([{ "timestamp": time, "message": "häß" }]);
    assert!(cbor(&ask_in_cbor(&server, "PutLogEvents", &put))["nextSequenceToken"].is_string());
    let got = cbor(&ask_in_cbor(&server, "GetLogEvents", &stream));
    assert_eq!(got["events"][0]["message"], "häß");
    assert_eq!(got["events"][0]["timestamp"], time);
    // The same in JSON.
    assert_eq!(ask(&server, "GetLogEvents", &stream).json()["events"], got["events"]);
    // What is no CBOR, and what is no operation.
    let nonsense = Request::new("POST", "/service/Logs_20140328/operation/CreateLogGroup").body(vec![0xff, 1, 2]);
    let refused = nonsense.header("smithy-protocol", "rpc-v2-cbor").send(server.port());
    assert_eq!(cbor(&refused)["__type"], "com.amazonaws.cloudwatchlogs#SerializationException");
    let unknown = ask_in_cbor(&server, "StartLiveTail", &json!({}));
    assert_eq!(cbor(&unknown)["__type"], "com.amazonaws.cloudwatchlogs#UnknownOperationException");
}

/// Text that does not get much smaller by compression.
fn noise(seed: u64, length: usize) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'0' + u8::try_from(state % 64).expect("small"))
    };
    std::iter::repeat_with(letter).take(length).collect()
}

#[tokio::test]
async fn lines_keep_to_their_budget_and_the_oldest_streams_go() {
    const BUDGET: u64 = 1 << 20;
    let mut server = Server::start(Options::any().with("LARDER_LOG_BUDGET", BUDGET));
    ask(&server, "CreateLogGroup", &json!({ "logGroupName": "/g" }));
    for number in 0..8 {
        let name = format!("s{number}");
        let mut put = json!({ "logGroupName": "/g", "logStreamName": name });
        assert_eq!(ask(&server, "CreateLogStream", &put).status, 200);
        let event = |seed: u64| json!({ "timestamp": now(), "message": noise(seed, 70_000) });
        put["logEvents"] = (0..10).map(|line| event(number * 10 + line)).collect();
        assert_eq!(ask(&server, "PutLogEvents", &put).status, 200);
    }
    let disk = |server: &Server| -> u64 {
        let files = std::fs::read_dir(server.data_dir().join("store/lines")).expect("a folder");
        files.map(|file| file.expect("a file").metadata().expect("is there").len()).sum()
    };
    let of_stream = |server: &Server, name: &str| {
        let answer = ask(server, "GetLogEvents", &json!({ "logGroupName": "/g", "logStreamName": name })).json();
        answer["events"].as_array().expect("a list").len()
    };
    for round in 0..2 {
        assert!(disk(&server) <= BUDGET, "{}", disk(&server));
        assert_eq!((of_stream(&server, "s0"), of_stream(&server, "s7")), (0, 10), "round {round}");
        server.kill();
        assert_eq!(server.log().matches("--log-budget").count(), 1, "said once: {}", server.log());
        server.restart();
    }
}

#[tokio::test]
async fn verify_reads_lines_and_recover_takes_them_along() {
    let mut server = Server::start(Options::any());
    ask(&server, "CreateLogGroup", &json!({ "logGroupName": "/g" }));
    for stream in ["first", "second"] {
        let mut put = json!({ "logGroupName": "/g", "logStreamName": stream });
        assert_eq!(ask(&server, "CreateLogStream", &put).status, 200);
        put["logEvents"] = json!([{ "timestamp": now(), "message": format!("of the {stream}") }]);
        assert_eq!(ask(&server, "PutLogEvents", &put).status, 200);
    }
    server.stop();
    let folder = tempfile::tempdir().expect("a folder");
    let (data_dir, into) = (server.data_dir(), folder.path().join("recovered"));
    let larder = |arguments: &[&str], data_dir: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
        let output =
            command.args(arguments).args(["--json", "--data-dir"]).arg(data_dir).output().expect("larder runs");
        (output.status.code(), serde_json::from_slice::<Value>(&output.stdout).expect("is JSON"))
    };
    let (code, report) = larder(&["verify", "--deep"], &data_dir);
    assert_eq!((code, &report["whole"], &report["log_segments"]), (Some(0), &json!(true), &json!(1)), "{report}");

    // The first block, right behind what a segment begins with: its lines are lost, those of the second are not.
    let segment = std::fs::read_dir(data_dir.join("store/lines")).expect("a folder").next().expect("one").expect("is");
    let mut bytes = std::fs::read(segment.path()).expect("reads");
    bytes[60] ^= 0x10;
    std::fs::write(segment.path(), bytes).expect("writes");
    let (code, report) = larder(&["verify", "--deep"], &data_dir);
    let damage = report["damage"][0].to_string();
    assert!(code == Some(1) && damage.contains(".open") && damage.contains("the lines in them are lost"), "{report}");

    let (code, said) = larder(&["recover", "--into", into.to_str().expect("is text")], &data_dir);
    assert!(code == Some(6) && said["recovery"]["missing"][0].to_string().contains("log lines of"), "{said}");
    std::fs::rename(&into, data_dir.with_file_name("recovered")).expect("is moved");
    std::fs::remove_dir_all(&data_dir).expect("is removed");
    std::fs::rename(data_dir.with_file_name("recovered"), &data_dir).expect("takes its place");
    server.restart();
    assert_eq!(lines(&server, "/g", 1).await, ["of the second"]);
}
