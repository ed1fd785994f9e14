//! Durable functions and the operations on their executions, of which there are none yet.

use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{DurableConfig, Runtime};
use serde_json::json;

use crate::support::functions::{active, creation, some};
use crate::support::http::{Request, get};
use crate::support::{Options, Server};

const EXECUTION: &str = "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Ad%3A1%2Fdurable-execution%2Fn%2Fi";

#[tokio::test(flavor = "multi_thread")]
async fn a_durable_function_is_kept_and_its_invocations_are_checked() {
    let mut server = Server::start(Options::any());
    let client = server.client();
    let config = |timeout| DurableConfig::builder().execution_timeout(timeout).build();
    let create = creation(&client, "d", Runtime::Providedal2023, some("d")).set_timeout(None);
    let created = create.durable_config(config(3600)).send().await.expect("created");
    assert_eq!(created.timeout(), Some(900), "the longest there is");
    let shown = created.durable_config().expect("shown");
    assert_eq!((shown.execution_timeout(), shown.retention_period_in_days()), (Some(3600), Some(14)));
    active(&client, "d").await;
    let retention = DurableConfig::builder().retention_period_in_days(7).build();
    let update = client.update_function_configuration().function_name("d").durable_config(retention);
    let updated = update.send().await.expect("updated");
    let shown = updated.durable_config().expect("shown").clone();
    assert_eq!((shown.execution_timeout(), shown.retention_period_in_days()), (Some(3600), Some(7)));
    active(&client, "d").await;
    server.kill();
    server.restart();
    let client = server.client();
    let after = client.get_function_configuration().function_name("d").send().await.expect("is there");
    assert_eq!(after.durable_config(), Some(&shown));

    for (qualifier, kind, text) in [
        (None, "Event", "You cannot invoke a durable function using an unqualified ARN."),
        (
            Some("$LATEST"),
            "RequestResponse",
            "You cannot synchronously invoke a durable function with an executionTimeout",
        ),
        (Some("$LATEST"), "Event", "Durable functions are stored but not run"),
    ] {
        let call = client.invoke().function_name("d").set_qualifier(qualifier.map(str::to_owned));
        let refused = call.invocation_type(kind.into()).send().await.expect_err("is refused").into_service_error();
        assert!(refused.is_invalid_parameter_value_exception(), "{refused:?}");
        assert!(refused.message().is_some_and(|message| message.starts_with(text)), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn executions_are_not_found_in_aws_words() {
    let server = Server::start(Options::any());
    let client = server.client();
    creation(&client, "d", Runtime::Providedal2023, some("d")).send().await.expect("created");
    let base = format!("/2025-12-01/durable-executions/{EXECUTION}");
    let error = json!({ "ErrorType": "T", "ErrorMessage": "m", "StackTrace": ["a"] });
    for (method, path, body) in [
        ("GET", "?IncludeExecutionData=false", json!({})),
        ("GET", "/history?MaxItems=0&ReverseOrder=true", json!({})),
        ("DELETE", "", json!({})),
        ("POST", "/pause", json!({ "Reason": "r", "ExecutionTimeoutPaused": false })),
        ("POST", "/resume", json!({ "ClientToken": "t" })),
        ("POST", "/stop", error.clone()),
    ] {
        let answer = Request::json(method, &format!("{base}{path}"), &body).send(server.port());
        assert_eq!((answer.status, answer.error()), (404, "ResourceNotFoundException"), "{method} {path}");
        assert_eq!(answer.json(), json!({ "Type": "User", "Message": "Durable Execution does not exist" }));
    }
    let updates = json!([{ "Id": "1", "Type": "STEP", "Action": "START" }]);
    let token = json!({ "CheckpointToken": "QUJD", "Updates": updates });
    let checkpoint = Request::json("POST", &format!("{base}/checkpoint"), &token).send(server.port());
    let state = get(server.port(), &format!("{base}/state?CheckpointToken=QUJD"));
    for answer in [checkpoint, state] {
        assert_eq!((answer.status, answer.message().as_str()), (400, "Invalid checkpoint token"));
    }
    let client_answer =
        client.send_durable_execution_callback_success().callback_id("QUJD+/8=").result(Blob::new("{}"));
    let refused = client_answer.send().await.expect_err("is refused").into_service_error();
    assert_eq!(refused.message(), Some("Invalid callback id"));
    for path in ["fail", "heartbeat"] {
        let path = format!("/2025-12-01/durable-execution-callbacks/QUJD/{path}");
        assert_eq!(Request::json("POST", &path, &error).send(server.port()).message(), "Invalid callback id");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_check_parameters_before_the_function() {
    let server = Server::start(Options::any());
    let client = server.client();
    creation(&client, "d", Runtime::Providedal2023, some("d")).send().await.expect("created");
    let list = |query: &str| get(server.port(), &format!("/2025-12-01/functions/{query}"));
    let empty = list("d/durable-executions?Statuses=RUNNING&StartedAfter=2026-01-01T00%3A00%3A00Z&MaxItems=10");
    assert_eq!((empty.status, empty.json()), (200, json!({ "DurableExecutions": [] })));
    for (query, status, code, text) in [
        ("no/durable-executions", 404, "ResourceNotFoundException", "Function not found: "),
        ("d/durable-executions?Qualifier=7", 404, "ResourceNotFoundException", "Function not found: "),
        (
            "no/durable-executions?Statuses=RUNNING&Statuses=FAILED",
            400,
            "InvalidParameterValueException",
            "Cannot filter",
        ),
        ("no/durable-executions?StartedAfter=NaN", 400, "SerializationException", "'NaN' can not be converted to Date"),
        ("d/durable-executions?Marker=m", 400, "InvalidParameterValueException", "Invalid Marker"),
        ("d/durable-executions?Statuses=BOGUS&MaxItems=-1", 400, "ValidationException", "2 validation errors detected"),
    ] {
        let answer = list(query);
        assert_eq!((answer.status, answer.error()), (status, code), "{query}: {}", answer.message());
        assert!(answer.message().starts_with(text), "{query}: {}", answer.message());
    }
    let wrong = get(server.port(), "/2025-12-01/durable-executions/arn%3Aaws%3Alambda");
    assert_eq!((wrong.status, wrong.error()), (400, "ValidationException"));
}
