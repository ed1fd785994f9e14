//! Topics of a broker of Kafka's protocol that are read for functions.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::create_event_source_mapping::builders::CreateEventSourceMappingFluentBuilder;
use aws_sdk_lambda::types::{
    DestinationConfig, EndPointType, EventSourcePosition, FilterCriteria, FunctionResponseType, OnFailure,
    SelfManagedEventSource, SourceAccessConfiguration, SourceAccessType,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rskafka::chrono::Utc;
use rskafka::client::ClientBuilder;
use rskafka::client::partition::{Compression, UnknownTopicHandling};
use rskafka::record::Record;
use serde_json::{Value, json};

use crate::support::brokers::{Door, Kafka};
use crate::support::functions::create_python;
use crate::support::python::{self, free_port};
use crate::support::queues::Queue;
use crate::support::sources::{Got, got, in_state, result};
use crate::support::{Executor, Options, Server, eventually};

/// Tells in its log what it gets, and fails where the values ask for it.
const HANDLER: &str = r#"
import base64
def handler(event, context):
    import json
    print("GOT", context.function_version, json.dumps(event))
    for name, records in event["records"].items():
        for record in records:
            value = base64.b64decode(record["value"])
            if value == b"poison":
                raise Exception("so be it")
            if value == b"report":
                return {"batchItemFailures": [{"itemIdentifier": {"partition": name, "offset": record["offset"]}}]}
"#;

/// How long nothing more must happen.
const QUIET: Duration = Duration::from_secs(1);

/// A server with the function; `None` where no executor is here.
async fn server(with: impl Fn(Options) -> Options) -> Option<(Server, Client)> {
    let executor = [Executor::Sandbox, Executor::Docker].into_iter().find(|executor| executor.is_here())?;
    let server = Server::start(with(Options::new(executor)));
    let client = server.client();
    create_python(&client, "f", HANDLER).await;
    Some((server, client))
}

/// Puts values into a partition.
async fn put(kafka: &Kafka, topic: &str, partition: i32, values: &[&str]) {
    let client = ClientBuilder::new(vec![kafka.server()]).build().await.expect("a client");
    let client = client.partition_client(topic, partition, UnknownTopicHandling::Retry).await.expect("a partition");
    let record = |value: &&str| Record {
        key: Some(b"k".to_vec()),
        value: Some(value.as_bytes().to_vec()),
        headers: BTreeMap::from([("h".to_owned(), "ë".as_bytes().to_vec())]),
        timestamp: Utc::now(),
    };
    client.produce(values.iter().map(record).collect(), Compression::NoCompression).await.expect("is produced");
}

/// All values of a partition.
async fn values_of(kafka: &Kafka, topic: &str) -> Vec<Value> {
    let client = ClientBuilder::new(vec![kafka.server()]).build().await.expect("a client");
    let client = client.partition_client(topic, 0, UnknownTopicHandling::Error).await.expect("a partition");
    let (records, _) = client.fetch_records(0, 1..1_000_000, 100).await.expect("records");
    let values = records.into_iter().filter_map(|record| record.record.value);
    values.map(|value| serde_json::from_slice(&value).expect("JSON")).collect()
}

/// The values of events, in their order.
fn values(got: &[Got]) -> Vec<String> {
    let of_event = |event: &Value| event["records"].as_object().expect("records").values().cloned().collect::<Vec<_>>();
    let records =
        got.iter().flat_map(|(_, event)| of_event(event)).flat_map(|records| records.as_array().unwrap().clone());
    let decode = |value: &Value| STANDARD.decode(value.as_str().expect("a text")).expect("base64");
    records.map(|record| String::from_utf8(decode(&record["value"])).expect("a text")).collect()
}

async fn got_values(server: &Server, count: usize) -> Vec<Got> {
    eventually(&format!("{count} records arrive"), || async {
        let got = got(server);
        (values(&got).len() >= count).then_some(got)
    })
    .await
}

fn access(kind: SourceAccessType, uri: &str) -> SourceAccessConfiguration {
    SourceAccessConfiguration::builder().r#type(kind).uri(uri).build()
}

/// A mapping for a cluster that needs no password.
fn creation(client: &Client, server: &str, topic: &str) -> CreateEventSourceMappingFluentBuilder {
    secured(client, server, topic).source_access_configurations(access(SourceAccessType::VpcSubnet, "subnet:subnet-1"))
}

fn secured(client: &Client, server: &str, topic: &str) -> CreateEventSourceMappingFluentBuilder {
    let source =
        SelfManagedEventSource::builder().endpoints(EndPointType::KafkaBootstrapServers, vec![server.to_owned()]);
    let creation = client.create_event_source_mapping().function_name("f").topics(topic);
    creation.self_managed_event_source(source.build()).starting_position(EventSourcePosition::TrimHorizon)
}

async fn created(client: &Client, creation: CreateEventSourceMappingFluentBuilder) -> String {
    let id = creation.send().await.expect("created").uuid().expect("an id").to_owned();
    in_state(client, &id, "Enabled").await;
    id
}

/// Waits until a mapping says something.
async fn says(client: &Client, id: &str, what: &str) {
    eventually(what, || async {
        let result = result(client, id).await.unwrap_or_default();
        result.contains(what).then_some(())
    })
    .await;
}

fn numbered(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!("r{number}")).collect()
}

