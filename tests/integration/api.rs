//! The API through the SDK: functions created, read, listed, deleted; accounts and regions.

use std::collections::BTreeSet;

use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::operation::RequestId as _;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Architecture, PackageType, Runtime, State, TracingMode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::support::functions::{active, create_some, creation, some, zip};
use crate::support::http::{self, Request};
use crate::support::{Options, Server, functions};

/// Long enough that a test sees `Pending` before it ends.
const SLOW_STATES: u64 = 1500;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_function_is_pending_then_active_with_awss_defaults() {
    let server = Server::start(Options::any().with("LARDER_STATE_DELAY_MS", SLOW_STATES));
    let client = server.client();
    let package = some("defaults");
    let creation = client
        .create_function()
        .function_name("defaults")
        .runtime(Runtime::Providedal2023)
        .handler("main.run")
        .role(functions::ROLE)
        .tags("team", "red")
        .code(aws_sdk_lambda::types::FunctionCode::builder().zip_file(Blob::new(package.clone())).build());
    let created = creation.send().await.expect("created");
    assert!(created.request_id().is_some_and(|id| id.len() == 36));
    assert_eq!(created.state(), Some(&State::Pending));
    assert_eq!(created.state_reason(), Some("The function is being created."));
    assert_eq!(created.state_reason_code().map(aws_sdk_lambda::types::StateReasonCode::as_str), Some("Creating"));
    assert_eq!(created.last_update_status(), None);
    assert_eq!(created.function_arn(), Some("arn:aws:lambda:us-east-1:000000000000:function:defaults"));
    assert_eq!(created.version(), Some("$LATEST"));
    assert_eq!(created.package_type(), Some(&PackageType::Zip));
    assert_eq!(created.architectures(), [Architecture::X8664]);
    assert_eq!((created.timeout(), created.memory_size()), (Some(3), Some(128)));
    assert_eq!(created.ephemeral_storage().map(aws_sdk_lambda::types::EphemeralStorage::size), Some(512));
    assert_eq!(created.tracing_config().and_then(|tracing| tracing.mode()), Some(&TracingMode::PassThrough));
    let log_group = created.logging_config().and_then(|logging| logging.log_group());
    assert_eq!(log_group, Some("/aws/lambda/defaults"));
    assert_eq!(created.code_size(), i64::try_from(package.len()).expect("small"));
    assert_eq!(created.code_sha256(), Some(STANDARD.encode(Sha256::digest(&package)).as_str()));
    assert_is_time(created.last_modified().expect("a time"));

    active(&client, "defaults").await;
    let found = client.get_function().function_name("defaults").send().await.expect("is there");
    let configuration = found.configuration().expect("a configuration");
    assert_eq!(configuration.state_reason(), None);
    assert_ne!(configuration.revision_id(), created.revision_id(), "the end of Pending has its own revision");
    assert_eq!(found.tags().and_then(|tags| tags.get("team")).map(String::as_str), Some("red"));
    let code = found.code().expect("code");
    assert_eq!(code.repository_type(), Some("S3"));
    let path = code.location().and_then(|location| location.strip_prefix(&server.url())).expect("a URL of the server");
    assert_eq!(http::get(server.port(), path).body, package, "the download is the package, byte for byte");
}

