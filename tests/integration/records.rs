//! What is remembered of invocations, and what is made of it: replays, reports, smaller events.

use std::path::Path;
use std::process::Command;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionUrlAuthType, InvocationType};
use serde_json::{Value, json};

use crate::on_each_executor;
use crate::support::functions::{create_python, python, update};
use crate::support::http::{Answer, Request};
use crate::support::invoke::invoke;
use crate::support::{Executor, Options, Server, eventually};

/// Fails as often as it did not before, as the event says; asks a queue, and says what it got.
const COUNTS: &str = "
import json, os, urllib.parse, urllib.request
calls = 0

def ask(event):
    form = {'Action': 'SendMessage', 'MessageBody': json.dumps(event)}
    queue = os.environ['AWS_ENDPOINT_URL'] + '/000000000000/work'
    request = urllib.request.Request(queue, urllib.parse.urlencode(form).encode())
    request.add_header('X-Amz-Security-Token', os.environ['AWS_SESSION_TOKEN'])
    return urllib.request.urlopen(request).status

def handler(event, context):
    global calls
    calls += 1
    print('call', calls, 'of', event.get('who'))
    status = ask(event) if event.get('asks') else None
    if calls >= event.get('fails_at', 1000):
        raise ValueError('call ' + str(calls))
    return {'calls': calls, 'status': status}
";

fn invocations(server: &Server, query: &str) -> Vec<Value> {
    let page = Request::new("GET", &format!("/_larder/invocations{query}")).send(server.port()).json();
    page["invocations"].as_array().unwrap_or_else(|| panic!("no list: {page}")).clone()
}

fn show(server: &Server, id: &str) -> Answer {
    Request::new("GET", &format!("/_larder/invocations/{id}")).send(server.port())
}

fn record(server: &Server, id: &str) -> Value {
    let path = format!("/_larder/invocations/{id}?show_secrets=true");
    let found = Request::new("GET", &path).by_owner(server).send(server.port()).json();
    found.as_array().and_then(|all| all.last()).unwrap_or_else(|| panic!("no record: {found}")).clone()
}

/// The JSON of a payload that is text.
fn text(payload: &Value) -> Value {
    serde_json::from_str(payload["text"].as_str().unwrap_or_else(|| panic!("no text: {payload}"))).expect("is JSON")
}

/// Runs the command line on a server's data dir; its exit code and what it said.
fn larder(arguments: &[&str], server: &Server) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    let output = command.args(arguments).arg("--data-dir").arg(server.data_dir()).output().expect("larder runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().expect("an exit code"), String::from_utf8_lossy(&said).into_owned())
}

fn reproduce(pod: &Path, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_larder")).args(arguments).arg(pod).output().expect("larder runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().expect("an exit code"), String::from_utf8_lossy(&said).into_owned())
}

async fn server_with_function(executor: Executor) -> (Server, Client) {
    let server = Server::start(Options::new(executor).with("LARDER_MAX_ENVIRONMENTS", 1));
    let client = server.client();
    create_python(&client, "counts", COUNTS).await;
    let made = Request::new("POST", "/").header("content-type", "application/x-www-form-urlencoded");
    let made = made.signed_for("sqs", "test", "us-east-1").body(b"Action=CreateQueue&QueueName=work".to_vec());
    assert_eq!(made.send(server.port()).status, 200);
    (server, client)
}

