//! Provisioned concurrency at work: environments that are there ahead, and stay.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::{AliasRoutingConfiguration, ProvisionedConcurrencyStatusEnum as Status, Runtime};
use serde_json::{Value, json};

use crate::on_each_executor;
use crate::support::functions::{active, create_python, creation, python};
use crate::support::http::{Answer, Request};
use crate::support::invoke::{call, invoke};
use crate::support::{Executor, Options, Server, eventually};

/// Says which version in which process runs, and why it is there; sleeps when asked to.
const WHO: &str = "
import os, time, uuid
me = str(uuid.uuid4())
def handler(event, context):
    time.sleep(event.get('s', 0))
    return [os.environ['AWS_LAMBDA_INITIALIZATION_TYPE'], context.function_version, me]
";

async fn published(client: &Client, name: &str, code: &str) {
    create_python(client, name, code).await;
    client.publish_version().function_name(name).send().await.expect("published");
}

/// Publishes another version.
async fn publish(client: &Client, name: &str, code: &str) {
    client.update_function_code().function_name(name).zip_file(python(code).into()).send().await.expect("updated");
    active(client, name).await;
    client.publish_version().function_name(name).send().await.expect("published");
}

async fn provision(client: &Client, name: &str, qualifier: &str, number: i32) {
    let put = client.put_provisioned_concurrency_config().function_name(name).qualifier(qualifier);
    put.provisioned_concurrent_executions(number).send().await.expect("accepted");
}

/// Waits until provisioned concurrency is ready, with that many environments.
async fn ready(client: &Client, name: &str, qualifier: &str, number: i32) {
    eventually("provisioned concurrency is ready", || async {
        let get = client.get_provisioned_concurrency_config().function_name(name).qualifier(qualifier);
        let found = get.send().await.expect("is there");
        let there = found.allocated_provisioned_concurrent_executions();
        assert_eq!(found.available_provisioned_concurrent_executions(), there);
        (found.status() == Some(&Status::Ready) && there == Some(number)).then_some(())
    })
    .await;
}

fn provisioned(server: &Server) -> u64 {
    server.health()["counts"]["provisioned_environments"].as_u64().expect("a number")
}

/// Calls that run at the same time.
async fn together(client: &Client, function: &'static str, number: usize) -> Vec<Value> {
    let calls: Vec<_> = (0..number)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { invoke(&client, function, json!({ "s": 1 })).await.response() })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.expect("answers"));
    }
    answers
}

fn kinds(answers: &[Value]) -> Vec<&str> {
    let mut kinds: Vec<_> = answers.iter().map(|answer| answer[0].as_str().expect("a text")).collect();
    kinds.sort_unstable();
    kinds
}

fn post(server: &Server, function: &str) -> Answer {
    let path = format!("/2015-03-31/functions/{function}/invocations");
    Request::json("POST", &path, &json!({})).send(server.port())
}

