//! Reserved and provisioned concurrency, scaling, and what they leave of the account's limit.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::{AccountLimit, Concurrency, ProvisionedConcurrencyStatusEnum as Status, Runtime};
use serde_json::{Value, json};

use crate::on_each_executor;
use crate::support::functions::{ECHO, active, create_python, create_some, creation, python, some};
use crate::support::http::{Answer, Request};
use crate::support::{Options, Server, eventually};

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function";

fn server() -> Server {
    Server::start(
        Options::any()
            .with("LAMBDA_LIMITS_CONCURRENT_EXECUTIONS", 20)
            .with("LAMBDA_LIMITS_MINIMUM_UNRESERVED_CONCURRENCY", 5),
    )
}

fn reserve(server: &Server, function: &str, reserved: i64) -> Answer {
    let body = json!({ "ReservedConcurrentExecutions": reserved });
    Request::json("PUT", &format!("/2017-10-31/functions/{function}/concurrency"), &body).send(server.port())
}

fn provision(server: &Server, function: &str, qualifier: &str, number: i64) -> Answer {
    let body = json!({ "ProvisionedConcurrentExecutions": number });
    let path = format!("/2019-09-30/functions/{function}/provisioned-concurrency?Qualifier={qualifier}");
    Request::json("PUT", &path, &body).send(server.port())
}

fn provisioned(server: &Server, method: &str, function: &str, query: &str) -> Answer {
    let path = format!("/2019-09-30/functions/{function}/provisioned-concurrency?{query}");
    Request::new(method, &path).send(server.port())
}

fn refused(answer: &Answer) -> (u16, &str, String) {
    (answer.status, answer.error(), answer.message())
}

fn invalid(message: &str) -> (u16, &'static str, String) {
    (400, "InvalidParameterValueException", message.to_owned())
}