on_each_executor! {
    async fn an_invocation_leaves_a_record(executor) {
        let (mut server, client) = server_with_function(executor).await;
        let first = invoke(&client, "counts", json!({ "who": "ann", "asks": true, "token": "secret-1" })).await;
        let failed = invoke(&client, "counts", json!({ "who": "bob", "fails_at": 2 })).await;
        assert_eq!(failed.failure(), ("ValueError".into(), "call 2".into()));

        let listed = invocations(&server, "?function=counts");
        let ids: Vec<_> = listed.iter().map(|line| line["request_id"].as_str().expect("an id")).collect();
        assert_eq!(ids, [&failed.request_id, &first.request_id], "the newest first");
        let of = |query: &str| invocations(&server, query).len();
        assert_eq!(
            ["?errors=true", "?text=ann", "?trigger=url", "?function=cou*", "?function=other", "?since=1h"].map(of),
            [1, 1, 0, 2, 0, 2]
        );

        let whole = record(&server, &first.request_id);
        assert_eq!((&whole["end"], &whole["trigger"]["kind"], &whole["version"]), (&json!("response"), &json!("invoke"), &json!("$LATEST")));
        assert_eq!(text(&whole["event"])["token"], "secret-1");
        assert_eq!(text(&whole["answer"]), json!({ "calls": 1, "status": 200 }));
        assert_eq!((&whole["environment"]["invocation"], &whole["environment"]["cold"]), (&json!(1), &json!(true)));
        assert_eq!(whole["executor"], executor.name());
        let call = &whole["calls"][0];
        assert_eq!((&call["service"], &call["status"]), (&json!("sqs"), &json!(200)));
        assert!(call["body"]["text"].as_str().expect("a form").starts_with("Action=SendMessage&MessageBody="));
        assert!(call["answer"]["text"].as_str().expect("XML").contains("<MessageId>"));
        let log = eventually("the log is there", || async {
            let log = record(&server, &first.request_id)["log"].as_str().expect("a log").to_owned();
            log.contains("REPORT RequestId").then_some(log)
        })
        .await;
        assert!(log.starts_with("START RequestId") && log.contains("call 1 of ann"), "{log}");

        // Others see no secrets, also not in what was called.
        let masked = show(&server, &first.request_id);
        assert!(masked.status == 200 && !String::from_utf8_lossy(&masked.body).contains("secret-1"));
        let asked = format!("/_larder/invocations/{}?show_secrets=true", first.request_id);
        assert_eq!(Request::new("GET", &asked).send(server.port()).status, 403);
        assert_eq!(show(&server, "nobody").status, 404);
        assert_eq!(Request::new("GET", "/_larder/invocations?before=x").send(server.port()).status, 400);
        assert_eq!(Request::new("GET", "/_larder/invocations?since=mark:x").send(server.port()).status, 400);

        // What was listed is kept.
        server.kill();
        server.restart();
        assert_eq!(invocations(&server, ""), listed);
    }

    async fn each_way_to_run_a_function_is_told(executor) {
        let options = Options::new(executor).with("LAMBDA_RETRY_BASE_DELAY_SECONDS", 0);
        let server = Server::start(options);
        let client = server.client();
        create_python(&client, "counts", COUNTS).await;
        let event = client.invoke().function_name("counts").invocation_type(InvocationType::Event);
        event.payload(Blob::new(r#"{"fails_at":1}"#)).send().await.expect("accepted");
        let url = client.create_function_url_config().function_name("counts").auth_type(FunctionUrlAuthType::None);
        let url = url.send().await.expect("made").function_url;
        let id = url.split("//").nth(1).and_then(|rest| rest.split('.').next()).expect("an id").to_owned();
        let grant = client.add_permission().function_name("counts").principal("*");
        let by_url = grant.clone().statement_id("url").action("lambda:InvokeFunctionUrl").function_url_auth_type(FunctionUrlAuthType::None);
        by_url.send().await.expect("granted");
        grant.statement_id("invoke").action("lambda:InvokeFunction").send().await.expect("granted");
        let attempts = eventually("all attempts are made", || async {
            let found = invocations(&server, "?trigger=event");
            (found.len() == 3).then_some(found)
        })
        .await;
        let numbers: Vec<_> = attempts.iter().map(|line| line["trigger"]["attempt"].clone()).collect();
        assert_eq!(numbers, [json!(3), json!(2), json!(1)]);
        let id_of_all = attempts[0]["request_id"].as_str().expect("an id");
        assert_eq!(show(&server, id_of_all).json().as_array().map(Vec::len), Some(3), "all attempts are shown");

        Request::new("GET", &format!("/_url/{id}/path")).send(server.port());
        let called = invocations(&server, "?trigger=url");
        assert_eq!(called.len(), 1);
        let event = text(&record(&server, called[0]["request_id"].as_str().expect("an id"))["event"]);
        assert_eq!(event["rawPath"], "/path");
    }

    async fn a_replay_goes_as_it_went_then_or_goes_now(executor) {
        let (server, client) = server_with_function(executor).await;
        let event = json!({ "who": "ann", "asks": true, "fails_at": 1 });
        let failed = invoke(&client, "counts", event).await;
        let id = failed.request_id.as_str();
        // What it called is gone, and the code is mended.
        let gone = Request::new("POST", "/000000000000/work").header("content-type", "application/x-www-form-urlencoded");
        assert_eq!(gone.body(b"Action=DeleteQueue".to_vec()).send(server.port()).status, 200);
        update(&client, "counts", python(&COUNTS.replace("raise ValueError('call ' + str(calls))", "pass"))).await;

        let (code, said) = larder(&["replay", id], &server);
        assert!(code == 0 && said.contains("same") && said.contains("ValueError: call 1"), "{said}");
        let (code, said) = larder(&["replay", id, "--at", "now", "--diff"], &server);
        assert!(code == 1 && said.contains("differs") && said.contains("ended well") && said.contains("- [ERROR]"), "{said}");
        let (code, said) = larder(&["replay", id, "--at", "now", "--live"], &server);
        assert!(code == 1 && said.contains("HTTP Error 4"), "the queue is gone: {said}");
        let (code, said) = larder(&["replay", id, "--times", "2", "--json"], &server);
        let told: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
        assert!(code == 0 && told.as_array().map(Vec::len) == Some(2) && told[1]["same"] == true, "{said}");
        assert_eq!(told[0]["replayed"]["executor"], executor.name(), "as then");
        assert_eq!(larder(&["replay", "nobody"], &server).0, 4);
    }

    async fn a_report_reproduces_elsewhere_and_is_made_small(executor) {
        let (server, client) = server_with_function(executor).await;
        for who in ["ann", "bob"] {
            invoke(&client, "counts", json!({ "who": who, "asks": true, "password": "secret-2" })).await;
        }
        let event = json!({ "who": "cid", "asks": true, "password": "secret-3", "fails_at": 3, "list": [1, 2, 3] });
        let failed = invoke(&client, "counts", event).await;
        let folder = tempfile::tempdir().expect("a folder");
        let pod = folder.path().join("bug.pod");
        let (code, said) = larder(&["report", &failed.request_id, "-o", pod.to_str().expect("is text")], &server);
        assert_eq!(code, 0, "{said}");
        let asked = json!({ "report": failed.request_id, "redact": ["env:*"] });
        let refused = Request::json("POST", "/_larder/pods/save", &asked).send(server.port());
        assert_eq!(refused.status, 403, "events are for the owner");
        let bytes = zstd::decode_all(&std::fs::read(&pod).expect("reads")[..]).expect("unpacks");
        assert!(!String::from_utf8_lossy(&bytes).contains("secret-"), "nothing secret is in it");

        let (code, said) = reproduce(&pod, &["reproduce"]);
        assert!(code == 0 && said.contains("Reproduced"), "{said}");
        assert!(!said.contains("there, and"), "it is the same machine: {said}");
        let (code, said) = reproduce(&pod, &["minimize", "--json"]);
        let found: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
        assert_eq!((code, &found["event"]), (0, &json!({ "fails_at": 0 })), "{said}");
        assert_eq!(found["before"].as_array().map(Vec::len), Some(2), "the text says which call it was: {said}");
    }
}

/// A report says which program on which engine ran it, and `reproduce` where that is another one here.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_says_what_ran_it() {
    if !Executor::Sandbox.is_here() || !Executor::Docker.is_here() {
        return;
    }
    let (server, client) = server_with_function(Executor::Docker).await;
    let failed = invoke(&client, "counts", json!({ "fails_at": 1 })).await;
    let ground = record(&server, &failed.request_id)["environment"]["ground"].clone();
    let [program, version, engine] = ["program", "version", "engine"].map(|name| ground[name].as_str().expect("text"));
    assert!(program.contains("python") && version.starts_with("sha256:"), "an image and its digest: {ground}");
    assert!(engine.starts_with("Docker ") || engine.starts_with("Podman "), "{ground}");

    let folder = tempfile::tempdir().expect("a folder");
    let pod = folder.path().join("bug.pod");
    assert_eq!(larder(&["report", &failed.request_id, "-o", pod.to_str().expect("is text")], &server).0, 0);
    let bytes = zstd::decode_all(&std::fs::read(&pod).expect("reads")[..]).expect("unpacks");
    let readme = format!("docker: {program} ({version}) on {engine}): ValueError: call 1");
    assert!(String::from_utf8_lossy(&bytes).contains(&readme), "{readme}");

    let (code, said) = reproduce(&pod, &["reproduce", "--executor", "sandbox"]);
    assert!(code == 0 && said.contains("Reproduced"), "{said}");
    assert!(said.contains(&format!("it ran with {program} ({version}) there, and with /")), "{said}");
    assert!(said.contains(&format!("it ran on {engine} there, and on Linux ")), "{said}");

    // An image that is nowhere.
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    let runtime = record(&server, &failed.request_id)["runtime"].as_str().expect("text").to_owned();
    let mapping = json!({ runtime: "127.0.0.1:9/none:1" }).to_string();
    let output =
        command.arg("reproduce").arg(&pod).env("LAMBDA_RUNTIME_IMAGE_MAPPING", mapping).output().expect("runs");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(2), "that is no answer: {said}");
    for text in ["none:1 is not here", "it cannot be run here", &format!("it ran with {program} ({version}) on")] {
        assert!(said.contains(text), "{text}: {said}");
    }
}

