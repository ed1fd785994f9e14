//! SIGKILL while a stream is read: no record is skipped, no batch begins before the one that was in flight, and what fails is
//! tried as often as it may be. What the function saw it tells the upstream, which nobody kills.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_lambda::types::EventSourcePosition;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use super::number;
use crate::support::kinesalite::Kinesalite;
use crate::support::queues::Queue;
use crate::support::streams::{ask, created, creation, decoded, kinesis, on_failure, put_keyed, server, stream};

/// Tells another stream what it got and since when, and fails on some.
const CODE: &str = r#"
import base64, json, os, time, urllib.request
def handler(event, context):
    began = time.time()
    seen = [[record["eventID"], base64.b64decode(record["kinesis"]["data"]).decode()] for record in event["Records"]]
    data = base64.b64encode(json.dumps({"began": began, "seen": seen}).encode()).decode()
    call = urllib.request.Request(
        os.environ["AWS_ENDPOINT_URL"],
        json.dumps({"StreamName": "seen", "PartitionKey": "k", "Data": data}).encode(),
        {
            "X-Amz-Target": "Kinesis_20131202.PutRecord",
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Date": "20260101T000000Z",
            "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/kinesis/aws4_request, "
            "SignedHeaders=host, Signature=00",
        },
    )
    urllib.request.urlopen(call, timeout=20).read()
    if any(int(data) % 97 == 13 for _, data in seen):
        raise Exception("so be it")
"#;

/// Keys of the records.
const KEYS: u32 = 7;

/// Attempts with what fails.
const ATTEMPTS: usize = 2;

/// How long everything may take to end after the last kill.
const PATIENCE: Duration = Duration::from_secs(120);

fn fails(number: u32) -> bool {
    number % 97 == 13
}

