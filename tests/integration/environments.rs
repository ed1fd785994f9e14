//! Environments on demand: within limits, and over updates and restarts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_lambda::Client;
use serde_json::json;

use crate::on_each_executor;
use crate::support::functions::{ECHO, active, create_python, python};
use crate::support::http::Request;
use crate::support::invoke::{call, invoke};
use crate::support::{Executor, Options, Server, eventually};

/// Says which process it is, and sleeps when asked to.
const WHO: &str = "
import time, uuid
me = str(uuid.uuid4())
def handler(event, context):
    time.sleep(event.get('s', 0))
    return me
";

async fn create_all(client: &Client, names: &[&str]) {
    for name in names {
        create_python(client, name, WHO).await;
    }
}

/// The least recently used environment ends, whichever limit is met.
async fn least_recently_used_ends(options: Options) {
    let server = Server::start(options);
    let client = server.client();
    create_all(&client, &["a", "b", "c"]).await;
    call(&client, "a").await.response();
    let b = call(&client, "b").await.response();
    call(&client, "a").await.response();
    call(&client, "b").await.response();
    let c = call(&client, "c").await.response();
    assert_eq!(server.environments(), 2);
    assert_eq!((call(&client, "b").await.response(), call(&client, "c").await.response()), (b, c.clone()));
    assert!(call(&client, "a").await.is_cold(), "it was used before the others");
    assert_eq!(call(&client, "c").await.response(), c, "b was used before it");
    assert_eq!(server.environments(), 2);
}

on_each_executor! {
    async fn within_a_number_the_least_recently_used_ends(executor) {
        least_recently_used_ends(Options::new(executor).with("LARDER_MAX_ENVIRONMENTS", 2)).await;
    }

    async fn updates_under_load_fail_no_call(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        create_python(&client, "f", ECHO).await;
        let stop = Arc::new(AtomicBool::new(false));
        let callers: Vec<_> = (0..4)
            .map(|_| {
                let (client, stop) = (client.clone(), Arc::clone(&stop));
                tokio::spawn(async move {
                    let mut calls = 0;
                    while !stop.load(Ordering::Relaxed) {
                        invoke(&client, "f", json!({ "n": calls })).await.response();
                        calls += 1;
                    }
                    calls
                })
            })
            .collect();
        for round in 1..=8 {
            let code = format!("def handler(event, context):\n    return {round}\n");
            client.update_function_code().function_name("f").zip_file(python(&code).into()).send().await.expect("updated");
            active(&client, "f").await;
            assert_eq!(call(&client, "f").await.response(), json!(round), "the new code is in effect");
        }
        stop.store(true, Ordering::Relaxed);
        for caller in callers {
            assert!(caller.await.expect("no call failed") > 0);
        }
        eventually("the old ones have ended", || async { (server.environments() <= 5).then_some(()) }).await;
    }

    async fn what_was_used_lately_is_made_ahead(executor) {
        let mut server = Server::start(Options::new(executor).with("LARDER_REHYDRATE", "recent"));
        let client = server.client();
        create_all(&client, &["used", "unused"]).await;
        let before = call(&client, "used").await.response();
        assert_eq!(server.stop().code(), Some(0));
        server.restart();
        eventually("one is there", || async { (server.health()["counts"]["idle_environments"] == 1).then_some(()) }).await;
        assert_ne!(call(&client, "used").await.response(), before);
        assert_eq!(server.environments(), 1, "the one made ahead served it");
        client.delete_function().function_name("used").send().await.expect("deleted");
        assert_eq!(server.stop().code(), Some(0));
        std::fs::write(server.data_dir().join("run/recent.json"), "{ no list").expect("written");
        server.restart();
        assert!(call(&client, "unused").await.is_cold(), "a damaged note makes nothing ahead");
    }

    async fn nothing_is_taken_over_where_nothing_shall_be(executor) {
        let mut server = Server::start(Options::new(executor).with("LARDER_REHYDRATE", "none"));
        create_python(&server.client(), "f", WHO).await;
        let before = call(&server.client(), "f").await.response();
        server.kill();
        server.restart();
        eventually("the old one has ended", || async { server.leftovers().is_empty().then_some(()) }).await;
        assert_ne!(call(&server.client(), "f").await.response(), before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn within_their_memory_the_least_recently_used_ends() {
    if Executor::Sandbox.is_here() {
        least_recently_used_ends(Options::new(Executor::Sandbox).with("LARDER_MAX_MEMORY", 300)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_functions_share_few_environments() {
    if !Executor::Sandbox.is_here() {
        return;
    }
    let server = Server::start(Options::new(Executor::Sandbox).with("LARDER_MAX_ENVIRONMENTS", 3));
    let client = server.client();
    let names: Vec<_> = (0..9).map(|number| format!("f{number}")).collect();
    for name in &names {
        create_python(&client, name, ECHO).await;
    }
    let callers: Vec<_> = (0..6)
        .map(|caller: usize| {
            let (client, names) = (client.clone(), names.clone());
            tokio::spawn(async move {
                for round in 0..15 {
                    let event = json!({ "caller": caller, "round": round });
                    let name = &names[(caller * 7 + round * 5) % names.len()];
                    assert_eq!(invoke(&client, name, event.clone()).await.response(), event);
                }
            })
        })
        .collect();
    while callers.iter().any(|caller| !caller.is_finished()) {
        assert!(server.environments() <= 3);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    for caller in callers {
        caller.await.expect("no call failed");
    }
    assert!(server.environments() <= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_are_busy_a_call_waits_and_is_throttled_at_last() {
    if !Executor::Sandbox.is_here() {
        return;
    }
    let options = Options::new(Executor::Sandbox)
        .with("LARDER_MAX_ENVIRONMENTS", 1)
        .with("LARDER_MAX_MEMORY", 1024)
        .with("LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT", 5);
    let server = Server::start(options);
    let client = server.client();
    create_all(&client, &["a", "b"]).await;
    let busy = |seconds: u64| {
        let client = client.clone();
        tokio::spawn(async move { invoke(&client, "a", json!({ "s": seconds })).await.response() })
    };
    let one_is = |what: &'static str, idle: u64| {
        let server = &server;
        eventually(what, move || async move {
            let counts = &server.health()["counts"];
            (counts["environments"] == 1 && counts["idle_environments"] == idle).then_some(())
        })
    };
    let running = busy(1);
    one_is("a runs", 0).await;
    call(&client, "b").await.response();
    running.await.expect("ends");

    one_is("b rests", 1).await;
    let running = busy(12);
    one_is("a runs", 0).await;
    let refused = Request::json("POST", "/2015-03-31/functions/b/invocations", &json!({})).send(server.port());
    let reason = "ConcurrentInvocationLimitExceeded";
    let expected = json!({ "Type": "User", "message": "Rate Exceeded.", "Reason": reason });
    assert_eq!((refused.status, refused.json()), (429, expected));
    assert!(server.log().contains("--max-environments"), "the log says which limit it was");
    running.await.expect("ends");

    let large = client.update_function_configuration().function_name("b").memory_size(2048);
    large.send().await.expect("updated");
    active(&client, "b").await;
    let refused = Request::json("POST", "/2015-03-31/functions/b/invocations", &json!({})).send(server.port());
    assert_eq!(refused.status, 429, "it is larger than all there may be");
}
