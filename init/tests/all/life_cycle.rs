//! Between invocations, before the first one, and responses that come in parts.

use std::time::Duration;

use larder_init::link::{FromInit, Outcome, ToInit};

use crate::harness::{Environment, invoke};

#[test]
fn nothing_runs_between_invocations() {
    let script = r"
import threading
count = 0
def tick():
    global count
    while True:
        count += 1
        time.sleep(0.01)
threading.Thread(target=tick, daemon=True).start()
loop(lambda event: str(count))
";
    let (environment, mut server, _) = Environment::new(30);
    let mut start = environment.start(script);
    start.freeze = true;
    server.send(&ToInit::Start(Box::new(start)));
    server.ready();
    let count = |outcome: Outcome| match outcome {
        Outcome::Response(body) => String::from_utf8_lossy(&body).parse::<u32>().expect("a number"),
        other => panic!("no response: {other:?}"),
    };
    let before = count(server.run("r1", b"").outcome);
    std::thread::sleep(Duration::from_secs(1));
    let after = count(server.run("r2", b"").outcome);
    // Awake it would have counted to about 100 more.
    assert!(after - before < 30, "{before} {after}");
}

#[test]
fn a_snapshot_is_restored_by_the_first_event() {
    let script = r#"
call("GET", "restore/next")
print("restored")
loop(lambda event: b"fine")
"#;
    let (_environment, mut server) = Environment::with(script);
    server.ready();
    assert!(server.logs.is_empty());
    let first = server.run("r1", b"");
    assert_eq!(first.outcome, Outcome::Response("fine".into()));
    assert!(first.restore_us.is_some() && first.init_us.is_none(), "{first:?}");
    assert_eq!(server.logs, b"restored\n");
    assert_eq!(server.run("r2", b"").restore_us, None);
    assert!(server.told.iter().any(|event| event.kind == "platform.restoreReport"));
}

/// A runtime that streams by hand.
const STREAM: &str = r#"
def stream(id, pieces, trailers):
    CONNECTION.putrequest("POST", f"/2018-06-01/runtime/invocation/{id}/response")
    CONNECTION.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
    CONNECTION.putheader("Content-Type", "application/x")
    CONNECTION.putheader("Transfer-Encoding", "chunked")
    CONNECTION.putheader("Trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body")
    CONNECTION.endheaders()
    for piece in pieces:
        CONNECTION.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        time.sleep(0.05)
    CONNECTION.send(b"0\r\n" + trailers + b"\r\n")
    answer = CONNECTION.getresponse()
    answer.read()
    return answer.status
while True:
    id, event, _ = next_event()
    if event == b"fail":
        stream(id, [b"half"], b"Lambda-Runtime-Function-Error-Type: E\r\nLambda-Runtime-Function-Error-Body: e30=\r\n")
    elif event == b"large":
        stream(id, [b"x" * 100_000] * 30, b"")
    else:
        stream(id, [b"one", b"two", b"three"], b"")
"#;

/// The parts of a streamed response, and its end.
fn streamed(server: &mut crate::harness::Connection, id: &str, event: &[u8]) -> (Vec<Vec<u8>>, Outcome) {
    server.send(&ToInit::Invoke(larder_init::link::Invoke { streams: true, ..invoke(id, event, 30_000) }));
    let mut parts = vec![];
    let mut has_begun = false;
    loop {
        match server.next() {
            FromInit::Streams { request_id, content_type } => {
                assert_eq!((request_id.as_str(), content_type.as_str(), parts.len()), (id, "application/x", 0));
                has_begun = true;
            }
            FromInit::Chunk { data, .. } => parts.push(data.to_vec()),
            FromInit::Finished(finished) => {
                assert!(has_begun, "it is said before its parts");
                return (parts, finished.outcome);
            }
            FromInit::Ready { .. } => {}
            other => panic!("unexpected: {other:?}"),
        }
    }
}

#[test]
fn a_streamed_response_comes_in_parts() {
    let (_environment, mut server) = Environment::with(STREAM);
    let (parts, outcome) = streamed(&mut server, "r1", b"");
    assert_eq!((parts.concat(), outcome), (b"onetwothree".to_vec(), Outcome::Streamed));
    assert!(parts.len() > 1, "{parts:?}");
    // Who does not take parts gets the whole.
    assert_eq!(server.run("r2", b"").outcome, Outcome::Response("onetwothree".into()));
    let (parts, outcome) = streamed(&mut server, "r3", b"fail");
    assert_eq!(parts.concat(), b"half");
    assert_eq!(outcome, Outcome::Error { error_type: "E".into(), body: "{}".into(), init: false });
}

#[test]
fn a_stream_beyond_its_limit_is_the_functions_error() {
    let (environment, mut server, _) = Environment::new(30);
    let mut start = environment.start(STREAM);
    start.max_stream_bytes = 1_000_000;
    server.send(&ToInit::Start(Box::new(start)));
    let (parts, outcome) = streamed(&mut server, "r1", b"large");
    assert!(matches!(outcome, Outcome::TooLarge { .. }), "{outcome:?}");
    assert!(parts.concat().len() <= 1_000_000);
    let (parts, _) = streamed(&mut server, "r2", b"");
    assert_eq!(parts.concat(), b"onetwothree");
}

#[test]
fn too_much_memory_ends_the_runtime() {
    let (environment, mut server, _) = Environment::new(30);
    let script = "loop(lambda event: (bytearray(b'x') * int(event), time.sleep(0.5)) and b'fine')";
    let mut start = environment.start(script);
    start.memory_limit_bytes = Some(64 * 1024 * 1024);
    server.send(&ToInit::Start(Box::new(start)));
    assert_eq!(server.run("r1", b"1000").outcome, Outcome::Response("fine".into()));
    assert_eq!(server.run("r2", b"100000000").outcome, Outcome::OutOfMemory);
    assert_eq!(server.run("r3", b"1000").outcome, Outcome::Response("fine".into()));
}
