//! Pods as files: encrypted ones, and those that Larders of each schema wrote.

use std::path::{Path, PathBuf};
use std::process::Command;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, FunctionUrlAuthType, LayerVersionContentInput, Runtime};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::on_each_executor;
use crate::support::functions::{active, create_python, creation, python, zip};
use crate::support::http::Request;
use crate::support::invoke::invoke;
use crate::support::{Options, Server, queues};

const HELLO: &str = "def handler(event, context):\n    return 'hello from the pod'\n";

/// An identity made for this test, and its recipient.
const IDENTITY: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
const RECIPIENT: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

/// Runs the command line with a passphrase (empty: none); its end and what it said.
pub fn larder(passphrase: &str, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    let command = command.args(arguments).env("LARDER_POD_PASSPHRASE", passphrase).stdin(std::process::Stdio::null());
    let output = command.output().expect("larder runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).expect("is text"))
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("is text")
}

#[tokio::test]
async fn an_encrypted_pod_is_read_with_its_key_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let [plain, locked, sent, identity] =
        ["plain.pod", "locked.pod", "sent.pod", "key.txt"].map(|name| folder.path().join(name));
    std::fs::write(&identity, format!("# a key\n{IDENTITY}\n")).expect("writes");
    let from = Server::start(Options::any());
    create_python(&from.client(), "hello", HELLO).await;
    let url = from.url();
    let save = |pod: &Path, passphrase: &str, more: &[&str]| {
        larder(passphrase, &[&["pod", "save", text(pod), "--endpoint", &url], more].concat())
    };
    assert!(save(&plain, "", &[]).0);
    let (ok, said) = save(&locked, "open sesame", &["--encrypt"]);
    assert!(ok && !said.contains("open sesame"), "{said}");
    let (ok, said) = save(&sent, "", &["--recipient", RECIPIENT]);
    assert!(ok, "{said}");
    for (pod, passphrase, key) in [(&locked, "open sesame", &[][..]), (&sent, "", &["--identity", text(&identity)][..])]
    {
        assert!(std::fs::read(pod).expect("reads").starts_with(b"age-encryption.org/v1\n"));
        let inspect = |pod: &Path| larder(passphrase, &[&["pod", "inspect", text(pod)], key].concat());
        assert_eq!(inspect(pod), inspect(&plain), "it is the same pod");
        let to = Server::start(Options::any());
        let (ok, said) = larder(passphrase, &[&["pod", "load", text(pod), "--endpoint", &to.url()], key].concat());
        assert!(ok && said.contains("1 resources changed"), "{said}");
    }
    for (pod, passphrase, reason) in [
        (&locked, "open barley", "neither the passphrase nor an identity"),
        (&locked, "", "set LARDER_POD_PASSPHRASE"),
        (&sent, "open sesame", "neither the passphrase nor an identity"),
    ] {
        let before = from.sequence();
        let (ok, said) = larder(passphrase, &["pod", "load", text(pod), "--endpoint", &url]);
        assert!(!ok && said.contains(reason), "{reason}: {said}");
        assert_eq!(from.sequence(), before);
    }
    let sealed = std::fs::read(&sent).expect("reads");
    let answer = Request::new("POST", "/_larder/pods/load").body(sealed.clone()).send(from.port());
    assert_eq!(answer.status, 400);
    assert!(answer.json()["error"].as_str().is_some_and(|error| error.contains("it is encrypted")), "{answer:?}");
    std::fs::write(&sent, &sealed[..sealed.len() - 1]).expect("writes");
    let (ok, _) = larder("", &["pod", "verify", text(&sent), "--identity", text(&identity)]);
    assert!(!ok, "a cut file is refused");
    let (ok, said) = larder("x", &["pod", "save", "named", "--encrypt", "--endpoint", &url]);
    assert!(!ok && said.contains("not encrypted"), "{said}");
}

/// The file of a pod with this state.
fn pod_of_state(file: &Path, state: &[u8]) {
    let digest = format!("{:x}", Sha256::digest(state));
    let part = json!({ "path": "state.json", "sha256": digest, "size": state.len() });
    let manifest = json!({
        "format": 1, "schema": 3, "larder": "0", "store": "s", "sequence": 1, "time": 1, "counts": {}, "parts": [part],
    });
    let target = std::fs::File::create(file).expect("makes");
    let mut archive = tar::Builder::new(zstd::Encoder::new(target, 1).expect("an encoder"));
    for (name, bytes) in [("manifest.json", manifest.to_string().as_bytes()), ("state.json", state)] {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, bytes).expect("appends");
    }
    archive.into_inner().expect("ends").finish().expect("ends");
}

