//! Shards of a stream: parents before children, several batches of one shard at once, places that are found again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_lambda::primitives::{Blob, DateTime};
use aws_sdk_lambda::types::EventSourcePosition;
use serde_json::{Value, json};

use crate::support::between::Between;
use crate::support::functions::{python, update};
use crate::support::kinesalite::Kinesalite;
use crate::support::log_lines;
use crate::support::sources::{Got, got};
use crate::support::streams::{
    HANDLER, QUIET, active, ask, created, creation, data, got_data, kinesis, numbered, put, put_keyed, server, stream,
};
use crate::support::{Server, eventually};

/// Splits a shard in the middle of all hash keys.
async fn split(port: u16, name: &str, shard: u32) {
    let half = "170141183460469231731687303715884105728";
    let shard = format!("shardId-{shard:012}");
    ask(port, "SplitShard", &json!({ "StreamName": name, "ShardToSplit": shard, "NewStartingHashKey": half }));
    active(port, name).await;
}

async fn merge(port: u16, name: &str, [one, other]: [u32; 2]) {
    let [one, other] = [one, other].map(|shard| format!("shardId-{shard:012}"));
    ask(port, "MergeShards", &json!({ "StreamName": name, "ShardToMerge": one, "AdjacentShardToMerge": other }));
    active(port, name).await;
}

/// The number of the shard of each record, in the order in which the function got them.
fn shards(got: &[Got]) -> Vec<u32> {
    let records = got.iter().flat_map(|(_, event)| event["Records"].as_array().expect("records"));
    let shard = |record: &Value| {
        let id = record["eventID"].as_str().expect("an id").split(':').next().expect("a shard");
        id.trim_start_matches("shardId-").parse().expect("a number")
    };
    records.map(shard).collect()
}

/// Keys of which kinesalite has some in both halves of a stream.
const KEYS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

fn put_many(port: u16, name: &str, records: &[String]) {
    put_keyed(port, name, records.iter().zip(0..).map(|(data, at)| (KEYS[at % 8], data.as_str())));
}

