//! Queues that are read for functions: what arrives, in which batches, and what becomes of a message whatever the function,
//! its mapping, the queue or the server does.

use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::{FilterCriteria, FunctionResponseType, ScalingConfig};
use serde_json::{Value, json};

use crate::on_each_executor;
use crate::support::functions::{create_python, python, update};
use crate::support::python::Moto;
use crate::support::queues::Queue;
use crate::support::sources::{HANDLER, bodies, got, got_records, in_state, is_empty, records, result};
use crate::support::{Executor, Options, Server, eventually};

/// How long nothing more must happen.
const QUIET: Duration = Duration::from_millis(1500);

/// A server beside an SQS, with the function.
async fn server(executor: Executor, moto: &Moto) -> (Server, Client) {
    let server = Server::start(Options::new(executor).with("LARDER_UPSTREAM", format!("sqs={}", moto.url())));
    let client = server.client();
    create_python(&client, "f", HANDLER).await;
    (server, client)
}

/// Makes a mapping as it is changed by `with`; gives its id.
macro_rules! map {
    ($client:expr, $queue:expr $(, $with:ident($($value:expr),*))*) => {{
        let creation = $client.create_event_source_mapping().function_name("f").event_source_arn(&$queue.arn);
        let made = creation$(.$with($($value),*))*.send().await.expect("created");
        let id = made.uuid().expect("an id").to_owned();
        in_state(&$client, &id, if made.state() == Some("Disabled") { "Disabled" } else { "Enabled" }).await;
        id
    }};
}

fn filter(pattern: &Value) -> FilterCriteria {
    let filter = aws_sdk_lambda::types::Filter::builder().pattern(pattern.to_string()).build();
    FilterCriteria::builder().filters(filter).build()
}

