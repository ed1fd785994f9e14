//! Environments on demand: within limits, over updates and restarts, and out of standby ones.

use std::collections::BTreeSet;
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

fn standby(server: &Server) -> u64 {
    server.health()["counts"]["standby_environments"].as_u64().expect("a number")
}

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

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_environment_serves_one_function_once() {
    if !Executor::Docker.is_here() {
        return;
    }
    let mut server = Server::start(Options::new(Executor::Docker).with("LARDER_STANDBY", 1));
    let client = server.client();
    let code = "
import os
def handler(event, context):
    found = sorted(os.listdir('/tmp')) + sorted(os.listdir('/var/task'))
    open('/tmp/' + context.function_name, 'w').close()
    limit = open('/sys/fs/cgroup/memory.max' if os.path.exists('/sys/fs/cgroup/memory.max') else '/sys/fs/cgroup/memory/memory.limit_in_bytes').read()
    return [os.environ['NAME'], found, int(limit) >> 20]
";
    for (name, memory) in [("one", 128), ("two", 300)] {
        let variables = aws_sdk_lambda::types::Environment::builder().variables("NAME", name).build();
        let create = crate::support::functions::creation(
            &client,
            name,
            aws_sdk_lambda::types::Runtime::Python311,
            crate::support::functions::zip(&[("handler.py", code.as_bytes()), (name, b"")]),
        );
        create.environment(variables).memory_size(memory).send().await.expect("created");
        active(&client, name).await;
    }
    for (name, memory) in [("one", 128), ("two", 300)] {
        eventually("one stands by", || async { (standby(&server) == 1).then_some(()) }).await;
        let before = server.environments();
        let answer = call(&client, name).await.response();
        assert_eq!(answer, json!([name, ["handler.py", name], memory]), "its own code, files and limits");
        assert_eq!(server.environments(), before + 1);
        let containers = server.leftovers().into_iter().filter(|left| left.starts_with("container"));
        assert!(containers.clone().any(|left| left.contains(&format!("-{name}-"))), "it is named after it");
    }
    eventually("another one stands by", || async { (standby(&server) == 1).then_some(()) }).await;
    let log = server.log();
    assert!(!log.contains("of no use"), "{log}");

    // What was assigned is adopted like any other. What stood by is not: another one takes its place.
    let folder = server.data_dir().join("run/standby");
    let slots = || {
        let entries = std::fs::read_dir(&folder).expect("slots");
        entries.map(|entry| entry.expect("a slot").file_name()).collect::<BTreeSet<_>>()
    };
    let before = slots();
    server.kill();
    server.restart();
    for name in ["one", "two"] {
        let answer = call(&server.client(), name).await.response();
        assert_eq!(answer[1], json!([name, "handler.py", name]), "the same environment");
    }
    eventually("another one stands by", || async {
        let standing = server.leftovers().into_iter().filter(|left| left.contains("-standby-")).count();
        let after = slots();
        (standing == 1 && after.len() == 3 && after.intersection(&before).count() == 2).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_environment_is_replaced_and_ends_without_its_server() {
    if !Executor::Docker.is_here() {
        return;
    }
    let options = Options::new(Executor::Docker).with("LARDER_STANDBY", 2).with("LARDER_ENVIRONMENT_GRACE_S", 2);
    let mut server = Server::start(options);
    create_python(&server.client(), "f", WHO).await;
    eventually("two stand by", || async { (standby(&server) == 2).then_some(()) }).await;
    assert_eq!(server.environments(), 0, "they are nobody's yet");
    call(&server.client(), "f").await.response();
    eventually("two stand by", || async { (standby(&server) == 2).then_some(()) }).await;
    assert_eq!(server.stop().code(), Some(0));
    server.assert_nothing_left();

    // What was used lately is stood by for; and whoever ends it, another one comes.
    server.restart();
    eventually("two stand by", || async { (standby(&server) == 2).then_some(()) }).await;
    let processes = || server.leftovers().into_iter().filter(|left| left.starts_with("process"));
    for process in processes() {
        let pid = process.split([' ', ':']).nth(1).and_then(|pid| pid.parse().ok()).expect("a process id");
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
    }
    eventually("they are missed", || async { (standby(&server) < 2).then_some(()) }).await;
    call(&server.client(), "f").await.response();
    eventually("two stand by again", || async { (standby(&server) == 2).then_some(()) }).await;
    server.kill();
    assert!(!server.leftovers().is_empty());
    server.assert_nothing_left();
}
