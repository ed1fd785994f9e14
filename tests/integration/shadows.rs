//! Triggers of an upstream reach functions here: by shadows in a real ministack, whose Lambda runs Python in processes.

use std::process::{Command, Stdio};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use serde_json::{Value, json};

use crate::on_each_executor;
use crate::support::functions::{active, create_python, create_some, creation, python};
use crate::support::http::{Request, get};
use crate::support::python::{Ministack, Moto, free_port};
use crate::support::queues::{Queue, ask_json};
use crate::support::server::client_at;
use crate::support::{Executor, Options, Server, eventually, log_lines};

/// Tells what it gets and as which version or alias, and fails where it is asked to.
const TELLS: &str = r#"
import json
class Sour(Exception):
    pass
def handler(event, context):
    print("GOT", context.invoked_function_arn.split(":", 6)[6], json.dumps(event))
    if isinstance(event, dict) and event.get("fails"):
        raise Sour(event["fails"])
    for record in event.get("Records", []) if isinstance(event, dict) else []:
        if record.get("body") == "bad":
            return {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}
    return {"version": context.function_version}
"#;

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

fn options(executor: Executor, upstream: &Ministack) -> Options {
    Options::new(executor).with("LARDER_UPSTREAM", upstream.url()).with("LAMBDA_RETRY_BASE_DELAY_SECONDS", 0)
}

/// What the server says of the shadows of its one upstream.
fn report(server: &Server) -> Value {
    server.health()["shadows"][0].clone()
}

async fn shadows(server: &Server, count: u64) {
    eventually(&format!("{count} shadows are kept"), || async {
        let report = report(server);
        (report["status"] == "kept" && report["shadows"] == count).then_some(())
    })
    .await;
}

/// A call of SNS, which must be done.
fn sns(server: &Server, fields: &[(&str, &str)]) -> String {
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = Request::new("POST", "/").header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body(form.into_bytes()).signed_for("sns", "test", "us-east-1").send(server.port());
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!(answer.status, 200, "{text}");
    text
}

/// Puts something into S3, which must be done.
fn put(server: &Server, path: &str, body: &str) {
    let request = Request::new("PUT", path).body(body.as_bytes().to_vec());
    let answer = request.signed_for("s3", "test", "us-east-1").send(server.port());
    assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
}

/// What the function got that has this text in it: as what, and the event.
async fn got(server: &Server, text: &str) -> (String, Value) {
    let lines = log_lines::with(server, "/aws/lambda/f", text).await;
    let line = lines.iter().find(|line| line.text.contains(text)).expect("one has it").text.clone();
    let (name, event) = line.trim().strip_prefix("GOT ").and_then(|rest| rest.split_once(' ')).expect("it tells");
    (name.to_owned(), serde_json::from_str(event).expect("JSON"))
}

/// Descriptions of the upstream's functions, by name.
async fn there(client: &Client) -> Vec<(String, String)> {
    let Ok(listed) = client.list_functions().send().await else { return Vec::new() };
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    listed.functions().iter().map(|one| (text(one.function_name()), text(one.description()))).collect()
}

