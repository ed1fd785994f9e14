//! boto3 and the AWS CLI, from a virtual environment in target/venv (made where it is missing; its
//! versions are those of tests/python/requirements.txt).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::on_each_executor;
use crate::support::functions::{ECHO, ROLE, python};
use crate::support::{Options, Server, eventually};

/// The environment's folder of programs.
fn venv() -> &'static Path {
    static VENV: OnceLock<PathBuf> = OnceLock::new();
    VENV.get_or_init(|| {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let requirements = manifest.join("tests/python/requirements.txt");
        let wanted = fs::read_to_string(&requirements).expect("requirements");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("venv");
        let made = folder.join("requirements.txt");
        // Not only once in this process: two test runs may share target/.
        let lock = fs::File::create(folder.with_extension("lock")).expect("a lock");
        lock.lock().expect("locked");
        if fs::read_to_string(&made).is_ok_and(|made| made == wanted) {
            return folder.join("bin");
        }
        let _ = fs::remove_dir_all(&folder);
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
        run(Command::new(folder.join("bin/python")).args(pip).arg(&requirements));
        fs::write(&made, wanted).expect("written");
        folder.join("bin")
    })
}

/// What a program writes that must succeed.
fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("is there");
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {status}\n{stdout}\n{stderr}");
    stdout
}

/// The AWS CLI in an environment of its own.
fn aws(url: &str, home: &Path, arguments: &[&str]) -> Value {
    let mut command = Command::new(venv().join("aws"));
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
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/use_logs.py");
    let output = run(Command::new(venv().join("python")).env_clear().arg(script).arg(server.url()));
    assert!(output.contains("all as expected"), "{output}");
}

on_each_executor! {
    async fn boto3_does_its_daily_work(executor) {
        let server = Server::start(Options::new(executor).with("LARDER_STATE_DELAY_MS", 300));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/use_boto3.py");
        let mut command = Command::new(venv().join("python"));
        let output = run(command.env_clear().arg(script).args([server.url().as_str(), "python3.11"]));
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
