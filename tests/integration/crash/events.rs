//! SIGKILL while events are run, tried again, and told to their destinations: each that was accepted ends in exactly one of
//! the queues that it can end in, at least once. And while a queue is used: what was sent is there until it is deleted.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{DestinationConfig, InvocationType, OnFailure, OnSuccess};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use super::{ask_with, number};
use crate::support::functions::create_python;
use crate::support::{Options, Server};

/// Fails on every third event.
const CODE: &str = "
def handler(event, context):
    if event['n'] % 3 == 0:
        raise Exception('every third')
";

/// Senders at once.
const SENDERS: u64 = 4;

/// How long everything may take to end after the last kill.
const PATIENCE: Duration = Duration::from_secs(120);

/// Asks SQS; `None` where no answer came.
fn sqs(port: u16, operation: &str, body: &Value) -> Option<Value> {
    let headers = format!("X-Amz-Target: AmazonSQS.{operation}\r\nContent-Type: application/x-amz-json-1.0\r\n");
    let answer = ask_with(port, ("POST", "/"), &headers, body.to_string().as_bytes()).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    assert!(head.starts_with("HTTP/1.1 200"), "{operation}: {answer}");
    // Some operations answer with nothing.
    if body.is_empty() { Some(Value::Null) } else { serde_json::from_str(body).ok() }
}

fn queue(port: u16, name: &str) -> (String, String) {
    let made = sqs(port, "CreateQueue", &json!({ "QueueName": name })).expect("is created");
    let url = made["QueueUrl"].as_str().expect("a URL").to_owned();
    (url, format!("arn:aws:sqs:us-east-1:000000000000:{name}"))
}

/// The messages of a queue, until it is empty.
fn drain(port: u16, url: &str) -> Vec<Value> {
    let mut found = Vec::new();
    loop {
        let wanted = json!({ "QueueUrl": url, "MaxNumberOfMessages": 10 });
        let received = sqs(port, "ReceiveMessage", &wanted).expect("is received");
        let Some(messages) = received["Messages"].as_array().filter(|messages| !messages.is_empty()) else {
            return found;
        };
        let entry =
            |(id, message): (usize, &Value)| json!({ "Id": id.to_string(), "ReceiptHandle": message["ReceiptHandle"] });
        let entries: Vec<_> = messages.iter().enumerate().map(entry).collect();
        sqs(port, "DeleteMessageBatch", &json!({ "QueueUrl": url, "Entries": entries })).expect("are deleted");
        found.extend(messages.iter().cloned());
    }
}

