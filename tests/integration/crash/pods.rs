//! SIGKILL inside pods: a load is whole or not at all, and a save leaves what was saved before it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::Value;

use super::number;
use crate::support::functions::{create, zip};
use crate::support::{Options, Server, http};

/// Functions in a pod.
const FUNCTIONS: usize = 8;

/// Bytes of a package, more than lie beside their event.
const PACKAGE: usize = 200_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_load_is_whole_or_not_at_all() {
    let (kills, mut random) = (number("LARDER_CRASH_KILLS", 4), random());
    let folder = tempfile::tempdir().expect("a folder");
    let pods = [folder.path().join("one.pod"), folder.path().join("two.pod")];
    for (pod, seed) in pods.iter().zip(1..) {
        let from = filled(seed).await;
        run(&["pod", "save", text(pod), "--endpoint", &from.url()]);
    }
    let states = [state_of(text(&pods[0])), state_of(text(&pods[1]))];
    assert_ne!(states[0], states[1]);
    let mut server = Server::start(Options::any());
    run(&["pod", "load", text(&pods[0]), "--endpoint", &server.url()]);
    let (mut known, mut seen) = (0, [0, 0]);
    for kill in 1..=kills {
        // Loads of the two in turn, until one finds no server.
        let (url, pods) = (server.url(), pods.clone());
        let loads = std::thread::spawn(move || {
            let mut loaded = known;
            while larder(&["pod", "load", text(&pods[1 - loaded]), "--merge", "overwrite", "--endpoint", &url]) {
                loaded = 1 - loaded;
            }
            loaded
        });
        tokio::time::sleep(Duration::from_millis(random.random_range(30..500))).await;
        server.kill();
        let loaded = loads.join().expect("the loads");
        server.restart();
        let saved = folder.path().join("saved.pod");
        run(&["pod", "save", text(&saved), "--endpoint", &server.url()]);
        let found = state_of(text(&saved));
        // The last that was answered, or the one after it.
        known = states.iter().position(|state| *state == found).expect("the state of one of the pods");
        let report = http::get(server.port(), "/_larder/verify?deep=true").json();
        assert_eq!(report["whole"], true, "kill {kill}: {report:#}");
        seen[usize::from(known != loaded)] += 1;
    }
    println!("{kills} kills: {} times the answered load, {} times the one in flight", seen[0], seen[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_that_was_killed_leaves_the_former_pod() {
    let (kills, mut random) = (number("LARDER_CRASH_KILLS", 4), random());
    let folder = tempfile::tempdir().expect("a folder");
    let server = filled(1).await;
    let (file, library, remote) =
        (folder.path().join("a.pod"), folder.path().join("library"), folder.path().join("remote/a"));
    let (url, library, remote) = (server.url(), text(&library), text(&remote));
    let to_file = ["pod", "save", text(&file), "--endpoint", &url];
    let to_library = ["pod", "save", "a", "--endpoint", &url, "--pods-dir", library];
    let push = ["pod", "push", "a", remote, "--pods-dir", library];
    for arguments in [&to_file[..], &to_library, &push] {
        run(arguments);
    }
    let state = state_of(text(&file));
    let (mut killed, unpacked) = (0, folder.path().join("pulled"));
    for _ in 0..kills {
        for arguments in [&to_file[..], &to_library, &push] {
            killed += u64::from(run_and_kill(arguments, Duration::from_millis(random.random_range(1..60))));
        }
        assert_eq!(state_of(text(&file)), state);
        run(&["pod", "verify", "a", "--pods-dir", library]);
        run(&["pod", "pull", remote, "a", "--pods-dir", text(&unpacked)]);
        run(&["pod", "verify", "a", "--pods-dir", text(&unpacked)]);
    }
    assert!(killed > 0, "none was killed");
    // What was cut is no obstacle.
    run(&to_library);
    run(&push);
    println!("{killed} of {} were killed before their end", 3 * kills);
}

fn random() -> StdRng {
    StdRng::seed_from_u64(number("LARDER_CRASH_SEED", 1))
}

/// A server with functions whose code nobody else has.
async fn filled(seed: u64) -> Server {
    let server = Server::start(Options::any());
    let mut random = StdRng::seed_from_u64(seed);
    for index in 0..FUNCTIONS {
        let bytes: Vec<u8> = (0..PACKAGE).map(|_| random.random()).collect();
        let package = zip(&[("handler.py", b"def handler(event, context):\n    return 1\n"), ("noise", &bytes)]);
        create(&server.client(), &format!("f{index}"), aws_sdk_lambda::types::Runtime::Python311, package).await;
    }
    server
}

/// The digest of the state in a pod, which is checked whole.
fn state_of(pod: &str) -> String {
    run(&["pod", "verify", pod]);
    let output = command(&["pod", "inspect", pod, "--json"]).stdout(Stdio::piped()).output().expect("larder runs");
    let about: Value = serde_json::from_slice(&output.stdout).expect("is JSON");
    let parts = about["manifest"]["parts"].as_array().expect("parts");
    let state = parts.iter().find(|part| part["path"] == "state.json").expect("a state");
    state["sha256"].as_str().expect("a digest").to_owned()
}

fn run(arguments: &[&str]) {
    let output = command(arguments).output().expect("larder runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn larder(arguments: &[&str]) -> bool {
    command(arguments).stderr(Stdio::null()).status().expect("larder runs").success()
}

/// Whether a command was still running after that time.
fn run_and_kill(arguments: &[&str], after: Duration) -> bool {
    let mut child = command(arguments).stderr(Stdio::null()).spawn().expect("larder runs");
    std::thread::sleep(after);
    let is_running = child.try_wait().expect("waits").is_none();
    let _ = child.kill();
    child.wait().expect("waits");
    is_running
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.args(arguments).stdout(Stdio::null());
    command
}

fn text(path: &Path) -> &str {
    path.to_str().expect("is text")
}