/// Small files that are large inside are refused within a limit of memory, which trees of JSON would exceed.
#[test]
fn a_hostile_pod_takes_no_more_memory_than_its_state() {
    const BYTES: usize = 100_000_000;
    let folder = tempfile::tempdir().expect("a folder");
    let pod = folder.path().join("bomb.pod");
    let begin = br#"{"schema": 3, "resources": ["#;
    let many = [&begin[..], "1,".repeat(BYTES / 2).as_bytes(), b"1]}"].concat();
    let large = [&begin[..], b"[", "1,".repeat(BYTES / 2).as_bytes(), b"1]]}"].concat();
    for (state, reason) in [(many, "resource 0 cannot be read"), (large, "has more than 33554432 bytes")] {
        pod_of_state(&pod, &state);
        assert!(std::fs::metadata(&pod).expect("is there").len() < 1_000_000);
        let mut limited = Command::new("sh");
        limited.args([
            "-c",
            "ulimit -v 800000; exec \"$0\" pod verify \"$1\"",
            env!("CARGO_BIN_EXE_larder"),
            text(&pod),
        ]);
        let output = limited.output().expect("sh runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(6) && said.contains(reason), "{:?}: {said}", output.status);
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pods")
}

/// What a golden pod is made of: a bit of everything that a function has.
async fn fill(client: &Client) {
    let content =
        LayerVersionContentInput::builder().zip_file(Blob::new(zip(&[("python/told.py", b"WORD = 'layer'\n")])));
    let layer = client.publish_layer_version().layer_name("words").content(content.build()).send();
    let layer = layer.await.expect("published").layer_version_arn().expect("an ARN").to_owned();
    let code = "import os, told\ndef handler(event, context):\n    return [told.WORD, os.environ['GREETING']]\n";
    let variables = Environment::builder().variables("GREETING", "hello").build();
    let function = creation(client, "golden", Runtime::Python311, python(code)).layers(layer).environment(variables);
    function.tags("team", "memory").send().await.expect("created");
    active(client, "golden").await;
    client.publish_version().function_name("golden").description("first").send().await.expect("published");
    client.create_alias().function_name("golden").name("live").function_version("1").send().await.expect("made");
    let url = client.create_function_url_config().function_name("golden").auth_type(FunctionUrlAuthType::None);
    url.send().await.expect("made");
    let permission = client.add_permission().function_name("golden").statement_id("s3").action("lambda:InvokeFunction");
    permission.principal("s3.amazonaws.com").send().await.expect("added");
    client
        .put_function_concurrency()
        .function_name("golden")
        .reserved_concurrent_executions(3)
        .send()
        .await
        .expect("put");
    let mapping = client.create_event_source_mapping().function_name("golden").enabled(false);
    mapping.event_source_arn("arn:aws:sqs:us-east-1:000000000000:queue").send().await.expect("made");
}

/// Whether all that `expected` says is in `found`: later schemas may say more.
fn holds(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            expected.iter().all(|(name, value)| found.get(name).is_some_and(|found| holds(found, value)))
        }
        (Value::Array(found), Value::Array(expected)) => {
            found.len() == expected.len() && found.iter().zip(expected).all(|(found, expected)| holds(found, expected))
        }
        _ => found == expected,
    }
}

fn state_of(pod: &Path) -> Value {
    let run = "zstd -dc -- \"$0\" | tar -xO -f - state.json";
    let output = Command::new("sh").args(["-c", run, text(pod)]).output().expect("sh runs");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("is JSON")
}

on_each_executor! {
    /// Every pod that a schema ever wrote loads and runs. A new one is made by `scripts/golden-pod`, once, when a
    /// schema is new; never again.
    async fn golden_pods_load_and_run(executor) {
        let folder = tempfile::tempdir().expect("a folder");
        let again = folder.path().join("again.pod");
        if let Some(name) = std::env::var_os("LARDER_GOLDEN_POD") {
            let pod = fixtures().join(name);
            assert!(!pod.exists(), "{} is there: a golden pod never changes", pod.display());
            let server = Server::start(Options::new(executor));
            queues::create(&server, &["queue"]);
            fill(&server.client()).await;
            let (ok, said) = larder("", &["pod", "save", text(&pod), "-m", "golden", "--endpoint", &server.url()]);
            assert!(ok, "{said}");
        }
        let mut seen = 0;
        for pod in std::fs::read_dir(fixtures()).expect("the fixtures are there") {
            let pod = pod.expect("an entry").path();
            let server = Server::start(Options::new(executor));
            let (ok, said) = larder("", &["pod", "load", text(&pod), "--endpoint", &server.url()]);
            assert!(ok, "{}: {said}", pod.display());
            assert_eq!(
                invoke(&server.client(), "golden:live", json!({})).await.response(),
                json!(["layer", "hello"])
            );
            let (ok, said) = larder("", &["pod", "save", text(&again), "--at", "1", "--endpoint", &server.url()]);
            assert!(ok, "{said}");
            let (mut expected, found) = (state_of(&pod), state_of(&again));
            expected.as_object_mut().expect("an object").remove("schema");
            assert!(holds(&found, &expected), "{}", pod.display());
            seen += 1;
        }
        assert!(seen > 0, "there is a golden pod");
    }
}
