//! The console in a real browser, and what it lets nobody do.

use std::path::Path;

use serde_json::json;

use crate::support::browser;
use crate::support::functions::create_python;
use crate::support::http::{Request, get};
use crate::support::invoke::invoke;
use crate::support::{Executor, Options, Server};

/// Answers with its event, or fails.
const FAILS: &str = "
def handler(event, context):
    print('an event came', event.get('says'))
    if event.get('fails'):
        raise ValueError('so be it')
    return event
";

#[tokio::test(flavor = "multi_thread")]
async fn it_works_in_a_browser() {
    if !Executor::Sandbox.is_here() {
        return;
    }
    let server = Server::start(Options::new(Executor::Sandbox));
    let client = server.client();
    create_python(&client, "shown", FAILS).await;
    invoke(&client, "shown", json!({})).await;
    let failed = invoke(&client, "shown", json!({ "fails": true, "password": "secret-9" })).await;
    let shots = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    std::fs::create_dir_all(&shots).expect("a folder");

    let port = server.port().to_string();
    let arguments = [port.as_str(), "shown", &failed.request_id, shots.to_str().expect("is text")];
    if let Some(said) = browser::script("console.mjs", &arguments) {
        assert!(said.contains("all of it"), "{said}");
    }
    let shown = get(server.port(), &format!("/_larder/console/invocations/{}", failed.request_id));
    assert!(!String::from_utf8_lossy(&shown.body).contains("secret-9"), "secrets are not on pages");
}

/// Nobody frames it, what is shown is never obeyed, and pages of others get nothing.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_others_get_nothing() {
    let server = Server::start(Options::any());
    let port = server.port();
    let page = get(port, "/_larder/");
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");

    let from = |origin: &str, path: &str| Request::new("GET", path).header("origin", origin).send(port).status;
    assert_eq!(from("http://evil.example", "/_larder/"), 403);
    assert_eq!(from("http://evil.example", "/_larder/console/live"), 403);
    let rebound = Request::new("GET", "/_larder/").header("host", "evil.example").send(port);
    assert_eq!(rebound.status, 403);
    let url = Request::new("GET", "/_larder/").header("host", "abc.lambda-url.us-east-1.localhost").send(port);
    assert_eq!(url.status, 403, "a function's host leads nowhere near");

    let hostile = get(port, "/_larder/console/functions?q=%3Cscript%3Ealert(1)%3C/script%3E");
    assert!(!String::from_utf8_lossy(&hostile.body).contains("<script>alert"), "it is escaped");
    let total: usize = ["/_larder/", "/_larder/console/style.css", "/_larder/console/script.js"]
        .map(|path| get(port, path).body.len())
        .iter()
        .sum();
    assert!(total < 150_000, "{total} bytes");
}
