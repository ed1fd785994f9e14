//! The crate `larder-testing`, where its tests fail: those of `docs/examples/rust_suite.rs` show it where they pass.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use larder_testing::{Larder, Start};

const PROGRAM: &str = env!("CARGO_BIN_EXE_larder");
const POD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/orders.pod");

fn start(failures: &Path) -> Start {
    Start {
        program: Some(PROGRAM.into()),
        pod: Some(POD.into()),
        failures: Some(failures.to_owned()),
        ..Start::default()
    }
}

/// Runs a test on a thread that has its name, as cargo's do, and says whether it passes.
fn passes(larder: &Larder, name: &str, body: impl FnOnce(&Larder) + Send) -> bool {
    std::thread::scope(|scope| {
        let test = std::thread::Builder::new().name(name.to_owned());
        let test = test.spawn_scoped(scope, || body(&larder.test().expect("a turn"))).expect("a thread");
        test.join().is_ok()
    })
}

#[test]
fn a_failing_test_leaves_a_pod_and_what_it_did_is_undone() {
    let folder = tempfile::tempdir().expect("a folder");
    let larder = Larder::start(&start(folder.path())).expect("starts");
    let loaded = larder.mark("loaded").expect("marked");

    assert!(!passes(&larder, "orders::fails", |larder| {
        larder.mark("in-a-test").expect("marked");
        larder.load_pod(POD, true).expect("loaded");
        panic!("as is wanted");
    }));
    let pod = folder.path().join("orders.fails.pod");
    let inspected = Command::new(PROGRAM).args(["pod", "inspect"]).arg(&pod).output().expect("larder runs");
    assert!(String::from_utf8_lossy(&inspected.stdout).contains("function:orders"), "{inspected:?}");

    assert!(passes(&larder, "orders::fails", |larder| assert!(larder.invocations(None).expect("none").is_empty())));
    assert!(!pod.exists(), "it passes now");
    larder.rewind(&loaded).expect("it goes on");
}

#[test]
fn what_is_wrong_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = |start: &Start| Larder::start(start).expect_err("does not start").to_string();
    let missing = Start { program: Some("/nowhere/larder".into()), ..Start::default() };
    assert!(said(&missing).starts_with("there is no program `/nowhere/larder`: install Larder"));
    let executor = Start { executor: Some("nothing".to_owned()), ..start(folder.path()) };
    assert!(said(&executor).contains("invalid value 'nothing'"), "{}", said(&executor));
    let no_pod = folder.path().join("no.pod");
    std::fs::write(&no_pod, "text").expect("written");
    let pod = Start { pod: Some(no_pod), ..start(folder.path()) };
    assert!(said(&pod).contains("does not begin as one"), "{}", said(&pod));

    let larder = Larder::start(&start(folder.path())).expect("starts");
    assert!(larder.rewind("mark:none").expect_err("no such mark").to_string().contains("none"));
    let unknown = larder.wait_for_events(Some("unknown"), Duration::ZERO).expect_err("no such function");
    assert!(unknown.to_string().contains("unknown"), "{unknown}");
}

#[test]
fn no_server_outlives_its_owner() {
    let folder = tempfile::tempdir().expect("a folder");
    let larder = Larder::start(&start(folder.path())).expect("starts");
    let address = larder.endpoint().trim_start_matches("http://").to_owned();
    let begun = Instant::now();
    drop(larder);
    assert!(std::net::TcpStream::connect(&address).is_err(), "nobody listens");
    assert!(begun.elapsed() < Duration::from_secs(30));
}
