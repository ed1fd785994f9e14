//! Queues for tests: those of the server's own, and those of an SQS at a port, moto's or Larder's on the way to it.

use serde_json::{Value, json};

use super::Server;
use super::http::{Answer, Request};

/// Calls an operation of SQS in JSON.
pub fn ask(server: &Server, operation: &str, members: &Value) -> Answer {
    send(server.port(), operation, members)
}

fn send(port: u16, operation: &str, members: &Value) -> Answer {
    let request = Request::new("POST", "/").body(members.to_string().into_bytes());
    request
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", &format!("AmazonSQS.{operation}"))
        .signed_for("sqs", "test", "us-east-1")
        .send(port)
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

/// A queue.
#[derive(Debug, Clone)]
pub struct Queue {
    port: u16,
    url: String,
    /// Its ARN.
    pub arn: String,
}

/// Calls an operation of SQS at a port, which must be done.
fn call(port: u16, operation: &str, input: &Value) -> Value {
    let answer = send(port, operation, input);
    assert_eq!(answer.status, 200, "{operation}: {}", String::from_utf8_lossy(&answer.body));
    if answer.body.is_empty() { Value::Null } else { answer.json() }
}

/// Calls an operation of a service that speaks a version of AWS's JSON, which must be done.
pub fn ask_json(port: u16, (service, version): (&str, &str), target: &str, input: &Value) -> Value {
    let request = Request::new("POST", "/").body(input.to_string().into_bytes());
    let request = request.header("content-type", &format!("application/x-amz-json-{version}"));
    let request = request.header("x-amz-target", target).header("x-amz-date", "20260101T000000Z");
    let answer = request.signed_for(service, "test", "us-east-1").send(port);
    assert_eq!(answer.status, 200, "{target}: {}", String::from_utf8_lossy(&answer.body));
    if answer.body.is_empty() { Value::Null } else { answer.json() }
}

impl Queue {
    /// Makes one with attributes.
    pub fn create(port: u16, name: &str, attributes: &Value) -> Self {
        let made = call(port, "CreateQueue", &json!({ "QueueName": name, "Attributes": attributes }));
        let mut queue = Self { port, url: made["QueueUrl"].as_str().expect("a URL").to_owned(), arn: String::new() };
        queue.arn = queue.attribute("QueueArn");
        queue
    }

    /// Makes one whose messages come back after a second, and one that those go to which were received `count` times.
    pub fn create_with_dead_letters(port: u16, name: &str, count: u32) -> (Self, Self) {
        let dead = Self::create(port, &format!("{name}-dead"), &json!({}));
        let redrive = json!({ "deadLetterTargetArn": dead.arn, "maxReceiveCount": count });
        let attributes = json!({ "VisibilityTimeout": "1", "RedrivePolicy": redrive.to_string() });
        (Self::create(port, name, &attributes), dead)
    }

    /// Sends a message with this body.
    pub fn send(&self, body: &str) -> String {
        self.send_with(json!({ "MessageBody": body }))
    }

    /// Sends a message of more than a body; gives its id.
    pub fn send_with(&self, mut input: Value) -> String {
        input["QueueUrl"] = self.url.as_str().into();
        call(self.port, "SendMessage", &input)["MessageId"].as_str().expect("an id").to_owned()
    }

    /// Sends many.
    pub fn send_all(&self, bodies: &[String]) {
        for chunk in bodies.chunks(10) {
            let entry = |(id, body): (usize, &String)| json!({ "Id": id.to_string(), "MessageBody": body });
            let entries: Vec<_> = chunk.iter().enumerate().map(entry).collect();
            call(self.port, "SendMessageBatch", &json!({ "QueueUrl": self.url, "Entries": entries }));
        }
    }

    /// Takes messages out of it, up to ten.
    pub fn take(&self) -> Vec<Value> {
        let found = self.receive();
        for message in &found {
            let receipt = &message["ReceiptHandle"];
            call(self.port, "DeleteMessage", &json!({ "QueueUrl": self.url, "ReceiptHandle": receipt }));
        }
        found
    }

    /// Receives messages, up to ten, and leaves them there.
    pub fn receive(&self) -> Vec<Value> {
        let input = json!({ "QueueUrl": self.url, "MaxNumberOfMessages": 10, "AttributeNames": ["All"] });
        call(self.port, "ReceiveMessage", &input)["Messages"].as_array().cloned().unwrap_or_default()
    }

    /// Messages that wait, and messages that somebody has.
    pub fn counts(&self) -> (u64, u64) {
        let count = |name: &str| self.attribute(name).parse().expect("a number");
        (count("ApproximateNumberOfMessages"), count("ApproximateNumberOfMessagesNotVisible"))
    }

    /// Removes it.
    pub fn delete(&self) {
        call(self.port, "DeleteQueue", &json!({ "QueueUrl": self.url }));
    }

    fn attribute(&self, name: &str) -> String {
        let input = json!({ "QueueUrl": self.url, "AttributeNames": [name] });
        call(self.port, "GetQueueAttributes", &input)["Attributes"][name].as_str().expect("is told").to_owned()
    }
}
