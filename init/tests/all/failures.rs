//! Functions that fail, hang, or end.

use std::time::{Duration, Instant};

use larder_init::link::{FromInit, Outcome, ToInit};
use nix::sys::signal::{Signal, kill};

use crate::harness::{Environment, gone};

fn exited(reason: Option<&str>, init: bool) -> Outcome {
    Outcome::Exited { reason: reason.map(Into::into), init }
}

#[test]
fn a_posted_error_comes_back_as_posted() {
    let (_environment, mut server) = Environment::with(
        r#"
while True:
    id, event, _ = next_event()
    call("POST", f"invocation/{id}/error", '{"errorType":"E"}', {"Lambda-Runtime-Function-Error-Type": "Mine.E"})
"#,
    );
    for id in ["r1", "r2"] {
        let expected = Outcome::Error { error_type: "Mine.E".into(), body: r#"{"errorType":"E"}"#.into(), init: false };
        assert_eq!(server.run(id, b"").outcome, expected);
    }
}

#[test]
fn an_error_in_the_trailers_of_a_stream_is_the_functions() {
    let (_environment, mut server) = Environment::with(
        r#"
id, event, _ = next_event()
s = socket.create_connection(API.split(":"))
s.sendall(f"POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nLambda-Runtime-Function-Response-Mode: streaming\r\nTrailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n4\r\nhalf\r\n0\r\nLambda-Runtime-Function-Error-Type: Stream.E\r\nLambda-Runtime-Function-Error-Body: e30=\r\n\r\n".encode())
print(s.recv(12))
next_event()
"#,
    );
    let expected = Outcome::Error { error_type: "Stream.E".into(), body: "{}".into(), init: false };
    assert_eq!(server.run("r1", b"").outcome, expected);
    server.logged("b'HTTP/1.1 202'\n");
}

const INIT_ERROR: &str = r#"
print("trying")
call("POST", "init/error", "{}", {"Lambda-Runtime-Function-Error-Type": "Init.E"})
print("last words")
sys.exit(1)
"#;

#[test]
fn an_init_error_ends_the_pending_invocation() {
    let (_environment, mut server) = Environment::with(INIT_ERROR);
    let expected = Outcome::Error { error_type: "Init.E".into(), body: "{}".into(), init: true };
    assert_eq!(server.run("r1", b"").outcome, expected);
    // As on AWS: once ahead of the invocation, once as part of it.
    assert_eq!(server.logs, b"trying\nlast words\ntrying\nlast words\n");
    let ends: Vec<_> = server.told.iter().filter(|event| event.kind == "platform.initReport").collect();
    let lines: Vec<_> = ends.iter().filter_map(|event| event.line.as_deref()).collect();
    assert!(lines[0].ends_with("Phase: init\tStatus: error\tError Type: Init.E\n"), "{lines:?}");
    assert!(lines[1].ends_with("Phase: invoke\tStatus: error\tError Type: Init.E\n"), "{lines:?}");
}

#[test]
fn an_init_error_without_an_invocation_is_tried_again_by_the_next_one() {
    let (_environment, mut server) = Environment::with(INIT_ERROR);
    server.logged("trying\nlast words\n");
    let FromInit::InitFailed { error_type } = server.next() else { panic!("the server is told") };
    assert_eq!(error_type, "Init.E");
    std::thread::sleep(Duration::from_millis(300));
    assert!(matches!(server.run("r1", b"").outcome, Outcome::Error { init: true, .. }));
    assert_eq!(server.logs, b"trying\nlast words\ntrying\nlast words\n");
}

#[test]
fn ends_of_the_runtime_are_told_in_lambdas_words() {
    let script = r"
def handler(event):
    if event == b'kill': os.kill(os.getpid(), signal.SIGKILL)
    if event == b'segv': os.kill(os.getpid(), signal.SIGSEGV)
    print('bye')
    os._exit(int(event))
loop(handler)
";
    let (_environment, mut server) = Environment::with(script);
    assert_eq!(server.run("r1", b"3").outcome, exited(Some("exit status 3"), false));
    assert_eq!(server.logs, b"bye\n");
    assert_eq!(server.run("r2", b"0").outcome, exited(None, false));
    assert_eq!(server.run("r3", b"kill").outcome, exited(Some("signal: killed"), false));
    let crash = server.run("r4", b"segv");
    assert_eq!(crash.outcome, exited(Some("signal: segmentation fault"), false));
    let starts = server.told.iter().filter(|event| event.kind == "platform.initStart").count();
    assert_eq!(starts, 4, "each of them had a runtime of its own");
}

#[test]
fn an_end_before_the_first_event_is_one_of_the_init_phase() {
    let (_environment, mut server) = Environment::with("sys.exit(4)");
    assert_eq!(server.run("r1", b"").outcome, exited(Some("exit status 4"), true));
    assert_eq!(server.run("r2", b"").outcome, exited(Some("exit status 4"), true));
}

#[test]
fn an_end_before_any_invocation_is_told() {
    let (_environment, mut server) = Environment::with("sys.exit(4)");
    let FromInit::InitFailed { error_type } = server.next() else { panic!("the server is told") };
    assert_eq!(error_type, "Runtime.ExitError");
}

#[test]
fn an_end_between_two_events_costs_no_invocation() {
    let script = "id, event, _ = next_event()\nrespond(id, str(os.getpid()))\nsys.exit(5)";
    let (_environment, mut server) = Environment::with(script);
    for id in ["r1", "r2", "r3"] {
        assert!(matches!(server.run(id, b"").outcome, Outcome::Response(_)), "{id}");
    }
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let (environment, mut server, _) = Environment::new(30);
    let mut start = environment.start("");
    start.argv = vec!["/no/such/bootstrap".into()];
    server.send(&ToInit::Start(Box::new(start)));
    let (error_type, reason) =
        ("Runtime.InvalidEntrypoint".into(), "fork/exec /no/such/bootstrap: no such file or directory".into());
    assert_eq!(server.run("r1", b"").outcome, Outcome::NotStarted { error_type, reason });
}

#[test]
fn a_timeout_kills_the_runtime_and_keeps_the_environment() {
    let script = r#"
mark = os.environ["FOLDER"] + "/mark"
count = 0
def handler(event):
    global count
    count += 1
    if event == b"hang":
        open(mark, "w").write("kept")
        print("hanging")
        time.sleep(60)
    return json.dumps([count, os.path.exists(mark), os.getpid()])
print("start")
loop(handler)
"#;
    let (_environment, mut server) = Environment::with(script);
    assert!(matches!(server.run("r1", b"").outcome, Outcome::Response(_)));
    let begin = Instant::now();
    server.invoke_within("r2", b"hang", 300);
    let finished = server.finished();
    assert_eq!(finished.outcome, Outcome::TimedOut);
    assert!((300_000..2_000_000).contains(&finished.duration_us), "{finished:?}");
    assert!(begin.elapsed() < Duration::from_secs(3));
    // Started again at once, without being asked.
    server.ready();
    assert_eq!(server.logs, b"start\nhanging\nstart\n");
    let after = server.run("r3", b"");
    assert!(matches!(&after.outcome, Outcome::Response(body) if body.starts_with(b"[1, true,")), "{after:?}");
    // Only the first init phase of an environment is reported.
    assert_eq!(after.init_us, None);
}

/// As in a container, where the Runtime API has one address for good.
#[test]
fn a_runtime_is_started_again_at_the_same_address() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
    let (environment, mut server, _) = Environment::new(30);
    let mut start = environment.start("loop(lambda event: time.sleep(60) if event == b'hang' else b'fine')");
    start.runtime_api = free.to_string();
    server.send(&ToInit::Start(Box::new(start)));
    server.ready();
    for round in 0..3 {
        server.invoke_within(&format!("slow-{round}"), b"hang", 100);
        assert_eq!(server.finished().outcome, Outcome::TimedOut);
        // Without waiting for an event to be started for.
        server.ready();
        assert_eq!(server.run(&format!("fast-{round}"), b"").outcome, Outcome::Response("fine".into()));
    }
}