on_each_executor! {
    /// Key by key as recorded on AWS (`test_sqs_queue_as_lambda_event_source`).
    async fn a_message_arrives_as_on_aws_and_is_deleted(executor) {
        let moto = Moto::start();
        let (server, client) = server(executor, &moto).await;
        let queue = Queue::create(moto.port(), "q", &json!({}));
        let id = map!(client, queue);
        let attributes = json!({ "attr1": { "DataType": "String", "StringValue": "val1" } });
        let trace = json!({ "AWSTraceHeader": { "DataType": "String", "StringValue": "Root=1-5e-6;Parent=7;Sampled=0" } });
        let message = queue.send_with(json!({
            "MessageBody": "ü \"b\"", "MessageAttributes": attributes, "MessageSystemAttributes": trace,
        }));
        let (version, event) = got_records(&server, 1).await.remove(0);
        let record = &event["Records"][0];
        let names = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
        assert_eq!(version, "$LATEST");
        assert_eq!(names(record), [
            "messageId", "receiptHandle", "body", "attributes", "messageAttributes", "md5OfMessageAttributes", "md5OfBody",
            "eventSource", "eventSourceARN", "awsRegion",
        ]);
        assert_eq!(names(&record["attributes"]), [
            "ApproximateReceiveCount", "AWSTraceHeader", "SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp",
        ]);
        assert_eq!((&record["messageId"], &record["body"]), (&json!(message), &json!("ü \"b\"")));
        let attribute = r#"{"attr1":{"stringValue":"val1","stringListValues":[],"binaryListValues":[],"dataType":"String"}}"#;
        assert_eq!(record["messageAttributes"].to_string(), attribute);
        assert_eq!(record["md5OfMessageAttributes"].as_str().map(str::len), Some(32));
        let source = json!([record["eventSource"], record["eventSourceARN"], record["awsRegion"]]);
        assert_eq!(source, json!(["aws:sqs", queue.arn, "us-east-1"]));
        is_empty(&queue).await;
        let mapping = client.get_event_source_mapping().uuid(&id).send().await.expect("is there");
        assert_eq!(mapping.last_processing_result(), None, "queues have none, as recorded");

        // Without attributes a digest of them is absent, or null where there is a window.
        queue.send("plain");
        let plain = got_records(&server, 2).await.remove(1).1;
        assert!(!names(&plain["Records"][0]).contains(&"md5OfMessageAttributes".to_owned()), "{plain}");
        client.update_event_source_mapping().uuid(&id).maximum_batching_window_in_seconds(1).send().await.expect("updated");
        in_state(&client, &id, "Enabled").await;
        queue.send("windowed");
        let windowed = got_records(&server, 3).await.remove(2).1;
        assert_eq!(windowed["Records"][0].get("md5OfMessageAttributes"), Some(&Value::Null), "{windowed}");
    }

    /// Recorded on AWS (`test_sqs_event_source_mapping_batching_reserved_concurrency`): 30 messages make two batches.
    async fn batches_close_when_they_are_full_or_their_window_is_over(executor) {
        let moto = Moto::start();
        let (server, client) = server(executor, &moto).await;
        let queue = Queue::create(moto.port(), "q", &json!({}));
        queue.send_all(&(0..30).map(|number| format!("m{number}")).collect::<Vec<_>>());
        let scaling = ScalingConfig::builder().maximum_concurrency(2).build();
        map!(client, queue, batch_size(20), maximum_batching_window_in_seconds(2), scaling_config(scaling));
        let got = got_records(&server, 30).await;
        let sizes: Vec<_> = got.iter().map(|(_, event)| event["Records"].as_array().expect("records").len()).collect();
        assert_eq!(sizes, [20, 10]);
        is_empty(&queue).await;
    }

    async fn what_fails_comes_again_and_ends_as_a_dead_letter(executor) {
        let moto = Moto::start();
        let (server, client) = server(executor, &moto).await;
        let (queue, dead) = Queue::create_with_dead_letters(moto.port(), "q", 2);
        map!(client, queue);
        let poison = json!({ "raises": true }).to_string();
        let id = queue.send(&poison);
        let letter = eventually("the message is a dead letter", || async { dead.take().pop() }).await;
        assert_eq!((&letter["MessageId"], &letter["Body"]), (&json!(id), &json!(poison)));
        assert_eq!(records(&got(&server)), [(poison.clone(), "1".to_owned()), (poison, "2".to_owned())]);
        queue.send("goes on");
        got_records(&server, 3).await;
        is_empty(&queue).await;
    }

    /// Recorded on AWS (`test_report_batch_item_failures`, `…_invalid_result_json_batch_fails`, `…_empty_json_batch_succeeds`).
    async fn only_what_the_function_names_comes_again(executor) {
        let moto = Moto::start();
        let (server, client) = server(executor, &moto).await;
        let (queue, dead) = Queue::create_with_dead_letters(moto.port(), "q", 2);
        let wishes: Vec<_> = [0, 1, 1, 2].map(|fails| json!({ "fails": fails }).to_string()).into();
        queue.send_all(&wishes);
        let report = FunctionResponseType::ReportBatchItemFailures;
        let id = map!(client, queue, function_response_types(report), enabled(true));
        eventually("the last one is a dead letter", || async { dead.take().pop() }).await;
        let mut seen = records(&got(&server));
        seen.sort();
        let count = |fails: u32, count: u32| (json!({ "fails": fails }).to_string(), count.to_string());
        assert_eq!(seen, [count(0, 1), count(1, 1), count(1, 1), count(1, 2), count(1, 2), count(2, 1), count(2, 2)]);
        is_empty(&queue).await;

        // An answer that nobody understands fails the whole batch; an empty one is a success.
        let invalid = json!({ "answer": { "batchItemFailures": [{ "foo": "notvalid" }] } }).to_string();
        queue.send(&invalid);
        assert_eq!(eventually("it failed", || async { dead.take().pop() }).await["Body"], json!(invalid));
        queue.send(&json!({ "answer": {} }).to_string());
        got_records(&server, 7 + 2 + 1).await;
        is_empty(&queue).await;
        assert_eq!(dead.counts(), (0, 0));

        // Who does not say that the function reports, gets no report read.
        let update = client.update_event_source_mapping().uuid(&id);
        update.set_function_response_types(Some(Vec::new())).send().await.expect("updated");
        in_state(&client, &id, "Enabled").await;
        queue.send(&json!({ "fails": 9 }).to_string());
        got_records(&server, 11).await;
        is_empty(&queue).await;
    }

    async fn what_no_filter_lets_pass_is_deleted(executor) {
        let moto = Moto::start();
        let (server, client) = server(executor, &moto).await;
        let queue = Queue::create(moto.port(), "q", &json!({}));
        let criteria = filter(&json!({ "body": { "kind": [{ "prefix": "wanted" }] } }));
        let id = map!(client, queue, filter_criteria(criteria));
        let kind = |kind: &str| json!({ "kind": kind }).to_string();
        queue.send_all(&[kind("other"), "plain".to_owned(), kind("wanted-1"), kind("unwanted")]);
        got_records(&server, 1).await;
        is_empty(&queue).await;
        assert_eq!(bodies(&server), [kind("wanted-1")]);

        // Another filter counts from the moment that it is there, whoever waits for messages by then.
        let update = client.update_event_source_mapping().uuid(&id);
        update.filter_criteria(filter(&json!({ "body": ["plain"] }))).send().await.expect("updated");
        in_state(&client, &id, "Enabled").await;
        queue.send("plain");
        got_records(&server, 2).await;
        is_empty(&queue).await;
    }

    async fn what_is_disabled_or_deleted_is_not_read(executor) {
        let moto = Moto::start();
        let (server, client) = server(executor, &moto).await;
        let queue = Queue::create(moto.port(), "q", &json!({}));
        let id = map!(client, queue);
        queue.send("one");
        got_records(&server, 1).await;
        let enable = |enabled| client.update_event_source_mapping().uuid(&id).enabled(enabled).send();
        enable(false).await.expect("updated");
        in_state(&client, &id, "Disabled").await;
        queue.send("two");
        tokio::time::sleep(QUIET).await;
        assert_eq!((bodies(&server).len(), queue.counts()), (1, (1, 0)), "it waits for whoever reads");
        enable(true).await.expect("updated");
        got_records(&server, 2).await;
        is_empty(&queue).await;

        // While it waits for messages, and while the function has one.
        queue.send(&json!({ "sleep": 2 }).to_string());
        got_records(&server, 3).await;
        client.delete_event_source_mapping().uuid(&id).send().await.expect("deleted");
        eventually("it is gone", || async { client.get_event_source_mapping().uuid(&id).send().await.err() }).await;
        is_empty(&queue).await;
        queue.send("nobody's");
        tokio::time::sleep(QUIET).await;
        assert_eq!((bodies(&server).len(), queue.counts()), (3, (1, 0)));
    }

    /// Recorded on AWS (`test_sqs_event_source_mapping_update`).
    async fn an_update_of_the_function_counts_for_the_next_message(executor) {
        let moto = Moto::start();
        let (server, client) = server(executor, &moto).await;
        client.publish_version().function_name("f").send().await.expect("published");
        update(&client, "f", python(&HANDLER.replace("DID", "HAS DONE"))).await;
        client.publish_version().function_name("f").send().await.expect("published");
        let queue = Queue::create(moto.port(), "q", &json!({}));
        let creation = client.create_event_source_mapping().function_name("f:1").event_source_arn(&queue.arn);
        let id = creation.send().await.expect("created").uuid().expect("an id").to_owned();
        queue.send("one");
        got_records(&server, 1).await;
        client.update_event_source_mapping().uuid(&id).function_name("f:2").send().await.expect("updated");
        in_state(&client, &id, "Enabled").await;
        queue.send("two");
        let got = got_records(&server, 2).await;
        let versions: Vec<_> = got.iter().map(|(version, _)| version.as_str()).collect();
        assert_eq!(versions, ["1", "2"]);
        is_empty(&queue).await;
    }

    async fn what_a_killed_server_had_comes_again(executor) {
        let moto = Moto::start();
        let (mut server, client) = server(executor, &moto).await;
        let queue = Queue::create(moto.port(), "q", &json!({ "VisibilityTimeout": "3" }));
        map!(client, queue);
        let slow = json!({ "sleep": 1 }).to_string();
        queue.send(&slow);
        got_records(&server, 1).await;
        server.kill();
        queue.send("meanwhile");
        server.restart();
        let seen = eventually("both arrive", || async {
            let seen = records(&got(&server));
            let again = seen.contains(&(slow.clone(), "2".to_owned()));
            (again && seen.iter().any(|(body, _)| body == "meanwhile")).then_some(seen)
        })
        .await;
        assert!(seen.len() <= 4, "{seen:?}");
        is_empty(&queue).await;
    }

    async fn a_throttled_function_gets_its_messages_when_it_has_room(executor) {
        let moto = Moto::start();
        let (server, client) = server(executor, &moto).await;
        let reserve = |count| client.put_function_concurrency().function_name("f").reserved_concurrent_executions(count).send();
        reserve(1).await.expect("put");
        let queue = Queue::create(moto.port(), "q", &json!({}));
        map!(client, queue, batch_size(1));
        queue.send_all(&(0..4).map(|number| json!({ "n": number, "sleep": 0.5 }).to_string()).collect::<Vec<_>>());
        let seen = records(&got_records(&server, 4).await);
        assert!(seen.iter().all(|(_, count)| count == "1"), "none has been in vain: {seen:?}");
        is_empty(&queue).await;

        // One that may never run gets none.
        reserve(0).await.expect("put");
        tokio::time::sleep(QUIET).await;
        queue.send("later");
        tokio::time::sleep(QUIET).await;
        client.delete_function_concurrency().function_name("f").send().await.expect("deleted");
        got_records(&server, 5).await;
        is_empty(&queue).await;
    }

    async fn groups_of_a_fifo_queue_are_in_order_one_batch_at_a_time(executor) {
        let moto = Moto::start();
        let (server, client) = server(executor, &moto).await;
        let fifo = json!({ "FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "30" });
        let queue = Queue::create(moto.port(), "q.fifo", &fifo);
        for number in 0..8 {
            let body = json!({ "group": number % 2, "n": number, "sleep": 0.2 }).to_string();
            queue.send_with(json!({ "MessageBody": body, "MessageGroupId": format!("g{}", number % 2) }));
        }
        map!(client, queue, batch_size(2));
        let got = got_records(&server, 8).await;
        is_empty(&queue).await;
        for group in 0..2 {
            let seen = records(&got).into_iter().map(|(body, _)| serde_json::from_str::<Value>(&body).expect("JSON"));
            let numbers: Vec<_> = seen.filter(|wish| wish["group"] == group).map(|wish| wish["n"].clone()).collect();
            assert_eq!(json!(numbers), json!([group, group + 2, group + 4, group + 6]));
        }
        for (_, event) in &got {
            let records = event["Records"].as_array().expect("records");
            let group = |record: &Value| record["attributes"]["MessageGroupId"].clone();
            assert!(records.iter().all(|record| group(record) == group(&records[0])), "{event}");
        }
        // As recorded on AWS, but for the `SequenceNumber`, which moto has not.
        let names: Vec<_> = got[0].1["Records"][0]["attributes"].as_object().expect("an object").keys().collect();
        assert_eq!(names, [
            "ApproximateReceiveCount", "SentTimestamp", "MessageGroupId", "SenderId",
            "MessageDeduplicationId", "ApproximateFirstReceiveTimestamp",
        ]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sqs_or_a_queue_that_is_gone_is_told_until_it_is_back() {
    let Some(executor) = [Executor::Sandbox, Executor::Docker].into_iter().find(|executor| executor.is_here()) else {
        return;
    };
    let moto = Moto::start();
    let (server, client) = server(executor, &moto).await;
    let port = moto.port();
    let queue = Queue::create(port, "q", &json!({}));
    let id = map!(client, queue);
    queue.send("before");
    got_records(&server, 1).await;
    drop(moto);
    let told = |what: &'static str| {
        let (client, id) = (client.clone(), id.clone());
        eventually(what, move || {
            let (client, id) = (client.clone(), id.clone());
            async move { result(&client, &id).await.filter(|text| text.contains(what)) }
        })
    };
    assert!(told("did not answer").await.starts_with("PROBLEM: "));
    // It is back, without its queues.
    let moto = Moto::start_at(port);
    told("SQS Error Message: The specified queue does not exist").await;
    let queue = Queue::create(port, "q", &json!({}));
    queue.send("after");
    got_records(&server, 2).await;
    is_empty(&queue).await;
    assert_eq!(result(&client, &id).await, None);

    queue.delete();
    told("The specified queue does not exist").await;
    assert_eq!(server.log().matches("an event source is read again").count(), 1, "{}", server.log());
    drop(moto);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_wait_for_a_function_that_is_not_there() {
    let Some(executor) = [Executor::Sandbox, Executor::Docker].into_iter().find(|executor| executor.is_here()) else {
        return;
    };
    let moto = Moto::start();
    let (server, client) = server(executor, &moto).await;
    let (queue, dead) = Queue::create_with_dead_letters(moto.port(), "q", 1);
    let id = map!(client, queue);
    queue.send("one");
    got_records(&server, 1).await;
    is_empty(&queue).await;
    client.delete_function().function_name("f").send().await.expect("deleted");
    // Who waits for messages by then gives back what comes: only one receive is in vain.
    tokio::time::sleep(QUIET).await;
    in_state(&client, &id, "Enabled").await;
    create_python(&client, "f", HANDLER).await;
    queue.send("two");
    eventually("it arrives", || async { bodies(&server).contains(&"two".to_owned()).then_some(()) }).await;
    is_empty(&queue).await;
    assert_eq!(dead.counts(), (0, 0));
}

/// What is not read says so, and what to do about it.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_cannot_be_read_here_is_told() {
    let server = Server::start(Options::any());
    let client = server.client();
    crate::support::functions::create_some(&client, "f").await;
    let arn = |rest: &str| format!("arn:aws:{rest}");
    let access = aws_sdk_lambda::types::SourceAccessConfiguration::builder()
        .r#type(aws_sdk_lambda::types::SourceAccessType::BasicAuth)
        .uri("arn:aws:secretsmanager:us-east-1:000000000000:secret:s")
        .build();
    let create = || client.create_event_source_mapping().function_name("f");
    let stream = create().event_source_arn(arn("kinesis:us-east-1:000000000000:stream/s"));
    let stream = stream.starting_position(aws_sdk_lambda::types::EventSourcePosition::TrimHorizon);
    let broker = create().event_source_arn(arn("mq:us-east-1:000000000000:broker:b:b-1")).queues("q");
    let broker = broker.source_access_configurations(access);
    for (creation, says) in [
        (
            stream,
            "PROBLEM: Larder does not serve kinesis, and has no endpoint that does. Start it with --upstream kinesis=URL.",
        ),
        (broker, if cfg!(feature = "rabbitmq") { "--broker" } else { "build it with `--features rabbitmq`." }),
    ] {
        let made = creation.send().await.expect("created");
        assert_eq!(made.last_processing_result(), Some("No records processed"));
        let id = made.uuid().expect("an id");
        in_state(&client, id, "Enabled").await;
        let result = result(&client, id).await.unwrap_or_default();
        assert!(result.starts_with("PROBLEM: ") && result.contains(says), "{result}");
    }
    let log = server.log();
    assert!(log.contains("an event source is not read") && log.contains("--upstream kinesis=URL"), "{log}");
}