/// Numbers for a collector, and for people.
#[tokio::test(flavor = "multi_thread")]
async fn what_runs_is_counted() {
    if !Executor::Sandbox.is_here() {
        return;
    }
    let server = Server::start(Options::new(Executor::Sandbox));
    let client = server.client();
    create_python(&client, "counts", COUNTS).await;
    invoke(&client, "counts", json!({})).await;
    invoke(&client, "counts", json!({ "fails_at": 1 })).await;
    client
        .put_function_concurrency()
        .function_name("counts")
        .reserved_concurrent_executions(0)
        .send()
        .await
        .expect("set");
    client.invoke().function_name("counts").send().await.expect_err("throttled");
    assert_eq!(invocations(&server, "").len(), 2, "what was throttled was no invocation");

    let answer = Request::new("GET", "/_larder/metrics").send(server.port());
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let labels = r#"{account="000000000000",region="us-east-1",function="counts"}"#;
    for (name, value) in [
        ("larder_invocations_total", 2),
        ("larder_invocation_errors_total", 1),
        ("larder_throttles_total", 1),
        ("larder_cold_starts_total", 1),
        ("larder_running_invocations", 0),
        ("larder_invocation_duration_seconds_count", 2),
    ] {
        assert!(text.contains(&format!("{name}{labels} {value}\n")), "{name}: {text}");
    }
    assert!(text.contains(r#"bucket{le="+Inf","#) && text.ends_with("# EOF\n"), "{text}");

    let (code, said) = larder(&["top", "--once"], &server);
    let line = said.lines().find(|line| line.starts_with("counts ")).unwrap_or_else(|| panic!("no line: {said}"));
    let cells: Vec<&str> = line.split_whitespace().collect();
    assert_eq!((code, cells[1], &cells[5..]), (0, "0.0", &["0", "1", "1", "2"][..]), "{said}");
}

/// Runs in the sandbox: what is remembered does not depend on what runs it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_to_be_remembered_is_not() {
    if !Executor::Sandbox.is_here() {
        return;
    }
    for (record, expected) in [("off", 0), ("errors", 1)] {
        let server = Server::start(Options::new(Executor::Sandbox).with("LARDER_RECORD", record));
        let client = server.client();
        create_python(&client, "counts", COUNTS).await;
        invoke(&client, "counts", json!({})).await;
        invoke(&client, "counts", json!({ "fails_at": 1 })).await;
        assert_eq!(invocations(&server, "").len(), expected, "{record}");
    }
}

/// A payload of megabytes comes back whole, and answers of calls are cut where they are too long.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_long_is_kept_beside() {
    if !Executor::Sandbox.is_here() {
        return;
    }
    let server = Server::start(Options::new(Executor::Sandbox));
    let client = server.client();
    create_python(&client, "echo", "def handler(event, context):\n    return event\n").await;
    let long = "x".repeat(5_000_000);
    let invoked = invoke(&client, "echo", json!({ "long": long })).await;
    let whole = record(&server, &invoked.request_id);
    assert_eq!(text(&whole["event"])["long"].as_str().map(str::len), Some(long.len()));
    let kept = std::fs::read_dir(server.data_dir().join("store/records/payloads")).expect("a folder").count();
    assert_eq!(kept, 2, "the event, and the answer, in which Python put spaces");
    invoke(&client, "echo", json!({ "long": long })).await;
    assert_eq!(invocations(&server, "").len(), 2);
    let kept = std::fs::read_dir(server.data_dir().join("store/records/payloads")).expect("a folder").count();
    assert_eq!(kept, 2, "the same bytes are kept once");

    let (code, said) = larder(&["replay", &invoked.request_id], &server);
    assert!(code == 0 && said.contains("same"), "{said}");
    // Somebody changed the file: it is not taken for what it was.
    for file in std::fs::read_dir(server.data_dir().join("store/records/payloads")).expect("a folder") {
        std::fs::write(file.expect("is").path(), b"other").expect("written");
    }
    let (code, said) = larder(&["replay", &invoked.request_id], &server);
    assert!(code == 5 || code == 2, "{code} {said}");
    assert!(said.contains("its event is not kept any more"), "{said}");
}

