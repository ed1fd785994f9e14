//! Event source mappings: each source's settings, their states, and that they outlive the server.

use std::collections::BTreeSet;

use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use serde_json::{Value, json};

use crate::support::functions::create_some;
use crate::support::http::{Answer, Request};
use crate::support::{Options, Server, eventually, queues};

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";
const FIFO: &str = "arn:aws:sqs:us-east-1:000000000000:q.fifo";
const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/s";
const TABLE: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2026-01-01T00:00:00.000";
const CLUSTER: &str = "arn:aws:kafka:us-east-1:000000000000:cluster/c/1";
const BROKER: &str = "arn:aws:mq:us-east-1:000000000000:broker:b:b-1";
const DATABASE: &str = "arn:aws:rds:us-east-1:000000000000:cluster:d";
const SECRET: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:s";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

const PATH: &str = "/2015-03-31/event-source-mappings";

/// Long enough that a test sees a transition before it ends.
const SLOW_STATES: u64 = 1000;

fn create(server: &Server, body: Value) -> Answer {
    let mut body = body;
    let members = body.as_object_mut().expect("an object");
    members.entry("FunctionName").or_insert_with(|| "f".into());
    Request::json("POST", &format!("{PATH}/"), &body).send(server.port())
}

fn created(server: &Server, body: Value) -> Value {
    let answer = create(server, body);
    assert_eq!(answer.status, 202, "{}", answer.json());
    answer.json()
}

fn get(server: &Server, id: &str) -> Answer {
    Request::new("GET", &format!("{PATH}/{id}")).send(server.port())
}

