//! The pod library: its parts are checked on use and mended, and what is being added is not deleted.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::functions::create_python;
use crate::support::http::Request;
use crate::support::{Options, Server};

const HELLO: &str = "def handler(event, context):\n    return 'hello from the library'\n";

/// Runs `larder pod` on a library; its end and what it said.
fn larder(library: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    let output = command.arg("pod").args(arguments).arg("--pods-dir").arg(library).output().expect("larder runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).expect("is text"))
}

/// The largest part, which is no state.
fn code(library: &Path) -> PathBuf {
    let parts = fs::read_dir(library.join("parts/sha256")).expect("parts").map(|part| part.expect("a part").path());
    parts.filter(|part| fs::read(part).expect("reads").starts_with(b"PK")).max().expect("a zip")
}

/// Another byte in the middle, at the same size.
fn damage(part: &Path) {
    let mut bytes = fs::read(part).expect("reads");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(part, bytes).expect("writes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_part_is_named_and_mended() {
    let folder = tempfile::tempdir().expect("a folder");
    let (library, remote) = (folder.path().join("library"), folder.path().join("remote/a"));
    let remote = remote.to_str().expect("is text");
    let elsewhere = format!("{remote}-other/a");
    let server = Server::start(Options::any().with("LARDER_PODS_DIR", library.to_str().expect("is text")));
    create_python(&server.client(), "hello", HELLO).await;
    let save = ["save", "a", "--endpoint", &server.url()];
    assert!(larder(&library, &save).0);
    assert!(larder(&library, &["push", "a", remote]).0);
    let part = code(&library);
    let name = part.file_name().and_then(|name| name.to_str()).expect("a name");
    damage(&part);
    let load = ["load", "a:1", "--endpoint", &server.url()];
    for arguments in [&["verify", "a"][..], &load, &["push", "a", &elsewhere]] {
        let (ok, said) = larder(&library, arguments);
        assert!(!ok && said.contains(name), "{arguments:?}: {said}");
    }
    let answer = Request::new("GET", "/_larder/pods/library/a/inspect").send(server.port());
    assert!(answer.status == 400 && answer.json()["error"].as_str().is_some_and(|error| error.contains(name)));
    // A save that needs the part brings it again, and so does a pull.
    let (ok, said) = larder(&library, &save);
    assert!(ok && said.contains("saved a:2"), "{said}");
    assert!(larder(&library, &["verify", "a:1"]).0);
    damage(&part);
    let (ok, said) = larder(&library, &["pull", remote, "a"]);
    assert!(ok && said.contains("1 parts received"), "{said}");
    assert!(larder(&library, &["verify", "a:1"]).0);
}

#[tokio::test]
async fn what_is_being_added_is_not_deleted() {
    let library = tempfile::tempdir().expect("a folder");
    let server = Server::start(Options::any().with("LARDER_PODS_DIR", library.path().to_str().expect("is text")));
    create_python(&server.client(), "hello", HELLO).await;
    let save = ["save", "a", "--endpoint", &server.url()];
    assert!(larder(library.path(), &save).0);
    // As a save or a pull holds it.
    let lock = File::options().write(true).open(library.path().join("lock")).expect("opens");
    lock.lock_shared().expect("is held");
    let (ok, said) = larder(library.path(), &["delete", "a"]);
    assert!(!ok && said.contains("just being added to"), "{said}");
    assert_eq!(Request::new("DELETE", "/_larder/pods/library/a").send(server.port()).status, 409);
    assert!(larder(library.path(), &save).0, "others add meanwhile");
    drop(lock);
    let (ok, said) = larder(library.path(), &["delete", "a"]);
    assert!(ok, "{said}");
    assert_eq!(fs::read_dir(library.path().join("parts/sha256")).expect("reads").count(), 0);
}
