//! Who may come in over the port: programs of the user who started the server, but no other user of the machine, and no
//! web page that the user's browser happens to show.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::functions::{ECHO, active, create_python, create_some};
use crate::support::http::{Answer, Request, open};
use crate::support::{Options, Server};

const SECRET: &str = "hunter2-of-the-user";

/// What a browser sends: a request of exactly these headers.
fn browser(server: &Server, start: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut head = format!("{start} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        let value = value.replace("PORT", &server.port().to_string());
        head.extend([*name, ": ", &value, "\r\n"]);
    }
    open(server.port(), format!("{head}\r\n{body}").as_bytes()).expect("an answer")
}

/// A function, as a page sends it: text, which needs no preflight.
fn function() -> String {
    json!({
        "FunctionName": "planted", "Runtime": "python3.12", "Handler": "f.handler",
        "Role": "arn:aws:iam::000000000000:role/any", "Code": { "ZipFile": "" },
    })
    .to_string()
}

async fn with_a_secret(options: Options) -> Server {
    let server = Server::start(options);
    create_python(&server.client(), "hello", ECHO).await;
    let variables = aws_sdk_lambda::types::Environment::builder().variables("PASSWORD", SECRET).build();
    let changed = server.client().update_function_configuration().function_name("hello").environment(variables);
    changed.send().await.expect("is changed");
    // Nothing of the change is still to come.
    active(&server.client(), "hello").await;
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_can_change_nothing() {
    let server = with_a_secret(Options::any()).await;
    let before = server.sequence();
    let own = ("host", "127.0.0.1:PORT");
    let (text, evil) = (("content-type", "text/plain"), ("origin", "https://evil.example"));
    let cross = ("sec-fetch-site", "cross-site");
    for (start, headers, body) in [
        ("POST /2015-03-31/functions", vec![own, text, evil, cross], function()),
        ("POST /2015-03-31/functions", vec![own, text, evil], function()),
        ("POST /2015-03-31/functions", vec![own, text, ("origin", "null")], function()),
        ("POST /2015-03-31/functions", vec![own, text, cross], function()),
        ("POST /2015-03-31/functions", vec![own, text, ("origin", "http://127.0.0.1:3000")], function()),
        ("POST /2015-03-31/functions/hello/invocations", vec![own, text, evil], "{}".to_owned()),
        ("POST /_larder/rewind", vec![own, text, evil], json!({ "to": 0 }).to_string()),
        ("POST /_larder/rewind", vec![own, text], json!({ "to": 0 }).to_string()),
        ("POST /_larder/pods/load", vec![own, text, evil], String::new()),
        ("POST /_larder/pods/library/x/push", vec![own, text, evil], r#"{"remote":"s3://evil/x"}"#.to_owned()),
        ("GET /?Action=CreateRole&Version=2010-05-08&RoleName=x", vec![own, cross], String::new()),
        ("OPTIONS /2015-03-31/functions", vec![own, evil, ("access-control-request-method", "POST")], String::new()),
    ] {
        let answer = browser(&server, start, &headers, &body);
        assert_eq!(answer.status, 403, "{start} {headers:?}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{start}");
    }
    assert_eq!(server.sequence(), before);
    let told = server.log().matches("https://evil.example may not call").count();
    assert_eq!(told, 1, "once of each: {}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_elsewhere_shows_nothing() {
    let server = with_a_secret(Options::any()).await;
    for host in ["evil.example:PORT", "127.0.0.1.evil.example", "x-1.us-east-1.elb.amazonaws.com", "10.0.0.1:PORT"] {
        for path in ["/_larder/state?show_secrets=true", "/_larder/health", "/2015-03-31/functions"] {
            let answer = browser(&server, &format!("GET {path}"), &[("host", host)], "");
            assert_eq!(answer.status, 403, "{host} {path}");
            assert!(!String::from_utf8_lossy(&answer.body).contains(SECRET));
        }
    }
    let answer = browser(&server, "GET /2015-03-31/functions", &[("host", "evil.example")], "");
    assert_eq!(answer.error(), "AccessDeniedException");
    assert!(answer.message().contains("--hostname evil.example (LARDER_HOSTNAME)"), "{answer:?}");
    let form = [("host", "evil.example"), ("content-type", "application/x-www-form-urlencoded")];
    let answer = browser(&server, "POST /", &form, "Action=GetCallerIdentity&Version=2011-06-15");
    assert_eq!((answer.status, answer.header("content-type")), (403, "text/xml"), "{answer:?}");
    for host in ["localhost:PORT", "[::1]:PORT", "x.us-east-1.localhost", "lambda.us-east-1.amazonaws.com"] {
        let answer = browser(&server, "GET /2015-03-31/functions", &[("host", host)], "");
        assert_eq!(answer.status, 200, "{host}");
    }
    let none = open(server.port(), b"GET /2015-03-31/functions HTTP/1.0\r\n\r\n").expect("an answer");
    assert_eq!(none.status, 200, "a health check of HTTP/1.0");
    let two = [("host", "localhost"), ("host", "evil.example")];
    assert_eq!(browser(&server, "GET /2015-03-31/functions", &two, "").status, 400);
}

#[test]
fn a_name_that_is_given_is_answered() {
    let server = Server::start(Options::any().with("LARDER_HOSTNAME", "larder,lambda.example"));
    for host in ["larder:4566", "lambda.example", "x.us-east-1.lambda.example:80"] {
        assert_eq!(browser(&server, "GET /_larder/health", &[("host", host)], "").status, 200, "{host}");
    }
    assert_eq!(browser(&server, "GET /_larder/health", &[("host", "other")], "").status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_configured_origins_call_as_on_aws() {
    let server = with_a_secret(Options::any().with("LARDER_CORS_ORIGINS", "http://localhost:3000")).await;
    let (own, page) = (("host", "localhost:PORT"), ("origin", "http://localhost:3000"));
    let asked = "authorization,x-amz-date,x-amz-invocation-type";
    let question = [own, page, ("access-control-request-method", "POST"), ("access-control-request-headers", asked)];
    let answer = browser(&server, "OPTIONS /2015-03-31/functions/hello/invocations", &question, "");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), "http://localhost:3000");
    assert_eq!(answer.header("access-control-allow-methods"), "POST");
    assert_eq!(answer.header("access-control-allow-headers"), asked);
    assert_eq!(answer.header("access-control-max-age"), "172800");
    assert!(answer.header("access-control-expose-headers").contains("x-amz-function-error"));
    let answer = browser(&server, "GET /2015-03-31/functions/hello", &[own, page], "");
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, "http://localhost:3000"));
    let other = [own, ("origin", "http://localhost:3001")];
    assert_eq!(browser(&server, "GET /2015-03-31/functions/hello", &other, "").status, 403);
    let secrets = browser(&server, "GET /_larder/state?show_secrets=true", &[own, page], "");
    assert_eq!(secrets.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_shown_to_the_owner_only() {
    let server = with_a_secret(Options::any()).await;
    let ask = |method: &str, path: &str| Request::new(method, path);
    for (method, path) in [
        ("GET", "/_larder/state?show_secrets=true"),
        ("GET", "/_larder/log?show_secrets=true"),
        ("GET", "/_larder/log/1?show_secrets=true"),
        ("GET", "/_larder/diff?from=0&to=2&show_secrets=true"),
        ("POST", "/_larder/pods/save"),
    ] {
        let refused = ask(method, path).send(server.port());
        assert_eq!(refused.status, 403, "{path}");
        assert!(refused.json()["error"].as_str().is_some_and(|error| error.contains("token")), "{refused:?}");
        let wrong = ask(method, path).header("x-larder-token", "0").send(server.port());
        assert_eq!(wrong.status, 403, "{path}");
        assert_eq!(ask(method, path).by_owner(&server).send(server.port()).status, 200, "{path}");
    }
    let shown = ask("GET", "/_larder/state?show_secrets=true").by_owner(&server).send(server.port());
    assert!(shown.json().to_string().contains(SECRET));
    let bare = Request::json("POST", "/_larder/pods/save", &json!({ "redact": ["env:*"] })).send(server.port());
    assert_eq!(bare.status, 200, "nothing secret is in it");
    for (file, mode) in [("token", 0o600), ("control.sock", 0o600)] {
        let about = std::fs::metadata(server.data_dir().join(file)).expect("is there");
        assert_eq!(about.permissions().mode() & 0o777, mode, "{file}");
    }
}

fn larder(arguments: &[&str], token: Option<&str>) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.args(arguments).env_remove("LARDER_TOKEN").envs(token.map(|token| ("LARDER_TOKEN", token)));
    let output = command.output().expect("larder runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).expect("is text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_has_a_way_of_its_own() {
    let server = with_a_secret(Options::any()).await;
    let (data_dir, url) = (server.data_dir().display().to_string(), server.url());
    let state = ["state", "--json", "--show-secrets"];
    for target in [["--data-dir", &data_dir], ["--endpoint", &url]] {
        let (ok, said) = larder(&[&state[..], &target[..]].concat(), None);
        assert!(ok && said.contains(SECRET), "{target:?}: {said}");
    }
    // Changes too, while the server runs.
    let (ok, said) = larder(&["mark", "here", "--data-dir", &data_dir], None);
    assert!(ok, "{said}");
    let marks: Value = Request::new("GET", "/_larder/marks").send(server.port()).json();
    assert_eq!(marks["marks"][0]["mark"], "here");
    // Where the socket is out of reach, the token opens.
    std::fs::remove_file(server.data_dir().join("control.sock")).expect("removed");
    let asked = [&state[..], &["--endpoint", &url]].concat();
    let (ok, said) = larder(&asked, None);
    assert!(!ok && said.contains("LARDER_TOKEN") && !said.contains(SECRET), "{said}");
    let (ok, said) = larder(&asked, Some(&server.token()));
    assert!(ok && said.contains(SECRET), "{said}");
}

/// Another user than the server's, whom no machine has an account for.
const STRANGER: &str = "54322";

/// Runs a program as the stranger: what it printed.
fn as_stranger(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new("setpriv");
    command.args(["--clear-groups", "--reuid", STRANGER, "--regid", STRANGER, program]).args(arguments);
    let output = command.output().expect("setpriv runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What the stranger is answered, with the status at its end.
fn asked_by_stranger(server: &Server, method: &str, path: &str) -> String {
    let (url, header) = (format!("{}{path}", server.url()), "x-larder-request: 1");
    as_stranger("curl", &["-sS", "-w", "%{http_code}", "-X", method, "-H", header, "-d", "{}", &url])
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_user_of_the_machine_comes_in() {
    let Some(ordinary) = Options::any().by_ordinary_user() else { return };
    for options in [Options::any(), ordinary] {
        let server = Server::start(options);
        create_some(&server.client(), "kept").await;
        let before = server.sequence();
        for (method, path) in [
            ("GET", "/2015-03-31/functions/kept"),
            ("DELETE", "/2015-03-31/functions/kept"),
            ("POST", "/2015-03-31/functions/kept/invocations"),
            ("GET", "/_larder/health"),
            ("POST", "/_larder/rewind"),
            ("POST", "/"),
        ] {
            let answer = asked_by_stranger(&server, method, path);
            assert!(answer.ends_with("403") && answer.contains("--local-users"), "{method} {path}: {answer}");
        }
        // Neither does one who is gone before anybody looks.
        let delete = "DELETE /2015-03-31/functions/kept HTTP/1.1\\r\\nhost: localhost\\r\\n\\r\\n";
        let call = format!("printf '{delete}' >/dev/tcp/127.0.0.1/{}", server.port());
        as_stranger("bash", &["-c", &format!("for n in {{1..200}}; do {call}; done")]);
        assert_eq!(server.sequence(), before);
        let told = server.log().matches("Larder answers the user who started it, not the user 54322").count();
        assert_eq!(told, 1, "once: {}", server.log());
    }
}

#[test]
fn other_users_come_in_where_they_are_let_in() {
    if Options::any().by_ordinary_user().is_none() {
        return;
    }
    for users in [STRANGER, "root,54322", "all"] {
        let server = Server::start(Options::any().with("LARDER_LOCAL_USERS", users));
        let answer = asked_by_stranger(&server, "GET", "/2015-03-31/functions");
        assert!(answer.ends_with("200"), "{users}: {answer}");
    }
    let error = Server::try_start(Options::any().with("LARDER_LOCAL_USERS", "no such user")).expect_err("is refused");
    assert!(error.contains("write a user's name or number, or all"), "{error}");
}