on_each_executor! {
    async fn triggers_of_the_upstream_run_the_function_here(executor) {
        let upstream = Ministack::start();
        let server = Server::start(options(executor, &upstream));
        let client = server.client();
        create_python(&client, "f", TELLS).await;
        client.publish_version().function_name("f").send().await.expect("published");
        client.create_alias().function_name("f").name("live").function_version("1").send().await.expect("made");
        shadows(&server, 1).await;
        eventually("the alias has a shadow", || async {
            upstream.client().get_alias().function_name("f").name("live").send().await.ok()
        }).await;

        let created = sns(&server, &[("Action", "CreateTopic"), ("Version", "2010-03-31"), ("Name", "t")]);
        let topic = created.split("<TopicArn>").nth(1).and_then(|rest| rest.split('<').next()).expect("an ARN");
        let alias = format!("{ARN}:live");
        sns(&server, &[("Action", "Subscribe"), ("TopicArn", topic), ("Protocol", "lambda"), ("Endpoint", &alias)]);
        sns(&server, &[("Action", "Publish"), ("TopicArn", topic), ("Message", "by-a-topic")]);
        let (name, event) = got(&server, "by-a-topic").await;
        // This upstream tells a function that it runs by an alias the version only.
        assert_eq!((name.as_str(), &event["Records"][0]["Sns"]["Message"]), ("f:1", &json!("by-a-topic")));

        let events = |target: &str, input: &Value| ask_json(server.port(), ("events", "1.1"), target, input);
        events("AWSEvents.PutRule", &json!({ "Name": "r", "EventPattern": "{\"source\":[\"mine\"]}" }));
        events("AWSEvents.PutTargets", &json!({ "Rule": "r", "Targets": [{ "Id": "1", "Arn": ARN }] }));
        let entry = json!({ "Source": "mine", "DetailType": "d", "Detail": "{\"a\":\"by-a-rule\"}" });
        events("AWSEvents.PutEvents", &json!({ "Entries": [entry] }));
        let (name, event) = got(&server, "by-a-rule").await;
        assert_eq!((name.as_str(), &event["detail"]), ("f", &json!({ "a": "by-a-rule" })));

        put(&server, "/bucket", "");
        let notification = format!(
            "<NotificationConfiguration><CloudFunctionConfiguration><CloudFunction>{ARN}</CloudFunction>\
             <Event>s3:ObjectCreated:*</Event></CloudFunctionConfiguration></NotificationConfiguration>"
        );
        put(&server, "/bucket?notification", &notification);
        put(&server, "/bucket/by-a-bucket", "content");
        let (_, event) = got(&server, "by-a-bucket").await;
        assert_eq!(event["Records"][0]["s3"]["object"]["key"], "by-a-bucket");
    }

    async fn apis_of_the_upstream_answer_what_the_function_here_does(executor) {
        let upstream = Ministack::start();
        let server = Server::start(options(executor, &upstream));
        create_python(&server.client(), "f", TELLS).await;
        shadows(&server, 1).await;
        let call = |method: &str, path: &str, body: &Value| -> Value {
            let request = Request::json(method, path, body).signed_for("apigateway", "test", "us-east-1");
            let answer = request.send(server.port());
            assert!(answer.status < 300, "{path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
            answer.json()
        };

        let api = call("POST", "/v2/apis", &json!({ "name": "h", "protocolType": "HTTP" }));
        let id = api["apiId"].as_str().expect("an id");
        let proxy = json!({ "integrationType": "AWS_PROXY", "integrationUri": ARN, "payloadFormatVersion": "2.0" });
        let proxy = call("POST", &format!("/v2/apis/{id}/integrations"), &proxy);
        let target = format!("integrations/{}", proxy["integrationId"].as_str().expect("an id"));
        call("POST", &format!("/v2/apis/{id}/routes"), &json!({ "routeKey": "$default", "target": target }));
        call("POST", &format!("/v2/apis/{id}/stages"), &json!({ "stageName": "$default", "autoDeploy": true }));
        let path = format!("/_aws/execute-api/{id}/$default/orders?by=an-http-api");
        let answer = Request::json("POST", &path, &json!({ "a": 1 })).send(upstream.port());
        assert_eq!((answer.status, answer.json()), (200, json!({ "version": "$LATEST" })));
        let (name, event) = got(&server, "an-http-api").await;
        assert_eq!((name.as_str(), &event["version"], &event["rawPath"]), ("f", &json!("2.0"), &json!("/orders")));

        let api = call("POST", "/restapis", &json!({ "name": "r" }));
        let id = api["id"].as_str().expect("an id");
        let resources = call("GET", &format!("/restapis/{id}/resources"), &json!({}));
        let resources = resources.get("item").or_else(|| resources["_embedded"].get("item")).unwrap_or(&resources);
        let root = resources[0]["id"].as_str().unwrap_or_else(|| panic!("a root: {resources}"));
        let method = format!("/restapis/{id}/resources/{root}/methods/GET");
        call("PUT", &method, &json!({ "authorizationType": "NONE" }));
        let uri = format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{ARN}/invocations");
        let integration = json!({ "type": "AWS_PROXY", "httpMethod": "POST", "uri": uri });
        call("PUT", &format!("{method}/integration"), &integration);
        call("POST", &format!("/restapis/{id}/deployments"), &json!({ "stageName": "s" }));
        let path = format!("/restapis/{id}/s/_user_request_/?by=a-rest-api");
        get(upstream.port(), &path);
        let (_, event) = got(&server, "a-rest-api").await;
        assert_eq!((&event["httpMethod"], &event["requestContext"]["stage"]), (&json!("GET"), &json!("s")));
    }

    async fn a_queue_of_the_upstream_hears_what_became_of_its_messages(executor) {
        let upstream = Ministack::start();
        let server = Server::start(options(executor, &upstream));
        create_python(&server.client(), "f", TELLS).await;
        shadows(&server, 1).await;
        let (queue, dead) = Queue::create_with_dead_letters(upstream.port(), "q", 2);
        let mapping = json!({
            "EventSourceArn": queue.arn, "FunctionName": "f", "BatchSize": 1,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        });
        let path = "/2015-03-31/event-source-mappings/";
        let answer = Request::json("POST", path, &mapping).signed("test", "us-east-1").send(upstream.port());
        assert_eq!(answer.status, 202, "{}", answer.json());

        queue.send("good");
        queue.send("bad");
        got(&server, "\"good\"").await;
        // It comes twice, and is the queue's that is for those.
        eventually("the message is given up", || async { (dead.counts().0 == 1).then_some(()) }).await;
        assert_eq!((dead.receive()[0]["Body"].as_str(), queue.counts()), (Some("bad"), (0, 0)));
    }

    async fn who_waits_hears_the_result_and_loops_are_cut(executor) {
        let upstream = Ministack::start();
        let server = Server::start(options(executor, &upstream).with("LARDER_AUTHORIZE", "all"));
        let client = server.client();
        create_python(&client, "f", TELLS).await;
        shadows(&server, 1).await;
        let shadow = upstream.client();
        let invoke = async |event: Value| {
            let ran = shadow.invoke().function_name("f").payload(Blob::new(event.to_string())).send().await.expect("runs");
            let payload: Value = serde_json::from_slice(ran.payload().expect("one").as_ref()).expect("JSON");
            (ran.function_error().map(str::to_owned), payload)
        };
        assert_eq!(invoke(json!({})).await, (None, json!({ "version": "$LATEST" })));
        let (error, failure) = invoke(json!({ "fails": "so be it" })).await;
        assert_eq!((error.as_deref(), &failure["errorMessage"]), (Some("Unhandled"), &json!("so be it")));

        // What it calls with opens nothing else.
        let keys = shadow.get_function_configuration().function_name("f").send().await.expect("is there");
        let variables = keys.environment().and_then(|environment| environment.variables()).expect("some").clone();
        create_some(&client, "g").await;
        let credentials = aws_sdk_lambda::config::Credentials::new(
            &variables["LARDER_SHADOW_KEY"],
            &variables["LARDER_SHADOW_SECRET"],
            Some(variables["LARDER_SHADOW_TOKEN"].clone()),
            None,
            "test",
        );
        let thief = server.client_with(credentials);
        for (refused, of) in [
            (thief.invoke().function_name("g").send().await.err().map(|error| format!("{error:?}")), "InvokeFunction"),
            (thief.get_function().function_name("f").send().await.err().map(|error| format!("{error:?}")), "GetFunction"),
        ] {
            assert!(refused.as_ref().is_some_and(|error| error.contains("AccessDenied")), "{of}: {refused:?}");
        }

        // The sixteenth run of one chain was the last.
        let hash = format!("{:08x}", crc32fast::hash(ARN.as_bytes()));
        let header = format!("Root=1-5e000000-000000000000000000000000;Lineage={hash}:16");
        let (error, failure) = invoke(json!({ "Records": [{ "attributes": { "AWSTraceHeader": header } }] })).await;
        assert!(error.is_some(), "{failure}");
        assert!(failure["errorMessage"].as_str().is_some_and(|told| told.contains("recursive loop")), "{failure}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shadows_come_and_go_with_functions() {
    let mut upstream = Ministack::start();
    let server = Server::start(Options::any().with("LARDER_UPSTREAM", upstream.url()));
    let client = server.client();
    let shadow = upstream.client();
    let own =
        creation(&shadow, "mine", aws_sdk_lambda::types::Runtime::Python312, python("def handler(e, c): return 1\n"));
    own.description("Runs my orders").send().await.expect("created");
    assert_eq!(report(&server)["status"], "idle", "nobody is asked for nothing");

    for name in ["a", "mine", "z"] {
        create_some(&client, name).await;
    }
    shadows(&server, 2).await;
    assert_eq!(report(&server)["left_alone"], 1);
    let found = there(&shadow).await;
    assert_eq!(found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a", "mine", "z"]);
    assert_eq!(found[1].1, "Runs my orders");
    assert_eq!(server.log().matches("it is left alone").count(), 1, "{}", server.log());
    let listed = client.list_functions().send().await.expect("a list");
    assert!(listed.functions().iter().all(|one| one.description() == Some("")), "none is in Larder's own list");

    // A version whose number is behind one that is gone, and an alias that moves on.
    for description in ["1", "2", "3"] {
        let change = client.update_function_configuration().function_name("a").description(description);
        change.send().await.expect("changed");
        active(&client, "a").await;
        client.publish_version().function_name("a").send().await.expect("published");
    }
    client.delete_function().function_name("a").qualifier("2").send().await.expect("deleted");
    client.create_alias().function_name("a").name("live").function_version("1").send().await.expect("made");
    client.update_alias().function_name("a").name("live").function_version("3").send().await.expect("moved");
    let is_as_here = async || {
        eventually("versions and aliases are as they are here", || async {
            let versions = shadow.list_versions_by_function().function_name("a").send().await.ok()?;
            let versions: Vec<_> =
                versions.versions().iter().filter_map(|one| one.version().map(str::to_owned)).collect();
            let alias = shadow.get_alias().function_name("a").name("live").send().await.ok()?;
            (versions == ["$LATEST", "1", "3"] && alias.function_version() == Some("3")).then_some(())
        })
        .await;
    };
    is_as_here().await;

    // One that is started again has forgotten everything.
    upstream.restart();
    assert_eq!(there(&shadow).await, []);
    is_as_here().await;
    shadows(&server, 3).await;
    client.delete_function().function_name("a").send().await.expect("deleted");
    eventually("its shadow is gone", || async { (there(&shadow).await.len() == 2).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_again_finds_its_shadows() {
    let upstream = Ministack::start();
    let mut server = Server::start(Options::any().with("LARDER_UPSTREAM", upstream.url()));
    for name in ["stays", "goes"] {
        create_some(&server.client(), name).await;
    }
    shadows(&server, 2).await;
    let revision = async || {
        let found = upstream.client().get_function_configuration().function_name("stays").send().await.expect("there");
        found.revision_id().map(str::to_owned)
    };
    let before = revision().await;
    server.kill();
    upstream.client().delete_function().function_name("goes").send().await.expect("deleted");
    server.restart();
    shadows(&server, 2).await;
    assert_eq!(revision().await, before, "it was left as it is");
}

/// The report of an upstream that can have no shadows, once that was seen.
async fn unable(server: &Server) -> Value {
    eventually("it is seen", || async {
        let report = report(server);
        ["cannot run there", "no Lambda there"].contains(&report["status"].as_str()?).then_some(report)
    })
    .await
}

/// A moto without Docker makes functions and runs none.
#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_runs_no_functions_is_told_once() {
    let moto = Moto::start_as_default_account();
    let server = Server::start(Options::any().with("LARDER_UPSTREAM", moto.url()));
    let client = server.client();
    create_some(&client, "a").await;
    let seen = unable(&server).await;
    assert_eq!((&seen["status"], &seen["shadows"]), (&json!("cannot run there"), &json!(0)), "{seen}");
    create_some(&client, "b").await;
    // It is tried again after half a second, and after one.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let log = server.log();
    assert_eq!(log.matches("triggers of the upstream do not reach functions here").count(), 1, "{log}");
    eventually("the one that was tried is gone", || async { there(&moto.client()).await.is_empty().then_some(()) })
        .await;
    assert!(!log.contains("callers are of one account"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_of_another_account_is_told_once() {
    let moto = Moto::start();
    let server = Server::start(Options::any().with("LARDER_UPSTREAM", moto.url()));
    create_some(&server.client(), "a").await;
    let seen = unable(&server).await;
    assert_eq!(seen["other_accounts"], json!({ "000000000000": "123456789012" }));
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let log = server.log();
    assert_eq!(log.matches("callers are of one account here").count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn none_are_made_where_none_are_wanted() {
    let upstream = Ministack::start();
    let server = Server::start(Options::any().with("LARDER_UPSTREAM", upstream.url()).with("LARDER_SHADOWS", "off"));
    create_some(&server.client(), "f").await;
    assert_eq!(server.health()["shadows"], json!([]));
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(there(&upstream.client()).await, []);
    assert_eq!(get(server.port(), "/_larder/health").status, 200);
}

/// Who is gone with the server leaves nothing at the upstream.
#[tokio::test(flavor = "multi_thread")]
async fn shadows_of_a_store_that_ends_with_the_server_go_with_it() {
    let upstream = Ministack::start();
    let port = free_port();
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("LARDER_UPSTREAM", upstream.url());
    command.args(["serve", "--ephemeral", "--end-with-input", "--listen"]).arg(format!("127.0.0.1:{port}"));
    let mut larder = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("runs");
    let credentials = aws_sdk_lambda::config::Credentials::new("test", "test", None, None, "tests");
    let client = client_at(&format!("http://127.0.0.1:{port}"), credentials, "us-east-1");
    eventually("it serves", || async { client.list_functions().send().await.ok() }).await;
    create_some(&client, "f").await;
    eventually("it has a shadow", || async { (there(&upstream.client()).await.len() == 1).then_some(()) }).await;

    drop(larder.stdin.take());
    assert!(larder.wait().expect("ends").success());
    assert_eq!(there(&upstream.client()).await, []);
}
