//! Queues of Debian's `RabbitMQ` that are read for functions.

use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::{FilterCriteria, SourceAccessConfiguration, SourceAccessType};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lapin::options::{BasicGetOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use serde_json::{Value, json};

use crate::skipped::skipped;
use crate::support::brokers::RabbitMq;
use crate::support::functions::create_python;
use crate::support::python::free_port;
use crate::support::sources::{Got, got, in_state, result};
use crate::support::{Executor, Options, Server, eventually};

/// Tells in its log what it gets, and fails the first time where the data asks for it.
const HANDLER: &str = r#"
import base64
def handler(event, context):
    import json, time
    print("GOT", context.function_version, json.dumps(event))
    for messages in event["rmqMessagesByQueue"].values():
        for message in messages:
            data = base64.b64decode(message["data"])
            if data == b"slow":
                time.sleep(5)
            if data == b"fails" and not message["redelivered"]:
                raise Exception("so be it")
"#;

const QUIET: Duration = Duration::from_secs(1);

const ARN: &str = "arn:aws:mq:us-east-1:000000000000:broker:b:b-1";

const SECRET: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:";

/// A channel of one who sends.
async fn sender(port: u16, host: &str) -> (Connection, Channel) {
    let address = format!("amqp://larder:s3cret@127.0.0.1:{port}/{host}");
    let connection = eventually("RabbitMQ lets in", || async {
        Connection::connect(&address, ConnectionProperties::default()).await.ok()
    })
    .await;
    let channel = connection.create_channel().await.expect("a channel");
    (connection, channel)
}

async fn declare(channel: &Channel, queue: &str) {
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(queue.into(), options, FieldTable::default()).await.expect("is declared");
}

async fn send(channel: &Channel, queue: &str, data: &str, properties: BasicProperties) {
    let options = BasicPublishOptions::default();
    let sent = channel.basic_publish("".into(), queue.into(), options, data.as_bytes(), properties).await;
    sent.expect("is sent").await.expect("is taken");
}

async fn send_all(channel: &Channel, queue: &str, data: &[&str]) {
    for data in data {
        send(channel, queue, data, BasicProperties::default().with_delivery_mode(2)).await;
    }
}

fn messages(got: &[Got], queue: &str) -> Vec<Value> {
    let messages = got.iter().filter_map(|(_, event)| event["rmqMessagesByQueue"][queue].as_array().cloned());
    messages.flatten().collect()
}

fn data(got: &[Got], queue: &str) -> Vec<String> {
    let decode = |message: &Value| STANDARD.decode(message["data"].as_str().expect("a text")).expect("base64");
    messages(got, queue).iter().map(|message| String::from_utf8(decode(message)).expect("a text")).collect()
}

async fn got_data(server: &Server, queue: &str, count: usize) -> Vec<Got> {
    eventually(&format!("{count} messages of {queue} arrive"), || async {
        let got = got(server);
        (data(&got, queue).len() >= count).then_some(got)
    })
    .await
}

/// A mapping for a queue: with a secret, a virtual host, filters.
async fn created(client: &Client, queue: &str, (secret, host): (&str, Option<&str>), filters: Option<&str>) -> String {
    let access = |kind: SourceAccessType, uri: &str| SourceAccessConfiguration::builder().r#type(kind).uri(uri).build();
    let mut creation = client.create_event_source_mapping().function_name("f").event_source_arn(ARN).queues(queue);
    creation = creation.source_access_configurations(access(SourceAccessType::BasicAuth, &format!("{SECRET}{secret}")));
    if let Some(host) = host {
        creation = creation.source_access_configurations(access(SourceAccessType::VirtualHost, host));
    }
    if let Some(pattern) = filters {
        let filter = aws_sdk_lambda::types::Filter::builder().pattern(pattern).build();
        creation = creation.filter_criteria(FilterCriteria::builder().filters(filter).build());
    }
    let id = creation.send().await.expect("created").uuid().expect("an id").to_owned();
    in_state(client, &id, "Enabled").await;
    id
}

async fn says(client: &Client, id: &str, what: &str) {
    eventually(what, || async { result(client, id).await.unwrap_or_default().contains(what).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_read_whatever_befalls_broker_and_server() {
    if !RabbitMq::is_here() {
        return skipped("RabbitMQ is not here: apt-get install rabbitmq-server");
    }
    let Some(executor) = [Executor::Sandbox, Executor::Docker].into_iter().find(|executor| executor.is_here()) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name);
    let secret = |name: &str, password: &str| {
        std::fs::write(place(name), json!({ "username": "larder", "password": password }).to_string()).expect("writes");
        format!("{SECRET}{name}={}", place(name).display())
    };
    let secrets = [secret("user", "s3cret"), secret("stranger", "other")].join(",");
    let port = free_port();
    let options = Options::new(executor).with("LARDER_SECRETS", &secrets);
    let mut server = Server::start(options.with("LARDER_BROKERS", format!("{ARN}=amqp://127.0.0.1:{port}")));
    let client = server.client();
    create_python(&client, "f", HANDLER).await;
    let id = created(&client, "q", ("user", None), None).await;
    says(&client, &id, "PROBLEM: Connection error.").await;

    let broker = RabbitMq::start_at(port);
    let (_connection, channel) = sender(broker.port(), "%2f").await;
    says(&client, &id, "PROBLEM: The queue cannot be read. NOT_FOUND - no queue 'q' in vhost '/'").await;
    let stranger = created(&client, "strange", ("stranger", None), None).await;
    says(&client, &stranger, "PROBLEM: The broker failed to authenticate Lambda. ACCESS_REFUSED").await;
    declare(&channel, "q").await;
    let mut headers = FieldTable::default();
    headers.insert("header1".into(), AMQPValue::LongString("value1".into()));
    headers.insert("numberInHeader".into(), AMQPValue::LongInt(10));
    let properties = BasicProperties::default().with_headers(headers).with_content_type("text/plain".into());
    send(&channel, "q", "first", properties.with_delivery_mode(1).with_timestamp(2021).with_expiration("60000".into()))
        .await;
    send_all(&channel, "q", &["second", "fails", "third"]).await;
    let events = got_data(&server, "q::/", 4).await;
    assert_eq!(data(&events, "q::/")[..2], ["first", "second"]);
    let event = &events[0].1;
    assert_eq!((&event["eventSource"], &event["eventSourceArn"]), (&json!("aws:rmq"), &json!(ARN)));
    let first = json!({
        "basicProperties": {
            "contentType": "text/plain", "contentEncoding": null,
            "headers": { "header1": { "bytes": [118, 97, 108, 117, 101, 49] }, "numberInHeader": 10 },
            "deliveryMode": 1, "priority": null, "correlationId": null, "replyTo": null, "expiration": "60000",
            "messageId": null, "timestamp": "Jan 1, 1970, 12:33:41 AM", "type": null, "userId": null, "appId": null,
            "clusterId": null, "bodySize": 5,
        },
        "redelivered": false,
        "data": STANDARD.encode("first"),
    });
    assert_eq!(messages(&events, "q::/")[0].to_string(), first.to_string());
    // What failed came again, with all of its batch, in its order, and is gone then.
    eventually("it is done", || async {
        let again =
            messages(&got(&server), "q::/").into_iter().filter(|message| message["redelivered"] == true).count();
        (again >= 4 || data(&got(&server), "q::/").iter().filter(|data| *data == "third").count() >= 2).then_some(())
    })
    .await;
    says(&client, &id, "OK").await;

    // A virtual host of its own, and filters: what none lets pass is taken off the queue.
    let (_of_other, other) = sender(broker.port(), "other").await;
    declare(&other, "r").await;
    created(&client, "r", ("user", Some("other")), Some(r#"{"data":{"n":[1]}}"#)).await;
    send_all(&other, "r", &[r#"{"n": 2}"#, r#"{"n": 1}"#, "no JSON"]).await;
    assert_eq!(data(&got_data(&server, "r::other", 1).await, "r::other"), [r#"{"n": 1}"#]);

    // A kill while the function runs: its messages come again.
    send_all(&channel, "q", &["slow"]).await;
    eventually("it runs", || async { data(&got(&server), "q::/").contains(&"slow".to_owned()).then_some(()) }).await;
    server.kill();
    send_all(&channel, "q", &["late"]).await;
    server.restart();
    let client = server.client();
    eventually("it runs again", || async {
        let data = data(&got(&server), "q::/");
        (data.iter().filter(|data| *data == "slow").count() >= 2 && data.contains(&"late".to_owned())).then_some(())
    })
    .await;

    // The broker goes and comes.
    let broker = broker.restart();
    let (_connection, channel) = sender(broker.port(), "%2f").await;
    send_all(&channel, "q", &["after"]).await;
    eventually("it goes on", || async { data(&got(&server), "q::/").contains(&"after".to_owned()).then_some(()) })
        .await;

    // Nothing is read of a mapping that is disabled, and nothing is kept from others.
    client.update_event_source_mapping().uuid(&id).enabled(false).send().await.expect("updated");
    in_state(&client, &id, "Disabled").await;
    tokio::time::sleep(QUIET).await;
    let before = data(&got(&server), "q::/").len();
    send_all(&channel, "q", &["not now"]).await;
    tokio::time::sleep(QUIET).await;
    assert_eq!(data(&got(&server), "q::/").len(), before);
    // What runs by then is waited for.
    let read = eventually("it is there", || async {
        channel.basic_get("q".into(), BasicGetOptions::default()).await.expect("asks")
    })
    .await;
    assert_eq!(read.data, b"not now");
    assert!(!server.log().contains("s3cret"), "no secret is in a log");
}
