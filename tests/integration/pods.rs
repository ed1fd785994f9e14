//! Pods: saved from one store, loaded into another, by servers and offline.

use std::path::Path;
use std::process::Command;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    DestinationConfig, Environment, FunctionUrlAuthType, LayerVersionContentInput, OnFailure, Runtime,
};
use serde_json::json;

use crate::on_each_executor;
use crate::support::functions::{active, create_python, creation, python, zip};
use crate::support::http::Request;
use crate::support::invoke::invoke;
use crate::support::{Options, Server, queues};

const HELLO: &str = "def handler(event, context):\n    return 'hello from the pod'\n";

/// Runs the command line; its end and what it said.
fn larder(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_larder")).args(arguments).output().expect("larder runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).expect("is text"))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("is text")
}

on_each_executor! {
    async fn a_pod_runs_in_another_store(executor) {
        let folder = tempfile::tempdir().expect("a folder");
        let pod = folder.path().join("hello.pod");
        let from = Server::start(Options::new(executor));
        let client = from.client();
        create_python(&client, "hello", HELLO).await;
        create_python(&client, "other", HELLO).await;
        let save = ["pod", "save", text(&pod), "-m", "for you", "--only", "function:h*", "--endpoint", &from.url()];
        let (ok, said) = larder(&save);
        assert!(ok && said.contains("saved"), "{said}");
        let to = Server::start(Options::new(executor));
        create_python(&to.client(), "kept", HELLO).await;
        let before = to.sequence();
        let (ok, said) = larder(&["pod", "load", text(&pod), "--merge", "service", "--dry-run", "--endpoint", &to.url()]);
        assert!(ok && said.contains("1 resources would change"), "{said}");
        assert_eq!(to.sequence(), before, "a trial changes nothing");
        let (ok, said) = larder(&["pod", "load", text(&pod), "--merge", "service", "--endpoint", &to.url()]);
        assert!(ok && said.contains("1 resources changed"), "{said}");
        assert_eq!(to.sequence(), before + 1, "one event");
        assert_eq!(invoke(&to.client(), "hello", json!({})).await.response(), json!("hello from the pod"));
        assert!(to.client().get_function().function_name("kept").send().await.is_ok());
        // The function's log may have got its group since.
        let last = to.events().into_iter().rfind(|event| event["kind"] == "StateRestored").expect("an event");
        assert_eq!(last["details"]["cause"]["pod"]["message"], "for you");
        assert_eq!(last["details"]["cause"]["pod"]["source"], "hello.pod");
        // The field's default replaces what the service has in the pod's account and region.
        let (ok, said) = larder(&["pod", "load", text(&pod), "--endpoint", &to.url()]);
        assert!(ok, "{said}");
        assert!(to.client().get_function().function_name("kept").send().await.is_err());
    }
}

#[tokio::test]
async fn the_same_state_gives_the_same_bytes_online_and_offline_and_after_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let pods: Vec<_> = ["a.pod", "b.pod", "c.pod"].iter().map(|name| folder.path().join(name)).collect();
    let mut server = Server::start(Options::any());
    create_python(&server.client(), "hello", HELLO).await;
    for pod in &pods[..2] {
        let (ok, said) = larder(&["pod", "save", text(pod), "--with-history", "--endpoint", &server.url()]);
        assert!(ok, "{said}");
    }
    server.kill();
    let data_dir = server.data_dir();
    let (ok, said) = larder(&["pod", "save", text(&pods[2]), "--with-history", "--data-dir", text(&data_dir)]);
    assert!(ok, "{said}");
    let bytes: Vec<_> = pods.iter().map(|pod| std::fs::read(pod).expect("reads")).collect();
    assert!(bytes[0] == bytes[1] && bytes[1] == bytes[2]);
    for arguments in [&["pod", "verify"][..], &["pod", "inspect"], &["pod", "inspect", "--json"]] {
        let (ok, said) = larder(&[arguments, &[text(&pods[0])]].concat());
        assert!(ok, "{said}");
    }
    let (ok, said) = larder(&["diff", &format!("{}..{}", text(&pods[0]), text(&data_dir))]);
    assert!(ok && said == "Nothing differs.\n", "a pod is the state it was made of: {said}");
    server.restart();
    server.stop();
}

