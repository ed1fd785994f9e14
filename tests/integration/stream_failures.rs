//! What goes wrong with streams: functions that fail over restarts, records that are given up, upstreams that are gone or
//! refuse.

use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::EventSourcePosition;
use serde_json::{Value, json};

use crate::support::between::Between;
use crate::support::eventually;
use crate::support::http::Request;
use crate::support::kinesalite::Kinesalite;
use crate::support::python::Moto;
use crate::support::queues::Queue;
use crate::support::sources::{got, in_state, result};
use crate::support::streams::{
    HANDLER, QUIET, ask, created, creation, data, decoded, got_data, kinesis, numbered, on_failure, put, server, stream,
};

/// What the function got of records with this data, by how many it got at once.
fn sizes(server: &crate::support::Server, wanted: &str) -> Vec<usize> {
    let events = got(server).into_iter().map(|(_, event)| event["Records"].as_array().expect("records").clone());
    let with = events.filter(|records| records.iter().any(|record| decoded(record) == wanted));
    with.map(|records| records.len()).collect()
}

/// Waits until a mapping says something.
async fn says(client: &Client, id: &str, wanted: &str) {
    eventually(wanted, || async {
        let said = result(client, id).await.unwrap_or_default();
        said.contains(wanted).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_counted_over_kills() {
    let Some(kinesalite) = Kinesalite::start() else { return };
    let port = kinesalite.port();
    let Some((mut server, client)) = server(&kinesis(port), HANDLER).await else { return };
    let arn = stream(port, "s", 1).await;
    let dead = Queue::create(server.port(), "dead", &json!({}));
    put(port, "s", &["a", "poison", "b", "c"].map(str::to_owned));
    let creation = creation(&client, &arn, EventSourcePosition::TrimHorizon).destination_config(on_failure(&dead.arn));
    created(&client, creation.bisect_batch_on_function_error(true).maximum_retry_attempts(3)).await;
    // All, its half, itself. What the last attempt came to is stored a moment after it is told; the next is 2 s later.
    eventually("it fails", || async { (sizes(&server, "poison") == [4, 2, 1, 1, 1]).then_some(()) }).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.kill();
    server.restart();
    let told = eventually("it is told", || async { dead.take().pop() }).await;
    let told: Value = serde_json::from_str(told["Body"].as_str().expect("a text")).expect("JSON");
    assert_eq!(told["requestContext"]["approximateInvokeCount"], 4);
    eventually("the rest is done", || async { data(&got(&server)).contains(&"c".to_owned()).then_some(()) }).await;
    tokio::time::sleep(QUIET).await;
    assert_eq!(sizes(&server, "poison"), [4, 2, 1, 1, 1, 1], "as it was cut, and no more often than it may");
    assert_eq!(sizes(&server, "b"), [4, 2]);
}

/// The URL-encoded form of an operation of SNS, which must be done.
fn sns(moto: &Moto, form: &str) -> String {
    let request = Request::new("POST", "/").body(format!("{form}&Version=2010-03-31").into_bytes());
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = request.signed_for("sns", "test", "us-east-1").send(moto.port());
    let body = String::from_utf8(answer.body).expect("text");
    assert_eq!(answer.status, 200, "{form}: {body}");
    body
}

fn s3(moto: &Moto, method: &str, path: &str) -> String {
    let answer = Request::new(method, path).signed_for("s3", "test", "us-east-1").send(moto.port());
    let body = String::from_utf8(answer.body).expect("text");
    assert_eq!(answer.status, 200, "{path}: {body}");
    body
}

/// What stands in the first element of a name.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once("</")?.0)
}

/// Recorded on AWS (`test_kinesis_event_source_mapping_with_sns_on_failure_destination_config`, `…_s3_…`).
#[tokio::test(flavor = "multi_thread")]
async fn topics_are_told_and_buckets_get_the_records() {
    let moto = Moto::start();
    let Some((server, client)) = server(&moto.url(), HANDLER).await else { return };
    let arn = stream(moto.port(), "s", 1).await;
    let created_topic = sns(&moto, "Action=CreateTopic&Name=failed");
    let topic = element(&created_topic, "TopicArn").expect("an ARN");
    let queue = Queue::create(moto.port(), "told", &json!({}));
    sns(&moto, &format!("Action=Subscribe&TopicArn={topic}&Protocol=sqs&Endpoint={}", queue.arn));
    s3(&moto, "PUT", "/failed");
    put(moto.port(), "s", &["poison".to_owned()]);
    let creation = creation(&client, &arn, EventSourcePosition::TrimHorizon).maximum_retry_attempts(0);
    let id = created(&client, creation.destination_config(on_failure("arn:aws:s3:::failed"))).await;
    let key = eventually("an object is there", || async {
        element(&s3(&moto, "GET", "/failed?list-type=2"), "Key").map(str::to_owned)
    })
    .await;
    let folder = format!("aws/lambda/{id}/shardId-000000000000/");
    let name = key.strip_prefix(&folder).unwrap_or_else(|| panic!("{key}"));
    // 2025/11/25/2025-11-25T16.35.30-UUID.
    assert_eq!((name.len(), name.matches('/').count(), &name[..4]), (10 + 1 + 19 + 1 + 36, 3, &name[11..15]), "{name}");
    let object: Value = serde_json::from_str(&s3(&moto, "GET", &format!("/failed/{key}"))).expect("JSON");
    let (_, event) = got_data(&server, 1).await.remove(0);
    assert_eq!(object["payload"], event, "the whole event");
    assert_eq!(object["requestContext"]["condition"], "RetryAttemptsExhausted");

    let update = client.update_event_source_mapping().uuid(&id).destination_config(on_failure(topic));
    update.send().await.expect("updated");
    in_state(&client, &id, "Enabled").await;
    put(moto.port(), "s", &["poison".to_owned()]);
    let message = eventually("the topic's queue has it", || async { queue.take().pop() }).await;
    let envelope: Value = serde_json::from_str(message["Body"].as_str().expect("a text")).expect("JSON");
    let told: Value = serde_json::from_str(envelope["Message"].as_str().expect("a text")).expect("JSON");
    assert_eq!((&told["KinesisBatchInfo"]["batchSize"], told.get("payload")), (&json!(1), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_upstream_is_told_and_reading_goes_on_after_it() {
    let Some(mut kinesalite) = Kinesalite::start() else { return };
    let port = kinesalite.port();
    let between = Between::start(port);
    let Some((server, client)) = server(&kinesis(between.port()), HANDLER).await else { return };
    let arn = stream(port, "s", 1).await;
    put(port, "s", &numbered(0..2));
    let id = created(&client, creation(&client, &arn, EventSourcePosition::TrimHorizon)).await;
    got_data(&server, 2).await;
    says(&client, &id, "OK").await;

    let denied = ("AccessDeniedException", "User: arn:aws:iam::000000000000:role/r is not authorized");
    between.refuse("GetRecords", denied, usize::MAX);
    says(&client, &id, "PROBLEM: The stream cannot be read. AccessDeniedException: User: arn:aws:iam").await;
    put(port, "s", &numbered(2..4));
    between.mend();
    got_data(&server, 4).await;
    says(&client, &id, "OK").await;

    // Gone for a while, with what it kept.
    put(port, "s", &numbered(4..6));
    kinesalite.kill();
    says(&client, &id, "PROBLEM: ").await;
    kinesalite.restart();
    put(port, "s", &numbered(6..8));
    got_data(&server, 8).await;
    tokio::time::sleep(QUIET).await;
    assert_eq!(data(&got(&server)), numbered(0..8), "nothing twice, nothing skipped");

    ask(port, "DeleteStream", &json!({ "StreamName": "s" }));
    says(&client, &id, "ResourceNotFoundException").await;
    let mapping = client.get_event_source_mapping().uuid(&id).send().await.expect("is there");
    assert_eq!(mapping.state(), Some("Enabled"), "as on AWS");
    // Another stream of its name is read from its oldest record on.
    stream(port, "s", 1).await;
    put(port, "s", &numbered(8..10));
    got_data(&server, 10).await;
    assert_eq!(data(&got(&server)), numbered(0..10));

    kinesalite.kill();
    kinesalite.restart_empty();
    says(&client, &id, "PROBLEM: ").await;
    stream(port, "s", 1).await;
    put(port, "s", &numbered(10..12));
    got_data(&server, 12).await;
    says(&client, &id, "OK").await;
    assert_eq!(data(&got(&server)), numbered(0..12));
}
