//! Message move tasks of SQS: where messages go, how fast, and how a task ends.

use std::time::Instant;

use serde_json::{Value, json};

use crate::support::queues::{Queue, ask};
use crate::support::{Options, Server, eventually};

/// Starts a task; its handle.
fn start(server: &Server, members: &Value) -> String {
    let answer = ask(server, "StartMessageMoveTask", members);
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()["TaskHandle"].as_str().expect("a handle").to_owned()
}

fn newest(server: &Server, source: &Queue) -> Value {
    ask(server, "ListMessageMoveTasks", &json!({ "SourceArn": source.arn })).json()["Results"][0].clone()
}

async fn ended(server: &Server, source: &Queue) -> Value {
    eventually("the task has ended", || async {
        let task = newest(server, source);
        (!["RUNNING", "CANCELLING"].iter().any(|active| task["Status"] == *active)).then_some(task)
    })
    .await
}

fn redrive(to: &Queue) -> Value {
    json!({ "RedrivePolicy": json!({ "deadLetterTargetArn": to.arn, "maxReceiveCount": 1 }).to_string(), "VisibilityTimeout": "0" })
}

/// Has the messages of a queue received too often.
async fn give_up(queue: &Queue) {
    eventually("all have gone to the dead-letter queue", || async {
        queue.receive();
        (queue.counts() == (0, 0)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn messages_go_back_to_where_each_came_from() {
    let server = Server::start(Options::any());
    let queue = |name: &str, attributes: &Value| Queue::create(server.port(), name, attributes);
    let dead = queue("dead", &json!({}));
    let sources = [queue("one", &redrive(&dead)), queue("two", &redrive(&dead))];
    for (source, body) in sources.iter().zip(["of one", "of two"]) {
        source.send(body);
        source.send(body);
        give_up(source).await;
    }
    assert_eq!(dead.counts(), (4, 0));

    start(&server, &json!({ "SourceArn": dead.arn }));
    let task = ended(&server, &dead).await;
    assert_eq!(
        (&task["Status"], &task["ApproximateNumberOfMessagesMoved"]),
        (&json!("COMPLETED"), &json!(4)),
        "{task}"
    );
    assert_eq!((task.get("TaskHandle"), task.get("DestinationArn")), (None, None), "{task}");
    assert_eq!(dead.counts(), (0, 0));
    for (source, body) in sources.iter().zip(["of one", "of two"]) {
        let bodies: Vec<_> = source.take().iter().map(|message| message["Body"].clone()).collect();
        assert_eq!(bodies, [body, body]);
    }
}

#[tokio::test]
async fn a_task_with_a_rate_can_be_cancelled_and_fails_without_its_destination() {
    let server = Server::start(Options::any());
    let queue = |name: &str, attributes: &Value| Queue::create(server.port(), name, attributes);
    let (dead, other) = (queue("dead", &json!({})), queue("other", &json!({})));
    let _source = queue("work", &redrive(&dead));
    let bodies: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    dead.send_all(&bodies);

    let begin = Instant::now();
    let slow = json!({ "SourceArn": dead.arn, "DestinationArn": other.arn, "MaxNumberOfMessagesPerSecond": 2 });
    let handle = start(&server, &slow);
    let task = newest(&server, &dead);
    assert_eq!((&task["Status"], &task["TaskHandle"]), (&json!("RUNNING"), &json!(handle)), "{task}");
    assert_eq!(task["ApproximateNumberOfMessagesToMove"], 20);
    let second = ask(&server, "StartMessageMoveTask", &slow);
    assert!(second.status == 400 && second.message().contains("Only one active task is allowed"), "{second:?}");
    eventually("some are moved", || async { (other.counts().0 >= 2).then_some(()) }).await;

    let cancelled = ask(&server, "CancelMessageMoveTask", &json!({ "TaskHandle": handle }));
    assert_eq!(cancelled.status, 200, "{}", cancelled.json());
    let task = ended(&server, &dead).await;
    let moved = task["ApproximateNumberOfMessagesMoved"].as_u64().expect("a number");
    assert_eq!(task["Status"], "CANCELLED", "{task}");
    assert_eq!((other.counts().0, dead.counts().0), (moved, 20 - moved));
    let most = begin.elapsed().as_secs() * 2 + 3;
    assert!((2..=most).contains(&moved), "{moved} in {:?}", begin.elapsed());
    let again = ask(&server, "CancelMessageMoveTask", &json!({ "TaskHandle": handle }));
    assert_eq!(again.status, 400, "it has ended");

    start(&server, &slow);
    other.delete();
    let task = ended(&server, &dead).await;
    let reason = "AWS.SimpleQueueService.NonExistentQueue";
    assert_eq!((&task["Status"], &task["FailureReason"]), (&json!("FAILED"), &json!(reason)), "{task}");
}

#[tokio::test]
async fn a_task_goes_on_after_a_kill_and_moves_each_message_once() {
    let mut server = Server::start(Options::any());
    let (dead, other) = {
        let queue = |name: &str, attributes: &Value| Queue::create(server.port(), name, attributes);
        let dead = queue("dead", &json!({}));
        queue("work", &redrive(&dead));
        (dead, queue("other", &json!({})))
    };
    let bodies: Vec<String> = (0..60).map(|number| number.to_string()).collect();
    dead.send_all(&bodies);
    let members = json!({ "SourceArn": dead.arn, "DestinationArn": other.arn, "MaxNumberOfMessagesPerSecond": 50 });
    let handle = start(&server, &members);
    eventually("some are moved", || async { (other.counts().0 >= 3).then_some(()) }).await;

    server.kill();
    server.restart();
    let task = newest(&server, &dead);
    assert_eq!((&task["Status"], &task["TaskHandle"]), (&json!("RUNNING"), &json!(handle)), "{task}");
    assert!(task["ApproximateNumberOfMessagesMoved"].as_u64() >= Some(3), "{task}");
    let second = ask(&server, "StartMessageMoveTask", &members);
    assert!(second.status == 400 && second.message().contains("Only one active task is allowed"), "{second:?}");
    let task = ended(&server, &dead).await;
    assert_eq!(
        (&task["Status"], &task["ApproximateNumberOfMessagesMoved"]),
        (&json!("COMPLETED"), &json!(60)),
        "{task}"
    );
    assert_eq!((dead.counts(), other.counts()), ((0, 0), (60, 0)));
    let taken = std::iter::from_fn(|| Some(other.take()).filter(|messages| !messages.is_empty())).flatten();
    let mut found: Vec<u64> = taken.map(|it| it["Body"].as_str().expect("a text").parse().expect("a number")).collect();
    found.sort_unstable();
    assert_eq!(found, (0..60).collect::<Vec<_>>(), "each once");

    // One that was started is cancelled by the next server.
    dead.send_all(&bodies);
    let handle = start(&server, &json!({ "SourceArn": dead.arn, "MaxNumberOfMessagesPerSecond": 1 }));
    server.kill();
    server.restart();
    let cancelled = ask(&server, "CancelMessageMoveTask", &json!({ "TaskHandle": handle }));
    assert_eq!(cancelled.status, 200, "{}", cancelled.json());
    assert_eq!(ended(&server, &dead).await["Status"], "CANCELLED");
    let listed = ask(&server, "ListMessageMoveTasks", &json!({ "SourceArn": dead.arn, "MaxResults": 10 })).json();
    let statuses: Vec<_> =
        listed["Results"].as_array().expect("a list").iter().map(|task| task["Status"].clone()).collect();
    assert_eq!(statuses, ["CANCELLED", "COMPLETED"], "the newest first");
}

/// Recorded in `LocalStack`'s `test_sqs_move_task` (2024), but for the rates.
#[test]
fn tasks_that_cannot_be_are_refused() {
    let server = Server::start(Options::any());
    let queue = |name: &str, attributes: &Value| Queue::create(server.port(), name, attributes);
    let dead = queue("dead", &json!({}));
    let source = queue("work", &redrive(&dead));
    let nobody = source.arn.replace("work", "nobody");
    for (members, status, message) in [
        (json!({ "SourceArn": source.arn }), 400, "Source queue must be configured as a Dead Letter Queue."),
        (
            json!({ "SourceArn": nobody }),
            404,
            "The resource that you specified for the SourceArn parameter doesn't exist.",
        ),
        (
            json!({ "SourceArn": dead.arn, "DestinationArn": nobody }),
            404,
            "The resource that you specified for the DestinationArn parameter doesn't exist.",
        ),
        (
            json!({ "SourceArn": "dead" }),
            400,
            "You must use this format to specify the SourceArn: arn:<partition>:<service>:<region>:<account-id>:<resource-id>",
        ),
        (
            json!({ "SourceArn": dead.arn, "MaxNumberOfMessagesPerSecond": 501 }),
            400,
            "Value 501 for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: Must be between 1 and 500, if provided.",
        ),
    ] {
        let refused = ask(&server, "StartMessageMoveTask", &members);
        assert_eq!((refused.status, refused.message().as_str()), (status, message), "{members}");
    }
    let cancel = ask(&server, "CancelMessageMoveTask", &json!({ "TaskHandle": "nonsense" }));
    assert_eq!((cancel.status, cancel.message().as_str()), (400, "Value for parameter TaskHandle is invalid."));
}