async fn put_numbered(kafka: &Kafka, topic: &str, partition: i32, numbers: std::ops::Range<u32>) {
    let values = numbered(numbers);
    put(kafka, topic, partition, &values.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_read_once_it_is_there_and_on_after_a_kill() {
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let Some((mut server, client)) = server(|options| options).await else { return };
    let id = created(&client, creation(&client, &address, "tt").batch_size(10)).await;
    says(&client, &id, "PROBLEM: Connection error.").await;
    let kafka = Kafka::start_at(port);
    says(&client, &id, "PROBLEM: The topic tt is not there.").await;
    kafka.create_topic("tt", 2);
    put_numbered(&kafka, "tt", 0, 0..25).await;
    put_numbered(&kafka, "tt", 1, 100..103).await;
    let events = got_values(&server, 28).await;
    let of = |events: &[Got], name: &str| -> Vec<Got> {
        events.iter().filter(|(_, event)| event["records"].get(name).is_some()).cloned().collect()
    };
    assert_eq!(values(&of(&events, "tt-0")), numbered(0..25));
    assert_eq!(values(&of(&events, "tt-1")), numbered(100..103));
    assert_eq!(of(&events, "tt-0").len(), 3, "no batch is larger than it may be");

    let event = &of(&events, "tt-1")[0].1;
    let time = event["records"]["tt-1"][0]["timestamp"].clone();
    assert!(time.as_u64().is_some_and(|time| time > 1_700_000_000_000), "{time}");
    let record = |offset: u32| {
        json!({
            "topic": "tt", "partition": 1, "offset": offset, "timestamp": time, "timestampType": "CREATE_TIME",
            "key": "aw==", "value": STANDARD.encode(format!("r{}", 100 + offset)), "headers": [{ "h": [-61, -85] }],
        })
    };
    assert_eq!(event["records"]["tt-1"][0], record(0));
    let names: Vec<_> = event.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(names, ["eventSource", "bootstrapServers", "records"]);
    assert_eq!((&event["eventSource"], &event["bootstrapServers"]), (&json!("SelfManagedKafka"), &json!(address)));
    says(&client, &id, "OK").await;

    server.kill();
    put_numbered(&kafka, "tt", 0, 25..30).await;
    server.restart();
    got_values(&server, 33).await;
    tokio::time::sleep(QUIET).await;
    assert_eq!(values(&of(&got(&server), "tt-0")), numbered(0..30), "nothing twice, nothing skipped");

    // The broker goes and comes.
    drop(kafka);
    says(&server.client(), &id, "PROBLEM: Connection error.").await;
    let kafka = Kafka::start_at(port);
    // The topic is made anew by whoever asks for it first.
    put_numbered(&kafka, "tt", 0, 200..201).await;
    got_values(&server, 34).await;
    says(&server.client(), &id, "OK").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_now_on_is_from_now_on_and_filters_pass_over() {
    let kafka = Kafka::start();
    kafka.create_topic("tt", 1);
    put_numbered(&kafka, "tt", 0, 0..3).await;
    let arn = "arn:aws:kafka:us-east-1:000000000000:cluster/c/751d2973-a626-431c-9d4e-d7975eb44dd7-2";
    let broker = format!("{arn}=kafka://{}", kafka.server());
    let Some((mut server, client)) = server(|options| options.with("LARDER_BROKERS", &broker)).await else { return };
    let filter = aws_sdk_lambda::types::Filter::builder().pattern(r#"{"value":{"n":[{"numeric":[">",1]}]}}"#).build();
    let plain = aws_sdk_lambda::types::Filter::builder().pattern(r#"{"value":["r7"]}"#).build();
    let creation = client.create_event_source_mapping().function_name("f").topics("tt").event_source_arn(arn);
    let creation = creation.filter_criteria(FilterCriteria::builder().filters(filter).filters(plain).build());
    let id = created(&client, creation.starting_position(EventSourcePosition::Latest)).await;
    // Where it begins is known before anything is read.
    eventually("it begins", || async { server.log().contains("an event source is read").then_some(()) }).await;
    tokio::time::sleep(QUIET).await;
    server.kill();
    put(&kafka, "tt", 0, &[r#"{"n": 1}"#, r#"{"n": 2}"#, "r7", "r8", r#"{"n": 3}"#]).await;
    server.restart();
    let events = got_values(&server, 3).await;
    tokio::time::sleep(QUIET).await;
    assert_eq!(values(&got(&server)), [r#"{"n": 2}"#, "r7", r#"{"n": 3}"#]);
    let event = &events[0].1;
    assert_eq!((&event["eventSource"], &event["eventSourceArn"]), (&json!("aws:kafka"), &json!(arn)));
    says(&server.client(), &id, "OK").await;

    // What was not told, and what is not read, says so.
    let client = server.client();
    let other = arn.replace("cluster/c", "cluster/d");
    let untold = client.create_event_source_mapping().function_name("f").topics("tt").event_source_arn(&other);
    let id = created(&client, untold).await;
    says(&client, &id, &format!("Start it with --broker {other}=kafka://HOST:PORT.")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_cut_given_up_and_told() {
    let kafka = Kafka::start();
    for topic in ["tt", "uu", "dead"] {
        kafka.create_topic(topic, 1);
    }
    let Some((server, client)) = server(|options| options).await else { return };
    let dead = Queue::create(server.port(), "dead", &json!({}));
    put(&kafka, "tt", 0, &["a", "poison", "b"]).await;
    put(&kafka, "uu", 0, &["c", "report", "d"]).await;
    let to = |arn: &str| DestinationConfig::builder().on_failure(OnFailure::builder().destination(arn).build()).build();
    let cut = creation(&client, &kafka.server(), "tt").destination_config(to(&dead.arn));
    created(&client, cut.bisect_batch_on_function_error(true).maximum_retry_attempts(0)).await;
    let reporting = creation(&client, &kafka.server(), "uu").destination_config(to("kafka://dead"));
    let reporting = reporting.function_response_types(FunctionResponseType::ReportBatchItemFailures);
    created(&client, reporting.maximum_retry_attempts(1)).await;

    let told = eventually("it is told", || async { dead.take().pop() }).await;
    let told: Value = serde_json::from_str(told["Body"].as_str().expect("a text")).expect("JSON");
    let names = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&told), ["requestContext", "responseContext", "version", "timestamp", "KafkaBatchInfo"]);
    assert_eq!(told["requestContext"]["condition"], "RetryAttemptsExhausted");
    let info = &told["KafkaBatchInfo"];
    assert_eq!(names(info), ["batchSize", "bootstrapServers", "payloadSize", "recordsInfo"]);
    let of_partition = &info["recordsInfo"]["tt-0"];
    assert_eq!(
        (&info["batchSize"], &of_partition["firstRecordOffset"], &of_partition["lastRecordOffset"]),
        (&json!(1), &json!("1"), &json!("1"))
    );

    // What is behind it was not done either.
    let told = eventually("a topic is told", || async {
        let told = values_of(&kafka, "dead").await;
        (told.len() >= 2).then_some(told)
    })
    .await;
    for (told, (offset, value)) in told.iter().zip([("1", "report"), ("2", "d")]) {
        assert_eq!(told["KafkaBatchInfo"]["recordInfo"]["offset"], offset);
        assert_eq!(told["payload"]["records"]["uu-0"][0]["value"], STANDARD.encode(value));
    }
    eventually("the rest is done", || async {
        let values = values(&got(&server));
        (values.contains(&"b".to_owned()) && values.iter().filter(|value| *value == "d").count() >= 2).then_some(())
    })
    .await;
    tokio::time::sleep(QUIET).await;
    let of_u = got(&server).into_iter().filter(|(_, event)| event["records"].get("uu-0").is_some()).collect::<Vec<_>>();
    // All three, and what is not done once more.
    assert_eq!(values(&of_u), ["c", "report", "d", "report", "d"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_told_who_comes() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    python::script_with("upstream", "make_certificates.py", &[folder.path().to_str().expect("text")]);
    let pem = |name: &str| std::fs::read_to_string(place(name)).expect("is there");
    let user = |name: &str, password: &str| {
        std::fs::write(place(name), json!({ "username": "larder", "password": password }).to_string()).expect("writes");
    };
    user("user", "s3cret");
    user("stranger", "other");
    std::fs::write(place("root"), json!({ "certificate": pem("ca.pem") }).to_string()).expect("writes");
    let identity = json!({ "certificate": pem("server.pem"), "privateKey": pem("server.key") });
    std::fs::write(place("identity"), identity.to_string()).expect("writes");
    let arn = |name: &str| format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}");
    let secrets: Vec<_> =
        ["user", "stranger", "root", "identity"].iter().map(|name| format!("{}={}", arn(name), place(name))).collect();

    let tls = |more: Value| {
        let mut settings = json!({ "certificate": place("server.pem"), "key": place("server.key") });
        settings.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        settings
    };
    let asking = |mechanism: &str| json!({ "mechanism": mechanism, "username": "larder", "password": "s3cret" });
    let doors = [
        ("plain", Door::start(&tls(asking("PLAIN"))), vec![SourceAccessType::BasicAuth]),
        ("sha256", Door::start(&asking("SCRAM-SHA-256")), vec![SourceAccessType::SaslScram256Auth]),
        ("sha512", Door::start(&tls(asking("SCRAM-SHA-512"))), vec![SourceAccessType::SaslScram512Auth]),
        ("mutual", Door::start(&tls(json!({ "client_ca": place("ca.pem") }))), vec![]),
    ];
    // One is without TLS, which AWS would not be.
    let brokers = format!("{0}=kafka://{0}", doors[1].1.server());
    let with = |options: Options| options.with("LARDER_SECRETS", secrets.join(",")).with("LARDER_BROKERS", &brokers);
    let Some((server, client)) = server(with).await else { return };
    for (topic, door, kinds) in &doors {
        door.kafka.create_topic(topic, 1);
        door.kafka.say(topic, topic);
        let mut creation = secured(&client, &door.server(), topic);
        for kind in kinds {
            creation = creation.source_access_configurations(access(kind.clone(), &arn("user")));
        }
        if kinds.is_empty() {
            let identity = access(SourceAccessType::ClientCertificateTlsAuth, &arn("identity"));
            creation = creation.source_access_configurations(identity);
        }
        if *topic != "sha256" {
            let root = access(SourceAccessType::ServerRootCaCertificate, &arn("root"));
            creation = creation.source_access_configurations(root);
        }
        created(&client, creation).await;
    }
    for (topic, ..) in &doors {
        let said = format!("{topic:?}");
        eventually(topic, || async { values(&got(&server)).contains(&said).then_some(()) }).await;
    }

    // Whoever is another, trusts others, or has no secret says so, and the others go on.
    let door = &doors[2].1;
    let scram = |secret: &str| access(SourceAccessType::SaslScram512Auth, &arn(secret));
    let root = || access(SourceAccessType::ServerRootCaCertificate, &arn("root"));
    for topic in ["aa", "bb", "cc"] {
        door.kafka.create_topic(topic, 1);
    }
    let creation = secured(&client, &door.server(), "aa").source_access_configurations(scram("stranger"));
    let stranger = created(&client, creation.source_access_configurations(root())).await;
    let creation = secured(&client, &door.server(), "bb").source_access_configurations(scram("user"));
    let distrusting = created(&client, creation).await;
    let creation = secured(&client, &door.server(), "cc").source_access_configurations(scram("nobody"));
    let without = created(&client, creation).await;
    says(&client, &stranger, "PROBLEM: SASL authentication failed.").await;
    says(&client, &distrusting, "PROBLEM: Lambda failed to authenticate server.").await;
    says(&client, &without, "Start it with --secret ARN=FILE").await;
    door.kafka.say("sha512", "more");
    eventually("the others go on", || async { values(&got(&server)).contains(&r#""more""#.to_owned()).then_some(()) })
        .await;

    // A secret that becomes right is read again.
    door.kafka.say("aa", "at last");
    user("stranger", "s3cret");
    eventually("it may come", || async { values(&got(&server)).contains(&r#""at last""#.to_owned()).then_some(()) })
        .await;
    assert!(!server.log().contains("s3cret"), "no secret is in a log");
}