#[test]
fn what_is_no_pod_is_refused_and_changes_nothing() {
    let server = Server::start(Options::any());
    for body in [&b""[..], b"nonsense", b"\x28\xb5\x2f\xfd"] {
        let answer = Request::new("POST", "/_larder/pods/load").body(body.to_vec()).send(server.port());
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.json()["error"].as_str().is_some_and(|error| error.contains("no whole pod")), "{answer:?}");
    }
    let answer = Request::new("POST", "/_larder/pods/load?merge=best").body(Vec::new()).send(server.port());
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(server.sequence(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_is_saved_to_and_loaded_from_remotes_and_the_library() {
    let folder = tempfile::tempdir().expect("a folder");
    let library = folder.path().join("library");
    let pods_dir = ["--pods-dir", text(&library)];
    let from = Server::start(Options::any());
    create_python(&from.client(), "hello", HELLO).await;
    let parts = format!("file://{}/remote/hello", text(folder.path()));
    let file = format!("file://{}/remote/hello.pod", text(folder.path()));
    std::fs::create_dir(folder.path().join("remote")).expect("made");
    for target in [parts.as_str(), file.as_str(), "hello"] {
        let (ok, said) = larder(&[&["pod", "save", target, "--endpoint", &from.url()], &pods_dir[..]].concat());
        assert!(ok && said.contains("saved"), "{target}: {said}");
    }
    let bytes = std::fs::read(folder.path().join("remote/hello.pod")).expect("reads");
    let web = serve_bytes(bytes).await;
    for source in [parts.as_str(), file.as_str(), "hello", "hello:1", web.as_str()] {
        let to = Server::start(Options::any());
        let (ok, said) = larder(&[&["pod", "load", source, "--endpoint", &to.url()], &pods_dir[..]].concat());
        assert!(ok && said.contains("1 resources changed"), "{source}: {said}");
        let last = to.events().pop().expect("an event");
        let origin = last["details"]["cause"]["pod"]["source"].as_str().expect("a source");
        assert!(source.starts_with(origin), "{source}: {origin}");
        let (ok, said) = larder(&[&["pod", "verify", source], &pods_dir[..]].concat());
        assert!(ok, "{source}: {said}");
    }
    let sealed = larder(&[&["pod", "save", &parts, "--recipient", "age1x"], &pods_dir[..]].concat());
    assert!(!sealed.0, "{}", sealed.1);
    let missing = format!("{web}-not");
    for (source, reason) in [(missing.as_str(), "404"), ("nobody", "has no pod nobody"), ("gopher://a/b", "gopher")] {
        let (ok, said) = larder(&[&["pod", "load", source, "--endpoint", &from.url()], &pods_dir[..]].concat());
        assert!(!ok && said.contains(reason), "{source}: {said}");
    }
}

/// The address of a web server that has a file.
async fn serve_bytes(bytes: Vec<u8>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let routes = axum::Router::new().route("/hello.pod", axum::routing::get(move || async { bytes }));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}/hello.pod")
}

#[tokio::test]
async fn a_server_leaves_a_pod_at_its_end_and_begins_with_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let pod = folder.path().join("last.pod");
    let mut server = Server::start(Options::any().with("LARDER_SAVE_POD_ON_EXIT", text(&pod)));
    create_python(&server.client(), "hello", HELLO).await;
    assert!(server.stop().success());
    let (ok, said) = larder(&["pod", "verify", text(&pod)]);
    assert!(ok, "{said}");
    let next = Server::start(Options::any().with("AUTO_LOAD_POD", text(&pod)));
    assert!(next.client().get_function().function_name("hello").send().await.is_ok());
    // One that cannot be saved is no reason to lose anything, and is said.
    let nowhere = folder.path().join("missing/last.pod");
    let mut server = Server::start(Options::any().with("LARDER_SAVE_POD_ON_EXIT", text(&nowhere)));
    create_python(&server.client(), "hello", HELLO).await;
    let status = server.stop();
    assert_eq!(status.code(), Some(2), "{}", server.log());
    assert!(server.log().contains("was not saved"), "{}", server.log());
    let (ok, said) = larder(&["pod", "save", text(&pod), "--data-dir", text(&server.data_dir())]);
    assert!(ok, "{said}");
    // A target that cannot be is refused before anything is served.
    assert!(Server::try_start(Options::any().with("LARDER_SAVE_POD_ON_EXIT", "gopher://a/b")).is_err());
}

