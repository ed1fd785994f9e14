//! Pods on remotes: a folder, an S3 server (moto), an OCI registry (Debian's docker-registry).

use crate::skipped::skipped;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::functions::create_python;
use crate::support::http::Request;
use crate::support::python::Moto;
use crate::support::{Options, PATIENCE, Server};

const PASSWORD: &str = "open sesame";
/// `PASSWORD` as htpasswd keeps it.
const HASH: &str = "$2b$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW";

/// A registry on a free port, killed when dropped.
struct Registry {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Registry {
    /// One that asks for a password; nothing where this machine has none, which CI does not allow.
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
        fs::write(folder.path().join("users"), format!("me:{HASH}\n")).expect("users");
        let at = folder.path().display();
        let config = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {at}/data\nauth:\n  htpasswd:\n    realm: pods\n    path: {at}/users\nhttp:\n  addr: 127.0.0.1:{port}\n"
        );
        fs::write(folder.path().join("config.yml"), config).expect("a configuration");
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(folder.path().join("config.yml")).stdout(Stdio::null()).stderr(Stdio::null());
        let child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "docker-registry: {error}");
                skipped(&format!("there is no docker-registry here ({error}); apt-get install docker-registry"));
                return None;
            }
        };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < PATIENCE, "the registry does not serve");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(Self { child, port, folder })
    }

    fn variables() -> Vec<(String, String)> {
        vec![("LARDER_OCI_USERNAME".into(), "me".into()), ("LARDER_OCI_PASSWORD".into(), PASSWORD.into())]
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn s3_variables(url: &str) -> Vec<(String, String)> {
    let pairs = [
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "a-secret-of-s3"),
        ("AWS_ENDPOINT_URL_S3", url),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ALLOW_HTTP", "true"),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

fn moto() -> (Moto, String) {
    let moto = Moto::start();
    let url = moto.url();
    let port = url.rsplit(':').next().expect("a port").parse().expect("a number");
    let made = Request::new("PUT", "/pods").signed_for("s3", "AKIAEXAMPLE", "us-east-1").send(port);
    assert_eq!(made.status, 200, "{}", String::from_utf8_lossy(&made.body));
    (moto, url)
}

/// A library with the given versions of the pod `orders`.
fn library(versions: &[&[(&str, &[u8])]]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(folder.path().join("parts/sha256")).expect("parts");
    fs::create_dir_all(folder.path().join("names/orders")).expect("names");
    for (index, parts) in versions.iter().enumerate() {
        let mut listed = Vec::new();
        for (path, bytes) in *parts {
            let sha256 = format!("{:x}", Sha256::digest(bytes));
            fs::write(folder.path().join("parts/sha256").join(&sha256), bytes).expect("a part");
            listed.push(json!({"path": path, "sha256": sha256, "size": bytes.len()}));
        }
        let manifest = json!({"format": 1, "parts": listed}).to_string();
        fs::write(folder.path().join(format!("names/orders/{}.json", index + 1)), manifest).expect("a manifest");
    }
    folder
}

fn larder(library: &Path, variables: &[(String, String)], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.env_clear().env("HOME", library).envs(variables.iter().cloned());
    command.args(["pod"]).args(arguments).arg("--json").arg("--pods-dir").arg(library).output().expect("larder")
}

fn done(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn refused(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for name in ["parts/sha256", "names/orders"] {
        for entry in fs::read_dir(folder.join(name)).expect("a folder") {
            let path = entry.expect("an entry").path();
            let bytes = fs::read(&path).expect("a file");
            found.push((path.strip_prefix(folder).expect("inside").to_owned(), bytes));
        }
    }
    found.sort();
    found
}

/// Push, push again, push a changed function, pull all of it elsewhere, each on one remote.
fn goes_there_and_back(remote: &str, variables: &[(String, String)]) {
    let large = vec![7_u8; 20 * 1024 * 1024];
    let first: &[(&str, &[u8])] = &[("state.json", b"{}"), ("blobs/sha256/a", &large), ("blobs/sha256/b", b"one")];
    let second: &[(&str, &[u8])] = &[("state.json", b"{}"), ("blobs/sha256/a", &large), ("blobs/sha256/b", b"two")];
    let here = library(&[first, second]);
    let pushed = done(&larder(here.path(), variables, &["push", "orders:1", remote]));
    assert_eq!((&pushed["uploaded"], &pushed["skipped"]), (&json!(3), &json!(0)), "{remote}");
    let again = done(&larder(here.path(), variables, &["push", "orders:1", remote]));
    assert_eq!((&again["uploaded"], &again["bytes"]), (&json!(0), &json!(0)), "{remote}");
    let changed = done(&larder(here.path(), variables, &["push", "orders", remote]));
    assert_eq!((&changed["version"], &changed["uploaded"], &changed["bytes"]), (&json!("2"), &json!(1), &json!(3)));
    let there = tempfile::tempdir().expect("a folder");
    for version in ["1", "2"] {
        done(&larder(there.path(), variables, &["pull", &format!("{remote}:{version}")]));
    }
    let newest = done(&larder(there.path(), variables, &["pull", remote]));
    assert_eq!((&newest["from"], &newest["version"], &newest["downloaded"]), (&json!("2"), &json!(2), &json!(0)));
    assert!(files(here.path()) == files(there.path()), "{remote}: other files came back");
    let other = library(&[second]);
    let said = refused(&larder(other.path(), variables, &["push", "orders:1", remote]));
    assert!(said.contains("other content"), "{said}");
}

/// A server and the command line save to a remote, each in its own way, and other servers begin with what they saved.
async fn is_saved_and_loaded(remote: &str, variables: &[(String, String)]) {
    let library = tempfile::tempdir().expect("a folder");
    let at_exit = format!("{remote}-at-exit");
    let options = || {
        let options = Options::any().with("LARDER_PODS_DIR", library.path().display());
        variables.iter().fold(options, |options, (name, value)| options.with(name, value))
    };
    let mut from = Server::start(options().with("LARDER_SAVE_POD_ON_EXIT", &at_exit));
    create_python(&from.client(), "hello", "def handler(event, context):\n    return 1\n").await;
    done(&larder(library.path(), variables, &["save", remote, "--endpoint", &from.url()]));
    assert!(from.stop().success(), "{}", from.log());
    for pod in [remote, &at_exit] {
        let allowed = remote.rsplit_once('/').expect("a folder of pods").0;
        let to = Server::start(options().with("AUTO_LOAD_POD", pod).with("LARDER_POD_REMOTES", allowed));
        assert!(to.client().get_function().function_name("hello").send().await.is_ok(), "{pod}");
        let (exchange, port) = (json!({ "remote": pod }), to.port());
        let call = |path: &str| {
            let path = format!("/_larder/pods/library/x/{path}");
            Request::json("POST", &path, &exchange).by_owner(&to).send(port)
        };
        let (pulled, pushed) = (call("pull"), call("push"));
        assert_eq!((pulled.status, pushed.status), (200, 200), "{pulled:?} {pushed:?}");
        assert_eq!(pushed.json()["uploaded"], 0, "it is there");
        let dry = ["load", pod, "--dry-run", "--endpoint", &to.url()];
        assert_eq!(done(&larder(library.path(), variables, &dry))["resources"], json!([]), "it is the same state");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_saves_to_and_loads_from_s3() {
    let (_moto, url) = tokio::task::spawn_blocking(moto).await.expect("moto");
    is_saved_and_loaded("s3://pods/team/hello", &s3_variables(&url)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_saves_to_and_loads_from_a_registry() {
    let Some(registry) = Registry::start() else { return };
    let remote = format!("oci://127.0.0.1:{}/team/hello", registry.port);
    is_saved_and_loaded(&remote, &Registry::variables()).await;
}

#[test]
fn a_folder_takes_and_gives_pods() {
    let folder = tempfile::tempdir().expect("a folder");
    goes_there_and_back(&format!("{}/team/orders", folder.path().display()), &[]);
}

#[test]
fn an_s3_server_takes_and_gives_pods() {
    let (_moto, url) = moto();
    goes_there_and_back("s3://pods/team/orders", &s3_variables(&url));
}

#[test]
fn a_registry_takes_and_gives_pods() {
    let Some(registry) = Registry::start() else { return };
    let remote = format!("oci://127.0.0.1:{}/team/orders", registry.port);
    goes_there_and_back(&remote, &Registry::variables());
    let wrong = [
        ("LARDER_OCI_USERNAME".to_owned(), "me".to_owned()),
        ("LARDER_OCI_PASSWORD".to_owned(), "not-the-one".to_owned()),
    ];
    let said = refused(&larder(registry.folder.path(), &wrong, &["pull", &remote]));
    assert!(said.contains("refuses the credentials") && !said.contains("not-the-one"), "{said}");
}

#[test]
fn what_was_tampered_with_is_refused() {
    let remote = library(&[&[("state.json", b"{\"a\":1}")]]);
    let part = files(remote.path()).into_iter().find(|(path, _)| path.starts_with("parts")).expect("a part").0;
    let address = format!("{}/orders", remote.path().display());
    for (bytes, reason) in
        [(&b"{\"a\":2}"[..], "has the SHA-256"), (b"{}", "has 2 bytes"), (b"{\"a\":1}  ", "more bytes")]
    {
        fs::write(remote.path().join(&part), bytes).expect("tampered");
        let here = tempfile::tempdir().expect("a folder");
        let said = refused(&larder(here.path(), &[], &["pull", &address]));
        assert!(said.contains(reason), "{said}");
        assert!(!here.path().join("names").exists() && !here.path().join(&part).exists());
    }
    fs::write(remote.path().join("names/orders/1.json"), r#"{"parts":[{"path":"../x","sha256":"0","size":1}]}"#)
        .expect("a lie");
    let here = tempfile::tempdir().expect("a folder");
    assert!(refused(&larder(here.path(), &[], &["pull", &address])).contains("manifest is refused"));
}

#[test]
fn a_push_that_was_cut_shows_nothing() {
    let parts: Vec<(String, Vec<u8>)> = (0_u8..8).map(|n| (format!("blobs/{n}"), vec![n; 8 * 1024 * 1024])).collect();
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    let here = library(&[&parts]);
    let remote = tempfile::tempdir().expect("a folder");
    let address = format!("{}/orders", remote.path().display());
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.args(["pod", "push", "orders", &address, "--pods-dir"]).arg(here.path()).stdout(Stdio::null());
    let mut child = command.spawn().expect("larder");
    let start = Instant::now();
    while fs::read_dir(remote.path().join("parts/sha256")).map_or(0, Iterator::count) < 2 {
        assert!(start.elapsed() < PATIENCE, "no part came");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert!(!remote.path().join("names").exists(), "the push ended before it was cut");
    assert!(refused(&larder(here.path(), &[], &["pull", &address])).contains("no version"));
    done(&larder(here.path(), &[], &["push", "orders", &address]));
    let there = tempfile::tempdir().expect("a folder");
    done(&larder(there.path(), &[], &["pull", &address]));
    assert!(files(here.path()) == files(there.path()));
}

/// What a listener that asks for a password hears until it is silent.
fn heard(listener: &TcpListener) -> Vec<String> {
    use std::io::{Read as _, Write as _};
    let mut heard = Vec::new();
    while let Ok((mut stream, _)) = listener.accept() {
        stream.set_nonblocking(false).expect("waits");
        let mut bytes = [0; 4096];
        let length = stream.read(&mut bytes).unwrap_or(0);
        heard.push(String::from_utf8_lossy(&bytes[..length]).to_lowercase());
        let denied = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"all\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        let _ = stream.write_all(denied.as_bytes());
    }
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_a_server_go_to_no_place_that_a_caller_names() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listens");
    listener.set_nonblocking(true).expect("does not wait");
    let host = listener.local_addr().expect("an address").to_string();
    let library = tempfile::tempdir().expect("a folder");
    let with_secrets = || {
        let options = Options::any().with("LARDER_PODS_DIR", library.path().display());
        options.with("LARDER_OCI_USERNAME", "me").with("LARDER_OCI_PASSWORD", PASSWORD)
    };
    let pull = |server: &Server, name: &str, remote: String| {
        let path = format!("/_larder/pods/library/{name}/pull");
        Request::json("POST", &path, &json!({ "remote": remote })).send(server.port())
    };
    let server = Server::start(with_secrets().with("LARDER_POD_REMOTES", "oci://127.0.0.1:1/team"));
    for remote in [format!("oci://{host}/team/a"), format!("oci://{host}/team"), "s3://bucket/team/a".to_owned()] {
        let answer = pull(&server, "a", remote);
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(answer.status == 400 && said.contains("--pod-remote"), "{said}");
    }
    assert_eq!(heard(&listener), Vec::<String>::new(), "nobody was asked");
    // One that is allowed is asked, and the name and the password go to their own registry alone.
    let allowed = format!("oci://{host}/team");
    for (registry, expected) in [(host.as_str(), true), ("registry.example", false)] {
        let options = with_secrets().with("LARDER_OCI_REGISTRY", registry);
        let server = Server::start(options.with("LARDER_POD_REMOTES", &allowed));
        let (listening, stop) =
            (listener.try_clone().expect("is cloned"), std::sync::Arc::new(std::sync::Mutex::new(false)));
        let stopped = std::sync::Arc::clone(&stop);
        let hearing = std::thread::spawn(move || {
            let mut all = Vec::new();
            while !*stopped.lock().expect("is set") {
                all.extend(heard(&listening));
                std::thread::sleep(Duration::from_millis(5));
            }
            all
        });
        let url = format!("{allowed}/a");
        let answer = tokio::task::block_in_place(|| pull(&server, "a", url));
        assert_ne!(answer.status, 200);
        *stop.lock().expect("is set") = true;
        let heard = hearing.join().expect("ends");
        assert!(!heard.is_empty(), "the registry was not asked");
        assert_eq!(heard.iter().any(|head| head.contains("authorization: basic")), expected, "{heard:?}");
    }
}
