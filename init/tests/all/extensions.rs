//! Extensions that are part of the runtime, and what they are told. Those with a process of their own need layers:
//! they are tested with a server.

use larder_init::link::{FromInit, FunctionFacts, Outcome, ToInit};

use crate::harness::{Environment, invoke};

/// Calls the Extensions API.
const EXTENSION: &str = r#"
import threading
def extension(method, path, body=None, headers={}, version="2020-01-01/extension"):
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    connection.request(method, f"/{version}/{path}".rstrip("/"), body, headers)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read().decode()
def register(name, events, **headers):
    return extension("POST", "register", json.dumps({"events": events}),
        {"Lambda-Extension-Name": name, **{key.replace("_", "-"): value for key, value in headers.items()}})
"#;

fn facts() -> FunctionFacts {
    FunctionFacts {
        name: "f".into(),
        version: "$LATEST".into(),
        account_id: "000000000000".into(),
        handler: "h.h".into(),
        memory_mb: 128,
        ..FunctionFacts::default()
    }
}

fn with(script: &str) -> (Environment, crate::harness::Connection) {
    let (environment, mut server, _) = Environment::new(30);
    let mut start = environment.start(&format!("{EXTENSION}\n{script}"));
    start.function = facts();
    server.send(&ToInit::Start(Box::new(start)));
    (environment, server)
}

#[test]
fn an_internal_extension_is_told_of_invocations_and_answers_late() {
    let script = r#"
status, headers, body = register("in", ["INVOKE"], Lambda_Extension_Accept_Feature="accountId")
print(status, body, flush=True)
key = {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
def work():
    while True:
        event = json.loads(extension("GET", "event/next", headers=key)[2])
        time.sleep(0.3)
        print(event["eventType"], event["requestId"], flush=True)
threading.Thread(target=work, daemon=True).start()
loop(lambda event: b"fine")
"#;
    let (_environment, mut server) = with(script);
    server.ready();
    let registered = String::from_utf8_lossy(&server.logs).into_owned();
    assert!(registered.starts_with("200 ") && registered.contains("\"accountId\":\"000000000000\""), "{registered}");
    server.invoke("r1", b"");
    match server.next() {
        FromInit::Answered { outcome, .. } => assert_eq!(outcome, Outcome::Response("fine".into())),
        other => panic!("not answered ahead: {other:?}"),
    }
    let finished = server.finished();
    assert_eq!(finished.outcome, Outcome::Answered);
    assert!(finished.duration_us >= 300_000);
    assert!(server.logs.ends_with(b"INVOKE r1\n"));
    let line = server.told.iter().find_map(|event| event.line.clone().filter(|line| line.starts_with("EXTENSION")));
    assert_eq!(line.as_deref(), Some("EXTENSION\tName: in\tState: Ready\tEvents: [INVOKE]\n"));
}

#[test]
fn what_an_extension_may_not_is_refused_in_awss_words() {
    let script = r#"
seen = [register("", [])[0::2], register("a", ["SHUTDOWN"])[0::2], register("a", ["X"])[0::2],
        extension("POST", "register", "{", {"Lambda-Extension-Name": "a"})[0],
        extension("GET", "event/next")[0::2],
        extension("GET", "event/next", headers={"Lambda-Extension-Identifier": "x"})[0::2],
        extension("GET", "event/next",
            headers={"Lambda-Extension-Identifier": "7b9c1e0a-4c1f-4d9e-9c3b-3f1f2d0a7a11"})[0::2],
        extension("PUT", "", "{}", version="2022-07-01/telemetry")[0]]
loop(lambda event: json.dumps(seen) if event == b"" else json.dumps(register("late", [])[0::2]))
"#;
    let (_environment, mut server) = with(script);
    let Outcome::Response(seen) = server.run("r1", b"").outcome else { panic!("no response") };
    let seen = String::from_utf8_lossy(&seen);
    for text in [
        "Extension.InvalidExtensionName",
        "ShutdownEventNotSupportedForInternalExtension",
        "X: InvalidEventType",
        "Extension.MissingExtensionIdentifier",
        "Extension.InvalidExtensionIdentifier",
        "Unknown extension 7b9c1e0a",
    ] {
        assert!(seen.contains(text), "{text}: {seen}");
    }
    assert_eq!(seen.matches("403").count(), 8, "{seen}");
    let late = server.run("r2", b"late").outcome;
    assert!(matches!(&late, Outcome::Response(body) if String::from_utf8_lossy(body).contains("RegistrationClosed")));
}

#[test]
fn an_extension_that_cannot_go_on_fails_the_invocation() {
    let script = r#"
key = {"Lambda-Extension-Identifier": register("in", ["INVOKE"])[1]["Lambda-Extension-Identifier"]}
def work():
    while True:
        extension("GET", "event/next", headers=key)
        extension("POST", "exit/error", "{}", {**key, "Lambda-Extension-Function-Error-Type": "Extension.Mine"})
threading.Thread(target=work, daemon=True).start()
loop(lambda event: time.sleep(5) or b"fine")
"#;
    let (_environment, mut server) = with(script);
    let failed = Outcome::ExtensionFailed { error_type: "Extension.ExitError".into(), reason: "Extension.Mine".into() };
    assert_eq!(server.run("r1", b"").outcome, failed);
    // The environment begins anew.
    assert_eq!(server.run("r2", b"").outcome, failed);
}

#[test]
fn telemetry_is_delivered_over_http_and_tcp() {
    let script = r#"
import http.server, socketserver
got = []
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        got.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200); self.end_headers()
    def log_message(self, *arguments): pass
web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=web.serve_forever, daemon=True).start()
lines = []
class Lines(socketserver.StreamRequestHandler):
    def handle(self):
        lines.extend(json.loads(line) for line in self.rfile)
