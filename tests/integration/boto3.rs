//! boto3 and the AWS CLI, as people use them.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::on_each_executor;
use crate::support::functions::{ECHO, ROLE, python};
use crate::support::python::{run, script, venv};
use crate::support::{Options, Server, eventually};

/// The AWS CLI in an environment of its own.
fn aws(url: &str, home: &Path, arguments: &[&str]) -> Value {
    let mut command = Command::new(venv("sdk").join("aws"));
    command.env_clear().env("HOME", home).env("PATH", "/usr/bin:/bin");
    for (name, value) in
        [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_DEFAULT_REGION", "us-east-1")]
    {
        command.env(name, value);
    }
    let output = run(command.args(["--endpoint-url", url]).args(arguments));
    if output.is_empty() { Value::Null } else { serde_json::from_str(&output).expect("JSON") }
}

#[tokio::test]
async fn boto3_reads_and_writes_logs() {
    let server = Server::start(Options::any());
    let output = script("use_logs.py", &[&server.url()]);
    assert!(output.contains("all as expected"), "{output}");
}

on_each_executor! {
    async fn boto3_does_its_daily_work(executor) {
        let server = Server::start(Options::new(executor).with("LARDER_STATE_DELAY_MS", 300));
        let output = script("use_boto3.py", &[&server.url(), "python3.11"]);
        assert!(output.contains("all as expected"), "{output}");
    }

    async fn the_aws_cli_does_its_daily_work(executor) {
        let server = Server::start(Options::new(executor));
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| folder.path().join(name).display().to_string();
        fs::write(file("code.zip"), python(ECHO)).expect("written");
        let url = server.url();
        let aws = |arguments: &[&str]| aws(&url, folder.path(), &[&["lambda"], arguments].concat());
        let code = format!("fileb://{}", file("code.zip"));
        let created = aws(&[
            "create-function", "--function-name", "cli", "--runtime", "python3.11", "--handler", "handler.handler",
            "--role", ROLE, "--timeout", "30", "--zip-file", &code,
        ]);
        assert_eq!(created["FunctionName"], "cli");
        aws(&["wait", "function-active-v2", "--function-name", "cli"]);
        let payload = json!({ "from": "the command line" }).to_string();
        fs::write(file("event.json"), &payload).expect("written");
        let event = format!("fileb://{}", file("event.json"));
        let invoked = aws(&["invoke", "--function-name", "cli", "--payload", &event, &file("answer.json")]);
        assert_eq!(invoked["StatusCode"], 200);
        let answer: Value = serde_json::from_slice(&fs::read(file("answer.json")).expect("an answer")).expect("JSON");
        assert_eq!(answer, json!({ "from": "the command line" }));
        let logs = |arguments: &[&str]| self::aws(&url, folder.path(), &[&["logs"], arguments].concat());
        let found = eventually("the report is there", || async {
            let group = ["filter-log-events", "--log-group-name", "/aws/lambda/cli", "--filter-pattern", "REPORT -INIT"];
            logs(&group)["events"].as_array().filter(|events| !events.is_empty()).cloned()
        })
        .await;
        assert_eq!(found.len(), 1, "{found:#?}");
        let stream = found[0]["logStreamName"].as_str().expect("a stream");
        let last = ["get-log-events", "--log-group-name", "/aws/lambda/cli", "--log-stream-name", stream, "--limit", "1"];
        assert_eq!(logs(&last)["events"][0]["message"], found[0]["message"]);
        assert_eq!(aws(&["publish-version", "--function-name", "cli"])["Version"], "1");
        let listed = aws(&["list-functions"]);
        assert_eq!(listed["Functions"][0]["FunctionName"], "cli");
        aws(&["delete-function", "--function-name", "cli"]);
        assert_eq!(aws(&["list-functions"])["Functions"], json!([]));
    }
}