on_each_executor! {
    async fn environments_are_there_ahead_and_more_calls_spill_over(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        published(&client, "f", WHO).await;
        provision(&client, "f", "1", 2).await;
        ready(&client, "f", "1", 2).await;
        assert_eq!((server.environments(), provisioned(&server)), (2, 2), "nobody called");
        let answers = together(&client, "f:1", 3).await;
        assert_eq!(kinds(&answers), ["on-demand", "provisioned-concurrency", "provisioned-concurrency"]);
        let latest = call(&client, "f").await.response();
        assert_eq!((&latest[0], &latest[1]), (&json!("on-demand"), &json!("$LATEST")));
    }

    async fn they_outlive_a_kill_and_are_made_again_after_a_stop(executor) {
        let mut server = Server::start(Options::new(executor));
        let client = server.client();
        published(&client, "f", WHO).await;
        provision(&client, "f", "1", 2).await;
        ready(&client, "f", "1", 2).await;
        let processes = |answers: Vec<Value>| answers.into_iter().map(|answer| answer[2].to_string()).collect::<BTreeSet<_>>();
        let before = processes(together(&client, "f:1", 2).await);
        server.kill();
        server.restart();
        ready(&client, "f", "1", 2).await;
        let answers = together(&client, "f:1", 2).await;
        assert_eq!(kinds(&answers), ["provisioned-concurrency"; 2]);
        assert_eq!(processes(answers), before, "the same were adopted");
        assert_eq!(server.environments(), 2);
        assert_eq!(server.stop().code(), Some(0));
        server.assert_nothing_left();
        server.restart();
        ready(&client, "f", "1", 2).await;
        let after = processes(together(&client, "f:1", 2).await);
        assert!(after.is_disjoint(&before));
    }

    async fn they_move_with_their_alias_and_running_calls_end(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        published(&client, "f", WHO).await;
        client.create_alias().function_name("f").name("live").function_version("1").send().await.expect("created");
        provision(&client, "f", "live", 1).await;
        ready(&client, "f", "live", 1).await;
        publish(&client, "f", &format!("# 2\n{WHO}")).await;
        let running = { let client = client.clone(); tokio::spawn(async move { invoke(&client, "f:live", json!({ "s": 2 })).await }) };
        eventually("it runs", || async { (server.health()["counts"]["idle_environments"] == 0).then_some(()) }).await;
        client.update_alias().function_name("f").name("live").function_version("2").send().await.expect("updated");
        let old = running.await.expect("ends").response();
        assert_eq!((&old[0], &old[1]), (&json!("provisioned-concurrency"), &json!("1")));
        ready(&client, "f", "live", 1).await;
        let new = call(&client, "f:live").await.response();
        assert_eq!((&new[0], &new[1]), (&json!("provisioned-concurrency"), &json!("2")));
        eventually("the old one has ended", || async { (server.environments() == 1).then_some(()) }).await;

        // The share of an alias that goes to another version is not provisioned.
        let all = AliasRoutingConfiguration::builder().additional_version_weights("1", 1.0).build();
        client.update_alias().function_name("f").name("live").routing_config(all).send().await.expect("updated");
        let other = call(&client, "f:live").await.response();
        assert_eq!((&other[0], &other[1]), (&json!("on-demand"), &json!("1")));
        let none = AliasRoutingConfiguration::builder().set_additional_version_weights(Some([].into())).build();
        client.update_alias().function_name("f").name("live").routing_config(none).send().await.expect("updated");
        assert_eq!(call(&client, "f:live").await.response(), new);

        client.delete_provisioned_concurrency_config().function_name("f").qualifier("live").send().await.expect("deleted");
        eventually("they end", || async { (provisioned(&server) == 0).then_some(()) }).await;
        assert_eq!(call(&client, "f:live").await.response()[0], json!("on-demand"));
    }

    async fn one_that_does_not_get_through_its_init_fails_and_calls_go_on(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let picky = "
import os
if os.environ['AWS_LAMBDA_INITIALIZATION_TYPE'] != 'on-demand':
    raise RuntimeError('not like this')
def handler(event, context):
    return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']
";
        published(&client, "f", picky).await;
        provision(&client, "f", "1", 1).await;
        assert_eq!(call(&client, "f:1").await.response(), json!("on-demand"), "meanwhile");
        eventually("it fails", || async {
            let get = client.get_provisioned_concurrency_config().function_name("f").qualifier("1");
            let found = get.send().await.expect("is there");
            assert_eq!(found.allocated_provisioned_concurrent_executions(), Some(0));
            (found.status() == Some(&Status::Failed)).then(|| {
                assert_eq!(found.status_reason(), Some("FUNCTION_ERROR_INIT_FAILURE"));
            })
        })
        .await;
        assert_eq!(server.log().matches("a provisioned environment could not be had").count(), 6);
        assert_eq!(call(&client, "f:1").await.response(), json!("on-demand"), "and afterwards");
        assert_eq!(provisioned(&server), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_alive_does_not_end_them_and_what_ends_is_replaced() {
    if !Executor::Sandbox.is_here() {
        return;
    }
    let server = Server::start(Options::new(Executor::Sandbox).with("LAMBDA_KEEPALIVE_MS", 100));
    let client = server.client();
    published(&client, "f", WHO).await;
    provision(&client, "f", "1", 2).await;
    ready(&client, "f", "1", 2).await;
    call(&client, "f").await.response();
    eventually("the one on demand ends", || async { (server.environments() == 2).then_some(()) }).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(provisioned(&server), 2);
    let before = call(&client, "f:1").await.response();

    provision(&client, "f", "1", 1).await;
    ready(&client, "f", "1", 1).await;
    eventually("the other one ends", || async { (server.environments() == 1).then_some(()) }).await;
    for process in server.leftovers() {
        let pid = process.split([' ', ':']).nth(1).and_then(|pid| pid.parse().ok()).expect("a process id");
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
    }
    eventually("another one is there", || async {
        // A call at the moment of the kill fails, as on AWS.
        let invoked = call(&client, "f:1").await;
        let kind = &invoked.payload[0];
        (invoked.error.is_none() && kind == "provisioned-concurrency" && invoked.payload[2] != before[2]).then_some(())
    })
    .await;
    ready(&client, "f", "1", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_provisioned_is_not_there_for_others() {
    if !Executor::Sandbox.is_here() {
        return;
    }
    let options = Options::new(Executor::Sandbox)
        .with("LAMBDA_LIMITS_CONCURRENT_EXECUTIONS", 3)
        .with("LAMBDA_LIMITS_MINIMUM_UNRESERVED_CONCURRENCY", 0);
    let server = Server::start(options);
    let client = server.client();
    published(&client, "f", WHO).await;
    let reserve = client.put_function_concurrency().function_name("f").reserved_concurrent_executions(2);
    reserve.send().await.expect("reserved");
    provision(&client, "f", "1", 2).await;
    ready(&client, "f", "1", 2).await;
    let throttled = |reason: &str| json!({ "Type": "User", "message": "Rate Exceeded.", "Reason": reason });
    let refused = post(&server, "f");
    assert_eq!(
        (refused.status, refused.json()),
        (429, throttled("ReservedFunctionConcurrentInvocationLimitExceeded")),
        "all that is reserved is provisioned for its version"
    );
    assert_eq!(call(&client, "f:1").await.response()[0], "provisioned-concurrency");

    create_python(&client, "g", WHO).await;
    let running = {
        let client = client.clone();
        tokio::spawn(async move { invoke(&client, "g", json!({ "s": 2 })).await })
    };
    eventually("it runs", || async {
        let counts = &server.health()["counts"];
        (counts["environments"] == 3 && counts["idle_environments"] == 2).then_some(())
    })
    .await;
    let refused = post(&server, "g");
    assert_eq!((refused.status, refused.json()), (429, throttled("ConcurrentInvocationLimitExceeded")));
    assert_eq!(call(&client, "f:1").await.response()[0], "provisioned-concurrency", "it is f's alone");
    running.await.expect("ends").response();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_that_cannot_run_here_fails_with_the_reason() {
    if !Executor::Sandbox.is_here() {
        return;
    }
    let server = Server::start(Options::new(Executor::Sandbox));
    let client = server.client();
    creation(&client, "f", Runtime::Java21, python(WHO)).publish(true).send().await.expect("created");
    provision(&client, "f", "1", 1).await;
    eventually("it fails", || async {
        let get = client.get_provisioned_concurrency_config().function_name("f").qualifier("1");
        let found = get.send().await.expect("is there");
        (found.status() == Some(&Status::Failed))
            .then(|| assert!(found.status_reason().expect("a reason").contains("docker executor")))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_this_machine_may_have_fails_with_the_reason() {
    if !Executor::Sandbox.is_here() {
        return;
    }
    let options = Options::new(Executor::Sandbox)
        .with("LARDER_MAX_ENVIRONMENTS", 2)
        .with("LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT", 1);
    let server = Server::start(options);
    let client = server.client();
    published(&client, "f", WHO).await;
    call(&client, "f").await.response();
    provision(&client, "f", "1", 2).await;
    ready(&client, "f", "1", 2).await;
    assert_eq!(server.environments(), 2, "an idle one made room");
    provision(&client, "f", "1", 3).await;
    eventually("it fails", || async {
        let get = client.get_provisioned_concurrency_config().function_name("f").qualifier("1");
        let found = get.send().await.expect("is there");
        (found.status() == Some(&Status::Failed))
            .then(|| assert!(found.status_reason().expect("a reason").contains("--max-environments")))
    })
    .await;
    eventually("none is kept", || async { (provisioned(&server) == 0).then_some(()) }).await;
}