plain = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Lines)
threading.Thread(target=plain.serve_forever, daemon=True).start()
key = {"Lambda-Extension-Identifier": register("in", [])[1]["Lambda-Extension-Identifier"]}
def subscribe(version, types, destination):
    return extension("PUT", "", json.dumps({"schemaVersion": "2022-12-13", "types": types,
        "buffering": {"timeoutMs": 25}, "destination": destination}), key, version)[0::2]
print(subscribe("2022-07-01/telemetry", ["platform", "function"],
    {"protocol": "HTTP", "URI": f"http://sandbox.localdomain:{web.server_address[1]}"}), flush=True)
print(subscribe("2020-08-15/logs", ["platform"], {"protocol": "TCP", "port": plain.server_address[1]}), flush=True)
threading.Thread(target=lambda: extension("GET", "event/next", headers=key), daemon=True).start()
def handler(event):
    print("hello")
    time.sleep(0.5)
    return json.dumps([[one["type"] for one in got], [one["record"] for one in got if one["type"] == "function"],
        [one["type"] for one in lines]])
loop(handler)
"#;
    let (_environment, mut server) = with(script);
    server.run("r1", b"");
    let Outcome::Response(seen) = server.run("r2", b"").outcome else { panic!("no response") };
    let (kinds, records, logs): (Vec<String>, Vec<String>, Vec<String>) =
        serde_json::from_slice(&seen).expect("three lists");
    for kind in [
        "platform.initStart",
        "platform.telemetrySubscription",
        "platform.initRuntimeDone",
        "platform.initReport",
        "platform.start",
        "platform.runtimeDone",
        "platform.report",
        "platform.extension",
    ] {
        assert!(kinds.iter().any(|seen| seen == kind), "{kind}: {kinds:?}");
    }
    assert!(records.contains(&"hello".to_owned()), "{records:?}");
    assert!(logs.contains(&"platform.end".to_owned()) && !logs.contains(&"platform.initStart".to_owned()), "{logs:?}");
}

#[test]
fn a_second_event_waits_for_the_extension() {
    let script = r#"
key = {"Lambda-Extension-Identifier": register("in", ["INVOKE"])[1]["Lambda-Extension-Identifier"]}
def work():
    while True:
        extension("GET", "event/next", headers=key)
        time.sleep(60)
threading.Thread(target=work, daemon=True).start()
loop(lambda event: b"fine")
"#;
    let (_environment, mut server) = with(script);
    server.send(&ToInit::Invoke(invoke("r1", b"", 500)));
    assert!(matches!(server.next(), FromInit::Ready { .. }));
    assert!(matches!(server.next(), FromInit::Answered { .. }));
    assert_eq!(server.finished().outcome, Outcome::TimedOut);
}

#[test]
fn an_extension_that_never_asks_for_an_event_holds_the_init_phase_up() {
    let (environment, mut server, _) = Environment::new(30);
    let script = "register('idle', ['INVOKE'])\nloop(lambda event: b'fine')";
    let mut start = environment.start(&format!("{EXTENSION}\n{script}"));
    start.init_timeout_ms = 500;
    server.send(&ToInit::Start(Box::new(start)));
    server.send(&ToInit::Invoke(invoke("r1", b"", 500)));
    assert_eq!(server.finished().outcome, Outcome::TimedOut);
    let reports: Vec<_> = server.told.iter().filter(|event| event.kind == "platform.initReport").collect();
    assert!(reports.iter().all(|report| report.record.contains("\"status\":\"timeout\"")), "{reports:?}");
    assert_eq!(reports.len(), 2, "once ahead of the invocation, once within it: {reports:?}");
}
