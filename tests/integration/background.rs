//! A server in the background, its init scripts, and what tools of `LocalStack` ask it.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::functions::create_python;
use crate::support::http::Request;
use crate::support::{Options, Server, eventually};

/// Runs the command line on a data dir; its exit code and what it said.
fn larder(data_dir: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.args(arguments).env("LARDER_DATA_DIR", data_dir).env("LARDER_ENVIRONMENT_GRACE_S", "5");
    let output = command.output().expect("larder runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().expect("an exit code"), String::from_utf8_lossy(&said).into_owned())
}

/// Stops the server of a data dir, however the test ends.
struct Stopped<'a>(&'a Path);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        larder(self.0, &["stop"]);
    }
}

fn port(url: &str) -> u16 {
    url.trim().rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_else(|| panic!("no port: {url}"))
}

#[test]
fn a_server_in_the_background_is_found_by_its_data_dir() {
    let folder = TempDir::new().expect("a folder");
    let data_dir = folder.path();
    let at = |arguments: &[&str]| larder(data_dir, arguments);
    let (code, said) = at(&["status"]);
    assert!(code == 3 && said.contains("larder start -d"), "{code} {said}");
    assert_eq!(at(&["stop"]).0, 3);

    let _stopped = Stopped(data_dir);
    let (code, url) = at(&["start", "-d", "--listen", "127.0.0.1:0", "--executor", "sandbox"]);
    assert_eq!(code, 0, "{url}");
    assert_eq!(Request::new("GET", "/_larder/health").send(port(&url)).json()["ready"], true);
    let (code, said) = at(&["status"]);
    assert!(code == 0 && said.contains(url.trim()) && said.contains("sandbox"), "{code} {said}");
    let (code, status) = at(&["status", "--json"]);
    let status: Value = serde_json::from_str(&status).expect("JSON");
    assert_eq!((code, &status["status"]), (0, &json!("ok")));
    assert_eq!(at(&["wait"]), (0, url.clone()));
    let (code, said) = at(&["start", "-d", "--listen", "127.0.0.1:0"]);
    assert!(code == 7 && said.contains(url.trim()), "one for a data dir: {code} {said}");

    // Without an endpoint the others find it, too, where the data dir is the usual one.
    let other = Command::new(env!("CARGO_BIN_EXE_larder")).arg("marks").env("LARDER_DATA_DIR", data_dir).output();
    assert!(other.expect("larder runs").status.success());
    assert_eq!(at(&["stop"]).0, 0);
    let (code, status) = at(&["status", "--json"]);
    assert_eq!((code, serde_json::from_str::<Value>(&status).expect("JSON")), (3, json!({ "status": "stopped" })));
    assert!(fs::read_to_string(data_dir.join("server.log")).expect("a log").contains("Ready."));
}

#[test]
fn a_server_that_does_not_start_says_why() {
    let folder = TempDir::new().expect("a folder");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let (code, said) = larder(folder.path(), &["start", "-d", "--listen", &address]);
    assert!(code == 7 && said.contains("Is another server there?"), "{code} {said}");
    let (code, said) = larder(folder.path(), &["wait", "--timeout", "1"]);
    assert!(code == 8 && said.contains("was not ready within 1 s"), "{code} {said}");
}

/// A folder of init scripts.
fn scripts(scripts: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    for (name, text) in scripts {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a stage")).expect("made");
        fs::write(path, text).expect("written");
    }
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn init_scripts_run_at_their_stages() {
    let create = "import os, urllib.request
request = urllib.request.Request(os.environ['AWS_ENDPOINT_URL'] + '/', b'Action=CreateQueue&QueueName=made&Version=2012-11-05')
print(urllib.request.urlopen(request).status)
";
    let folder = scripts(&[
        ("boot.d/a.sh", "echo boot > \"$(dirname \"$0\")/../boot\""),
        ("ready.d/01-queue.py", create),
        ("ready.d/02-fails.sh", "exit 4"),
        ("shutdown.d/end.sh", "curl -sf \"$AWS_ENDPOINT_URL/_larder/health\" > \"$(dirname \"$0\")/../ended\""),
    ]);
    let options = Options::any().with("LARDER_INIT_DIR", folder.path().display()).with("LARDER_WAIT_INIT", "1");
    let mut server = Server::start(options);
    let is_ready = || Request::new("GET", "/_larder/health").send(server.port()).json()["ready"] == true;
    eventually("ready", || async { is_ready().then_some(()) }).await;

    let get = |path: &str| Request::new("GET", path).send(server.port()).json();
    let script = |stage: &str, name: &str, state: &str| json!({ "stage": stage, "name": name, "state": state });
    let ready = get("/_localstack/init/ready");
    let ran = [script("READY", "01-queue.py", "SUCCESSFUL"), script("READY", "02-fails.sh", "ERROR")];
    assert_eq!(ready, json!({ "completed": true, "scripts": ran }));
    let all = get("/_localstack/init");
    assert_eq!(all["completed"], json!({ "BOOT": true, "START": true, "READY": true, "SHUTDOWN": false }));
    assert_eq!(get("/_larder/health")["failed_init_scripts"], 1);
    assert_eq!(get("/_larder/health")["counts"]["queues"], 1, "made by a script");
    assert_eq!(Request::new("GET", "/_localstack/init/lunch").send(server.port()).status, 404);

    server.stop();
    assert!(folder.path().join("boot").exists());
    let health = fs::read_to_string(folder.path().join("ended")).expect("it ran before the end");
    assert!(health.contains("\"ready\":true"), "{health}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_of_localstack_find_what_they_ask() {
    let server = Server::start(Options::any());
    create_python(&server.client(), "gone", "def handler(event, context):\n    return 1\n").await;
    let get = |path: &str| Request::new("GET", path).send(server.port()).json();
    let health = get("/_localstack/health");
    assert_eq!((&health["services"]["lambda"], &health["services"]["s3"]), (&json!("running"), &Value::Null));
    assert_eq!(get("/_localstack/info")["is_license_activated"], false);

    let reset = Request::new("POST", "/_localstack/state/reset").send(server.port());
    assert_eq!(reset.status, 200);
    assert_eq!(get("/_larder/health")["counts"]["functions"], 0);
    let page = Request::new("POST", "/_localstack/state/reset").header("origin", "https://evil.example");
    assert_eq!(page.send(server.port()).status, 403, "no page does that");
}
