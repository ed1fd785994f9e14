//! Invocations that go well, and the API's answers on the way.

use crate::skipped::skipped;
use std::process::Command;

use larder_init::link::{FunctionFacts, Outcome, Phase, Start, ToInit};

use crate::harness::{Environment, RESPONSE_LIMIT};

fn text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Response(body) => String::from_utf8_lossy(body).into_owned(),
        other => panic!("no response: {other:?}"),
    }
}

#[test]
fn an_event_comes_back_answered() {
    let (environment, mut server, hello) = Environment::new(30);
    assert_eq!((hello.phase, hello.token.as_str()), (Phase::Fresh, "s3cret"));
    let script = "loop(lambda event: event + b'!')";
    server.send(&ToInit::Start(Box::new(environment.start(script))));
    let init_us = server.ready();
    let first = server.run("r1", b"one");
    assert_eq!((first.request_id.as_str(), text(&first.outcome).as_str()), ("r1", "one!"));
    assert_eq!(first.init_us, Some(init_us));
    assert!(first.max_memory_bytes > 1024 * 1024, "{first:?}");
    let second = server.run("r2", b"two");
    assert_eq!((text(&second.outcome).as_str(), second.init_us), ("two!", None));
}

#[test]
fn start_and_invoke_may_come_together() {
    let (_environment, mut server) = Environment::with("loop(lambda event: event)");
    let finished = server.run("r1", b"x");
    assert_eq!(text(&finished.outcome), "x");
    assert!(finished.init_us.is_some_and(|init| init > 0));
}

#[test]
fn the_runtime_sees_its_own_variables_alone() {
    let (_environment, mut server) = Environment::with("loop(lambda event: json.dumps(sorted(os.environ)).encode())");
    let seen = text(&server.run("r1", b"").outcome);
    for absent in ["LARDER", "HOME"] {
        assert!(!seen.contains(absent), "{seen}");
    }
    for present in ["AWS_LAMBDA_RUNTIME_API", "FOLDER", "PATH"] {
        assert!(seen.contains(present), "{seen}");
    }
}

#[test]
fn the_event_carries_lambdas_headers() {
    let (_environment, mut server) = Environment::with(
        r#"
while True:
    id, event, headers = next_event()
    left = int(headers["Lambda-Runtime-Deadline-Ms"]) - time.time() * 1000
    names = [name for name in headers if name.startswith("Lambda-")]
    values = [id, 9000 < left <= 10001, headers["Lambda-Runtime-Invoked-Function-Arn"],
              headers["Lambda-Runtime-Trace-Id"], headers["Lambda-Runtime-Client-Context"],
              headers["Lambda-Runtime-Cognito-Identity"], headers["Content-Type"], len(names)]
    respond(id, json.dumps(values))
"#,
    );
    let seen = text(&server.run("r1", b"").outcome);
    let expected = "[\"r1\", true, \"arn:aws:lambda:us-east-1:000000000000:function:f\", \
                    \"Root=1-2-3\", \"{ \\\"custom\\\":\\\"\\u00c3\\u00bc\\\"}\", null, \
                    \"application/json\", 5]";
    assert_eq!(seen, expected);
}

#[test]
fn six_megabytes_pass_both_ways() {
    let (_environment, mut server) = Environment::with("loop(lambda event: event)");
    let payload = vec![b'x'; usize::try_from(RESPONSE_LIMIT).expect("fits")];
    let finished = server.run("r1", &payload);
    assert!(matches!(finished.outcome, Outcome::Response(body) if body == payload));
}

#[test]
fn a_chunked_response_is_joined() {
    let (_environment, mut server) = Environment::with("loop(lambda event: iter([b'a' * 70000, b'b' * 70000]))");
    let finished = server.run("r1", b"");
    assert!(matches!(finished.outcome, Outcome::Response(body) if body.len() == 140_000));
}

#[test]
fn an_event_that_was_not_answered_is_handed_out_again() {
    let (_environment, mut server) = Environment::with(
        r"
while True:
    first, event, _ = next_event()
    id, again, _ = next_event()
    respond(id, json.dumps([first == id, event == again]))
",
    );
    assert_eq!(text(&server.run("r1", b"x").outcome), "[true, true]");
}

/// Whether these tests may change users.
fn is_root() -> bool {
    let this = std::fs::metadata("/proc/self").expect("/proc");
    std::os::unix::fs::MetadataExt::uid(&this) == 0
}

#[test]
fn the_runtime_runs_as_its_user_without_groups() {
    if !is_root() {
        skipped("only root may change users");
        return;
    }
    let (_environment, mut server, _) = Environment::new(30);
    // The interpreter may lie in a folder of root's, so a shell runs it.
    let script = "id -u; id -g; id -G; sleep 5";
    server.send(&ToInit::Start(Box::new(Start {
        argv: vec!["/bin/sh".into(), "-c".into(), script.into()],
        variables: vec![("PATH".into(), "/usr/bin:/bin".into())],
        working_dir: "/".into(),
        user: Some((993, 990)),
        runtime_api: "127.0.0.1:0".into(),
        init_timeout_ms: 10_000,
        max_response_bytes: RESPONSE_LIMIT,
        max_stream_bytes: 200 * 1024 * 1024,
        freeze: true,
        memory_limit_bytes: None,
        function: FunctionFacts::default(),
        xray_daemon: "127.0.0.1:0".into(),
    })));
    server.logged("993\n990\n990\n");
}

#[test]
fn the_same_user_cannot_read_the_token() {
    if !is_root() {
        skipped("only root may change users");
        return;
    }
    let user = ["--reuid=993", "--regid=990", "--clear-groups"];
    let (environment, _server, _) = Environment::launched_by(30, |init| {
        let mut command = Command::new("setpriv");
        command.args(user).arg(init);
        command
    });
    let of_init = format!("/proc/{}/environ", environment.pid());
    let read = Command::new("setpriv").args(user).args(["cat", &of_init]).output().expect("setpriv");
    assert!(!read.status.success(), "{read:?}");
    // The same user does read what is not hidden.
    let mut other = Command::new("setpriv").args(user).args(["sleep", "60"]).spawn().expect("setpriv");
    std::thread::sleep(std::time::Duration::from_millis(200));
    let of_other = format!("/proc/{}/environ", other.id());
    let read = Command::new("setpriv").args(user).args(["cat", &of_other]).output().expect("setpriv");
    other.kill().and_then(|()| other.wait()).expect("it lives");
    assert!(read.status.success(), "{read:?}");
}
