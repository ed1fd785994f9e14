//! The exit codes of the command line tell kinds of failures apart, as `larder --help` says.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Output};

use crate::support::{Options, Server};

fn larder(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.args(arguments).env_remove("LARDER_ENDPOINT").output().expect("larder runs")
}

/// Expects an exit code, and what is said of it.
fn fails(arguments: &[&str], code: i32, says: &str) {
    let Output { status, stderr, .. } = larder(arguments);
    let said = String::from_utf8_lossy(&stderr);
    assert_eq!(status.code(), Some(code), "{arguments:?}: {said}");
    assert!(said.contains(says), "{arguments:?}: {said}");
}

#[test]
fn failures_are_told_apart() {
    let server = Server::start(Options::any());
    let (url, data_dir) = (server.url(), server.data_dir());
    let at = |command: &'static str| vec![command, "--endpoint", url.as_str()];
    fails(&["log", "--no-such-option"], 2, "--no-such-option");
    fails(&["log", "--endpoint", "http://127.0.0.1:9"], 3, "no server answers");
    fails(&[&at("rewind")[..], &["--to", "mark:none"]].concat(), 4, "no mark none");
    fails(&[&at("invoke")[..], &["none"]].concat(), 4, "Function not found");
    fails(&[&at("invoke")[..], &["none", "--event", "none.json"]].concat(), 2, "no file that is there, and no JSON");
    fails(&["log", "--data-dir", "/none"], 4, "no data dir");
    fails(&["pod", "inspect", "/none/x.pod"], 4, "/none/x.pod");
    let taken = data_dir.to_str().expect("text");
    fails(&["recover", "--data-dir", taken], 7, "in use");
    fails(&["serve", "--listen", "127.0.0.1:0", "--data-dir", taken], 7, "in use");
    let address = url.trim_start_matches("http://");
    let other = tempfile::tempdir().expect("a folder");
    fails(
        &["serve", "--listen", address, "--data-dir", other.path().to_str().expect("text")],
        7,
        "Address already in use",
    );
}

#[test]
fn what_is_no_larder_is_told_so() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("listens");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi");
        }
    });
    for command in ["log", "marks", "state"] {
        fails(&[command, "--endpoint", &url], 3, "is no Larder");
    }
}

#[test]
fn what_is_empty_says_so() {
    let server = Server::start(Options::any());
    let folder = tempfile::tempdir().expect("a folder");
    let pods = folder.path().to_str().expect("text");
    for (arguments, says) in [
        (&["log", "--endpoint", &server.url()][..], "Nothing has changed"),
        (&["marks", "--endpoint", &server.url()], "There is no mark"),
        (&["state", "--endpoint", &server.url()], "There is no resource"),
        (&["logs", "--endpoint", &server.url()], "No line of a log"),
        (&["diff", "0..now", "--endpoint", &server.url()], "Nothing differs"),
        (&["pod", "list", "--pods-dir", pods], pods),
    ] {
        let Output { status, stdout, .. } = larder(arguments);
        let said = String::from_utf8_lossy(&stdout);
        assert!(status.success() && said.contains(says), "{arguments:?}: {said}");
    }
}

#[test]
fn damage_is_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let pod = folder.path().join("broken.pod");
    std::fs::write(&pod, "no pod").expect("writes");
    fails(&["pod", "inspect", pod.to_str().expect("text")], 6, "no whole pod");

    let mut server = Server::start(Options::any());
    for mark in ["one", "two", "three"] {
        assert!(larder(&["mark", mark, "--endpoint", &server.url()]).status.success());
    }
    server.kill();
    let data_dir = server.data_dir();
    damage(&data_dir);
    fails(&["log", "--data-dir", data_dir.to_str().expect("text")], 6, "journal");
    assert_eq!(larder(&["verify", "--data-dir", data_dir.to_str().expect("text")]).status.code(), Some(1));
}

/// Flips a bit of the first record of a journal, which nothing else has any more.
fn damage(data_dir: &Path) {
    let segment = data_dir.join("store/journal/00000000000000000001.segment");
    let mut bytes = std::fs::read(&segment).expect("reads");
    bytes[180] ^= 1;
    std::fs::write(&segment, bytes).expect("writes");
    std::fs::remove_dir_all(data_dir.join("store/sled")).expect("is removed");
}
