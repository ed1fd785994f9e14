//! Requests that no client should send: each gets AWS's error (or a clear one), changes nothing, and
//! leaves the server as healthy as before.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::functions::{ROLE, some};
use crate::support::http::{self, Answer, Request};
use crate::support::{Options, Server};

const FUNCTIONS: &str = "/2015-03-31/functions";

/// A server with one function, and what must not change.
struct Stage {
    server: Server,
    sequence: u64,
}

impl Stage {
    fn set() -> Self {
        let server = Server::start(Options::any());
        let created = Request::json("POST", FUNCTIONS, &creation("there")).send(server.port());
        assert_eq!(created.status, 201, "{created:?}");
        // Until it is settled, the sequence moves by itself.
        while server.sequence() < 2 {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let sequence = server.sequence();
        Self { server, sequence }
    }

    /// Sends a request that must be refused.
    fn refused(&self, what: &str, request: &Request, status: u16, code: &str) -> Answer {
        let answer = request.send(self.server.port());
        assert_eq!((answer.status, answer.error()), (status, code), "{what}: {}", text(&answer));
        assert!(!answer.header("x-amzn-requestid").is_empty(), "{what}");
        answer.json();
        self.unchanged(what);
        answer
    }

    /// Nothing changed, and the server is well.
    fn unchanged(&self, what: &str) {
        let health = self.server.health();
        assert_eq!(health["status"], "ok", "{what}");
        assert_eq!(health["sequence"], self.sequence, "{what}");
        assert_eq!(health["counts"]["functions"], 1, "{what}");
    }
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

fn creation(name: &str) -> Value {
    json!({
        "FunctionName": name, "Runtime": "provided.al2023", "Handler": "x", "Role": ROLE,
        "Code": { "ZipFile": STANDARD.encode(some(name)) },
    })
}

/// A creation with one member replaced.
fn creation_with(member: &str, value: Value) -> Request {
    let mut body = creation("new");
    body[member] = value;
    Request::json("POST", FUNCTIONS, &body)
}

#[test]
fn bodies_that_are_no_json_object() {
    let stage = Stage::set();
    for (what, body) in [
        ("cut", &br#"{"FunctionName": "x""#[..]),
        ("no JSON", b"FunctionName=x"),
        ("XML", b"<a/>"),
        ("no text", b"\xff\xfe\x00\x01"),
        ("a trailing text", b"{} {}"),
        ("not a number", br#"{"Timeout": NaN}"#),
    ] {
        let request = Request::new("POST", FUNCTIONS).header("content-type", "application/json").body(body.to_vec());
        let answer = request.send(stage.server.port());
        assert_eq!(answer.status, 400, "{what}: {}", text(&answer));
        let code = answer.error();
        assert!(["InvalidRequestContentException", "SerializationException"].contains(&code), "{what}: {code}");
        stage.unchanged(what);
    }
    for (what, body) in [("a list", json!([1])), ("a text", json!("x")), ("null", json!(null))] {
        let answer = Request::json("POST", FUNCTIONS, &body).send(stage.server.port());
        assert_eq!(answer.status, 400, "{what}: {}", text(&answer));
        stage.unchanged(what);
    }
    let deep = format!("{{\"Code\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let answer = Request::new("POST", FUNCTIONS).body(deep.into_bytes()).send(stage.server.port());
    assert_eq!(answer.status, 400, "nested without end: {}", text(&answer));
    stage.unchanged("nested without end");
}

#[test]
fn other_content_types_are_no_way_around_the_checks() {
    let stage = Stage::set();
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "%%%"] {
        let request = Request::new("POST", FUNCTIONS).header("content-type", content_type).body(b"a=b".to_vec());
        let answer = request.send(stage.server.port());
        assert!((400..500).contains(&answer.status), "{content_type}: {}", text(&answer));
        stage.unchanged(content_type);
    }
}

#[test]
fn members_that_are_null_are_not_given() {
    let stage = Stage::set();
    for member in ["Tags", "Environment", "Layers", "VpcConfig", "Publish", "Description"] {
        let answer = creation_with(member, Value::Null).send(stage.server.port());
        assert_eq!(answer.status, 201, "{member}: {}", text(&answer));
        let gone = Request::new("DELETE", &format!("{FUNCTIONS}/new")).send(stage.server.port());
        assert_eq!(gone.status, 204, "{member}");
    }
}

#[test]
fn values_of_variables_that_are_refused_are_in_no_log() {
    let server = Server::start(Options::any().with("LARDER_LOG", "trace"));
    let long = "s3cr3t".repeat(1000);
    for variables in [json!({ "LONG": long }), json!({ "bad-name": "s3cr3t" }), json!({ "AWS_REGION": "s3cr3t" })] {
        let answer = creation_with("Environment", json!({ "Variables": variables })).send(server.port());
        assert_eq!(answer.status, 400, "{}", text(&answer));
    }
    assert!(server.log().contains("refused"), "the log says that calls were refused");
    assert!(!server.log().contains("s3cr3t"), "the log has a value");
}

#[test]
fn markers_of_another_listing_are_refused() {
    let stage = Stage::set();
    // `there:x`, `x`: the keys of no version, layer version, mapping.
    for path in [
        "/2015-03-31/functions?FunctionVersion=ALL&Marker=dGhlcmU6eA",
        "/2015-03-31/functions/there/versions?Marker=eA",
        "/2018-10-31/layers/l/versions?Marker=eA",
        "/2015-03-31/event-source-mappings?Marker=eA",
    ] {
        stage.refused(path, &Request::new("GET", path), 400, "InvalidParameterValueException");
    }
}

#[test]
fn members_of_the_wrong_json_type() {
    let stage = Stage::set();
    for (member, value) in [
        ("FunctionName", json!(7)),
        ("FunctionName", json!(["a"])),
        ("FunctionName", json!({ "a": 1 })),
        ("Timeout", json!("three")),
        ("Timeout", json!(1.5)),
        ("MemorySize", json!([128])),
        ("Publish", json!("yes")),
        ("Environment", json!("A=B")),
        ("Environment", json!({ "Variables": ["A"] })),
        ("Environment", json!({ "Variables": { "KEY": 1 } })),
        ("Code", json!("zip")),
        ("Layers", json!("arn")),
        ("Tags", json!([])),
        ("Architectures", json!("x86_64")),
    ] {
        let answer = creation_with(member, value.clone()).send(stage.server.port());
        assert_eq!(answer.status, 400, "{member} = {value}: {}", text(&answer));
        let code = answer.error();
        assert!(["SerializationException", "ValidationException"].contains(&code), "{member} = {value}: {code}");
        stage.unchanged(member);
    }
}

#[test]
fn values_out_of_their_bounds() {
    let stage = Stage::set();
    for (member, value) in [
        ("Timeout", json!(0)),
        ("Timeout", json!(901)),
        ("Timeout", json!(-1)),
        ("Timeout", json!(99_999_999_999_i64)),
        ("MemorySize", json!(127)),
        ("MemorySize", json!(10_241)),
        ("EphemeralStorage", json!({ "Size": 511 })),
        ("EphemeralStorage", json!({})),
        ("Handler", json!("a b")),
        ("Handler", json!("h".repeat(129))),
        ("Description", json!("d".repeat(257))),
        ("Role", json!("arn:aws:iam::1:role/x")),
        ("Role", json!("")),
        ("PackageType", json!("Tar")),
        ("Architectures", json!(["sparc"])),
        ("Architectures", json!(["x86_64", "arm64"])),
        ("Environment", json!({ "Variables": { "1A": "b" } })),
        ("TracingConfig", json!({ "Mode": "Sometimes" })),
        ("LoggingConfig", json!({ "LogFormat": "XML" })),
        ("Layers", json!(["not an arn"])),
    ] {
        let what = format!("{member} = {value}");
        stage.refused(&what, &creation_with(member, value), 400, "ValidationException");
    }
    let without = |member: &str| {
        let mut body = creation("new");
        body.as_object_mut().expect("an object").remove(member);
        Request::json("POST", FUNCTIONS, &body)
    };
    for member in ["FunctionName", "Role", "Code"] {
        stage.refused(member, &without(member), 400, "ValidationException");
    }
    for member in ["Runtime", "Handler"] {
        stage.refused(member, &without(member), 400, "InvalidParameterValueException");
    }
    let many: serde_json::Map<_, _> = (0..51).map(|number| (format!("t{number}"), json!("v"))).collect();
    stage.refused("51 tags", &creation_with("Tags", many.into()), 400, "InvalidParameterValueException");
    let large = json!({ "Variables": { "LONG": "x".repeat(4097) } });
    stage.refused("5 KB of variables", &creation_with("Environment", large), 400, "InvalidParameterValueException");
    let reserved = json!({ "Variables": { "AWS_REGION": "mars-1" } });
    stage.refused(
        "a reserved variable",
        &creation_with("Environment", reserved),
        400,
        "InvalidParameterValueException",
    );
}

#[test]
fn names_and_arns_that_name_nothing() {
    let stage = Stage::set();
    let long = "n".repeat(65);
    stage.refused("65 characters", &creation_with("FunctionName", json!(long)), 400, "InvalidParameterValueException");
    for name in ["", "a b", "a/b", "ä", "../there", "a\u{0}b", "arn:aws:s3:::bucket", &"n".repeat(141)] {
        stage.refused(name, &creation_with("FunctionName", json!(name)), 400, "ValidationException");
    }
    for (name, status, code) in [
        ("arn:aws:lambda:us-east-1:000000000000:function:nobody", 404, "ResourceNotFoundException"),
        ("arn:aws:lambda:eu-west-1:000000000000:function:there", 404, "ResourceNotFoundException"),
        ("arn:aws:lambda:us-east-1:999999999999:function:there", 403, "AccessDeniedException"),
        ("arn:aws:lambda", 400, "ValidationException"),
        ("there:nobody", 404, "ResourceNotFoundException"),
        ("there:99", 404, "ResourceNotFoundException"),
        ("there:99999999999999999999999999", 404, "ResourceNotFoundException"),
        ("a%20b", 400, "ValidationException"),
        ("%2e%2e%2fthere", 400, "ValidationException"),
        ("%ff%fe", 400, "ValidationException"),
        ("%00", 400, "ValidationException"),
        ("%zz", 400, "ValidationException"),
    ] {
        let request = Request::new("GET", &format!("{FUNCTIONS}/{name}"));
        stage.refused(name, &request, status, code);
    }
    let mismatch = Request::new("GET", &format!("{FUNCTIONS}/there:1?Qualifier=2"));
    stage.refused("two qualifiers", &mismatch, 400, "InvalidParameterValueException");
    for (name, status) in [("nobody", 404), ("a%20b", 400)] {
        for (method, path) in [("DELETE", ""), ("PUT", "/code"), ("PUT", "/configuration"), ("POST", "/versions")] {
            let body = json!({ "ZipFile": STANDARD.encode(some("x")) });
            let request = Request::json(method, &format!("{FUNCTIONS}/{name}{path}"), &body);
            let answer = request.send(stage.server.port());
            assert_eq!(answer.status, status, "{method} {name}{path}: {}", text(&answer));
            stage.unchanged(name);
        }
    }
}

#[test]
fn paths_methods_and_queries_that_are_none() {
    let stage = Stage::set();
    for path in ["/", "/2015-03-31", "/2015-03-31/functions/there/nothing", "/2099-01-01/functions", "//", "/%00"] {
        stage.refused(path, &Request::new("GET", path), 404, "UnknownOperationException");
    }
    for (method, path) in [("PATCH", FUNCTIONS), ("DELETE", FUNCTIONS), ("BREW", FUNCTIONS), ("PUT", FUNCTIONS)] {
        stage.refused(method, &Request::new(method, path), 405, "MethodNotAllowedException");
    }
    let get = |query: &str| Request::new("GET", &format!("{FUNCTIONS}?{query}"));
    for query in ["MaxItems=0", "MaxItems=-1", "MaxItems=10001", "FunctionVersion=SOME"] {
        stage.refused(query, &get(query), 400, "ValidationException");
    }
    stage.refused("MaxItems=x", &get("MaxItems=x"), 400, "SerializationException");
    stage.refused("Marker", &get("Marker=%ff"), 400, "InvalidParameterValueException");
    let digest = "0".repeat(64);
    for path in ["x", digest.as_str(), "..%2f..%2flock", "../lock"] {
        let answer = http::get(stage.server.port(), &format!("/_larder/code/{path}"));
        assert_eq!(answer.status, 404, "{path}: {}", text(&answer));
    }
    for query in ["from=x", "from=-1", "limit=x"] {
        let answer = http::get(stage.server.port(), &format!("/_larder/events?{query}"));
        assert_eq!(answer.status, 400, "{query}");
    }
    let answer = http::get(stage.server.port(), "/_larder/events?from=18446744073709551615&limit=99999999");
    assert_eq!(answer.status, 200, "{}", text(&answer));
    assert_eq!(answer.json()["events"], json!([]));
    stage.unchanged("the console");
}

#[test]
fn aliases_and_updates_that_make_no_sense() {
    let stage = Stage::set();
    let aliases = format!("{FUNCTIONS}/there/aliases");
    for (what, body, status, code) in [
        ("no name", json!({ "FunctionVersion": "$LATEST" }), 400, "ValidationException"),
        ("a number", json!({ "Name": "1", "FunctionVersion": "$LATEST" }), 400, "ValidationException"),
        ("long", json!({ "Name": "a".repeat(129), "FunctionVersion": "$LATEST" }), 400, "ValidationException"),
        ("no version", json!({ "Name": "a" }), 400, "ValidationException"),
        ("no such version", json!({ "Name": "a", "FunctionVersion": "7" }), 404, "ResourceNotFoundException"),
        (
            "a weight of 2",
            json!({ "Name": "a", "FunctionVersion": "$LATEST", "RoutingConfig": { "AdditionalVersionWeights": { "1": 2 } } }),
            400,
            "ValidationException",
        ),
        (
            "a route beside $LATEST",
            json!({ "Name": "a", "FunctionVersion": "$LATEST", "RoutingConfig": { "AdditionalVersionWeights": { "1": 0.5 } } }),
            400,
            "InvalidParameterValueException",
        ),
    ] {
        stage.refused(what, &Request::json("POST", &aliases, &body), status, code);
    }
    let code = |body: &Value| Request::json("PUT", &format!("{FUNCTIONS}/there/code"), body);
    stage.refused("no code", &code(&json!({})), 400, "InvalidParameterValueException");
    stage.refused(
        "an S3 object",
        &code(&json!({ "S3Bucket": "bucket", "S3Key": "k" })),
        400,
        "InvalidParameterValueException",
    );
    let configuration = |body: &Value| Request::json("PUT", &format!("{FUNCTIONS}/there/configuration"), body);
    stage.refused("a timeout of 0", &configuration(&json!({ "Timeout": 0 })), 400, "ValidationException");
    let publish = Request::json("POST", &format!("{FUNCTIONS}/there/versions"), &json!({ "CodeSha256": "x" }));
    stage.refused("another digest", &publish, 400, "InvalidParameterValueException");
}

#[test]
fn events_that_cannot_be_delivered() {
    let stage = Stage::set();
    let invoke = |name: &str| Request::new("POST", &format!("{FUNCTIONS}/{name}/invocations"));
    for (what, payload) in
        [("cut", &br#"{"a": "#[..]), ("bare", b"hello"), ("no text", b"\x87\xff"), ("two", b"{}{}"), ("open", b"\"a")]
    {
        let answer =
            stage.refused(what, &invoke("there").body(payload.to_vec()), 400, "InvalidRequestContentException");
        let expected = "Could not parse request body into json: Could not parse payload into json: ";
        assert!(answer.message().starts_with(expected), "{}", text(&answer));
    }
    stage.refused("nobody", &invoke("nobody"), 404, "ResourceNotFoundException");
    stage.refused("no version", &invoke("there:9"), 404, "ResourceNotFoundException");
    let kind = invoke("there").header("x-amz-invocation-type", "Sometime");
    stage.refused("an unknown type", &kind, 400, "ValidationException");
    let log = invoke("there").header("x-amz-log-type", "All");
    stage.refused("an unknown log type", &log, 400, "ValidationException");
    for context in ["%%%", "bm8gSlNPTg==", "WzFd"] {
        let request = invoke("there").header("x-amz-client-context", context);
        stage.refused("a client context", &request, 400, "InvalidRequestContentException");
    }
    let large = invoke("there").body(vec![b'1'; 6 * 1024 * 1024 + 1]);
    let answer = stage.refused("6 MB and a byte", &large, 413, "RequestTooLargeException");
    assert_eq!(answer.message(), "Request must be smaller than 6291456 bytes for the InvokeFunction operation");
    assert_eq!(answer.json()["Type"], "User");
}

#[test]
fn bytes_that_are_no_request() {
    let stage = Stage::set();
    let port = stage.server.port();
    for (what, bytes) in [
        ("nothing", &b""[..]),
        ("noise", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        ("a word", b"hello\r\n\r\n"),
        ("no version", b"GET /\r\n\r\n"),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("a length that is none", b"POST /2015-03-31/functions HTTP/1.1\r\nhost: localhost\r\ncontent-length: ten\r\n\r\n"),
        (
            "two lengths",
            b"POST /2015-03-31/functions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}",
        ),
        (
            "a broken chunk",
            b"POST /2015-03-31/functions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n",
        ),
        ("a header without a name", b"GET /2015-03-31/functions HTTP/1.1\r\n: x\r\n\r\n"),
    ] {
        if let Some(answer) = http::raw(port, bytes) {
            assert!((400..500).contains(&answer.status), "{what}: {answer:?}");
        }
        stage.unchanged(what);
    }
    let path = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", "p".repeat(100_000));
    let answer = http::raw(port, path.as_bytes());
    assert!(answer.is_none_or(|answer| (400..500).contains(&answer.status)));
    stage.unchanged("a path of 100 KB");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connects");
    let head = format!("GET {FUNCTIONS} HTTP/1.1\r\nhost: localhost\r\nx-huge: {}\r\n\r\n", "h".repeat(2_000_000));
    let _ = stream.write_all(head.as_bytes());
    let mut answer = [0; 64];
    let count = stream.read(&mut answer).unwrap_or(0);
    let answer = String::from_utf8_lossy(&answer[..count]).into_owned();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    stage.unchanged("a header of 2 MB");
    let many = (0..5000).map(|number| format!("x-{number}: y")).collect::<Vec<_>>().join("\r\n");
    let answer = http::raw(port, format!("GET {FUNCTIONS} HTTP/1.1\r\nhost: localhost\r\n{many}\r\n\r\n").as_bytes());
    assert!(answer.is_none_or(|answer| (400..500).contains(&answer.status)));
    stage.unchanged("5000 headers");
}

#[test]
fn bodies_that_end_too_early() {
    let stage = Stage::set();
    let body = creation("cut").to_string();
    for kept in [0, 1, body.len() / 2, body.len() - 1] {
        let head = format!(
            "POST {FUNCTIONS} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let answer = http::raw(stage.server.port(), &[head.as_bytes(), &body.as_bytes()[..kept]].concat());
        assert!(answer.is_none_or(|answer| answer.status == 400), "{kept} bytes");
        stage.unchanged("a cut body");
    }
    // A caller that goes away in the middle.
    let mut stream = TcpStream::connect(("127.0.0.1", stage.server.port())).expect("connects");
    write!(stream, "POST {FUNCTIONS} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n{{").expect("sends");
    drop(stream);
    stage.unchanged("a caller that went away");
}