#[tokio::test(flavor = "multi_thread")]
async fn parents_are_read_to_their_end_before_their_children() {
    let Some(kinesalite) = Kinesalite::start() else { return };
    let port = kinesalite.port();
    let Some((mut server, client)) = server(&kinesis(port), HANDLER).await else { return };
    let arn = stream(port, "s", 1).await;
    put_many(port, "s", &numbered(0..8));
    split(port, "s", 0).await;
    put_many(port, "s", &numbered(8..16));
    merge(port, "s", [1, 2]).await;
    put_many(port, "s", &numbered(16..24));
    let creation = creation(&client, &arn, EventSourcePosition::TrimHorizon).batch_size(3);
    created(&client, creation).await;
    let events = got_data(&server, 24).await;
    let order = shards(&events);
    let of = |wanted: &[u32]| order.iter().filter(|shard| wanted.contains(shard)).count();
    assert_eq!((of(&[0]), of(&[1, 2]), of(&[3])), (8, 8, 8), "{order:?}");
    assert!(of(&[1]) > 0 && of(&[2]) > 0, "both have some: {order:?}");
    assert!(order[..8].iter().all(|shard| *shard == 0), "{order:?}");
    assert!(order[16..].iter().all(|shard| *shard == 3), "{order:?}");

    // New ones are found while the stream is read, and what is at its end is known after a kill.
    split(port, "s", 3).await;
    put_many(port, "s", &numbered(24..32));
    got_data(&server, 32).await;
    server.kill();
    put_many(port, "s", &numbered(32..40));
    server.restart();
    got_data(&server, 40).await;
    tokio::time::sleep(QUIET).await;
    let all = data(&got(&server));
    assert_eq!((all.len(), all.into_iter().collect::<BTreeSet<_>>().len()), (40, 40), "nothing twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_found_by_its_time_and_again_when_it_is_forgotten() {
    let Some(kinesalite) = Kinesalite::start() else { return };
    let port = kinesalite.port();
    let between = Between::start(port);
    let Some((server, client)) = server(&kinesis(between.port()), HANDLER).await else { return };
    let arn = stream(port, "s", 1).await;
    put(port, "s", &numbered(0..3));
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let now = std::time::SystemTime::now();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    put(port, "s", &numbered(3..6));
    let creation = creation(&client, &arn, EventSourcePosition::AtTimestamp);
    created(&client, creation.starting_position_timestamp(DateTime::from(now))).await;
    got_data(&server, 3).await;

    // As Kinesis says it of an iterator that is older than five minutes.
    between.refuse("GetRecords", ("ExpiredIteratorException", "Iterator expired."), 2);
    put(port, "s", &numbered(6..9));
    got_data(&server, 6).await;
    assert!(between.is_used("GetRecords"));
    tokio::time::sleep(QUIET).await;
    assert_eq!(data(&got(&server)), numbered(3..9), "nothing before, nothing twice, nothing skipped");
}

/// Tells when it begins and ends, and takes a while.
const SLOW: &str = r#"
import base64, time
def handler(event, context):
    data = [base64.b64decode(record["kinesis"]["data"]).decode() for record in event["Records"]]
    print("BEGAN", int(time.time() * 1e6), ",".join(data))
    time.sleep(0.5)
    if FAILS and any("poison" in one for one in data):
        raise Exception("so be it")
    print("ENDED", int(time.time() * 1e6), ",".join(data))
"#;

fn slow(fails: bool) -> String {
    SLOW.replace("FAILS", if fails { "True" } else { "False" })
}

/// The calls so far: when each began, and what it had.
fn calls(server: &Server, word: &str) -> Vec<(u64, String)> {
    let lines = log_lines::now(server, "/aws/lambda/f");
    let call = |text: &str| {
        let (time, data) = text.trim().strip_prefix(word)?.trim().split_once(' ')?;
        Some((time.parse().expect("a time"), data.to_owned()))
    };
    lines.iter().filter_map(|line| call(&line.text)).collect()
}

fn named(calls: &[(u64, String)]) -> Vec<&str> {
    calls.iter().flat_map(|(_, data)| data.split(',')).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_of_one_shard_run_at_once_and_those_of_a_key_in_order() {
    let Some(kinesalite) = Kinesalite::start() else { return };
    let port = kinesalite.port();
    let Some((mut server, client)) = server(&kinesis(port), &slow(true)).await else { return };
    let arn = stream(port, "s", 1).await;
    let records: Vec<_> = (0..3).flat_map(|turn| KEYS.map(|key| (key, format!("{key}{turn}")))).collect();
    put_keyed(port, "s", records.iter().map(|(key, data)| (*key, data.as_str())));
    let creation = creation(&client, &arn, EventSourcePosition::TrimHorizon).batch_size(2).parallelization_factor(4);
    created(&client, creation).await;
    let ended = eventually("all are done", || async {
        let ended = calls(&server, "ENDED");
        (named(&ended).len() == records.len()).then_some(ended)
    })
    .await;
    for key in KEYS {
        let of_key: Vec<_> = named(&ended).into_iter().filter(|data| data.starts_with(key)).collect();
        assert_eq!(of_key, [0, 1, 2].map(|turn| format!("{key}{turn}")), "{ended:?}");
    }
    let began = calls(&server, "BEGAN");
    let end = |data: &String| ended.iter().find(|(_, other)| other == data).expect("it ended").0;
    let spans: BTreeMap<u64, i32> = began.iter().flat_map(|(time, data)| [(*time, 1), (end(data), -1)]).fold(
        BTreeMap::new(),
        |mut spans, (time, change)| {
            *spans.entry(time).or_default() += change;
            spans
        },
    );
    let running = spans.values().scan(0, |running, change| {
        *running += change;
        Some(*running)
    });
    let most = running.max().expect("some");
    assert!((2..=4).contains(&most), "{most} at once: {began:?}");

    // What fails stops its key alone; but after a kill all begins again behind which it has not been done.
    put_keyed(port, "s", [("a", "a-poison"), ("a", "a-last")].into_iter());
    eventually("it is tried", || async { named(&calls(&server, "BEGAN")).contains(&"a-poison").then_some(()) }).await;
    put_keyed(port, "s", KEYS[1..].iter().map(|key| (*key, *key)));
    let is_done = |server: &Server, data: &str| named(&calls(server, "ENDED")).contains(&data);
    let other = eventually("others go on", || async { KEYS[1..].iter().find(|key| is_done(&server, key)) }).await;
    assert!(!is_done(&server, "a-last"));
    // Lines of the log are on disk a moment later.
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.kill();
    server.restart();
    let client = server.client();
    update(&client, "f", python(&slow(false))).await;
    eventually("all are done", || async {
        let ended = calls(&server, "ENDED");
        let ended = named(&ended);
        let wanted = ["a-poison", "a-last"].iter().chain(&KEYS[1..]);
        let again = ended.iter().filter(|data| *data == other).count();
        (wanted.into_iter().all(|data| ended.contains(data)) && again == 2).then_some(())
    })
    .await;
    let ended = calls(&server, "ENDED");
    let a: Vec<_> = named(&ended).into_iter().filter(|data| data.starts_with('a')).collect();
    assert_eq!(a, ["a0", "a1", "a2", "a-poison", "a-last"], "what was done before the poison is not done again");
    // Nothing else waits.
    let asked = client.invoke().function_name("f").payload(Blob::new(r#"{"Records":[]}"#)).send().await;
    assert_eq!(asked.expect("runs").function_error(), None);
}
