//! Queues of the server's own, for tests that are about something else.

use serde_json::{Value, json};

use super::Server;
use super::http::{Answer, Request};

/// Calls an operation of SQS in JSON.
pub fn ask(server: &Server, operation: &str, members: &Value) -> Answer {
    let request = Request::new("POST", "/").body(members.to_string().into_bytes());
    request
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", &format!("AmazonSQS.{operation}"))
        .signed_for("sqs", "test", "us-east-1")
        .send(server.port())
}

/// Makes queues of account 000000000000 in us-east-1.
pub fn create(server: &Server, names: &[&str]) {
    for name in names {
        let is_fifo = name.strip_suffix(".fifo").is_some();
        let attributes = if is_fifo { json!({ "FifoQueue": "true" }) } else { json!({}) };
        let answer = ask(server, "CreateQueue", &json!({ "QueueName": name, "Attributes": attributes }));
        assert_eq!(answer.status, 200, "{}", answer.json());
    }
}
