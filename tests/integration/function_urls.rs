//! Functions called by their URLs: without a client of AWS's, by whoever may.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::{Cors, FunctionUrlAuthType, InvokeMode, Runtime};
use serde_json::{Value, json};

use crate::on_each_executor;
use crate::support::functions::{create, create_python, create_some, zip};
use crate::support::http::{Answer, Request};
use crate::support::python::{free_port, run, script};
use crate::support::{Executor, Options, Server, browser};

/// Answers as the request says: with the event, with the JSON of its body, or by failing.
const ANSWERS: &str = "
import json
def handler(event, context):
    if event['rawPath'] == '/fail':
        raise ValueError('no')
    if event['rawPath'] == '/answer':
        return json.loads(event['body'])
    event['invoked'] = [context.aws_request_id, context.invoked_function_arn]
    return event
";

/// Lets everybody call a function by its URL, as the console of AWS does.
async fn grant(client: &Client, function: &str, qualifier: Option<&str>) {
    let add =
        || client.add_permission().function_name(function).set_qualifier(qualifier.map(str::to_owned)).principal("*");
    let url = add().statement_id("url").action("lambda:InvokeFunctionUrl");
    url.function_url_auth_type(FunctionUrlAuthType::None).send().await.expect("granted");
    let invoke = add().statement_id("invoke").action("lambda:InvokeFunction");
    invoke.invoked_via_function_url(true).send().await.expect("granted");
}

/// Gives a function a URL that everybody may call; its id.
async fn give_url(client: &Client, function: &str, mode: InvokeMode) -> String {
    let create = client.create_function_url_config().function_name(function);
    let created = create.auth_type(FunctionUrlAuthType::None).invoke_mode(mode).send().await.expect("created");
    grant(client, function, None).await;
    id_of(created.function_url())
}

fn id_of(url: &str) -> String {
    url.trim_start_matches("http://").split('.').next().unwrap_or_default().to_owned()
}

/// The host of a URL.
fn host(server: &Server, id: &str) -> String {
    format!("{id}.lambda-url.us-east-1.localhost:{}", server.port())
}

fn ask(server: &Server, id: &str, method: &str, path: &str) -> Request {
    Request::new(method, path).header("host", &host(server, id)).header("user-agent", "test")
}

