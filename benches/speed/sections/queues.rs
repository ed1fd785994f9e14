//! Queues: messages sent, received and deleted, on disk when each is answered; and from a message to the function that reads
//! its queue.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::http::Connection;
use crate::report::Row;
use crate::samples::Samples;
use crate::server::Server;
use crate::{Context, Outcome, floors, http, load, package};

/// Messages one after the other.
const SEQUENTIAL: usize = 1000;

/// Messages of all connections together.
const TOGETHER: usize = 20_000;

/// Messages of a batch.
const BATCH: usize = 10;

/// Messages to a function.
const TO_FUNCTION: usize = 300;

/// Pause between them: the function has read the one before.
const PAUSE: Duration = Duration::from_millis(20);

/// How long the last of its log lines may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Tells how long each message was on its way, in milliseconds.
const READS: &str = "
import time
def handler(event, context):
    now = time.time()
    for record in event['Records']:
        print('delay', (now - float(record['body'])) * 1000)
";

pub fn run(context: &Context) -> Outcome {
    for executor in &context.executors {
        sources(executor)?;
    }

    let folder = tempfile::tempdir()?;
    let append = floors::synced_append(folder.path())?.median_ms();
    let server = Server::start(folder.path(), context.executors[0])?;
    let mut connection = server.connect()?;
    let url = create(&mut connection, "q")?;
    let send = sqs("SendMessage", &json!({ "QueueUrl": url, "MessageBody": "x".repeat(500) }));
    one_by_one(&mut connection, &url, &send, append)?;

    let rate = load::per_second(&server, &vec![send.clone(); TOGETHER], load::CONNECTIONS)?;
    Row::figure(format!("SendMessage, {} connections", load::CONNECTIONS), "/s", rate).at_least(5000.0).print();
    many(&server, &url, context.calls)?;
    let flat = Samples::of(SEQUENTIAL, |_| connection.succeed(&send).map(drop))?;
    Row::times(format!("SendMessage among {} messages", context.calls), &flat).below(0.5).floor(append).print();
    Ok(())
}

/// A message sent, received, deleted.
fn one_by_one(connection: &mut Connection<std::net::TcpStream>, url: &str, sending: &[u8], append: f64) -> Outcome {
    let sent = Samples::of(SEQUENTIAL, |_| connection.succeed(sending).map(drop))?;
    Row::times("SendMessage, one after the other", &sent).below(0.5).floor(append).print();
    let receive = sqs("ReceiveMessage", &json!({ "QueueUrl": url }));
    let mut receipts = Vec::new();
    let received = Samples::of(SEQUENTIAL, |_| {
        let answer = connection.succeed(&receive)?.json()?;
        receipts.push(answer["Messages"][0]["ReceiptHandle"].as_str().ok_or("no message")?.to_owned());
        Ok(())
    })?;
    Row::times("ReceiveMessage", &received).below(0.5).floor(append).print();

    let delete = |receipt: &String| sqs("DeleteMessage", &json!({ "QueueUrl": url, "ReceiptHandle": receipt }));
    let deletions: Vec<_> = receipts.iter().map(delete).collect();
    let deleted = Samples::of(SEQUENTIAL, |number| connection.succeed(&deletions[number]).map(drop))?;
    Row::times("DeleteMessage", &deleted).below(0.5).floor(append).print();
    Ok(())
}

/// Messages that wait, and what they cost in memory.
fn many(server: &Server, url: &str, count: usize) -> Outcome {
    let entry = |id: usize| json!({ "Id": id.to_string(), "MessageBody": "x".repeat(500) });
    let entries: Vec<_> = (0..BATCH).map(entry).collect();
    let batch = sqs("SendMessageBatch", &json!({ "QueueUrl": url, "Entries": entries }));
    let before = server.resident_mb()?;
    let batches = vec![batch; count / BATCH];
    let rate = load::per_second(server, &batches, load::CONNECTIONS)?;
    let messages = rate * f64::from(u32::try_from(BATCH)?);
    Row::figure(format!("messages in batches of {BATCH}"), "/s", messages).print();
    Row::figure(format!("memory of {count} messages that wait"), "MB", server.resident_mb()? - before).print();
    Ok(())
}

/// From a message to the start of the handler.
fn sources(executor: &str) -> Outcome {
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path(), executor)?;
    server.create_active_with("reads", &package::create_request_of("reads", &package::python(READS)))?;
    let mut connection = server.connect()?;
    let url = create(&mut connection, "read")?;
    let mapping = json!({ "FunctionName": "reads", "EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:read" });
    let path = "/2015-03-31/event-source-mappings/";
    connection.succeed(&http::request("POST", path, mapping.to_string().as_bytes()))?;

    for _ in 0..TO_FUNCTION {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
        connection.succeed(&sqs("SendMessage", &json!({ "QueueUrl": url, "MessageBody": format!("{now:.6}") })))?;
        std::thread::sleep(PAUSE);
    }
    let mut delays = delays(&mut connection)?;
    // The first ones wait for a mapping that is enabled, and for a cold start.
    delays.drain(..delays.len().min(TO_FUNCTION / 10));
    let row = Row::times(format!("{executor}: from SendMessage to the handler"), &Samples::new(delays));
    row.below(3.0).print();
    Ok(())
}

/// What the function told, in the order in which it did.
fn delays(connection: &mut Connection<std::net::TcpStream>) -> Outcome<Vec<Duration>> {
    let body = json!({ "logGroupName": "/aws/lambda/reads", "filterPattern": "delay" });
    let filter = http::targeted("Logs_20140328.FilterLogEvents", "1.1", &body.to_string());
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = connection.succeed(&filter)?.json()?;
        let events = found["events"].as_array().cloned().unwrap_or_default();
        if events.len() >= TO_FUNCTION || Instant::now() > deadline {
            let told =
                events.iter().filter_map(|event| event["message"].as_str()?.trim().rsplit(' ').next()?.parse().ok());
            return Ok(told.map(|ms: f64| Duration::from_secs_f64(ms.max(0.0) / 1000.0)).collect());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn create(connection: &mut Connection<std::net::TcpStream>, name: &str) -> Outcome<String> {
    let made = connection.succeed(&sqs("CreateQueue", &json!({ "QueueName": name })))?.json()?;
    Ok(made["QueueUrl"].as_str().ok_or("no URL")?.to_owned())
}

fn sqs(operation: &str, body: &Value) -> Vec<u8> {
    http::targeted(&format!("AmazonSQS.{operation}"), "1.0", &body.to_string())
}
