//! What a hostile or clumsy runtime may do to the API.

use larder_init::link::Outcome;

use crate::harness::{Environment, RESPONSE_LIMIT};

/// Runs one event through `script` and returns its response.
fn answer_of(script: &str) -> String {
    let (_environment, mut server) = Environment::with(script);
    match server.run("r1", b"x").outcome {
        Outcome::Response(body) => String::from_utf8_lossy(&body).into_owned(),
        other => panic!("no response: {other:?}"),
    }
}

#[test]
fn a_wrong_request_id_is_refused() {
    let seen = answer_of(
        r#"
id, event, _ = next_event()
status, body = respond("other", b"x")
respond(id, json.dumps([status, json.loads(body)]))
next_event()
"#,
    );
    assert_eq!(seen, r#"[400, {"errorMessage": "Invalid request ID", "errorType": "InvalidRequestID"}]"#);
}

#[test]
fn a_second_answer_and_a_late_init_error_are_mistakes_of_state() {
    let (_environment, mut server) = Environment::with(
        r#"
id, event, _ = next_event()
late, body = call("POST", "init/error", "{}")
respond(id, b"once")
status, text = respond(id, b"twice")
id, event, _ = next_event()
respond(id, json.dumps([late.status, json.loads(body)["errorType"], status, json.loads(text)]))
next_event()
"#,
    );
    assert_eq!(server.run("r1", b"").outcome, Outcome::Response("once".into()));
    let expected = "[403, \"InvalidStateTransition\", 403, {\"errorMessage\": \"State transition from \
                    RuntimeResponseSentState to InvocationResponse failed for runtime. Error: State \
                    transition is not allowed\", \"errorType\": \"InvalidStateTransition\"}]";
    assert_eq!(server.run("r2", b"").outcome, Outcome::Response(expected.into()));
}

#[test]
fn unknown_paths_and_methods_are_refused() {
    let seen = answer_of(
        r#"
def status(method, path):
    CONNECTION.request(method, path)
    answer = CONNECTION.getresponse()
    answer.read()
    return answer.status
id, event, _ = next_event()
found = [status("GET", "/"), status("GET", "/2018-06-01/runtime/restore/now"),
         status("POST", "/2020-01-01/extension/registered"), status("GET", "/2018-06-01/runtime/invocation/next/x"),
         status("POST", "/2018-06-01/runtime/invocation/next"), status("GET", "/2018-06-01/ping")]
respond(id, json.dumps(found))
next_event()
"#,
    );
    assert_eq!(seen, "[404, 404, 404, 404, 405, 200]");
}

#[test]
fn a_response_beyond_the_limit_is_the_functions_error() {
    for body in ["b'x' * 6_291_557", "iter([b'x' * 1_000_000] * 7)"] {
        let (_environment, mut server) = Environment::with(&format!(
            r#"
id, event, _ = next_event()
status, text = respond(id, {body})
print(status, json.loads(text))
loop(lambda event: b"alive")
"#
        ));
        match server.run("r1", b"").outcome {
            Outcome::TooLarge { bytes } => assert!(bytes > RESPONSE_LIMIT, "{bytes}"),
            other => panic!("not too large: {other:?}"),
        }
        assert_eq!(server.run("r2", b"").outcome, Outcome::Response("alive".into()));
        let expected = "413 {'errorMessage': 'Exceeded maximum allowed payload size (6291556 bytes).', \
                        'errorType': 'RequestEntityTooLarge'}\n";
        assert_eq!(String::from_utf8_lossy(&server.logs), expected);
    }
}

#[test]
fn garbage_slow_clients_and_many_connections_leave_the_api_alive() {
    let seen = answer_of(
        r#"
def connect():
    return socket.create_connection(API.split(":"))
id, event, _ = next_event()
for text in [b"\x00\xff\x16garbage\r\n\r\n", b"GET\r\n\r\n", b"G" * 3_000_000,
             b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
             b"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
             b"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
             b"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
             b"POST /2018-06-01/runtime/invocation/\xff/response HTTP/1.1\r\nContent-Length: 2\r\n\r\nab",
             b"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf"]:
    client = connect()
    try:
        client.sendall(text)
        client.shutdown(socket.SHUT_WR)
        client.settimeout(5)
        client.recv(100)
    except OSError as error:
        assert not isinstance(error, TimeoutError), text[:40]
    client.close()
slow = [connect() for _ in range(100)]
for client in slow:
    client.sendall(b"GET /2018-06-01/run")
respond(id, b"alive")
next_event()
"#,
    );
    assert_eq!(seen, "alive");
}

#[test]
fn a_client_that_gives_up_waiting_loses_no_event() {
    let (_environment, mut server) = Environment::with(
        r#"
client = socket.create_connection(API.split(":"))
client.sendall(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
time.sleep(0.3)
client.close()
print("gave up")
time.sleep(0.5)
loop(lambda event: event)
"#,
    );
    server.ready();
    server.logged("gave up\n");
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!(server.run("r1", b"x").outcome, Outcome::Response("x".into()));
}