#[tokio::test]
async fn the_library_is_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(Options::any().with("LARDER_PODS_DIR", text(folder.path())));
    let port = server.port();
    create_python(&server.client(), "hello", HELLO).await;
    let call = |method: &str, path: &str, body: serde_json::Value| {
        let answer = Request::json(method, &format!("/_larder/pods{path}"), &body).send(port);
        (answer.status, answer.json())
    };
    let (status, saved) = call("POST", "/library/a", json!({ "message": "one" }));
    assert_eq!((status, saved["saved"].as_str()), (200, Some("a:1")), "{saved}");
    server.client().delete_function().function_name("hello").send().await.expect("is deleted");
    assert_eq!(call("POST", "/library/a", json!({})).1["saved"], "a:2");
    assert_eq!(call("GET", "", json!(null)).1["pods"], json!([{ "name": "a", "versions": [1, 2] }]));
    let versions = call("GET", "/library/a", json!(null)).1;
    assert_eq!(versions["versions"][0]["manifest"]["message"], "one");
    let differs = call("GET", "/diff?from=a:1&to=a:2", json!(null)).1;
    assert_eq!(differs["resources"][0]["change"], "removed", "{differs}");
    let trial = call("POST", "/library/a:1/load?dry_run=true", json!(null)).1;
    assert_eq!(trial["dry_run"], true, "{trial}");
    assert!(server.client().get_function().function_name("hello").send().await.is_err());
    let (status, loaded) = call("POST", "/library/a:1/load?merge=service", json!(null));
    assert_eq!(status, 200, "{loaded}");
    assert!(server.client().get_function().function_name("hello").send().await.is_ok());
    let pod = Request::new("POST", "/_larder/pods/save").by_owner(&server).send(port);
    let about = Request::new("POST", "/_larder/pods/inspect").body(pod.body).send(port).json();
    assert_eq!(about["resources"].as_array().map(Vec::len), Some(1), "{about}");
    assert_eq!(call("GET", "/library/a:1/inspect", json!(null)).1["resources"], about["resources"]);
    let refused = [
        ("POST", "/library/nobody/load", json!(null), "has no pod nobody"),
        ("POST", "/library/a:7/load", json!(null), "has no pod a:7"),
        ("GET", "/library/a:7/inspect", json!(null), "has no pod a:7"),
        ("POST", "/library/..%2fx", json!({}), "names no pod"),
        ("POST", "/library/a:x/load", json!(null), "is no number"),
        ("POST", "/library/a/push", json!({ "remote": "file:///tmp/x" }), "a folder is no remote here"),
        ("POST", "/library/a/push", json!({ "remote": "/tmp/x" }), "a folder is no remote here"),
        ("POST", "/library/a/pull", json!({}), "names no remote"),
        ("POST", "/inspect", json!({}), "no whole pod"),
        ("GET", "/diff?from=a:1&to=b", json!(null), "has no pod b"),
        ("DELETE", "/library/a:7", json!(null), "has no pod a:7"),
    ];
    for (method, path, body, reason) in refused {
        let (status, said) = call(method, path, body);
        let text = said["error"].as_str().unwrap_or_default();
        let expected = if reason.starts_with("has no") { 404 } else { 400 };
        assert!(text.contains(reason) && status == expected, "{method} {path}: {status} {said}");
    }
    assert_eq!(call("DELETE", "/library/a:1", json!(null)).0, 200);
    assert_eq!(call("DELETE", "/library/a", json!(null)).0, 200);
    assert_eq!(call("GET", "", json!(null)).1["pods"], json!([]));
}

