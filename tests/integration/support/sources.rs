//! Event sources: a function that tells what it gets, and what is told of mappings.

use aws_sdk_lambda::Client;
use serde_json::Value;

use super::queues::Queue;
use super::{Server, eventually, log_lines};

/// Tells in its log what it gets, and does what the bodies ask for.
pub const HANDLER: &str = r#"
import json, time
def handler(event, context):
    print("GOT", context.function_version, json.dumps(event))
    failed, answer = [], None
    for record in event["Records"]:
        try:
            wish = json.loads(record["body"])
        except ValueError:
            continue
        if not isinstance(wish, dict):
            continue
        time.sleep(wish.get("sleep", 0))
        if int(record["attributes"]["ApproximateReceiveCount"]) <= wish.get("fails", 0):
            failed.append({"itemIdentifier": record["messageId"]})
        if wish.get("raises"):
            raise Exception("so be it")
        answer = wish.get("answer", answer)
    print("DID", len(event["Records"]))
    return {"batchItemFailures": failed} if answer is None else answer
"#;

/// An event that the function got, and the version of it that did.
pub type Got = (String, Value);

/// The events so far, in their order.
pub fn got(server: &Server) -> Vec<Got> {
    let lines = log_lines::now(server, "/aws/lambda/f");
    let event = |text: &str| {
        let (version, event) = text.trim().strip_prefix("GOT ")?.split_once(' ')?;
        Some((version.to_owned(), serde_json::from_str(event).expect("JSON")))
    };
    lines.iter().filter_map(|line| event(&line.text)).collect()
}

/// The records of events, as body and receive count.
pub fn records(got: &[Got]) -> Vec<(String, String)> {
    let records = got.iter().flat_map(|(_, event)| event["Records"].as_array().expect("records").clone());
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    records.map(|record| (text(&record["body"]), text(&record["attributes"]["ApproximateReceiveCount"]))).collect()
}

/// The bodies of what the function got.
pub fn bodies(server: &Server) -> Vec<String> {
    records(&got(server)).into_iter().map(|(body, _)| body).collect()
}

/// The events, once they have `count` records.
pub async fn got_records(server: &Server, count: usize) -> Vec<Got> {
    eventually(&format!("{count} records arrive"), || async {
        let got = got(server);
        (records(&got).len() >= count).then_some(got)
    })
    .await
}

/// Waits until a queue has nothing more, for anybody.
pub async fn is_empty(queue: &Queue) {
    eventually("the queue is empty", || async { (queue.counts() == (0, 0)).then_some(()) }).await;
}

/// Waits until a mapping is in a state.
pub async fn in_state(client: &Client, id: &str, state: &str) {
    eventually(state, || async {
        let read = client.get_event_source_mapping().uuid(id).send().await.expect("is there");
        (read.state() == Some(state)).then_some(())
    })
    .await;
}

/// What is said of a mapping.
pub async fn result(client: &Client, id: &str) -> Option<String> {
    let read = client.get_event_source_mapping().uuid(id).send().await.expect("is there");
    read.last_processing_result().map(str::to_owned)
}