/// `2026-01-31T12:34:56.789+0000`
fn assert_is_time(text: &str) {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000+0000", "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_member_that_was_given_is_shown_again() {
    let server = Server::start(Options::any());
    let client = server.client();
    let created = creation(&client, "given", Runtime::Python311, functions::python(functions::ECHO))
        .description("what it does")
        .timeout(77)
        .memory_size(512)
        .architectures(Architecture::X8664)
        .environment(aws_sdk_lambda::types::Environment::builder().variables("KEY", "välue").build())
        .ephemeral_storage(aws_sdk_lambda::types::EphemeralStorage::builder().size(1024).build().expect("is whole"))
        .send()
        .await
        .expect("created");
    let found = client.get_function_configuration().function_name("given").send().await.expect("is there");
    assert_eq!(found.description(), Some("what it does"));
    assert_eq!((found.timeout(), found.memory_size()), (Some(77), Some(512)));
    let variables = found.environment().and_then(|environment| environment.variables()).expect("variables");
    assert_eq!(variables.get("KEY").map(String::as_str), Some("välue"));
    assert_eq!(found.ephemeral_storage().map(aws_sdk_lambda::types::EphemeralStorage::size), Some(1024));
    assert_eq!(found.handler(), created.handler());
    assert_eq!(found.role(), Some(functions::ROLE));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_found_by_name_partial_arn_and_arn() {
    let server = Server::start(Options::any());
    let client = server.client();
    create_some(&client, "named").await;
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:named";
    for name in ["named", "function:named", "000000000000:function:named", arn] {
        let found = client.get_function_configuration().function_name(name).send().await.expect(name);
        assert_eq!(found.function_arn(), Some(arn), "{name}");
    }
    for name in [format!("{arn}:$LATEST"), "named:$LATEST".to_owned()] {
        let found = client.get_function_configuration().function_name(&name).send().await.expect("is there");
        assert_eq!(found.function_arn(), Some(format!("{arn}:$LATEST").as_str()), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_function_of_the_same_name_is_a_conflict() {
    let server = Server::start(Options::any());
    let client = server.client();
    create_some(&client, "twice").await;
    let sequence = server.sequence();
    let error = creation(&client, "twice", Runtime::Providedal2023, some("other")).send().await.expect_err("is there");
    let error = error.into_service_error();
    assert!(error.is_resource_conflict_exception(), "{error:?}");
    assert_eq!(error.message(), Some("Function already exist: twice"));
    assert_eq!(server.sequence(), sequence);
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_have_pages_and_every_function_once() {
    let server = Server::start(Options::any());
    let client = server.client();
    let names: BTreeSet<String> = (0..57).map(|number| format!("listed-{number:02}")).collect();
    for name in &names {
        creation(&client, name, Runtime::Providedal2023, some("same")).send().await.expect("created");
    }
    let mut pages = client.list_functions().max_items(20).into_paginator().send();
    let mut sizes = Vec::new();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.expect("a page");
        sizes.push(page.functions().len());
        found.extend(page.functions().iter().filter_map(|function| function.function_name()).map(str::to_owned));
    }
    assert_eq!(sizes, [20, 20, 17]);
    assert_eq!(found, names.into_iter().collect::<Vec<_>>());
    // AWS gives 50 at most, whatever is asked for.
    let page = client.list_functions().max_items(10_000).send().await.expect("a page");
    assert_eq!(page.functions().len(), 50);
    assert!(page.next_marker().is_some());
    let error = client.list_functions().marker("no marker of ours").send().await.expect_err("is refused");
    assert!(error.into_service_error().is_invalid_parameter_value_exception());
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_functions_are_gone_and_their_names_free() {
    let server = Server::start(Options::any());
    let client = server.client();
    create_some(&client, "gone").await;
    client.publish_version().function_name("gone").send().await.expect("published");
    client.delete_function().function_name("gone").send().await.expect("deleted");
    let error = client.get_function().function_name("gone").send().await.expect_err("is gone").into_service_error();
    assert!(error.is_resource_not_found_exception());
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:gone";
    assert_eq!(error.message(), Some(format!("Function not found: {arn}").as_str()));
    let error = client.delete_function().function_name("gone").send().await.expect_err("is gone");
    assert!(error.into_service_error().is_resource_not_found_exception());
    assert!(client.list_functions().send().await.expect("a page").functions().is_empty());
    create_some(&client, "gone").await;
    let published = client.publish_version().function_name("gone").send().await.expect("published");
    assert_eq!(published.version(), Some("1"), "a new function counts from 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn account_settings_count_functions_and_code() {
    let server = Server::start(Options::any().with("LAMBDA_LIMITS_CONCURRENT_EXECUTIONS", 7));
    let client = server.client();
    let package = some("settings");
    let size = i64::try_from(package.len()).expect("small");
    for name in ["one", "two"] {
        creation(&client, name, Runtime::Providedal2023, package.clone()).send().await.expect("created");
        active(&client, name).await;
    }
    client.publish_version().function_name("one").send().await.expect("published");
    let settings = client.get_account_settings().send().await.expect("settings");
    let limit = settings.account_limit().expect("limits");
    assert_eq!((limit.concurrent_executions(), limit.unreserved_concurrent_executions()), (7, Some(7)));
    assert_eq!((limit.code_size_zipped(), limit.code_size_unzipped()), (52_428_800, 262_144_000));
    let usage = settings.account_usage().expect("usage");
    assert_eq!(usage.function_count(), 2);
    assert_eq!(usage.total_code_size(), 3 * size, "each version counts");
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_and_regions_do_not_see_each_other() {
    let server = Server::start(Options::any());
    let (red, blue) = (server.client_of("111111111111", "eu-west-1"), server.client_of("222222222222", "eu-west-1"));
    let elsewhere = server.client_of("111111111111", "us-west-2");
    create_some(&red, "shared-name").await;
    for other in [&blue, &elsewhere] {
        assert!(other.list_functions().send().await.expect("a page").functions().is_empty());
        let error = other.get_function().function_name("shared-name").send().await.expect_err("is not theirs");
        assert!(error.into_service_error().is_resource_not_found_exception());
        create_some(other, "shared-name").await;
    }
    let arn = |client: aws_sdk_lambda::Client| async move {
        let found = client.get_function_configuration().function_name("shared-name").send().await.expect("is there");
        found.function_arn().expect("an ARN").to_owned()
    };
    assert_eq!(arn(red.clone()).await, "arn:aws:lambda:eu-west-1:111111111111:function:shared-name");
    assert_eq!(arn(blue.clone()).await, "arn:aws:lambda:eu-west-1:222222222222:function:shared-name");
    assert_eq!(arn(elsewhere).await, "arn:aws:lambda:us-west-2:111111111111:function:shared-name");
    // By its ARN another account's function can be used, as nobody's identity is verified; one that is not
    // there looks as on AWS like one that may not be seen.
    let reds = arn(red.clone()).await;
    let found = blue.get_function().function_name(&reds).send().await.expect("is red's");
    assert_eq!(found.configuration().and_then(|shown| shown.function_arn()), Some(reds.as_str()));
    let missing = reds.replace("shared-name", "missing");
    let error = blue.get_function().function_name(missing).send().await.expect_err("is not there");
    let status = error.raw_response().map(|response| response.status().as_u16());
    assert_eq!(status, Some(403), "{error:?}");
    assert_eq!(error.code(), Some("AccessDeniedException"));
    blue.delete_function().function_name("shared-name").send().await.expect("deleted");
    red.get_function().function_name("shared-name").send().await.expect("red's is still there");
}

#[test]
fn keys_that_are_no_account_and_calls_without_a_key_share_one() {
    let server = Server::start(Options::any());
    let body = json!({
        "FunctionName": "plain", "Runtime": "provided.al2023", "Handler": "x", "Role": functions::ROLE,
        "Code": { "ZipFile": STANDARD.encode(some("plain")) },
    });
    let created = Request::json("POST", "/2015-03-31/functions", &body).send(server.port());
    assert_eq!(created.status, 201, "{created:?}");
    assert_eq!(created.header("content-type"), "application/json");
    let path = "/2015-03-31/functions/plain/configuration";
    for request in [
        Request::new("GET", path),
        Request::new("GET", path).signed("AKIAIOSFODNN7EXAMPLE", "us-east-1"),
        Request::new("GET", path).signed("test", "us-east-1"),
        Request::new("GET", path).signed("000000000000", "us-east-1"),
    ] {
        assert_eq!(request.send(server.port()).status, 200, "{request:?}");
    }
    assert_eq!(Request::new("GET", path).signed("test", "us-west-1").send(server.port()).status, 404);
}

#[test]
fn errors_are_shaped_as_awss() {
    let server = Server::start(Options::any());
    let missing = Request::new("GET", "/2015-03-31/functions/nobody").send(server.port());
    assert_eq!((missing.status, missing.error()), (404, "ResourceNotFoundException"));
    assert_eq!(missing.header("content-type"), "application/json");
    assert_eq!(missing.header("x-amzn-requestid").len(), 36);
    assert_eq!(
        missing.json(),
        json!({
            "Type": "User",
            "Message": "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody",
        })
    );
    let body = json!({ "FunctionName": "f", "Runtime": "provided.al2023", "Handler": "x", "Code": {}, "Role": "r" });
    let invalid = Request::json("POST", "/2015-03-31/functions", &body).send(server.port());
    assert_eq!((invalid.status, invalid.error()), (400, "ValidationException"));
    assert_eq!(
        invalid.json(),
        json!({ "message":
            "1 validation error detected: Value 'r' at 'role' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+" })
    );
    let other = Request::new("GET", "/2015-03-31/functions/arn:aws:lambda:us-east-1:999999999999:function:f");
    let denied = other.send(server.port());
    assert_eq!((denied.status, denied.error()), (403, "AccessDeniedException"));
    let body = json!({
        "FunctionName": "f", "Runtime": "cobol1", "Handler": "x", "Role": functions::ROLE,
        "Code": { "ZipFile": STANDARD.encode(zip(&[("x", b"x")])) },
    });
    let unknown = Request::json("POST", "/2015-03-31/functions", &body).send(server.port());
    assert_eq!((unknown.status, unknown.error()), (400, "InvalidParameterValueException"), "{unknown:?}");
    assert_eq!(unknown.json()["Type"], "User");
    assert!(unknown.message().contains("cobol1"), "{unknown:?}");
    assert_eq!(server.sequence(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn history_has_every_change_and_no_secret() {
    let server = Server::start(Options::any());
    let client = server.client();
    let secret = "hunter2-never-shown";
    creation(&client, "told", Runtime::Providedal2023, some("told"))
        .environment(aws_sdk_lambda::types::Environment::builder().variables("PASSWORD", secret).build())
        .send()
        .await
        .expect("created");
    active(&client, "told").await;
    client.publish_version().function_name("told").send().await.expect("published");
    client.delete_function().function_name("told").send().await.expect("deleted");
    let events = server.events();
    let kinds: Vec<_> = events.iter().map(|event| event["kind"].as_str().expect("a kind")).collect();
    assert_eq!(kinds, ["FunctionCreated", "FunctionSettled", "VersionPublished", "FunctionDeleted"]);
    let sequences: Vec<_> = events.iter().map(|event| event["sequence"].as_u64().expect("a number")).collect();
    assert_eq!(sequences, [1, 2, 3, 4]);
    let shown = serde_json::to_string(&events).expect("JSON");
    assert!(shown.contains("PASSWORD") && !shown.contains(secret), "{shown}");
    assert!(!server.log().contains(secret));
}
