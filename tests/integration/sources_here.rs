//! Queues of the house that are read for functions, without any other service.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_lambda::Client;
use serde_json::{Value, json};

use crate::on_each_executor;
use crate::support::functions::create_python;
use crate::support::queues::Queue;
use crate::support::sources::{HANDLER, bodies, got, got_records, in_state, is_empty, records, result};
use crate::support::{Executor, Options, Server, eventually};

/// A server with the function.
async fn server(executor: Executor) -> (Server, Client) {
    let server = Server::start(Options::new(executor));
    let client = server.client();
    create_python(&client, "f", HANDLER).await;
    (server, client)
}

/// Has a queue read, some messages at once.
async fn map(client: &Client, queue: &Queue, batch_size: i32) -> String {
    let creation = client.create_event_source_mapping().function_name("f").event_source_arn(&queue.arn);
    let made = creation.batch_size(batch_size).send().await.expect("created");
    let id = made.uuid().expect("an id").to_owned();
    in_state(client, &id, "Enabled").await;
    id
}

on_each_executor! {
    async fn a_message_arrives_at_once_and_is_deleted(executor) {
        let (server, client) = server(executor).await;
        let queue = Queue::create(server.port(), "q", &json!({}));
        let id = map(&client, &queue, 10).await;
        let bytes = json!({ "b": { "DataType": "Binary", "BinaryValue": "AQI=" } });
        let message = queue.send_with(json!({ "MessageBody": "hello", "MessageAttributes": bytes }));
        let event = got_records(&server, 1).await.remove(0).1;
        let record = &event["Records"][0];
        assert_eq!((&record["messageId"], &record["body"]), (&json!(message), &json!("hello")));
        let attribute = r#"{"b":{"binaryValue":"AQI=","stringListValues":[],"binaryListValues":[],"dataType":"Binary"}}"#;
        assert_eq!(record["messageAttributes"].to_string(), attribute);
        assert_eq!(record["md5OfBody"], "5d41402abc4b2a76b9719d911017c592");
        let names: Vec<_> = record["attributes"].as_object().expect("an object").keys().cloned().collect();
        // Recorded on AWS.
        let order = ["ApproximateReceiveCount", "SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp"];
        assert_eq!(names, order);
        is_empty(&queue).await;
        assert_eq!(result(&client, &id).await, None);

        // Gone, and there again under the same name.
        queue.delete();
        let text = eventually("it is told", || async { result(&client, &id).await }).await;
        assert!(text.starts_with("PROBLEM: ") && text.contains("The specified queue does not exist"), "{text}");
        let queue = Queue::create(server.port(), "q", &json!({}));
        queue.send("again");
        got_records(&server, 2).await;
        is_empty(&queue).await;
        assert_eq!(result(&client, &id).await, None);
    }

    /// Recorded on AWS (`test_report_batch_item_failures`): the order of a FIFO queue's attributes.
    async fn a_dead_letter_says_where_it_died(executor) {
        let (server, client) = server(executor).await;
        let fifo = json!({ "FifoQueue": "true", "ContentBasedDeduplication": "true" });
        let dead = Queue::create(server.port(), "dead.fifo", &fifo);
        let mut attributes = fifo;
        attributes["VisibilityTimeout"] = "1".into();
        attributes["RedrivePolicy"] = json!({ "deadLetterTargetArn": dead.arn, "maxReceiveCount": 1 }).to_string().into();
        let queue = Queue::create(server.port(), "q.fifo", &attributes);
        map(&client, &queue, 10).await;
        map(&client, &dead, 10).await;
        let poison = json!({ "raises": true }).to_string();
        queue.send_with(json!({ "MessageBody": poison, "MessageGroupId": "g" }));
        let letter = eventually("the letter arrives", || async {
            got(&server).into_iter().find(|(_, event)| event["Records"][0]["eventSourceARN"] == dead.arn.as_str())
        })
        .await;
        let attributes = letter.1["Records"][0]["attributes"].clone();
        assert_eq!(attributes["DeadLetterQueueSourceArn"], queue.arn.as_str());
        let names: Vec<_> = attributes.as_object().expect("an object").keys().cloned().collect();
        assert_eq!(names, [
            "DeadLetterQueueSourceArn", "ApproximateReceiveCount", "SentTimestamp", "SequenceNumber", "MessageGroupId",
            "SenderId", "MessageDeduplicationId", "ApproximateFirstReceiveTimestamp",
        ]);
    }

    /// Whatever is killed in the middle, each message is done at least once, and each group in its order.
    async fn a_fifo_queue_is_drained_over_kills(executor) {
        let (mut server, client) = server(executor).await;
        let fifo = json!({ "FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "2" });
        let queue = Queue::create(server.port(), "q.fifo", &fifo);
        for number in 0..30 {
            let body = json!({ "n": number, "sleep": 0.05 }).to_string();
            queue.send_with(json!({ "MessageBody": body, "MessageGroupId": format!("g{}", number % 3) }));
        }
        map(&client, &queue, 2).await;
        for kill in 1..=3 {
            let seen = kill * 5;
            eventually("some arrive", || async { (bodies(&server).len() >= seen).then_some(()) }).await;
            server.kill();
            server.restart();
        }
        is_empty(&queue).await;

        // Lines of a killed server may be missing: what is told twice or never is no order.
        let mut groups: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for (body, _) in records(&got(&server)) {
            let wish: Value = serde_json::from_str(&body).expect("JSON");
            let number = wish["n"].as_u64().expect("a number");
            let group = groups.entry(number % 3).or_default();
            if !group.contains(&number) {
                group.push(number);
            }
        }
        assert!(groups.values().all(|group| group.is_sorted()), "{groups:?}");
        assert!(groups.values().map(Vec::len).sum::<usize>() >= 24, "{groups:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_is_drained_in_batches() {
    let Some(executor) = [Executor::Sandbox, Executor::Docker].into_iter().find(|executor| executor.is_here()) else {
        return;
    };
    let (server, client) = server(executor).await;
    let queue = Queue::create(server.port(), "q", &json!({}));
    let sent: Vec<_> = (0..2000).map(|number| format!("m{number}")).collect();
    queue.send_all(&sent);
    let creation = client.create_event_source_mapping().function_name("f").event_source_arn(&queue.arn);
    creation.batch_size(500).maximum_batching_window_in_seconds(1).send().await.expect("created");
    is_empty(&queue).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut seen = bodies(&server);
    assert!(got(&server).len() <= 8, "few are many at once: {}", got(&server).len());
    seen.sort();
    let mut sent = sent;
    sent.sort();
    assert_eq!(seen, sent);
}