async fn unreserved(client: &Client) -> i32 {
    let settings = client.get_account_settings().send().await.expect("settings");
    settings.account_limit().and_then(AccountLimit::unreserved_concurrent_executions).expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn reservations_are_kept_and_leave_the_minimum() {
    let mut server = server();
    let client = server.client();
    for name in ["one", "two"] {
        create_some(&client, name).await;
    }
    let put = client.put_function_concurrency().function_name("one").reserved_concurrent_executions(10);
    assert_eq!(put.send().await.expect("reserved").reserved_concurrent_executions(), Some(10));
    assert_eq!(unreserved(&client).await, 10);
    let below = invalid(
        "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below \
         its minimum value of [5].",
    );
    let refusal = reserve(&server, "two", 6);
    assert_eq!(refused(&refusal), below);
    assert_eq!(refusal.json().get("Type"), None, "AWS leaves the type out");
    // What the function has already does not count against it.
    assert_eq!(reserve(&server, "one", 15).status, 200);
    assert_eq!(refused(&reserve(&server, "one", 16)), below);

    server.kill();
    server.restart();
    let found = client.get_function_concurrency().function_name("one").send().await.expect("is there");
    assert_eq!(found.reserved_concurrent_executions(), Some(15));
    let found = client.get_function().function_name("one").send().await.expect("is there");
    assert_eq!(found.concurrency().and_then(Concurrency::reserved_concurrent_executions), Some(15));
    client.delete_function_concurrency().function_name("one").send().await.expect("deleted");
    assert_eq!(unreserved(&client).await, 20);
    let found = client.get_function_concurrency().function_name("one").send().await.expect("is there");
    assert_eq!(found.reserved_concurrent_executions(), None);
    let found = client.get_function().function_name("one").send().await.expect("is there");
    assert!(found.concurrency().is_none());

    let missing = format!("Function not found: {ARN}:nobody:$LATEST");
    assert_eq!(refused(&reserve(&server, "nobody", 1)), (404, "ResourceNotFoundException", missing));
    let qualified = invalid(
        "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. \
         Please specify either a function name or an unqualified function ARN.",
    );
    assert_eq!(refused(&reserve(&server, "one:$LATEST", 1)), qualified);
    let negative = reserve(&server, "one", -1);
    assert_eq!(negative.error(), "ValidationException");
}

#[tokio::test(flavor = "multi_thread")]
async fn provisioned_concurrency_becomes_ready_and_goes_with_its_alias() {
    let server = server();
    let client = server.client();
    create_python(&client, "f", ECHO).await;
    client.publish_version().function_name("f").send().await.expect("published");
    client.create_alias().function_name("f").name("live").function_version("1").send().await.expect("created");
    let put = client.put_provisioned_concurrency_config().function_name("f").qualifier("live");
    let put = put.provisioned_concurrent_executions(3).send().await.expect("accepted");
    assert_eq!(put.status(), Some(&Status::InProgress));
    assert_eq!(put.requested_provisioned_concurrent_executions(), Some(3));
    assert_eq!(put.allocated_provisioned_concurrent_executions(), Some(0));
    ready(&client, "f", "live", 3).await;
    assert_eq!(unreserved(&client).await, 17);
    let listed = provisioned(&server, "GET", "f", "List=ALL").json();
    let items = listed["ProvisionedConcurrencyConfigs"].as_array().expect("a list");
    assert_eq!(items.len(), 1);
    assert_eq!((&items[0]["FunctionArn"], &items[0]["Status"]), (&json!(format!("{ARN}:f:live")), &json!("READY")));

    // Version and alias exclude each other.
    let conflict = |message: &str| (409, "ResourceConflictException", message.to_owned());
    let pointed = conflict("Version is pointed by a Provisioned Concurrency alias");
    assert_eq!(refused(&provision(&server, "f", "1", 1)), pointed);
    client.create_alias().function_name("f").name("other").function_version("1").send().await.expect("created");
    client.delete_provisioned_concurrency_config().function_name("f").qualifier("live").send().await.expect("deleted");
    assert_eq!(provision(&server, "f", "1", 1).status, 202);
    let already = "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version";
    assert_eq!(refused(&provision(&server, "f", "other", 1)), conflict(already));

    // A version's goes with it.
    publish(&client, "second").await;
    for alias in ["live", "other"] {
        client.update_alias().function_name("f").name(alias).function_version("2").send().await.expect("updated");
    }
    client.delete_function().function_name("f").qualifier("1").send().await.expect("deleted");
    assert_eq!(provisioned(&server, "GET", "f", "List=ALL").json()["ProvisionedConcurrencyConfigs"], json!([]));
    assert_eq!(unreserved(&client).await, 20);
    assert_eq!(provision(&server, "f", "live", 2).status, 202);
    ready(&client, "f", "live", 2).await;

    // An alias's is allocated anew for another version.
    publish(&client, "third").await;
    client.update_alias().function_name("f").name("live").function_version("3").send().await.expect("updated");
    ready(&client, "f", "live", 2).await;
    let events = server.events();
    let kinds = events.iter().rev().map(|event| event["kind"].as_str().expect("a kind"));
    // The environments have logs.
    let kinds: Vec<_> = kinds.filter(|kind| !kind.starts_with("Log")).take(3).collect();
    assert_eq!(kinds, ["ProvisionedConcurrencySettled", "ProvisionedConcurrencyPut", "AliasPut"]);
    client.delete_alias().function_name("f").name("live").send().await.expect("deleted");
    let gone = provisioned(&server, "GET", "f", "Qualifier=live");
    let message = format!("Cannot find alias arn: {ARN}:f:live");
    assert_eq!(refused(&gone), (404, "ResourceNotFoundException", message));
}

async fn publish(client: &Client, content: &str) {
    let package = python(&format!("# {content}\n{ECHO}"));
    client.update_function_code().function_name("f").zip_file(package.into()).send().await.expect("updated");
    active(client, "f").await;
    client.publish_version().function_name("f").send().await.expect("published");
}

async fn ready(client: &Client, function: &str, qualifier: &str, number: i32) {
    eventually("provisioned concurrency is ready", || async {
        let get = client.get_provisioned_concurrency_config().function_name(function).qualifier(qualifier);
        let found = get.send().await.expect("is there");
        (found.status() == Some(&Status::Ready)).then(|| {
            assert_eq!(found.allocated_provisioned_concurrent_executions(), Some(number));
            assert_eq!(found.available_provisioned_concurrent_executions(), Some(number));
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn provisioned_concurrency_has_limits() {
    let server = server();
    let client = server.client();
    create_some(&client, "f").await;
    client.publish_version().function_name("f").send().await.expect("published");
    let unreserved =
        "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [20].";
    assert_eq!(refused(&provision(&server, "f", "1", 21)), invalid(unreserved));
    let minimum = "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below \
                   its minimum value of [5].";
    assert_eq!(refused(&provision(&server, "f", "1", 16)), invalid(minimum));
    assert_eq!(reserve(&server, "f", 4).status, 200);
    let reserved =
        "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function";
    assert_eq!(refused(&provision(&server, "f", "1", 5)), invalid(reserved));
    assert_eq!(provision(&server, "f", "1", 4).status, 202);
    let lower =
        " ReservedConcurrentExecutions  3 should not be lower than function's total provisioned concurrency [4].";
    assert_eq!(refused(&reserve(&server, "f", 3)), invalid(lower));

    let latest = "Provisioned Concurrency Configs cannot be applied to unpublished function versions.";
    assert_eq!(refused(&provision(&server, "f", "$LATEST", 1)), invalid(latest));
    let latest = invalid("The function resource provided must be an alias or a published version.");
    for method in ["GET", "DELETE"] {
        assert_eq!(refused(&provisioned(&server, method, "f", "Qualifier=$LATEST")), latest);
    }
    let missing = (404, "ResourceNotFoundException", format!("Function not found: {ARN}:f:9"));
    assert_eq!(refused(&provision(&server, "f", "9", 1)), missing);
    assert_eq!(provision(&server, "f", "1", 0).error(), "ValidationException");
    assert_eq!(provisioned(&server, "DELETE", "f", "Qualifier=1").status, 204);
    let none = "No Provisioned Concurrency Config found for this function".to_owned();
    let none = (404, "ProvisionedConcurrencyConfigNotFoundException", none);
    assert_eq!(refused(&provisioned(&server, "GET", "f", "Qualifier=1")), none);
    assert_eq!(provisioned(&server, "DELETE", "f", "Qualifier=1").status, 204, "deleting nothing succeeds");

    publish(&client, "second").await;
    let weighted = json!({
        "Name": "weighted", "FunctionVersion": "2", "RoutingConfig": { "AdditionalVersionWeights": { "1": 0.5 } },
    });
    let created = Request::json("POST", "/2015-03-31/functions/f/aliases", &weighted).send(server.port());
    assert_eq!(created.status, 201);
    let weights = "Alias with weights can not be used with Provisioned Concurrency";
    assert_eq!(refused(&provision(&server, "f", "weighted", 1)), invalid(weights));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_managed_instances_have_a_scaling_configuration() {
    let server = server();
    let client = server.client();
    creation(&client, "f", Runtime::Providedal2023, some("f")).publish(true).send().await.expect("created");
    let path = |qualifier: &str| format!("/2025-11-30/functions/f/function-scaling-config?Qualifier={qualifier}");
    let found = Request::new("GET", &path("1")).send(server.port());
    assert_eq!((found.status, found.json()), (200, json!({ "FunctionArn": format!("{ARN}:f:1") })));
    let put = |qualifier: &str, body: &Value| Request::json("PUT", &path(qualifier), body).send(server.port());
    let body = json!({ "FunctionScalingConfig": { "MinExecutionEnvironments": 1 } });
    assert_eq!(put("1", &body).error(), "InvalidParameterValueException");
    assert_eq!(put("2", &body).error(), "ResourceNotFoundException");
    assert_eq!(put("live", &body).error(), "ValidationException");
    let body = json!({ "FunctionScalingConfig": { "MinExecutionEnvironments": 15_001 } });
    assert_eq!(put("1", &body).error(), "ValidationException");
}

on_each_executor! {
    async fn a_function_without_concurrency_is_throttled(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        create_python(&client, "f", ECHO).await;
        assert_eq!(reserve(&server, "f", 0).status, 200);
        let invoke = || Request::json("POST", "/2015-03-31/functions/f/invocations", &json!({})).send(server.port());
        let throttled = invoke();
        assert_eq!((throttled.status, throttled.error()), (429, "TooManyRequestsException"));
        let reason = "ReservedFunctionConcurrentInvocationLimitExceeded";
        assert_eq!(throttled.json(), json!({ "Type": "User", "message": "Rate Exceeded.", "Reason": reason }));
        assert_eq!(reserve(&server, "f", 1).status, 200);
        assert_eq!(invoke().status, 200);
    }
}
