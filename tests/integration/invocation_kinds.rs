//! Events that nobody waits for, streams of responses, and tenants.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    InvocationType, InvokeWithResponseStreamResponseEvent as Part, LogType, Runtime, TenancyConfig, TenantIsolationMode,
};
use serde_json::{Value, json};

use crate::on_each_executor;
use crate::support::functions::{active, create_python, create_some, creation, python};
use crate::support::http::Request;
use crate::support::invoke::call;
use crate::support::{Options, Server, eventually};

/// Remembers the events of its environment; answers with them when there is nothing to remember. Fails on
/// demand, and answers with much.
const MEMORY: &str = r#"
import time
events = []
def handler(event, context):
    if event == {}:
        return events
    if "fail" in event:
        raise ValueError(event["fail"])
    time.sleep(event.get("wait", 0))
    if "much" in event:
        return "x" * event["much"]
    events.append([event, context.client_context is None, context.tenant_id])
    return len(events)
"#;

/// Waits until there is one environment, and so many are idle. A call of the test meanwhile would make
/// another one, with a memory of its own.
async fn environment(server: &Server, idle: u64) {
    eventually("one environment, in the wanted state", || async {
        let counts = server.health()["counts"].clone();
        (counts["environments"] == 1 && counts["idle_environments"] == idle).then_some(())
    })
    .await;
}

/// The payload, and what the end says: error code, error details, whether there is a log.
async fn stream(client: &Client, event: Value) -> (Vec<u8>, Option<String>, Option<String>, bool) {
    let call = client.invoke_with_response_stream().function_name("memory").log_type(LogType::Tail);
    let mut output = call.payload(Blob::new(event.to_string())).send().await.expect("invoked");
    assert_eq!(output.executed_version(), Some("$LATEST"));
    let mut payload = Vec::new();
    while let Some(part) = output.event_stream.recv().await.expect("frames") {
        match part {
            Part::PayloadChunk(chunk) => payload.extend(chunk.payload.map(Blob::into_inner).unwrap_or_default()),
            Part::InvokeComplete(end) => return (payload, end.error_code, end.error_details, end.log_result.is_some()),
            other => panic!("no part of a stream: {other:?}"),
        }
    }
    panic!("the stream has no end")
}

