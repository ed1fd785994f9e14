//! Streams of moto's Kinesis and `DynamoDB` that are read for functions.

use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::{EventSourcePosition, FilterCriteria};
use serde_json::{Value, json};

use crate::support::python::Moto;
use crate::support::queues::{Queue, ask_json};
use crate::support::sources::{got, in_state, result};
use crate::support::streams::{HANDLER, QUIET, created, creation, data, got_data, numbered, on_failure, put, stream};
use crate::support::{Server, eventually};

const DYNAMODB: (&str, &str) = ("dynamodb", "1.0");

/// A server beside moto, with the function; `None` where no executor is here.
async fn server(moto: &Moto) -> Option<(Server, Client)> {
    crate::support::streams::server(&moto.url(), HANDLER).await
}

/// Recorded on AWS (`test_kinesis_event_source_trim_horizon`): 30 records make three batches, one after the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_read_from_its_beginning_and_on_after_a_kill() {
    let moto = Moto::start();
    let Some((mut server, client)) = server(&moto).await else { return };
    let arn = stream(moto.port(), "s", 1).await;
    put(moto.port(), "s", &numbered(0..30));
    let id = created(&client, creation(&client, &arn, EventSourcePosition::TrimHorizon).batch_size(10)).await;
    let events = got_data(&server, 30).await;
    assert_eq!(data(&events), numbered(0..30));
    assert_eq!(events.len(), 3);
    let record = &events[0].1["Records"][0];
    let sequence = record["kinesis"]["sequenceNumber"].as_str().expect("a number");
    assert_eq!(record["eventID"], format!("shardId-000000000000:{sequence}"));
    assert_eq!(record["invokeIdentityArn"], crate::support::functions::ROLE);
    eventually("all is well", || async { (result(&client, &id).await.as_deref() == Some("OK")).then_some(()) }).await;

    server.kill();
    put(moto.port(), "s", &numbered(30..35));
    server.restart();
    got_data(&server, 35).await;
    tokio::time::sleep(QUIET).await;
    assert_eq!(data(&got(&server)), numbered(0..35), "nothing twice, nothing skipped");

    // What comes while nobody reads is read when somebody does.
    let client = server.client();
    let enable = |enabled| client.update_event_source_mapping().uuid(&id).enabled(enabled).send();
    enable(false).await.expect("updated");
    in_state(&client, &id, "Disabled").await;
    tokio::time::sleep(QUIET).await;
    put(moto.port(), "s", &numbered(35..40));
    tokio::time::sleep(QUIET).await;
    assert_eq!(data(&got(&server)).len(), 35);
    enable(true).await.expect("updated");
    got_data(&server, 40).await;
    assert_eq!(data(&got(&server)), numbered(0..40));
}

#[tokio::test(flavor = "multi_thread")]
async fn from_now_on_is_from_now_on_also_after_a_kill() {
    let moto = Moto::start();
    let Some((mut server, client)) = server(&moto).await else { return };
    let arn = stream(moto.port(), "s", 2).await;
    put(moto.port(), "s", &numbered(0..3));
    tokio::time::sleep(Duration::from_millis(50)).await;
    created(&client, creation(&client, &arn, EventSourcePosition::Latest)).await;
    // Where it begins is known before anything is read.
    tokio::time::sleep(QUIET).await;
    server.kill();
    put(moto.port(), "s", &numbered(3..6));
    server.restart();
    got_data(&server, 3).await;
    tokio::time::sleep(QUIET).await;
    assert_eq!(data(&got(&server)), numbered(3..6));
}

/// Recorded on AWS (`test_kinesis_event_source_mapping_with_on_failure_destination_config`): the record of failure.
#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_cut_given_up_and_told() {
    let moto = Moto::start();
    let Some((server, client)) = server(&moto).await else { return };
    let arn = stream(moto.port(), "s", 1).await;
    let dead = Queue::create(server.port(), "dead", &json!({}));
    put(moto.port(), "s", &["a", "poison", "b", "c"].map(str::to_owned));
    let creation = creation(&client, &arn, EventSourcePosition::TrimHorizon).destination_config(on_failure(&dead.arn));
    let id = created(&client, creation.bisect_batch_on_function_error(true).maximum_retry_attempts(1)).await;
    let told = eventually("it is told", || async { dead.take().pop() }).await;
    let told: Value = serde_json::from_str(told["Body"].as_str().expect("a text")).expect("JSON");
    let names = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&told), ["requestContext", "responseContext", "version", "timestamp", "KinesisBatchInfo"]);
    let context = &told["requestContext"];
    assert_eq!(
        (&context["condition"], &context["approximateInvokeCount"]),
        (&json!("RetryAttemptsExhausted"), &json!(2))
    );
    assert_eq!(context["functionArn"], "arn:aws:lambda:us-east-1:000000000000:function:f");
    let response = json!({ "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" });
    assert_eq!(told["responseContext"], response);
    let info = &told["KinesisBatchInfo"];
    assert_eq!(
        (&info["batchSize"], &info["shardId"], &info["streamArn"]),
        (&json!(1), &json!("shardId-000000000000"), &json!(arn))
    );
    assert_eq!(info["startSequenceNumber"], info["endSequenceNumber"]);
    eventually("the rest is done", || async { data(&got(&server)).contains(&"c".to_owned()).then_some(()) }).await;
    // All four, both halves, the poison twice, its neighbour.
    tokio::time::sleep(QUIET).await;
    let sizes: Vec<_> = got(&server).iter().map(|(_, event)| event["Records"].as_array().map_or(0, Vec::len)).collect();
    assert_eq!(sizes, [4, 2, 1, 1, 1, 2]);
    assert_eq!(result(&client, &id).await.as_deref(), Some("OK"));
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_a_table_arrive_as_filters_let_them() {
    let moto = Moto::start();
    let Some((server, client)) = server(&moto).await else { return };
    let ask = |operation: &str, input: Value| {
        ask_json(moto.port(), DYNAMODB, &format!("DynamoDB_20120810.{operation}"), &input)
    };
    let made = ask(
        "CreateTable",
        json!({
            "TableName": "t", "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
            "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_IMAGE" },
        }),
    );
    let arn = made["TableDescription"]["LatestStreamArn"].as_str().expect("an ARN").to_owned();
    let pattern = json!({ "eventName": ["INSERT"], "dynamodb": { "NewImage": { "kind": { "S": ["wanted"] } } } });
    let filter = aws_sdk_lambda::types::Filter::builder().pattern(pattern.to_string()).build();
    let criteria = FilterCriteria::builder().filters(filter).build();
    created(&client, creation(&client, &arn, EventSourcePosition::TrimHorizon).filter_criteria(criteria)).await;
    for (id, kind) in [("1", "other"), ("2", "wanted"), ("2", "wanted"), ("3", "wanted")] {
        ask("PutItem", json!({ "TableName": "t", "Item": { "id": { "S": id }, "kind": { "S": kind } } }));
    }
    let images = || {
        let records =
            got(&server).into_iter().flat_map(|(_, event)| event["Records"].as_array().expect("records").clone());
        records
            .map(|record| record["dynamodb"]["Keys"]["id"]["S"].as_str().expect("a key").to_owned())
            .collect::<Vec<_>>()
    };
    eventually("both arrive", || async { (images().len() >= 2).then_some(()) }).await;
    tokio::time::sleep(QUIET).await;
    assert_eq!(images(), ["2", "3"]);
    let record = got(&server)[0].1["Records"][0].clone();
    assert_eq!((&record["eventName"], &record["eventSourceARN"]), (&json!("INSERT"), &json!(arn)));
}