/// A command that is killed leaves no server behind, and a server no environment; its folder is removed by the next one.
/// One that is asked to end removes it itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_replay_leaves_nothing() {
    if !Executor::Sandbox.is_here() {
        return;
    }
    let server = Server::start(Options::new(Executor::Sandbox));
    let client = server.client();
    create_python(&client, "slow", "import time\ndef handler(event, context):\n    time.sleep(event['s'])\n").await;
    let invoked = invoke(&client, "slow", json!({ "s": 1 })).await;
    let temporary = tempfile::tempdir().expect("a folder");
    let command = |times: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
        command.args(["replay", &invoked.request_id, "--times", times, "--data-dir"]).arg(server.data_dir());
        command.env("TMPDIR", temporary.path()).stdout(std::process::Stdio::null());
        command
    };
    let folders = || std::fs::read_dir(temporary.path()).expect("reads").flatten().map(|entry| entry.path());
    let mut replay = command("100").spawn().expect("runs");

    let place = temporary.path().to_str().expect("is text").to_owned();
    let servers = || {
        let processes = std::fs::read_dir("/proc").expect("reads").flatten();
        let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
        lines.filter(|line| String::from_utf8_lossy(line).contains(&place)).count()
    };
    eventually("it has a server of its own", || async { (servers() > 0).then_some(()) }).await;
    replay.kill().expect("killed");
    replay.wait().expect("ends");
    eventually("its server has ended", || async { (servers() == 0).then_some(()) }).await;
    let left: Vec<_> = folders().collect();
    assert_eq!(left.len(), 1, "nobody could remove it: {left:?}");

    let mut next = command("100").spawn().expect("runs");
    eventually("what was left is removed", || async { (!left[0].exists()).then_some(()) }).await;
    eventually("it has a server of its own", || async { (servers() > 0).then_some(()) }).await;
    let pid = nix::unistd::Pid::from_raw(i32::try_from(next.id()).expect("a process id"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("is there");
    let ended = next.wait().expect("ends");
    assert_eq!((ended.code(), folders().count()), (Some(130), 0));
    eventually("its server has ended", || async { (servers() == 0).then_some(()) }).await;
}

/// Reports of strangers are checked as all of a pod is.
#[test]
fn what_is_no_report_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (code, said) = reproduce(&root.join("docs/examples/orders.pod"), &["reproduce"]);
    assert!(code == 2 && said.contains("reports no invocation"), "{code} {said}");
    let broken = folder.path().join("broken.pod");
    std::fs::write(&broken, b"no pod").expect("written");
    assert_eq!(reproduce(&broken, &["reproduce"]).0, 6);
    assert_eq!(reproduce(&folder.path().join("gone.pod"), &["reproduce"]).0, 4);
}
