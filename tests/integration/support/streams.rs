//! Streams of a Kinesis at a port, and mappings that read them for the function `f`.

use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::create_event_source_mapping::builders::CreateEventSourceMappingFluentBuilder;
use aws_sdk_lambda::types::{DestinationConfig, EventSourcePosition, OnFailure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::functions::create_python;
use super::queues::ask_json;
use super::sources::{Got, got, in_state};
use super::{Executor, Options, Server, eventually};

/// Tells in its log what it gets, and fails where the data asks for it.
pub const HANDLER: &str = r#"
import base64
def handler(event, context):
    import json
    print("GOT", context.function_version, json.dumps(event))
    for record in event["Records"]:
        if "kinesis" in record and b"poison" in base64.b64decode(record["kinesis"]["data"]):
            raise Exception("so be it")
"#;

/// How long nothing more must happen.
pub const QUIET: Duration = Duration::from_secs(2);

const KINESIS: (&str, &str) = ("kinesis", "1.1");

/// A server beside an upstream, with the function; `None` where no executor is here.
pub async fn server(upstream: &str, handler: &str) -> Option<(Server, Client)> {
    let executor = [Executor::Sandbox, Executor::Docker].into_iter().find(|executor| executor.is_here())?;
    let server = Server::start(Options::new(executor).with("LARDER_UPSTREAM", upstream));
    let client = server.client();
    create_python(&client, "f", handler).await;
    Some((server, client))
}

/// The upstream that a Kinesis at a port is.
pub fn kinesis(port: u16) -> String {
    format!("kinesis=http://127.0.0.1:{port}")
}

/// Calls an operation of Kinesis.
pub fn ask(port: u16, operation: &str, input: &Value) -> Value {
    ask_json(port, KINESIS, &format!("Kinesis_20131202.{operation}"), input)
}

/// A stream of so many shards; gives its ARN.
pub async fn stream(port: u16, name: &str, shards: u32) -> String {
    ask(port, "CreateStream", &json!({ "StreamName": name, "ShardCount": shards }));
    active(port, name).await
}

/// Waits until a stream is as it is to be; gives its ARN.
pub async fn active(port: u16, name: &str) -> String {
    eventually("the stream is there", || async {
        let found =
            ask(port, "DescribeStreamSummary", &json!({ "StreamName": name }))["StreamDescriptionSummary"].clone();
        (found["StreamStatus"] == "ACTIVE").then(|| found["StreamARN"].as_str().expect("an ARN").to_owned())
    })
    .await
}

/// Puts records of one key.
pub fn put(port: u16, name: &str, data: &[String]) {
    put_keyed(port, name, data.iter().map(|data| ("custom", data.as_str())));
}

/// Puts records, each with its key.
pub fn put_keyed<'a>(port: u16, name: &str, records: impl Iterator<Item = (&'a str, &'a str)>) {
    let record = |(key, data): (&str, &str)| json!({ "Data": STANDARD.encode(data), "PartitionKey": key });
    let input = json!({ "StreamName": name, "Records": records.map(record).collect::<Vec<_>>() });
    ask(port, "PutRecords", &input);
}

/// Data that is numbered.
pub fn numbered(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!("r{number}")).collect()
}

/// The data of a record.
pub fn decoded(record: &Value) -> String {
    let data = STANDARD.decode(record["kinesis"]["data"].as_str().expect("a text")).expect("base64");
    String::from_utf8(data).expect("a text")
}

/// The data of the records of events.
pub fn data(got: &[Got]) -> Vec<String> {
    let records = got.iter().flat_map(|(_, event)| event["Records"].as_array().expect("records"));
    records.map(decoded).collect()
}

/// The events, once they have `count` records.
pub async fn got_data(server: &Server, count: usize) -> Vec<Got> {
    eventually(&format!("{count} records arrive"), || async {
        let got = got(server);
        (data(&got).len() >= count).then_some(got)
    })
    .await
}

/// A mapping for the function.
pub fn creation(client: &Client, arn: &str, position: EventSourcePosition) -> CreateEventSourceMappingFluentBuilder {
    client.create_event_source_mapping().function_name("f").event_source_arn(arn).starting_position(position)
}

/// Makes it, and waits until it is read; gives its id.
pub async fn created(client: &Client, creation: CreateEventSourceMappingFluentBuilder) -> String {
    let made = creation.send().await.expect("created");
    assert_eq!(made.last_processing_result(), Some("No records processed"));
    let id = made.uuid().expect("an id").to_owned();
    in_state(client, &id, "Enabled").await;
    id
}

/// Tells a target of what is given up.
pub fn on_failure(target: &str) -> DestinationConfig {
    DestinationConfig::builder().on_failure(OnFailure::builder().destination(target).build()).build()
}