/// Puts records until it is told to end; how many.
fn produce(port: u16, ended: &AtomicBool, count: &AtomicU32) {
    while !ended.load(Ordering::Relaxed) {
        let from = count.load(Ordering::Relaxed);
        let records: Vec<_> =
            (from..from + 3).map(|number| (format!("k{}", number % KEYS), number.to_string())).collect();
        put_keyed(port, "s", records.iter().map(|(key, data)| (key.as_str(), data.as_str())));
        count.store(from + 3, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// What the function got at once: where in its shard, and the numbers.
#[derive(Debug, Clone)]
struct Batch {
    began: f64,
    shard: String,
    sequences: Vec<String>,
    numbers: Vec<u32>,
}

/// All that the function told.
fn told(port: u16) -> Vec<Batch> {
    let start = json!({ "StreamName": "seen", "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON" });
    let mut iterator = ask(port, "GetShardIterator", &start)["ShardIterator"].clone();
    let mut batches = Vec::new();
    loop {
        let page = ask(port, "GetRecords", &json!({ "ShardIterator": iterator }));
        let records = page["Records"].as_array().expect("records");
        if records.is_empty() {
            return batches;
        }
        batches.extend(records.iter().map(|record| batch(&decoded(&json!({ "kinesis": { "data": record["Data"] } })))));
        iterator = page["NextShardIterator"].clone();
    }
}

fn batch(told: &str) -> Batch {
    let told: Value = serde_json::from_str(told).expect("JSON");
    let seen = told["seen"].as_array().expect("a list");
    let place = |record: &Value| {
        let (shard, sequence) = record[0].as_str().and_then(|id| id.split_once(':')).expect("an id");
        (shard.to_owned(), sequence.to_owned())
    };
    let number = |record: &Value| record[1].as_str().and_then(|data| data.parse().ok()).expect("a number");
    Batch {
        began: told["began"].as_f64().expect("a time"),
        shard: place(&seen[0]).0,
        sequences: seen.iter().map(|record| place(record).1).collect(),
        numbers: seen.iter().map(number).collect(),
    }
}

/// The numbers of records that were given up since this was asked last.
fn given_up(dead: &Queue, numbers: &BTreeMap<String, u32>) -> BTreeSet<u32> {
    let number = |message: &Value| {
        let told: Value = serde_json::from_str(message["Body"].as_str().expect("a text")).expect("JSON");
        let info = &told["KinesisBatchInfo"];
        assert_eq!(info["batchSize"], 1, "each was alone: {told}");
        numbers[info["startSequenceNumber"].as_str().expect("a number")]
    };
    dead.take().iter().map(number).collect()
}

/// Of a shard each batch begins within the one before it, or right behind it.
fn assert_nothing_is_skipped(shard: &str, batches: &[Batch]) {
    let order: BTreeSet<_> =
        batches.iter().flat_map(|batch| batch.sequences.iter().map(|one| (one.len(), one))).collect();
    let order: BTreeMap<_, _> = order.into_iter().map(|(_, sequence)| sequence).zip(0_usize..).collect();
    let place = |sequence: &String| order[sequence];
    let mut before = 0..0;
    for batch in batches {
        let (first, last) = (place(&batch.sequences[0]), place(batch.sequences.last().expect("some")));
        assert!((before.start..=before.end).contains(&first), "{shard}: {first} after {before:?}: {batch:?}");
        assert_eq!(batch.sequences.len(), last + 1 - first, "{shard}: a batch has no gap: {batch:?}");
        before = first..last + 1;
    }
}

/// A stream was read while servers were killed.
struct Read {
    kills: u64,
    /// Each batch, in the order in which they began.
    batches: Vec<Batch>,
    /// What was given up.
    failed: BTreeSet<u32>,
}

/// Reads a stream with so many batches of a shard at once. All of it is seen, and what fails is told. `None` where this
/// machine cannot.
async fn read(lanes: i32) -> Option<Read> {
    let (kills, seed) = (number("LARDER_CRASH_KILLS", 3), number("LARDER_CRASH_SEED", 1));
    let mut random = StdRng::seed_from_u64(seed);
    let kinesalite = Kinesalite::start()?;
    let port = kinesalite.port();
    let (mut server, client) = server(&kinesis(port), CODE).await?;
    stream(port, "seen", 1).await;
    let arn = stream(port, "s", 2).await;
    let dead = Queue::create(server.port(), "dead", &json!({}));
    let creation = creation(&client, &arn, EventSourcePosition::TrimHorizon).batch_size(10);
    let creation =
        creation.parallelization_factor(lanes).bisect_batch_on_function_error(true).maximum_retry_attempts(1);
    created(&client, creation.destination_config(on_failure(&dead.arn))).await;

    let (ended, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let (is_ended, counted) = (Arc::clone(&ended), Arc::clone(&count));
    let producer = std::thread::spawn(move || produce(port, &is_ended, &counted));
    for kill in 1..=kills {
        tokio::time::sleep(Duration::from_millis(random.random_range(100..1500))).await;
        server.kill();
        server.restart();
        println!("kill {kill}: {} records put, {} batches seen", count.load(Ordering::Relaxed), told(port).len());
    }
    ended.store(true, Ordering::Relaxed);
    producer.join().expect("the producer");

    let put: BTreeSet<u32> = (0..count.load(Ordering::Relaxed)).collect();
    let wanted: BTreeSet<u32> = put.iter().copied().filter(|number| fails(*number)).collect();
    let start = Instant::now();
    let mut failed = BTreeSet::new();
    let mut batches = loop {
        let batches = told(port);
        let found: BTreeSet<u32> = batches.iter().flat_map(|batch| batch.numbers.clone()).collect();
        let numbers =
            batches.iter().flat_map(|batch| batch.sequences.iter().cloned().zip(batch.numbers.clone())).collect();
        failed.extend(given_up(&dead, &numbers));
        if found == put && failed == wanted {
            break batches;
        }
        let missing: Vec<_> = put.difference(&found).take(20).collect();
        assert!(start.elapsed() < PATIENCE, "not seen: {missing:?}; given up: {failed:?} of {wanted:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };

    batches.sort_by(|one, other| one.began.total_cmp(&other.began));
    assert!(put.len() as u64 > kills * 5, "{} records are too few to show anything", put.len());
    Some(Read { kills, batches, failed })
}

#[tokio::test(flavor = "multi_thread")]
async fn no_record_is_skipped_and_no_place_moves_back() {
    let Some(Read { kills, batches, failed }) = read(1).await else { return };
    let mut shards = BTreeMap::<_, Vec<Batch>>::new();
    for batch in batches {
        shards.entry(batch.shard.clone()).or_default().push(batch);
    }
    assert_eq!(shards.len(), 2);
    let mut beyond = 0;
    for (shard, batches) in &shards {
        assert_nothing_is_skipped(shard, batches);
        let alone = |number: u32| batches.iter().filter(|batch| batch.numbers == [number]).count();
        beyond += failed.iter().map(|number| alone(*number).saturating_sub(ATTEMPTS)).sum::<usize>();
    }
    // An attempt that a kill cut short is not known.
    assert!(beyond as u64 <= kills * 2, "{beyond} attempts too many after {kills} kills");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_batches_at_once_none_is_skipped_and_keys_are_in_order() {
    let Some(Read { batches, .. }) = read(3).await else { return };
    let mut keys = BTreeMap::<u32, Vec<u32>>::new();
    for number in batches.iter().flat_map(|batch| &batch.numbers) {
        let of_key = keys.entry(number % KEYS).or_default();
        if !of_key.contains(number) {
            of_key.push(*number);
        }
    }
    for (key, numbers) in keys {
        assert!(numbers.is_sorted(), "key {key}: {numbers:?}");
    }
}
