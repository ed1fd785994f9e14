//! Tumbling windows: what the function makes of a window goes from call to call, and over a restart.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::EventSourcePosition;
use serde_json::{Value, json};

use crate::support::kinesalite::Kinesalite;
use crate::support::queues::Queue;
use crate::support::sources::{Got, got};
use crate::support::streams::{QUIET, created, creation, kinesis, numbered, on_failure, put, server, stream};
use crate::support::{Server, eventually};

/// Counts records, and makes its state too large or forgets it where the data asks for it.
const HANDLER: &str = r#"
import base64, json
def handler(event, context):
    if "state" not in event:
        return
    state = event["state"]
    pad = len(state.pop("pad", ""))
    print("GOT", context.function_version, json.dumps({**event, "pad": pad}))
    data = [base64.b64decode(record["kinesis"]["data"]).decode() for record in event["Records"]]
    if "forget" in data:
        return {}
    state["n"] = state.get("n", 0) + len(data)
    if "large" in data:
        state["pad"] = "x" * 1100000
    return {"state": state}
"#;

/// Seconds of a window.
const LENGTH: u64 = 2;

/// The ends that were told so far: of each window its state, and whether it was over too early.
fn ends(got: &[Got]) -> Vec<(String, u64, bool)> {
    let is_end = |event: &&Value| event["isFinalInvokeForWindow"] == true;
    let end = |event: &Value| {
        let start = event["window"]["start"].as_str().expect("a time").to_owned();
        (start, event["state"]["n"].as_u64().expect("a number"), event["isWindowTerminatedEarly"] == true)
    };
    got.iter().map(|(_, event)| event).filter(is_end).map(end).collect()
}

fn records(event: &Value) -> u64 {
    event["Records"].as_array().expect("records").len() as u64
}

async fn ended(server: &Server, count: u64) -> Vec<Got> {
    eventually("windows with so many records have ended", || async {
        let got = got(server);
        let counted: u64 = ends(&got).iter().map(|(_, count, _)| count).sum();
        (counted >= count).then_some(got)
    })
    .await
}

/// Each call gets what the one before it in its window answered, and each window ends once.
fn assert_states_go_on(got: &[Got]) {
    let mut states = BTreeMap::<String, u64>::new();
    for (_, event) in got {
        let start = event["window"]["start"].as_str().expect("a time").to_owned();
        let before = states.get(&start).copied();
        assert_eq!(event["state"]["n"].as_u64(), before, "{event}");
        if event["isFinalInvokeForWindow"] == true {
            assert_eq!(records(event), 0, "{event}");
            states.remove(&start);
            assert!(states.is_empty(), "one window follows the other");
        } else {
            states.insert(start, before.unwrap_or_default() + records(event));
        }
    }
    assert!(states.is_empty(), "windows that did not end: {states:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn states_go_from_call_to_call_and_over_a_kill() {
    let Some(kinesalite) = Kinesalite::start() else { return };
    let port = kinesalite.port();
    let Some((mut server, client)) = server(&kinesis(port), HANDLER).await else { return };
    let arn = stream(port, "s", 1).await;
    let creation = creation(&client, &arn, EventSourcePosition::TrimHorizon).batch_size(2);
    created(&client, creation.tumbling_window_in_seconds(2)).await;
    // At the beginning of a window, and with an environment that is there.
    client.invoke().function_name("f").payload(Blob::new("{}")).send().await.expect("runs");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let past = now.as_secs() % LENGTH * 1000 + u64::from(now.subsec_millis());
    let left = Duration::from_millis(LENGTH * 1000 - past);
    tokio::time::sleep(left).await;
    put(port, "s", &numbered(0..3));
    eventually("both batches are done", || async { (got(&server).len() >= 2).then_some(()) }).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.kill();
    server.restart();
    put(port, "s", &numbered(3..5));
    tokio::time::sleep(Duration::from_secs(LENGTH)).await;
    put(port, "s", &numbered(5..8));
    let events = ended(&server, 8).await;
    tokio::time::sleep(QUIET).await;
    assert_eq!(got(&server).len(), events.len(), "nothing after the end");
    assert_states_go_on(&events);
    let counts: Vec<_> = ends(&events).into_iter().map(|(_, count, is_early)| (count, is_early)).collect();
    assert_eq!(counts.iter().map(|(count, _)| count).sum::<u64>(), 8);
    assert!(counts.len() >= 2 && counts.iter().all(|(_, is_early)| !is_early), "{counts:?}");
    assert!(counts[0].0 >= 3, "the first window has what came before the kill: {counts:?}");

    let names: Vec<_> = events[0].1.as_object().expect("an object").keys().cloned().collect();
    let wanted = ["Records", "window", "state", "shardId", "eventSourceARN", "isFinalInvokeForWindow"];
    assert_eq!(names, [&wanted[..], &["isWindowTerminatedEarly", "pad"]].concat());
    let event = &events[0].1;
    assert_eq!((&event["shardId"], &event["eventSourceARN"]), (&json!("shardId-000000000000"), &json!(arn)));
}

#[tokio::test(flavor = "multi_thread")]
async fn large_states_end_their_window_and_lost_ones_fail() {
    let Some(kinesalite) = Kinesalite::start() else { return };
    let port = kinesalite.port();
    let Some((server, client)) = server(&kinesis(port), HANDLER).await else { return };
    let arn = stream(port, "s", 1).await;
    let dead = Queue::create(server.port(), "dead", &json!({}));
    put(port, "s", &["a", "forget", "large", "b"].map(str::to_owned));
    let creation = creation(&client, &arn, EventSourcePosition::TrimHorizon).batch_size(1).maximum_retry_attempts(1);
    created(&client, creation.tumbling_window_in_seconds(900).destination_config(on_failure(&dead.arn))).await;
    let told = eventually("what lost the state is told", || async { dead.take().pop() }).await;
    let told: Value = serde_json::from_str(told["Body"].as_str().expect("a text")).expect("JSON");
    assert_eq!(told["requestContext"]["approximateInvokeCount"], 2);
    assert_eq!(told["responseContext"]["functionError"], Value::Null, "the function itself did not fail");
    let events = eventually("the last is done", || async {
        let got = got(&server);
        (got.len() == 6).then_some(got)
    })
    .await;
    let seen: Vec<_> = events
        .iter()
        .map(|(_, event)| (records(event), event["state"]["n"].as_u64(), event["isFinalInvokeForWindow"] == true))
        .collect();
    // `a`, `forget` twice, `large`, the end with what was too large, `b` with nothing.
    let wanted = [
        (1, None, false),
        (1, Some(1), false),
        (1, Some(1), false),
        (1, Some(1), false),
        (0, Some(2), true),
        (1, None, false),
    ];
    assert_eq!(seen, wanted);
    assert_eq!((&events[4].1["isWindowTerminatedEarly"], &events[4].1["pad"]), (&json!(true), &json!(1_100_000)));
    assert_eq!(ends(&events).len(), 1);
}