#[test]
fn a_slow_init_phase_is_tried_again_within_the_invocation() {
    let script = r#"
mark = os.environ["FOLDER"] + "/mark"
if not os.path.exists(mark):
    open(mark, "w").close()
    time.sleep(60)
loop(lambda event: b"second")
"#;
    for invoke_first in [true, false] {
        let (environment, mut server, _) = Environment::new(30);
        let mut start = environment.start(script);
        start.init_timeout_ms = 500;
        server.send(&ToInit::Start(Box::new(start)));
        if !invoke_first {
            std::thread::sleep(Duration::from_millis(700));
        }
        let finished = server.run("r1", b"");
        assert_eq!(finished.outcome, Outcome::Response("second".into()));
        assert_eq!(finished.init_us, None);
        let lines: Vec<_> = server.told.iter().filter_map(|event| event.line.as_deref()).collect();
        assert!(lines.iter().any(|line| line.ends_with("Phase: init\tStatus: timeout\n")), "{lines:?}");
    }
}

#[test]
fn an_init_phase_that_never_ends_times_out() {
    let (environment, mut server, _) = Environment::new(30);
    let mut start = environment.start("time.sleep(60)");
    start.init_timeout_ms = 200;
    server.send(&ToInit::Start(Box::new(start)));
    server.invoke_within("r1", b"", 300);
    let finished = server.finished();
    assert_eq!(finished.outcome, Outcome::TimedOut);
    assert!(finished.duration_us >= 300_000, "{finished:?}");
}

#[test]
fn a_runtime_that_never_comes_back_times_out() {
    let script = "id, event, _ = next_event()\nrespond(id, b'')\ntime.sleep(60)";
    let (_environment, mut server) = Environment::with(script);
    assert!(matches!(server.run("r1", b"").outcome, Outcome::Response(_)));
    server.invoke_within("r2", b"", 200);
    assert_eq!(server.finished().outcome, Outcome::TimedOut);
}

#[test]
fn the_end_of_the_environment_is_the_end_of_its_processes() {
    type End = fn(&Environment, &mut crate::harness::Connection);
    let ends: [End; 3] = [
        |_, server| server.send(&ToInit::Shutdown),
        |_, server| {
            server.send(&ToInit::Refused { reason: "unknown".into() });
        },
        |environment, _| kill(environment.pid(), Signal::SIGTERM).expect("it lives"),
    ];
    for end in ends {
        let (mut environment, mut server) = Environment::with("loop(lambda event: str(os.getpid()))");
        let Outcome::Response(pid) = server.run("r1", b"").outcome else { panic!("no response") };
        end(&environment, &mut server);
        assert_eq!(environment.ended().code(), Some(0));
        gone(std::str::from_utf8(&pid).expect("a number"));
    }
}
