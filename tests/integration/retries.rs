//! Attempts of asynchronous events: how many, when, and what is counted over a kill.

use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use serde_json::{Value, json};

use crate::on_each_executor;
use crate::support::functions::create_python;
use crate::support::invoke::{call, invoke};
use crate::support::{Options, Server, eventually};

/// Fails on events, and tells in answer to others which requests it failed on.
const FAILS: &str = "
import time
seen = []
def handler(event, context):
    if 'n' not in event:
        return seen
    seen.append([event['n'], context.aws_request_id])
    time.sleep(event.get('s', 0))
    if event.get('fails', True):
        raise Exception('so be it')
";

/// How long nothing more must happen.
const QUIET: Duration = Duration::from_millis(700);

/// Has a function run without waiting for it.
async fn send(client: &Client, event: Value) {
    let call = client.invoke().function_name("f").invocation_type(InvocationType::Event);
    let accepted = call.payload(Blob::new(event.to_string())).send().await.expect("accepted");
    assert_eq!(accepted.status_code(), 202);
}

/// The requests that the function saw, once they are `count`; there are no more a while later.
async fn seen(client: &Client, count: usize) -> Vec<(u64, String)> {
    let ask = || async {
        let seen: Vec<(u64, String)> = serde_json::from_value(call(client, "f").await.response()).expect("a list");
        Some(seen).filter(|seen| seen.len() >= count)
    };
    eventually("the attempts are made", ask).await;
    tokio::time::sleep(QUIET).await;
    let seen = ask().await.expect("none is taken back");
    assert_eq!(seen.len(), count, "{seen:?}");
    seen
}

fn server(executor: crate::support::Executor, base_delay_s: u64) -> Server {
    let options = Options::new(executor).with("LARDER_MAX_ENVIRONMENTS", 1);
    Server::start(options.with("LAMBDA_RETRY_BASE_DELAY_SECONDS", base_delay_s))
}

on_each_executor! {
    async fn a_function_that_fails_is_run_three_times_under_one_request_id(executor) {
        let server = server(executor, 0);
        let client = server.client();
        create_python(&client, "f", FAILS).await;
        send(&client, json!({ "n": 1 })).await;
        let seen = seen(&client, 3).await;
        assert!(seen.iter().all(|attempt| *attempt == seen[0]), "{seen:?}");
    }

    async fn as_many_attempts_are_made_as_are_configured(executor) {
        let server = server(executor, 0);
        let client = server.client();
        create_python(&client, "f", FAILS).await;
        for (retries, total) in [(0, 1), (1, 3)] {
            let put = client.put_function_event_invoke_config().function_name("f");
            put.maximum_retry_attempts(retries).send().await.expect("put");
            send(&client, json!({ "n": retries })).await;
            seen(&client, total).await;
        }
        send(&client, json!({ "n": 9, "fails": false })).await;
        seen(&client, 4).await;
    }

    /// An event of 60 s expires at once where its next attempt would be 60 s away.
    async fn an_event_that_would_be_too_old_is_given_up_at_once(executor) {
        let server = server(executor, 60);
        let client = server.client();
        create_python(&client, "f", FAILS).await;
        let put = client.put_function_event_invoke_config().function_name("f");
        put.maximum_event_age_in_seconds(60).send().await.expect("put");
        send(&client, json!({ "n": 1 })).await;
        seen(&client, 1).await;
        eventually("it is said why", || async { server.log().contains("EventAgeExceeded").then_some(()) }).await;
    }

    async fn attempts_are_counted_over_a_kill(executor) {
        let mut server = server(executor, 1);
        create_python(&server.client(), "f", FAILS).await;
        assert_eq!(call(&server.client(), "f").await.response(), json!([]));
        send(&server.client(), json!({ "n": 1 })).await;
        for attempt in 1..=2 {
            let client = server.client();
            eventually("the attempt is made", || async {
                let seen = call(&client, "f").await.response();
                (seen.as_array().map_or(0, Vec::len) >= attempt).then_some(())
            })
            .await;
            // What became of it is stored in a moment.
            tokio::time::sleep(Duration::from_millis(100)).await;
            server.kill();
            server.restart();
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        seen(&server.client(), 3).await;
    }

    async fn an_event_waits_for_room_and_uses_up_no_attempt(executor) {
        let server = server(executor, 0);
        let client = server.client();
        create_python(&client, "f", FAILS).await;
        let reserve = |concurrency| client.put_function_concurrency().function_name("f").reserved_concurrent_executions(concurrency).send();
        reserve(1).await.expect("put");
        for number in 0..2 {
            send(&client, json!({ "n": number, "s": 1, "fails": false })).await;
        }
        let both = eventually("both are run", || async {
            let asked = client.invoke().function_name("f").payload(Blob::new("{}")).send().await.ok()?;
            let seen: Vec<(u64, String)> = serde_json::from_slice(asked.payload()?.as_ref()).ok()?;
            Some(seen).filter(|seen| seen.len() == 2)
        })
        .await;
        assert_ne!(both[0].1, both[1].1);

        // Reserved down to nothing it is given up, and does not come back with the concurrency.
        reserve(0).await.expect("put");
        send(&client, json!({ "n": 7 })).await;
        eventually("it is given up", || async { server.log().contains("ZeroReservedConcurrency").then_some(()) }).await;
        client.delete_function_concurrency().function_name("f").send().await.expect("deleted");
        tokio::time::sleep(QUIET).await;
        let seen = invoke(&client, "f", json!({})).await.response();
        assert_eq!(seen.as_array().map(Vec::len), Some(2), "{seen}");
    }
}