/// A function with all that hangs on it, in another account and region and under another name.
#[tokio::test]
async fn what_is_moved_refers_to_what_is_moved() {
    let folder = tempfile::tempdir().expect("a folder");
    let pod = folder.path().join("moved.pod");
    let from = Server::start(Options::any());
    fill(&from).await;
    let (ok, said) = larder(&["pod", "save", text(&pod), "--endpoint", &from.url()]);
    assert!(ok, "{said}");
    let to = Server::start(Options::any());
    let mapping = ["--account", "111111111111", "--region", "eu-west-1", "--rename", "orders=bills"];
    let (ok, said) = larder(&[&["pod", "load", text(&pod), "--endpoint", &to.url()], &mapping[..]].concat());
    assert!(ok, "{said}");
    let client = to.client_of("111111111111", "eu-west-1");
    let arn = "arn:aws:lambda:eu-west-1:111111111111:function:bills";
    let found = client.get_function().function_name("bills").send().await.expect("is there");
    let configuration = found.configuration().expect("one");
    assert_eq!(configuration.function_arn(), Some(arn));
    assert_eq!(configuration.layers()[0].arn(), Some("arn:aws:lambda:eu-west-1:111111111111:layer:words:1"));
    assert_eq!(configuration.role(), Some("arn:aws:iam::111111111111:role/any"));
    let variables = configuration.environment().and_then(|environment| environment.variables()).expect("variables");
    assert_eq!(variables["SELF"], "arn:aws:lambda:us-east-1:000000000000:function:orders", "the user's own text");
    assert_eq!(found.tags().expect("tags")["account"], "000000000000", "so are tags");
    let alias = client.get_alias().function_name("bills").name("live").send().await.expect("is there");
    assert_eq!(alias.alias_arn(), Some(&*format!("{arn}:live")));
    let policy = client.get_policy().function_name("bills").send().await.expect("is there");
    assert!(policy.policy().expect("one").contains(&format!("\"Resource\":\"{arn}\"")), "{policy:?}");
    assert!(policy.policy().expect("one").contains("\"AWS:SourceAccount\":\"111111111111\""), "{policy:?}");
    let group = configuration.logging_config().and_then(|logging| logging.log_group());
    assert_eq!(group, Some("/aws/lambda/bills"), "its own log group goes with it");
    let mappings = client.list_event_source_mappings().send().await.expect("lists");
    assert_eq!(mappings.event_source_mappings()[0].function_arn(), Some(arn));
    let source = mappings.event_source_mappings()[0].event_source_arn();
    assert_eq!(source, Some("arn:aws:sqs:eu-west-1:111111111111:queue"));
    let queue = Request::new("POST", "/").body(br#"{"QueueName":"queue"}"#.to_vec());
    let queue = queue.header("x-amz-target", "AmazonSQS.GetQueueUrl").signed_for("sqs", "111111111111", "eu-west-1");
    assert_eq!(queue.send(to.port()).status, 200, "the queue is there, too");
    let config = client.get_function_event_invoke_config().function_name("bills").send().await.expect("is there");
    let destination = config.destination_config().and_then(|config| config.on_failure()).expect("one");
    assert_eq!(destination.destination(), Some("arn:aws:sqs:eu-west-1:111111111111:dead"));
    let urls = client.list_function_url_configs().function_name("bills").send().await.expect("lists");
    assert_eq!(urls.function_url_configs()[0].function_arn(), arn);
    // Nothing is left under the old names, and a second load changes nothing.
    assert!(to.client().list_functions().send().await.expect("lists").functions().is_empty());
    let (ok, said) = larder(&[&["pod", "load", text(&pod), "--endpoint", &to.url()], &mapping[..]].concat());
    assert!(ok && said.contains("0 resources changed"), "{said}");
    for (mapping, reason) in [("orders=", "OLD=NEW"), ("nobody=x", "no function nobody"), ("orders=a b", "cannot name")]
    {
        let (ok, said) = larder(&["pod", "load", text(&pod), "--rename", mapping, "--endpoint", &to.url()]);
        assert!(!ok && said.contains(reason), "{mapping}: {said}");
    }
}

async fn fill(server: &Server) {
    let client = server.client();
    queues::create(server, &["queue"]);
    let content = LayerVersionContentInput::builder().zip_file(Blob::new(zip(&[("python/words.py", b"A = 1\n")])));
    let layer = client.publish_layer_version().layer_name("words").content(content.build()).send().await;
    let layer = layer.expect("published").layer_version_arn().expect("an ARN").to_owned();
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:orders";
    let environment = Environment::builder().variables("SELF", arn).build();
    let function =
        creation(&client, "orders", Runtime::Python311, python(HELLO)).layers(layer).environment(environment);
    let function = function.role("arn:aws:iam::000000000000:role/any");
    let function = function.tags("account", "000000000000").tags("region", "us-east-1");
    function.send().await.expect("created");
    active(&client, "orders").await;
    client.publish_version().function_name("orders").send().await.expect("published");
    client.create_alias().function_name("orders").name("live").function_version("1").send().await.expect("made");
    let permission = client.add_permission().function_name("orders").statement_id("s").action("lambda:InvokeFunction");
    permission.principal("s3.amazonaws.com").source_account("000000000000").send().await.expect("added");
    let mapping = client.create_event_source_mapping().function_name("orders").enabled(false);
    mapping.event_source_arn("arn:aws:sqs:us-east-1:000000000000:queue").send().await.expect("made");
    let dead = OnFailure::builder().destination("arn:aws:sqs:us-east-1:000000000000:dead").build();
    let config = client.put_function_event_invoke_config().function_name("orders");
    let config = config.destination_config(DestinationConfig::builder().on_failure(dead).build());
    config.send().await.expect("put");
    let url = client.create_function_url_config().function_name("orders").auth_type(FunctionUrlAuthType::None);
    url.send().await.expect("made");
}

/// So many warnings that no header could take them.
#[tokio::test]
async fn thousands_of_suspects_are_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let (pod, redacted) = (folder.path().join("a.pod"), folder.path().join("b.pod"));
    let server = Server::start(Options::any().with("LAMBDA_LIMITS_MAX_FUNCTION_ENVVAR_SIZE_BYTES", 200_000));
    let variables = (0..2500).map(|number| (format!("API_SECRET_{number}"), "hunter2hunter2".to_owned())).collect();
    let environment = Environment::builder().set_variables(Some(variables)).build();
    let client = server.client();
    creation(&client, "f", Runtime::Python311, python(HELLO)).environment(environment).send().await.expect("created");
    active(&client, "f").await;
    let (ok, said) = larder(&["pod", "save", text(&pod), "--endpoint", &server.url()]);
    assert!(ok && said.contains("2480 more variables look like secrets"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let (ok, said) = larder(&["pod", "save", text(&redacted), "--redact", "auto", "--endpoint", &server.url()]);
    assert!(ok && !said.contains("looks like a secret"), "{said}");
    // What is no pod is refused by its first bytes, however long it is.
    let (ok, said) = larder(&["pod", "load", "/dev/zero", "--endpoint", &server.url()]);
    assert!(!ok && said.contains("does not begin as one"), "{said}");
}