/// Sends events until the server is gone; those that were accepted.
async fn send_until_the_kill(client: Client, sender: u64, first: u64) -> Vec<u64> {
    let mut accepted = Vec::new();
    for at in first.. {
        let n = at * SENDERS + sender;
        let call = client.invoke().function_name("f").invocation_type(InvocationType::Event);
        match call.payload(Blob::new(json!({ "n": n }).to_string())).send().await {
            Ok(_) => accepted.push(n),
            Err(_) => return accepted,
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    accepted
}

async fn destinations(client: &Client, success: &str, failure: &str) {
    let config = DestinationConfig::builder()
        .on_success(OnSuccess::builder().destination(success).build())
        .on_failure(OnFailure::builder().destination(failure).build());
    let put = client.put_function_event_invoke_config().function_name("f");
    put.destination_config(config.build()).send().await.expect("put");
}

/// Takes what came to both queues until each accepted event did.
async fn ends(port: u16, (done, failed): (&str, &str), accepted: &BTreeSet<u64>) -> (BTreeSet<u64>, BTreeSet<u64>) {
    let start = Instant::now();
    let mut ended = (BTreeSet::new(), BTreeSet::new());
    let number = |message: &Value| {
        let record: Value = serde_json::from_str(message["Body"].as_str().expect("a body")).expect("is JSON");
        record["requestPayload"]["n"].as_u64().expect("a number")
    };
    loop {
        ended.0.extend(drain(port, done).iter().map(number));
        ended.1.extend(drain(port, failed).iter().map(number));
        if accepted.iter().all(|n| ended.0.contains(n) || ended.1.contains(n)) {
            return ended;
        }
        let missing: Vec<_> = accepted.iter().filter(|n| !ended.0.contains(n) && !ended.1.contains(n)).collect();
        assert!(start.elapsed() < PATIENCE, "{} of {} are missing: {missing:?}", missing.len(), accepted.len());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_accepted_event_ends_where_it_belongs() {
    let (kills, seed) = (number("LARDER_CRASH_KILLS", 5), number("LARDER_CRASH_SEED", 1));
    let mut random = StdRng::seed_from_u64(seed);
    let options = Options::any().with("LAMBDA_RETRY_BASE_DELAY_SECONDS", 0).with("LARDER_MAX_ENVIRONMENTS", 4);
    let mut server = Server::start(options);
    create_python(&server.client(), "f", CODE).await;
    let (done, done_arn) = queue(server.port(), "done");
    let (failed, failed_arn) = queue(server.port(), "failed");
    destinations(&server.client(), &done_arn, &failed_arn).await;

    let mut accepted = BTreeSet::new();
    for kill in 1..=kills {
        let running: Vec<_> = (0..SENDERS)
            .map(|sender| tokio::spawn(send_until_the_kill(server.client(), sender, kill * 1_000_000)))
            .collect();
        tokio::time::sleep(Duration::from_millis(random.random_range(50..1500))).await;
        server.kill();
        for sender in running {
            accepted.extend(sender.await.expect("a sender"));
        }
        server.restart();
        println!(
            "kill {kill}: {} events accepted, {} wait",
            accepted.len(),
            server.health()["counts"]["waiting_events"]
        );
    }

    let (of_done, of_failed) = ends(server.port(), (&done, &failed), &accepted).await;
    let wrong: Vec<_> =
        of_done.iter().filter(|n| **n % 3 == 0).chain(of_failed.iter().filter(|n| **n % 3 != 0)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(accepted.len() as u64 > kills, "{} events are too few to show anything", accepted.len());
}

/// What one user of a queue knows of its messages.
#[derive(Debug, Default)]
struct Used {
    sent: BTreeSet<String>,
    deleted: BTreeSet<String>,
    /// Sent or deleted with no answer.
    in_doubt: BTreeSet<String>,
}

/// Sends, receives and deletes until the server is gone.
fn use_until_the_kill(port: u16, url: &str, name: &str, seed: u64) -> Used {
    let mut random = StdRng::seed_from_u64(seed);
    let mut used = Used::default();
    for at in 0.. {
        let body = format!("{name}-{at}");
        let padded = format!("{body} {}", "x".repeat(random.random_range(0..2000)));
        if sqs(port, "SendMessage", &json!({ "QueueUrl": url, "MessageBody": padded })).is_none() {
            used.in_doubt.insert(body);
            return used;
        }
        used.sent.insert(body);
        if random.random_bool(0.5) {
            let wanted = json!({ "QueueUrl": url, "VisibilityTimeout": 600 });
            let Some(received) = sqs(port, "ReceiveMessage", &wanted) else { return used };
            for message in received["Messages"].as_array().into_iter().flatten() {
                let body = message["Body"].as_str().and_then(|body| body.split(' ').next()).expect("a body").to_owned();
                let delete = json!({ "QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"] });
                let deleted = sqs(port, "DeleteMessage", &delete).is_some();
                if !deleted {
                    used.in_doubt.insert(body);
                    return used;
                }
                used.deleted.insert(body);
            }
        }
    }
    used
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_there_until_it_is_deleted() {
    let (kills, seed) = (number("LARDER_CRASH_KILLS", 5), number("LARDER_CRASH_SEED", 1));
    let mut random = StdRng::seed_from_u64(seed);
    let mut server = Server::start(Options::any());
    let (url, _) = queue(server.port(), "q");
    let mut known = Used::default();
    for kill in 1..=kills {
        let port = server.port();
        let users: Vec<_> = (0..SENDERS)
            .map(|user| {
                let (url, name) = (url.clone(), format!("{kill}-{user}"));
                std::thread::spawn(move || use_until_the_kill(port, &url, &name, seed * 1000 + kill * 10 + user))
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(random.random_range(20..800))).await;
        server.kill();
        for user in users {
            let used = user.join().expect("a user");
            known.sent.extend(used.sent);
            known.deleted.extend(used.deleted);
            known.in_doubt.extend(used.in_doubt);
        }
        server.restart();
        println!("kill {kill}: {} sent, {} deleted", known.sent.len(), known.deleted.len());
    }

    // Some were received before a kill and are hidden for a while: the queue counts them.
    let names = json!({ "QueueUrl": url, "AttributeNames": ["All"] });
    let counts = sqs(server.port(), "GetQueueAttributes", &names).expect("is asked");
    let count =
        |name: &str| counts["Attributes"][name].as_str().and_then(|text| text.parse::<usize>().ok()).expect("a count");
    let hidden = count("ApproximateNumberOfMessagesNotVisible");
    let there: Vec<String> = drain(server.port(), &url)
        .iter()
        .map(|message| message["Body"].as_str().and_then(|body| body.split(' ').next()).expect("a body").to_owned())
        .collect();
    let back: Vec<_> = there.iter().filter(|body| known.deleted.contains(*body)).collect();
    assert!(back.is_empty(), "deleted, and there: {back:?}");
    let there: BTreeSet<_> = there.into_iter().collect();
    let gone = known.sent.iter().filter(|body| !known.deleted.contains(*body) && !known.in_doubt.contains(*body));
    let gone: Vec<_> = gone.filter(|body| !there.contains(*body)).collect();
    assert!(gone.len() <= hidden, "{} are gone, and {hidden} hidden: {gone:?}", gone.len());
    assert!(known.sent.len() as u64 > kills, "{} messages are too few to show anything", known.sent.len());
}