fn answered(server: &Server, id: &str, answer: &Value) -> Answer {
    let request = Request::json("POST", "/answer", answer).header("host", &host(server, id));
    request.send(server.port())
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

on_each_executor! {
    async fn a_url_answers_as_on_aws(executor) {
        let mut server = Server::start(Options::new(executor));
        let client = server.client();
        create_python(&client, "answers", ANSWERS).await;
        let id = give_url(&client, "answers", InvokeMode::Buffered).await;

        let request = ask(&server, &id, "PUT", "/a%20b/c?x=1&x=%2F&y").header("cookie", "a=1; b=2").header("X-Two", "1");
        let answer = request.header("x-two", "2").body(b"\xff".to_vec()).send(server.port());
        let event = answer.json();
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
        assert_eq!((&event["rawPath"], &event["rawQueryString"]), (&json!("/a%20b/c"), &json!("x=1&x=%2F&y")));
        assert_eq!(event["queryStringParameters"], json!({ "x": "1,/", "y": "" }));
        assert_eq!((&event["cookies"], &event["headers"]["x-two"]), (&json!(["a=1", "b=2"]), &json!("1,2")));
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("/w=="), &json!(true)));
        let request_id = answer.header("x-amzn-requestid");
        assert_eq!(event["requestContext"]["requestId"], request_id);
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:answers";
        assert_eq!(event["invoked"], json!([request_id, arn]));
        let root = event["headers"]["x-amzn-trace-id"].as_str().expect("a trace");
        assert!(answer.header("x-amzn-trace-id").starts_with(root), "{root}: {}", answer.header("x-amzn-trace-id"));

        let said = json!({ "statusCode": "201", "headers": { "x-y": "z" }, "cookies": ["k=v"], "body": "text" });
        let answer = answered(&server, &id, &said);
        assert_eq!((answer.status, text(&answer).as_str()), (201, "text"));
        assert_eq!((answer.header("x-y"), answer.header("set-cookie")), ("z", "k=v"));
        assert_eq!(text(&answered(&server, &id, &json!("hello"))), "hello");
        let failed = ask(&server, &id, "GET", "/fail").send(server.port());
        assert_eq!((failed.status, text(&failed).as_str()), (502, "Internal Server Error"));
        let head = ask(&server, &id, "HEAD", "/").send(server.port());
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_ne!(head.header("content-length"), "0", "of what is not sent");
        assert_eq!(ask(&server, &id, "TRACE", "/").send(server.port()).status, 405);
        let large = ask(&server, &id, "POST", "/").body(vec![b'x'; (6 << 20) + 1]).send(server.port());
        assert_eq!((large.status, large.error()), (413, "RequestTooLargeException"));

        // What waits for it is in memory alone: the URL is not.
        server.kill();
        server.restart();
        let by_path = Request::new("GET", &format!("/_url/{id}/x/y?q")).send(server.port());
        assert_eq!((&by_path.json()["rawPath"], &by_path.json()["rawQueryString"]), (&json!("/x/y"), &json!("q")));
        assert!(by_path.header("content-security-policy").starts_with("sandbox"), "its pages are not Larder's");
        let throttle = client.put_function_concurrency().function_name("answers").reserved_concurrent_executions(0);
        throttle.send().await.expect("put");
        let throttled = ask(&server, &id, "GET", "/").send(server.port());
        assert_eq!((throttled.status, throttled.message().as_str()), (429, "Rate Exceeded."));
        assert_eq!(throttled.json()["Reason"], "ReservedFunctionConcurrentInvocationLimitExceeded");
        let some = client.put_function_concurrency().function_name("answers").reserved_concurrent_executions(1);
        some.send().await.expect("put");
        assert_eq!(ask(&server, &id, "GET", "/").send(server.port()).status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_need_both_grants() {
    let Some(server) = Server::in_sandbox() else { return };
    let client = server.client();
    create_python(&client, "closed", ANSWERS).await;
    let made = client.create_function_url_config().function_name("closed").auth_type(FunctionUrlAuthType::None);
    let id = id_of(made.send().await.expect("created").function_url());
    let status = || ask(&server, &id, "GET", "/").send(server.port()).status;
    let refused = ask(&server, &id, "GET", "/").send(server.port());
    assert_eq!((refused.status, refused.error()), (403, "AccessDeniedException"));
    assert!(refused.message().starts_with("Forbidden. For troubleshooting"), "{}", refused.message());

    grant(&client, "closed", None).await;
    assert_eq!(status(), 200);
    client.remove_permission().function_name("closed").statement_id("invoke").send().await.expect("removed");
    assert_eq!(status(), 403);

    // An alias has a policy of its own; its URL goes with it.
    client.publish_version().function_name("closed").send().await.expect("published");
    client.create_alias().function_name("closed").name("live").function_version("1").send().await.expect("created");
    let made = client.create_function_url_config().function_name("closed").qualifier("live");
    let alias_id = id_of(made.auth_type(FunctionUrlAuthType::None).send().await.expect("created").function_url());
    assert_eq!(ask(&server, &alias_id, "GET", "/").send(server.port()).status, 403);
    grant(&client, "closed", Some("live")).await;
    let event = ask(&server, &alias_id, "GET", "/").send(server.port()).json();
    assert_eq!(event["invoked"][1], "arn:aws:lambda:us-east-1:000000000000:function:closed:live");
    client.delete_alias().function_name("closed").name("live").send().await.expect("deleted");
    for unknown in [alias_id.as_str(), "nobody"] {
        let answer = ask(&server, unknown, "GET", "/").send(server.port());
        assert_eq!(
            (answer.status, answer.error(), text(&answer).as_str()),
            (403, "AccessDeniedException", r#"{"Message":null}"#)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_grant_or_none_is_enough_where_the_user_says_so() {
    if !Executor::Sandbox.is_here() {
        return;
    }
    for (variable, value, grants) in [("LARDER_URL_GRANTS", "single", 1), ("LARDER_AUTHORIZE", "off", 0)] {
        let server = Server::start(Options::new(Executor::Sandbox).with(variable, value));
        let client = server.client();
        create_python(&client, "f", ANSWERS).await;
        let made = client.create_function_url_config().function_name("f").auth_type(FunctionUrlAuthType::None);
        let id = id_of(made.send().await.expect("created").function_url());
        if grants == 1 {
            assert_eq!(ask(&server, &id, "GET", "/").send(server.port()).status, 403);
            let add = client.add_permission().function_name("f").statement_id("url").principal("*");
            let add = add.action("lambda:InvokeFunctionUrl").function_url_auth_type(FunctionUrlAuthType::None);
            add.send().await.expect("granted");
        }
        assert_eq!(ask(&server, &id, "GET", "/").send(server.port()).status, 200, "{variable}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_callers_are_verified() {
    let Some(server) = Server::in_sandbox() else { return };
    let client = server.client();
    create_python(&client, "signed", ANSWERS).await;
    let made = client.create_function_url_config().function_name("signed").auth_type(FunctionUrlAuthType::AwsIam);
    made.send().await.expect("created");
    script("use_urls.py", &[&server.url()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_told_what_the_cors_says() {
    let Some(server) = Server::in_sandbox() else { return };
    let client = server.client();
    create_python(&client, "paged", ANSWERS).await;
    let id = give_url(&client, "paged", InvokeMode::Buffered).await;
    let preflight = |origin: &str| {
        let request = ask(&server, &id, "OPTIONS", "/fail").header("origin", origin);
        request.header("access-control-request-method", "PUT").send(server.port())
    };
    assert_eq!(preflight("https://app.example").status, 502, "without CORS it is the function's");

    let cors =
        Cors::builder().allow_origins("https://app.example").allow_methods("PUT").max_age(60).expose_headers("x-y");
    client.update_function_url_config().function_name("paged").cors(cors.build()).send().await.expect("updated");
    let allowed = preflight("https://app.example");
    assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (200, "https://app.example"));
    assert_eq!(
        (allowed.header("access-control-allow-methods"), allowed.header("access-control-max-age")),
        ("PUT", "60")
    );
    let other = preflight("https://evil.example");
    assert_eq!((other.status, other.header("access-control-allow-origin")), (200, ""));

    // An answer that failed is the page's to read, too.
    let of_page = |path: &str| {
        let request = ask(&server, &id, "GET", path).header("origin", "https://app.example");
        request.header("sec-fetch-site", "cross-site").send(server.port())
    };
    for (path, status) in [("/", 200), ("/fail", 502)] {
        let answer = of_page(path);
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (status, "https://app.example"));
        assert_eq!(answer.header("access-control-expose-headers"), "x-y");
    }
    // Larder's own endpoints are none of a URL's.
    assert_eq!(of_page("/_larder/state").json()["rawPath"], "/_larder/state");
    let console = Request::new("GET", "/_larder/state").header("origin", &format!("http://{}", host(&server, &id)));
    assert_eq!(console.send(server.port()).status, 403);
}

/// Answers pages with a page at /page, and with the event else.
const SERVES_PAGES: &str = r#"
import json

def handler(event, context):
    if event["rawPath"] == "/fail":
        raise ValueError("no")
    if event["rawPath"] == "/page":
        page = "<!doctype html><link rel=icon href=data:,><title>of a function</title>"
        return {"statusCode": 200, "headers": {"content-type": "text/html"}, "cookies": ["from=function"], "body": page}
    headers = {"content-type": "application/json", "x-told": "yes", "x-hidden": "yes"}
    return {"statusCode": 200, "headers": headers, "body": json.dumps(event)}
"#;

/// Writes three words with pauses between them.
const WRITES_SLOWLY: &str = r"
const pause = () => new Promise((done) => setTimeout(done, 150));
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  stream = awslambda.HttpResponseStream.from(stream, { headers: { 'content-type': 'text/html' } });
  for (const word of ['one ', 'two ', 'three ']) {
    stream.write(word);
    await pause();
  }
  stream.end();
});
";

#[tokio::test(flavor = "multi_thread")]
async fn pages_in_a_browser_call_and_are_served() {
    let Some(server) = Server::in_sandbox() else { return };
    let client = server.client();
    create_python(&client, "paged", SERVES_PAGES).await;
    let id = give_url(&client, "paged", InvokeMode::Buffered).await;
    create(&client, "slow", Runtime::Nodejs20x, zip(&[("handler.js", WRITES_SLOWLY.as_bytes())])).await;
    let stream_id = give_url(&client, "slow", InvokeMode::ResponseStream).await;

    let pages = free_port().to_string();
    let cors = Cors::builder().allow_origins(format!("http://app.localhost:{pages}")).allow_credentials(true);
    let cors = cors.allow_methods("PUT").allow_methods("GET").allow_headers("content-type").allow_headers("x-mine");
    let cors = cors.expose_headers("x-told").build();
    client.update_function_url_config().function_name("paged").cors(cors).send().await.expect("updated");

    let port = server.port().to_string();
    let Some(printed) = browser::script("function_urls.mjs", &[&port, &id, &stream_id, &pages]) else { return };
    assert_eq!(printed.trim(), "all of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_may_choose_the_id() {
    let server = Server::start(Options::any());
    let client = server.client();
    for (name, wanted, id) in [("a", "My-App", Some("my-app")), ("b", "my-app", None), ("c", "1st", None)] {
        create_some(&client, name).await;
        let arn = format!("arn:aws:lambda:us-east-1:000000000000:function:{name}");
        client.tag_resource().resource(arn).tags("_custom_id_", wanted).send().await.expect("tagged");
        let found = give_url(&client, name, InvokeMode::Buffered).await;
        assert!(id.map_or(found.len() == 32, |id| found == id), "{name}: {found}");
    }
    client.publish_version().function_name("a").send().await.expect("published");
    client.create_alias().function_name("a").name("live").function_version("1").send().await.expect("created");
    let made = client.create_function_url_config().function_name("a").qualifier("live");
    let made = made.auth_type(FunctionUrlAuthType::None).send().await.expect("created");
    assert_eq!(id_of(made.function_url()), "my-app-live");

    let shown = run(Command::new(env!("CARGO_BIN_EXE_larder")).args(["url", "a", "--endpoint", &server.url()]));
    let port = server.port();
    for wanted in [
        format!("http://my-app.lambda-url.us-east-1.localhost:{port}/"),
        format!("http://127.0.0.1:{port}/_url/my-app-live/"),
    ] {
        assert!(shown.contains(&wanted), "{wanted} in {shown}");
    }
}

/// Streams with and without a prelude, and breaks off.
const STREAMS: &str = r"
const wait = (s) => new Promise((done) => setTimeout(done, s * 1000));
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  if (event.rawPath === '/early') throw new TypeError('no');
  if (event.rawPath !== '/plain') {
    const head = { statusCode: 202, headers: { 'x-a': 'b', 'content-type': 'text/plain' }, cookies: ['c=d'] };
    stream = awslambda.HttpResponseStream.from(stream, head);
  }
  stream.write('first');
  await wait(event.rawPath === '/slow' ? 1.5 : 0.1);
  if (event.rawPath === '/late') throw new TypeError('no more');
  stream.end('last');
});
";

#[tokio::test(flavor = "multi_thread")]
async fn responses_stream_as_they_are_made() {
    let Some(server) = Server::in_sandbox() else { return };
    let client = server.client();
    create(&client, "streams", Runtime::Nodejs20x, zip(&[("handler.js", STREAMS.as_bytes())])).await;
    let id = give_url(&client, "streams", InvokeMode::ResponseStream).await;
    let get = |path: &str| ask(&server, &id, "GET", path).send(server.port());

    let answer = get("/");
    assert_eq!((answer.status, text(&answer).as_str()), (202, "firstlast"));
    assert_eq!((answer.header("x-a"), answer.header("set-cookie")), ("b", "c=d"));
    assert!(answer.header("x-amzn-trace-id").starts_with("Root="));
    let plain = get("/plain");
    assert_eq!(
        (plain.status, plain.header("content-type"), text(&plain).as_str()),
        (200, "application/octet-stream", "firstlast")
    );
    assert_eq!(get("/early").status, 502);

    let (first, end) = halves(&server, &id, "/slow");
    assert!(first.contains("HTTP/1.1 202") && first.contains("first") && !first.contains("last"), "{first}");
    assert!(end.contains("last") && end.ends_with("0\r\n\r\n"), "{end}");
    let (first, end) = halves(&server, &id, "/late");
    assert!(first.contains("first") && !end.ends_with("0\r\n\r\n"), "it is cut: {first}{end}");

    // Who wants it whole gets it so.
    let update = client.update_function_url_config().function_name("streams").invoke_mode(InvokeMode::Buffered);
    update.send().await.expect("updated");
    let answer = get("/");
    assert_eq!((answer.status, text(&answer).as_str(), answer.header("x-a")), (202, "firstlast", "b"));
    assert_eq!(get("/late").status, 502);
}

/// What has come of an answer in its first second, and the rest.
fn halves(server: &Server, id: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).expect("connects");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", host(server, id));
    stream.write_all(request.as_bytes()).expect("sent");
    let mut first = Vec::new();
    let mut buffer = [0; 4096];
    stream.set_read_timeout(Some(Duration::from_secs(1))).expect("set");
    while !first.windows(5).any(|window| window == b"first") {
        let count = stream.read(&mut buffer).expect("comes");
        assert!(count > 0, "it ended: {}", String::from_utf8_lossy(&first));
        first.extend_from_slice(&buffer[..count]);
    }

    let mut rest = Vec::new();
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    // One that is cut may end with an error.
    let _ = stream.read_to_end(&mut rest);
    (String::from_utf8_lossy(&first).into_owned(), String::from_utf8_lossy(&rest).into_owned())
}