on_each_executor! {
    async fn events_are_run_in_the_background(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        creation(&client, "memory", Runtime::Python311, python(MEMORY)).send().await.expect("created");
        // The function is pending: it is accepted all the same.
        let context = "e30=";
        let accepted = client
            .invoke()
            .function_name("memory")
            .invocation_type(InvocationType::Event)
            .client_context(context)
            .payload(Blob::new(r#"{"n":1}"#))
            .send()
            .await
            .expect("accepted");
        assert_eq!((accepted.status_code(), accepted.payload()), (202, None));
        assert_eq!((accepted.executed_version(), accepted.function_error()), (None, None));
        environment(&server, 1).await;
        assert_eq!(call(&client, "memory").await.response(), json!([[{ "n": 1 }, true, null]]));
        let path = "/2014-11-13/functions/memory/invoke-async";
        let answer = Request::new("POST", path).body(br#"{"wait":0.8}"#.to_vec()).send(server.port());
        assert_eq!((answer.status, answer.body.len()), (202, 0));
        assert!(!answer.header("x-amzn-requestid").is_empty());
        environment(&server, 0).await;
        environment(&server, 1).await;
        let events = call(&client, "memory").await.response();
        assert_eq!(events.as_array().map(Vec::len), Some(2), "{events}");
        // A function that fails is told to nobody.
        let call = client.invoke().function_name("memory").invocation_type(InvocationType::Event);
        call.payload(Blob::new(r#"{"fail":"x"}"#)).send().await.expect("accepted");
    }

    async fn a_stream_has_the_frames_of_aws(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        create_python(&client, "memory", MEMORY).await;
        assert_eq!(stream(&client, json!({ "n": 1 })).await, (b"1".to_vec(), None, None, true));
        let (much, error, ..) = stream(&client, json!({ "much": 200_000 })).await;
        assert_eq!((much.len(), error), (200_002, None));
        let (payload, code, details, _) = stream(&client, json!({ "fail": "so be it" })).await;
        assert_eq!((payload.len(), code.as_deref()), (0, Some("Unhandled")));
        let details: Value = serde_json::from_str(&details.expect("details")).expect("JSON");
        assert_eq!((&details["errorType"], &details["errorMessage"]), (&json!("ValueError"), &json!("so be it")));
        let path = "/2021-11-15/functions/memory/response-streaming-invocations";
        let answer = Request::new("POST", path).send(server.port());
        assert_eq!(answer.header("content-type"), "application/vnd.amazon.eventstream");
        let dry = Request::new("POST", path).header("x-amz-invocation-type", "DryRun").send(server.port());
        assert_eq!((dry.status, dry.body.len()), (204, 0));
    }

    async fn each_tenant_has_environments_of_its_own(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let tenancy = TenancyConfig::builder().tenant_isolation_mode(TenantIsolationMode::PerTenant);
        let create = creation(&client, "memory", Runtime::Python311, python(MEMORY));
        let created = create.tenancy_config(tenancy.build().expect("complete")).send().await.expect("created");
        let shown = created.tenancy_config().map(TenancyConfig::tenant_isolation_mode);
        assert_eq!(shown, Some(&TenantIsolationMode::PerTenant));
        active(&client, "memory").await;
        let invoke = |tenant: &str, event: Value| {
            client.invoke().function_name("memory").tenant_id(tenant).payload(Blob::new(event.to_string())).send()
        };
        for (tenant, count) in [("a", "1"), ("b", "1"), ("a", "2")] {
            let output = invoke(tenant, json!({ "of": tenant })).await.expect("invoked");
            assert_eq!(output.payload().map(Blob::as_ref), Some(count.as_bytes()), "{tenant}");
        }
        let output = invoke("b", json!({})).await.expect("invoked");
        let seen: Value = serde_json::from_slice(output.payload().expect("a payload").as_ref()).expect("JSON");
        assert_eq!(seen, json!([[{ "of": "b" }, true, "b"]]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_told_without_a_run_is_told_at_once() {
    let server = Server::start(Options::any());
    let client = server.client();
    create_some(&client, "plain").await;
    let tenancy = TenancyConfig::builder().tenant_isolation_mode(TenantIsolationMode::PerTenant);
    let create = creation(&client, "tenants", Runtime::Providedal2023, python(""));
    create.tenancy_config(tenancy.build().expect("complete")).send().await.expect("created");
    for kind in [InvocationType::Event, InvocationType::DryRun, InvocationType::RequestResponse] {
        let call = client.invoke().function_name("tenants").invocation_type(kind.clone());
        let refused = call.send().await.expect_err("is refused").into_service_error();
        let text = "The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request \
                    and try again.";
        assert_eq!((refused.is_invalid_parameter_value_exception(), refused.message()), (true, Some(text)), "{kind}");
    }
    let unwanted = client.invoke().function_name("plain").tenant_id("a").send().await.expect_err("is refused");
    assert!(unwanted.into_service_error().is_invalid_parameter_value_exception());
    let invoke = |path: &str| Request::new("POST", path).header("x-amz-invocation-type", "Event");
    let event = invoke("/2015-03-31/functions/plain/invocations");
    let old = invoke("/2014-11-13/functions/plain/invoke-async");
    for (what, request, status, code, text) in [
        ("JSON", event.clone().body(b"{".to_vec()), 400, "InvalidRequestContentException", "Could not parse"),
        (
            "missing",
            invoke("/2015-03-31/functions/no/invocations"),
            404,
            "ResourceNotFoundException",
            "Function not found",
        ),
        (
            "1 MB",
            event.clone().body(vec![b' '; 1_048_577]),
            413,
            "RequestTooLargeException",
            "Request must be smaller than 1048576 bytes for the InvokeFunction operation",
        ),
        (
            "256 KB",
            old.body(vec![b' '; 262_145]),
            413,
            "RequestTooLargeException",
            "Request must be smaller than 262144 bytes for the InvokeAsync operation",
        ),
        ("tenant", event.clone().header("x-amz-tenant-id", "a$"), 400, "ValidationException", "1 validation error"),
        ("name", event.header("x-amz-durable-execution-name", "a b"), 400, "ValidationException", "1 validation error"),
    ] {
        let answer = request.send(server.port());
        assert_eq!((answer.status, answer.error()), (status, code), "{what}: {}", answer.message());
        assert!(answer.message().starts_with(text), "{what}: {}", answer.message());
    }
}
