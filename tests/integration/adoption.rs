//! Environments outlive a killed server, and end with one that does not come back.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, Runtime};
use serde_json::json;

use crate::on_each_executor;
use crate::support::functions::{bash, create, create_python, python, update};
use crate::support::invoke::{call, invoke};
use crate::support::{Options, Server, eventually};

/// Says which process it is, how often it was called, and sleeps when asked to.
const WHO: &str = "
import time, uuid
me = str(uuid.uuid4())
calls = 0
def handler(event, context):
    global calls
    calls += 1
    time.sleep(event.get('s', 0))
    return [me, calls]
";

/// Remembers the numbers it was given, and answers with them when it is given none.
const REMEMBERS: &str = "
import time
numbers = []
def handler(event, context):
    if 'n' in event:
        time.sleep(0.05)
        numbers.append(event['n'])
    return numbers
";

on_each_executor! {
    async fn a_server_on_a_copy_leaves_the_environments_of_the_original_alone(executor) {
        let mut original = Server::start(Options::new(executor));
        create_python(&original.client(), "f", WHO).await;
        let me = call(&original.client(), "f").await.response()[0].clone();
        original.kill();
        let copy = Server::start_on_copy(Options::new(executor), &original.data_dir());
        assert_eq!(copy.field("store"), original.field("store"), "the same store, at another place");
        assert_ne!(call(&copy.client(), "f").await.response()[0], me, "the copy makes its own");
        // As long as a server waits for environments before it ends those that nobody wants, and more.
        for _ in 0..8 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert!(!original.leftovers().is_empty(), "the original's environment was ended");
        }
        original.restart();
        let again = call(&original.client(), "f").await;
        assert_eq!(again.response()[0], me, "the original finds its own again");
        assert_eq!((original.environments(), copy.environments()), (1, 1));
    }

    /// `202` means that the event is on disk: whatever was accepted is run, at least once, also by the next server.
    async fn events_that_were_accepted_are_run_after_a_kill(executor) {
        let mut server = Server::start(Options::new(executor).with("LARDER_MAX_ENVIRONMENTS", 1));
        create_python(&server.client(), "f", REMEMBERS).await;
        assert_eq!(call(&server.client(), "f").await.response(), json!([]));
        for number in 0..20 {
            let event = Blob::new(json!({ "n": number }).to_string());
            let client = server.client();
            let accepted = client.invoke().function_name("f").invocation_type(InvocationType::Event).payload(event);
            assert_eq!(accepted.send().await.expect("accepted").status_code(), 202);
        }
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_millis(150)).await;
            server.kill();
            server.restart();
        }
        let numbers = eventually("all of them are run", || async {
            let numbers = call(&server.client(), "f").await.response();
            let numbers: Vec<u64> = serde_json::from_value(numbers).expect("numbers");
            ((0..20).all(|number| numbers.contains(&number))).then_some(numbers)
        })
        .await;
        assert!(numbers.len() < 30, "what is done is not run again: {numbers:?}");
    }

    async fn after_a_kill_the_next_invocation_is_warm(executor) {
        let mut server = Server::start(Options::new(executor));
        create_python(&server.client(), "survivor", WHO).await;
        let me = call(&server.client(), "survivor").await.response()[0].clone();
        for round in 2..=4 {
            server.kill();
            assert!(!server.leftovers().is_empty(), "the environment lives on");
            server.restart();
            let invoked = call(&server.client(), "survivor").await;
            assert!(!invoked.is_cold(), "{}", invoked.log);
            assert_eq!(invoked.response(), json!([me, round]), "the same process");
        }
        assert_eq!(server.environments(), 1);
    }

    async fn all_environments_are_adopted_and_know_their_versions(executor) {
        let mut server = Server::start(Options::new(executor));
        let client = server.client();
        create_python(&client, "many", WHO).await;
        client.publish_version().function_name("many").send().await.expect("1");
        create(&client, "custom", Runtime::Providedal2023, bash("printf '%d' $$")).await;
        let together = |client: aws_sdk_lambda::Client| async move {
            let calls: Vec<_> = (0..3).map(|_| {
                let client = client.clone();
                tokio::spawn(async move { invoke(&client, "many", json!({ "s": 1 })).await.response()[0].to_string() })
            }).collect();
            let mut found = BTreeSet::new();
            for call in calls {
                found.insert(call.await.expect("answers"));
            }
            found
        };
        let before = together(client.clone()).await;
        let version = call(&client, "many:1").await.response()[0].clone();
        let custom = call(&client, "custom").await.response();
        let environments = server.environments();
        server.kill();
        server.restart();
        let client = server.client();
        eventually("all are adopted", || async { (server.environments() == environments).then_some(()) }).await;
        assert_eq!(together(client.clone()).await, before);
        assert_eq!(call(&client, "many:1").await.response()[0], version);
        let after = call(&client, "custom").await;
        assert!(!after.is_cold(), "{}", after.log);
        assert_eq!(after.response(), custom);
    }

    async fn a_call_that_was_running_at_the_kill_ends_and_frees_its_environment(executor) {
        let mut server = Server::start(Options::new(executor));
        create_python(&server.client(), "running", WHO).await;
        let me = call(&server.client(), "running").await.response()[0].clone();
        let client = server.client();
        let lost = tokio::spawn(async move {
            let payload = aws_sdk_lambda::primitives::Blob::new("{\"s\":3}");
            client.invoke().function_name("running").payload(payload).send().await
        });
        eventually("it runs", || async { (server.health()["counts"]["idle_environments"] == 0).then_some(()) }).await;
        // It was taken for the event; that gets there a moment later.
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.kill();
        lost.await.expect("ends").expect_err("its server is gone");
        server.restart();
        eventually("it ends", || async { (server.health()["counts"]["idle_environments"] == 1).then_some(()) }).await;
        assert_eq!(call(&server.client(), "running").await.response(), json!([me, 3]));
    }

    async fn a_function_that_changed_after_the_restart_runs_its_new_code(executor) {
        let mut server = Server::start(Options::new(executor));
        create_python(&server.client(), "moved", WHO).await;
        call(&server.client(), "moved").await.response();
        server.kill();
        server.restart();
        let client = server.client();
        update(&client, "moved", python("def handler(event, context):\n    return 'new'\n")).await;
        assert_eq!(call(&client, "moved").await.response(), json!("new"));
        eventually("the old one ends", || async { (server.environments() == 1).then_some(()) }).await;
        server.kill();
        server.restart();
        let client = server.client();
        client.delete_function().function_name("moved").send().await.expect("deleted");
        eventually("the last one ends", || async { (server.environments() == 0).then_some(()) }).await;
        server.assert_nothing_left();
    }

    async fn what_a_new_server_does_not_know_is_removed(executor) {
        let mut server = Server::start(Options::new(executor));
        create_python(&server.client(), "unknown", WHO).await;
        let before = call(&server.client(), "unknown").await.response()[0].clone();
        server.kill();
        // Environments are caches: without the hints about them the server starts afresh.
        std::fs::remove_dir_all(server.data_dir().join("run/records")).expect("removed");
        server.restart();
        assert_eq!(server.environments(), 0);
        eventually("it is removed", || async { server.leftovers().is_empty().then_some(()) }).await;
        let after = call(&server.client(), "unknown").await;
        assert!(after.is_cold());
        assert_ne!(after.response()[0], before);
    }

    async fn environments_end_when_their_server_does_not_come_back(executor) {
        let mut server = Server::start(Options::new(executor).with("LARDER_ENVIRONMENT_GRACE_S", 2));
        let client = server.client();
        create_python(&client, "alone", WHO).await;
        let busy = "import time\ndef handler(event, context):\n    time.sleep(event.get('s', 0))\n";
        create_python(&client, "busy", busy).await;
        call(&client, "alone").await.response();
        call(&client, "busy").await.response();
        let client = server.client();
        let lost = tokio::spawn(async move {
            let payload = aws_sdk_lambda::primitives::Blob::new("{\"s\":25}");
            client.invoke().function_name("busy").payload(payload).send().await
        });
        eventually("it runs", || async { (server.health()["counts"]["idle_environments"] == 1).then_some(()) }).await;
        server.kill();
        lost.await.expect("ends").expect_err("its server is gone");
        let start = Instant::now();
        server.assert_nothing_left();
        assert!(start.elapsed() > Duration::from_millis(900), "they wait for their server");
        server.restart();
        assert!(call(&server.client(), "alone").await.is_cold());
    }

    async fn a_stop_lets_running_calls_end_and_leaves_nothing(executor) {
        let mut server = Server::start(Options::new(executor));
        let client = server.client();
        create_python(&client, "last", WHO).await;
        let me = call(&client, "last").await.response()[0].clone();
        let last = { let client = client.clone(); tokio::spawn(async move { invoke(&client, "last", json!({ "s": 3 })).await }) };
        eventually("it runs", || async { (server.health()["counts"]["idle_environments"] == 0).then_some(()) }).await;
        let start = Instant::now();
        assert_eq!(server.stop().code(), Some(0));
        assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
        assert_eq!(last.await.expect("ends").response(), json!([me, 2]), "its answer was waited for");
        server.assert_nothing_left();
        server.restart();
        assert!(call(&server.client(), "last").await.is_cold());
    }
}