async fn settled(server: &Server, mapping: &Value) -> Value {
    let id = mapping["UUID"].as_str().expect("an id");
    eventually("the mapping is settled", || async {
        let mapping = get(server, id).json();
        matches!(mapping["State"].as_str(), Some("Enabled" | "Disabled")).then_some(mapping)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_goes_through_awss_states_and_is_in_use_meanwhile() {
    let server = Server::start(Options::any().with("LARDER_STATE_DELAY_MS", SLOW_STATES));
    queues::create(&server, &["q"]);
    let client = server.client();
    create_some(&client, "f").await;
    let creation = || client.create_event_source_mapping().function_name("f").event_source_arn(QUEUE);
    let mapping = creation().send().await.expect("created");
    assert_eq!(mapping.state(), Some("Creating"));
    assert!(mapping.last_modified().is_some_and(|time| time.secs() > 1_700_000_000));
    let id = mapping.uuid().expect("an id");
    let arn = format!("arn:aws:lambda:us-east-1:000000000000:event-source-mapping:{id}");
    assert_eq!(mapping.event_source_mapping_arn(), Some(arn.as_str()));
    assert_eq!(mapping.function_arn(), Some(FUNCTION));

    let error = creation().send().await.expect_err("is there").into_service_error();
    assert!(error.is_resource_conflict_exception(), "{error:?}");
    let text = format!(
        "An event source mapping with SQS arn (\" {QUEUE} \") and function (\" f \") already exists. \
         Please update or delete the existing mapping with UUID {id}"
    );
    assert_eq!(error.message(), Some(text.as_str()));
    let update = || client.update_event_source_mapping().uuid(id);
    let error = update().batch_size(3).send().await.expect_err("is in use").into_service_error();
    assert!(error.is_resource_in_use_exception(), "{error:?}");
    assert_eq!(error.message(), Some("Cannot update the event source mapping because it is in use."));

    let state = |wanted: &'static str| {
        let client = client.clone();
        eventually(wanted, move || {
            let read = client.get_event_source_mapping().uuid(id);
            async move { (read.send().await.expect("is there").state() == Some(wanted)).then_some(()) }
        })
    };
    state("Enabled").await;
    assert_eq!(update().enabled(false).send().await.expect("updated").state(), Some("Disabling"));
    state("Disabled").await;
    let updated = update().batch_size(3).send().await.expect("updated");
    assert_eq!((updated.state(), updated.batch_size()), (Some("Updating"), Some(3)));
    let error = client.delete_event_source_mapping().uuid(id).send().await.expect_err("is in use");
    assert_eq!(error.message(), Some("Cannot delete the event source mapping because it is in use."));
    state("Disabled").await;
    assert_eq!(update().enabled(true).send().await.expect("updated").state(), Some("Enabling"));
    state("Enabled").await;

    // A mapping outlives its function.
    client.delete_function().function_name("f").send().await.expect("deleted");
    state("Enabled").await;
    let deleting = client.delete_event_source_mapping().uuid(id).send().await.expect("deleted");
    assert_eq!(deleting.state(), Some("Deleting"));
    eventually("the mapping is gone", || async {
        let read = client.get_event_source_mapping().uuid(id).send().await;
        read.err().filter(|error| error.message() == Some("The resource you requested does not exist."))
    })
    .await;
}

/// The answer without what every mapping has, or has of its own.
fn particular(mapping: &Value) -> Value {
    let mut mapping = mapping.clone();
    let members = mapping.as_object_mut().expect("an object");
    for name in ["UUID", "EventSourceMappingArn", "LastModified", "State"] {
        assert!(members.remove(name).is_some(), "{name}");
    }
    assert_eq!(members.remove("FunctionArn"), Some(FUNCTION.into()));
    for kafka in ["AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig"] {
        if let Some(group) = members.get_mut(kafka).and_then(|kafka| kafka["ConsumerGroupId"].as_str()) {
            assert_eq!(group.len(), 36, "an id of its own");
            members.remove(kafka);
        }
    }
    mapping
}

#[tokio::test(flavor = "multi_thread")]
async fn each_source_has_its_own_defaults() {
    let server = Server::start(Options::any());
    queues::create(&server, &["q", "q.fifo"]);
    create_some(&server.client(), "f").await;
    let stream = json!({
        "BatchSize": 100, "MaximumBatchingWindowInSeconds": 0, "ParallelizationFactor": 1,
        "MaximumRecordAgeInSeconds": -1, "MaximumRetryAttempts": -1, "BisectBatchOnFunctionError": false,
        "TumblingWindowInSeconds": 0, "DestinationConfig": {"OnFailure": {}}, "FunctionResponseTypes": [],
        "LastProcessingResult": "No records processed", "StateTransitionReason": "User action",
        "StartingPosition": "LATEST",
    });
    let queue = json!({
        "BatchSize": 10, "MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": [],
        "StateTransitionReason": "USER_INITIATED",
    });
    let broker = json!({
        "BatchSize": 100, "LastProcessingResult": "No records processed", "StateTransitionReason": "USER_INITIATED",
    });
    let access = json!([{"Type": "BASIC_AUTH", "URI": SECRET}]);
    let servers = json!({"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["kafka:9092", "kafka:9093"]}});
    let kafka = json!({"StartingPosition": "TRIM_HORIZON", "DestinationConfig": {"OnFailure": {}}});
    let database = json!({"DatabaseName": "db"});
    let cases = [
        (json!({"EventSourceArn": QUEUE}), vec![&queue], json!({})),
        (json!({"EventSourceArn": FIFO}), vec![&queue], json!({})),
        (json!({"EventSourceArn": STREAM, "StartingPosition": "LATEST"}), vec![&stream], json!({})),
        (json!({"EventSourceArn": TABLE, "StartingPosition": "LATEST"}), vec![&stream], json!({})),
        (json!({"EventSourceArn": CLUSTER, "Topics": ["topic"]}), vec![&broker, &kafka], json!({})),
        (
            json!({"SelfManagedEventSource": servers, "Topics": ["topic"], "SourceAccessConfigurations": access}),
            vec![&broker, &kafka],
            json!({}),
        ),
        (
            json!({"EventSourceArn": BROKER, "Queues": ["queue"], "SourceAccessConfigurations": access}),
            vec![&broker],
            json!({}),
        ),
        (
            json!({
                "EventSourceArn": DATABASE, "SourceAccessConfigurations": access,
                "DocumentDBEventSourceConfig": database,
            }),
            vec![&broker],
            json!({
                "MaximumBatchingWindowInSeconds": 0, "StartingPosition": "LATEST", "StateTransitionReason": "User action",
                "DocumentDBEventSourceConfig": {"DatabaseName": "db", "FullDocument": "Default"},
            }),
        ),
    ];
    for (request, defaults, more) in cases {
        let mut expected = request.clone();
        for part in defaults.into_iter().chain([&more]) {
            let part = part.as_object().expect("an object").clone();
            expected.as_object_mut().expect("an object").extend(part);
        }
        assert_eq!(particular(&created(&server, request)), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_source_does_not_allow_is_refused_in_awss_words() {
    let server = Server::start(Options::any());
    queues::create(&server, &["q", "q.fifo"]);
    create_some(&server.client(), "f").await;
    let parameter = "InvalidParameterValueException";
    let unsupported = |member| format!("Unsupported {member} parameter for given event source mapping type.");
    let missing = |member| format!("Required '{member}' parameter is missing.");
    let filter =
        |pattern: &str| json!({"EventSourceArn": QUEUE, "FilterCriteria": {"Filters": [{"Pattern": pattern}]}});
    let cases: Vec<(Value, &str, String)> = vec![
        (json!({}), parameter, "Unrecognized event source.".into()),
        (json!({"EventSourceArn": "arn:aws:s3:::bucket"}), parameter, "Unrecognized event source.".into()),
        (json!({"EventSourceArn": QUEUE, "FunctionName": "nope"}), parameter, "Function does not exist".into()),
        (json!({"EventSourceArn": QUEUE, "FunctionName": "f:7"}), parameter, "Function does not exist".into()),
        (json!({"EventSourceArn": QUEUE, "FunctionName": "f:nope"}), parameter, "Function does not exist".into()),
        (
            json!({"EventSourceArn": QUEUE, "DestinationConfig": {"OnSuccess": {"Destination": QUEUE}}}),
            parameter,
            unsupported("DestinationConfig"),
        ),
        (
            json!({"EventSourceArn": QUEUE, "ParallelizationFactor": 2}),
            parameter,
            unsupported("'parallelizationFactor'"),
        ),
        (json!({"EventSourceArn": QUEUE, "Topics": ["topic"]}), parameter, unsupported("'topics'")),
        (
            json!({"EventSourceArn": QUEUE, "StartingPosition": "LATEST"}),
            parameter,
            "StartingPosition is not valid for SQS event sources.".into(),
        ),
        (
            json!({"EventSourceArn": QUEUE, "BatchSize": 11}),
            parameter,
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10".into(),
        ),
        (
            json!({"EventSourceArn": FIFO, "MaximumBatchingWindowInSeconds": 1}),
            parameter,
            "Batching window is not supported for FIFO queues".into(),
        ),
        (filter("no json"), parameter, "Invalid filter pattern definition.".into()),
        (filter(r#"{"a": "b"}"#), parameter, "Invalid filter pattern definition.".into()),
        (filter(r#"{"body": [{"wildcard": "a*b"}]}"#), parameter, "Invalid filter pattern definition.".into()),
        (filter(r#"{"body": [{"cidr": "10.0.0.0/24"}]}"#), parameter, "Invalid filter pattern definition.".into()),
        (
            json!({"EventSourceArn": STREAM}),
            parameter,
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: \
             Member must not be null."
                .into(),
        ),
        (
            json!({"EventSourceArn": STREAM, "StartingPosition": "AT_TIMESTAMP"}),
            parameter,
            "Need to specify a timestamp".into(),
        ),
        (
            json!({"EventSourceArn": TABLE, "StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1}),
            parameter,
            format!("Unsupported starting position for arn type: {TABLE}"),
        ),
        (
            json!({"EventSourceArn": STREAM, "StartingPosition": "nope"}),
            "ValidationException",
            "1 validation error detected: Value 'nope' at 'startingPosition' failed to satisfy constraint: \
             Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]"
                .into(),
        ),
        (
            json!({
                "EventSourceArn": STREAM, "StartingPosition": "LATEST",
                "DestinationConfig": {"OnFailure": {"Destination": "kafka://failed"}},
            }),
            parameter,
            "The provided destination config DestinationConfig(onSuccess=null, \
             onFailure=OnFailure(destination=kafka://failed)) is invalid."
                .into(),
        ),
        (
            json!({
                "EventSourceArn": STREAM, "StartingPosition": "LATEST", "TumblingWindowInSeconds": 60,
                "ParallelizationFactor": 2,
            }),
            parameter,
            "ParallelizationFactor must be 1 if TumblingWindowInSeconds is greater than 0.".into(),
        ),
        (
            json!({"EventSourceArn": STREAM, "StartingPosition": "LATEST", "MaximumRecordAgeInSeconds": 59}),
            parameter,
            "MaximumRecordAgeInSeconds must be either -1 (forever) or between 60 and 604800 (inclusive)".into(),
        ),
        (json!({"EventSourceArn": CLUSTER}), parameter, missing("topics")),
        (json!({"EventSourceArn": BROKER, "Queues": ["q"]}), parameter, missing("sourceAccessConfigurations")),
        (
            json!({"SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["k:1"]}}, "Topics": ["topic"]}),
            parameter,
            missing("sourceAccessConfigurations"),
        ),
    ];
    let sequence = server.sequence();
    for (body, code, message) in cases {
        let answer = create(&server, body.clone());
        assert_eq!((answer.status, answer.error(), answer.message()), (400, code, message), "{body}");
    }
    for method in ["GET", "DELETE", "PUT"] {
        let path = format!("{PATH}/00000000-0000-4000-8000-000000000000");
        let answer = Request::json(method, &path, &json!({})).send(server.port());
        assert_eq!((answer.status, answer.error()), (404, "ResourceNotFoundException"));
        assert_eq!(answer.json(), json!({"Message": "The resource you requested does not exist.", "Type": "User"}));
    }
    assert_eq!(server.sequence(), sequence, "nothing happened");
}

#[tokio::test(flavor = "multi_thread")]
async fn mappings_are_listed_by_function_and_source_in_pages() {
    let server = Server::start(Options::any());
    queues::create(&server, &["a", "b", "c"]);
    let client = server.client();
    create_some(&client, "f").await;
    create_some(&client, "g").await;
    client.publish_version().function_name("f").send().await.expect("published");
    for (function, queue) in [("f", "a"), ("f", "b"), ("f:1", "a"), ("g", "a"), ("g", "c")] {
        let arn = format!("arn:aws:sqs:us-east-1:000000000000:{queue}");
        created(&server, json!({"FunctionName": function, "EventSourceArn": arn}));
    }
    let ids = |query: &str| {
        let (mut ids, mut next) = (Vec::new(), String::new());
        loop {
            let page = Request::new("GET", &format!("{PATH}/?MaxItems=2&{query}{next}")).send(server.port()).json();
            let mappings = page["EventSourceMappings"].as_array().expect("a list").clone();
            assert!(mappings.len() <= 2);
            ids.extend(mappings.iter().map(|mapping| mapping["UUID"].as_str().expect("an id").to_owned()));
            let Some(marker) = page["NextMarker"].as_str() else { break };
            next = format!("&Marker={marker}");
        }
        let count = ids.len();
        assert_eq!(ids.into_iter().collect::<BTreeSet<_>>().len(), count, "none twice");
        count
    };
    assert_eq!(ids(""), 5);
    assert_eq!(ids("FunctionName=f"), 2);
    assert_eq!(ids(&format!("FunctionName={FUNCTION}:1")), 1);
    assert_eq!(ids("EventSourceArn=arn:aws:sqs:us-east-1:000000000000:a"), 3);
    assert_eq!(ids("EventSourceArn=arn:aws:sqs:us-east-1:000000000000:a&FunctionName=g"), 1);
    assert_eq!(ids("FunctionName=nope"), 0);
    let elsewhere = Request::new("GET", &format!("{PATH}/")).signed("test", "eu-west-1").send(server.port());
    assert_eq!(elsewhere.json(), json!({"EventSourceMappings": []}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_and_its_transition_outlive_the_server() {
    let mut server = Server::start(Options::any());
    queues::create(&server, &["q"]);
    create_some(&server.client(), "f").await;
    let registry = json!({
        "SchemaRegistryURI": "https://registry", "EventRecordFormat": "JSON",
        "AccessConfigs": [{"Type": "BASIC_AUTH", "URI": SECRET}], "SchemaValidationConfigs": [{"Attribute": "KEY"}],
    });
    let given = json!({
        "EventSourceArn": CLUSTER, "Topics": ["topic"], "BatchSize": 7, "MaximumBatchingWindowInSeconds": 3,
        "StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1_700_000_000.5,
        "DestinationConfig": {"OnFailure": {"Destination": "kafka://failed"}},
        "FilterCriteria": {"Filters": [{"Pattern": r#"{"value": {"a": [{"numeric": [">", 1]}]}}"#}]},
        "AmazonManagedKafkaEventSourceConfig": {"ConsumerGroupId": "group", "SchemaRegistryConfig": registry},
        "SourceAccessConfigurations": [{"Type": "SASL_SCRAM_512_AUTH", "URI": SECRET}],
        "MetricsConfig": {"Metrics": ["EventCount", "KafkaMetrics"]}, "LoggingConfig": {"SystemLogLevel": "DEBUG"},
        "ProvisionedPollerConfig": {"MinimumPollers": 2, "MaximumPollers": 5, "PollerGroupName": "pollers"},
        "BisectBatchOnFunctionError": true, "MaximumRetryAttempts": 2, "MaximumRecordAgeInSeconds": 60,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    });
    let mapping = settled(&server, &created(&server, given.clone())).await;
    for (name, value) in given.as_object().expect("an object") {
        assert_eq!(&mapping[name], value, "{name} is shown as it was given");
    }
    let disabled = created(&server, json!({"EventSourceArn": QUEUE, "Enabled": false}));
    server.kill();
    server.restart();
    let id = mapping["UUID"].as_str().expect("an id");
    assert_eq!(get(&server, id).json(), mapping);
    assert_eq!(settled(&server, &disabled).await["State"], "Disabled");

    // An update refuses what a creation refuses.
    let filters = json!({"FilterCriteria": {"Filters": [{"Pattern": r#"{"value": {"a": [{"wildcard": "a*b"}]}}"#}]}});
    let answer = Request::json("PUT", &format!("{PATH}/{id}"), &filters).send(server.port());
    assert_eq!((answer.status, answer.message().as_str()), (400, "Invalid filter pattern definition."));

    // What can be absent can be taken away again.
    let cleared = json!({
        "FilterCriteria": {}, "DestinationConfig": {"OnFailure": {}}, "MetricsConfig": {"Metrics": []},
        "LoggingConfig": {}, "ProvisionedPollerConfig": {}, "FunctionResponseTypes": [],
    });
    let answer = Request::json("PUT", &format!("{PATH}/{id}"), &cleared).send(server.port());
    assert_eq!(answer.status, 202, "{}", answer.json());
    let updated = answer.json();
    assert_eq!(updated["DestinationConfig"], json!({"OnFailure": {}}));
    for name in ["FilterCriteria", "MetricsConfig", "LoggingConfig", "ProvisionedPollerConfig", "FunctionResponseTypes"]
    {
        assert_eq!(updated[name], Value::Null, "{name}");
    }
}
