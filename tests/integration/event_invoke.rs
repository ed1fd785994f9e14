//! Event-invoke configurations through the SDK.

use aws_sdk_lambda::types::{DestinationConfig, OnFailure, OnSuccess};
use serde_json::{Value, json};

use crate::support::functions::create_some;
use crate::support::http::Request;
use crate::support::{Options, Server};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:eventful";
const PATH: &str = "/2019-09-25/functions/eventful/event-invoke-config";
const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:given-up";

#[tokio::test(flavor = "multi_thread")]
async fn configurations_are_put_updated_listed_and_deleted() {
    let mut server = Server::start(Options::any());
    let client = server.client();
    create_some(&client, "eventful").await;
    client.publish_version().function_name("eventful").send().await.expect("published");
    client.create_alias().function_name("eventful").name("live").function_version("1").send().await.expect("created");
    let failure = OnFailure::builder().destination(QUEUE).build();
    let put = client.put_function_event_invoke_config().function_name("eventful").maximum_retry_attempts(1);
    let put = put.destination_config(DestinationConfig::builder().on_failure(failure.clone()).build());
    let put = put.send().await.expect("put");
    assert_eq!(put.function_arn(), Some(format!("{FUNCTION}:$LATEST").as_str()));
    assert_eq!((put.maximum_retry_attempts(), put.maximum_event_age_in_seconds()), (Some(1), None));
    let destinations = put.destination_config().expect("destinations");
    assert_eq!(destinations.on_failure(), Some(&failure));
    assert_eq!(destinations.on_success().map(OnSuccess::destination), Some(None), "both are shown");

    server.kill();
    server.restart();
    let found = client.get_function_event_invoke_config().function_name("eventful").send().await.expect("is there");
    assert_eq!(found.last_modified(), put.last_modified());
    assert_eq!(found.destination_config(), put.destination_config());
    let update = client.update_function_event_invoke_config().function_name("eventful").qualifier("$LATEST");
    let updated = update.maximum_event_age_in_seconds(60).send().await.expect("updated");
    assert_eq!((updated.maximum_retry_attempts(), updated.maximum_event_age_in_seconds()), (Some(1), Some(60)));
    assert_eq!(updated.destination_config(), put.destination_config(), "an update keeps what it is not given");
    let put = client.put_function_event_invoke_config().function_name("eventful").maximum_retry_attempts(0);
    let put = put.send().await.expect("put");
    assert_eq!((put.maximum_retry_attempts(), put.maximum_event_age_in_seconds()), (Some(0), None));
    assert_eq!(put.destination_config().and_then(|both| both.on_failure()?.destination()), None, "a put keeps nothing");

    for qualifier in ["1", "live"] {
        let put = client.put_function_event_invoke_config().function_name(format!("eventful:{qualifier}"));
        put.maximum_retry_attempts(2).send().await.expect("put");
    }
    let page = client.list_function_event_invoke_configs().function_name("eventful").max_items(2);
    let page = page.send().await.expect("a page");
    let rest =
        client.list_function_event_invoke_configs().function_name("eventful").set_marker(page.next_marker.clone());
    let rest = rest.send().await.expect("a page");
    let both = page.function_event_invoke_configs().iter().chain(rest.function_event_invoke_configs());
    let arns: Vec<_> = both.filter_map(|config| config.function_arn()).collect();
    assert_eq!(arns, ["$LATEST", "1", "live"].map(|qualifier| format!("{FUNCTION}:{qualifier}")));
    assert_eq!(rest.next_marker(), None);

    client.delete_alias().function_name("eventful").name("live").send().await.expect("deleted");
    client.delete_function().function_name("eventful").qualifier("1").send().await.expect("deleted");
    client.delete_function_event_invoke_config().function_name("eventful").send().await.expect("deleted");
    let left = client.list_function_event_invoke_configs().function_name("eventful").send().await.expect("a page");
    assert!(left.function_event_invoke_configs().is_empty(), "they go with their versions and aliases: {left:?}");
    let raw = Request::json("PUT", PATH, &json!({ "MaximumRetryAttempts": 1 })).send(server.port());
    assert!(raw.json()["LastModified"].is_f64(), "seconds since the epoch: {raw:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn configurations_that_cannot_be_are_refused_in_awss_words() {
    let server = Server::start(Options::any());
    let client = server.client();
    create_some(&client, "eventful").await;
    create_some(&client, "other").await;
    let sequence = server.sequence();
    let (nothing, retries) = (json!({}), json!({ "MaximumRetryAttempts": 1 }));
    let nobody = PATH.replace("eventful", "nobody");
    let invalid = |arn: &str| format!("The destination ARN {arn} is invalid.");
    let config = |success: &str, failure: &str| {
        format!(
            "The provided destination config DestinationConfig(onSuccess={success}, onFailure={failure}) is invalid."
        )
    };
    let missing = |arn: &str| format!("The function {arn} doesn't have an EventInvokeConfig");
    let success = |arn: &str| json!({ "DestinationConfig": { "OnSuccess": { "Destination": arn } } });
    let failure = |arn: &str| json!({ "DestinationConfig": { "OnFailure": { "Destination": arn } } });
    let lambda = "arn:aws:lambda:us-east-1:000000000000:function";
    let fifo = "arn:aws:sqs:us-east-1:000000000000:q.fifo";
    let rule = "arn:aws:events:us-east-1:000000000000:rule/r";
    let bucket = "arn:aws:s3:::records";
    let cases: Vec<(&str, &str, Value, u16, String)> = vec![
        ("PUT", &nobody, nothing.clone(), 400,
            "You must specify at least one of error handling or destination setting.".into()),
        ("PUT", &nobody, retries.clone(), 404, "The function doesn't exist.".into()),
        ("POST", &nobody, retries.clone(), 404, "The function doesn't exist.".into()),
        ("POST", PATH, retries.clone(), 404, missing(&format!("{FUNCTION}:$LATEST"))),
        ("GET", PATH, nothing.clone(), 404, missing(&format!("{FUNCTION}:$LATEST"))),
        ("DELETE", &nobody, nothing.clone(), 404, missing(&format!("{lambda}:nobody:$LATEST"))),
        ("PUT", PATH, success(&format!("{lambda}:nobody")), 400, invalid(&format!("{lambda}:nobody"))),
        ("PUT", PATH, success(&format!("{lambda}:other:7")), 400, invalid(&format!("{lambda}:other:7"))),
        ("PUT", PATH, failure(FUNCTION), 400, "You can't specify the function as a destination for itself.".into()),
        ("PUT", PATH, failure(fifo), 400, invalid(fifo)),
        ("PUT", PATH, success(rule), 400, invalid(rule)),
        ("PUT", PATH, success(bucket), 400, config(&format!("OnSuccess(destination={bucket})"), "null")),
        ("PUT", PATH, failure("kafka://topic"), 400, config("null", "OnFailure(destination=kafka://topic)")),
        ("PUT", PATH, json!({ "MaximumRetryAttempts": 3 }), 400,
            "1 validation error detected: Value '3' at 'maximumRetryAttempts' failed to satisfy constraint: Member must have \
             value less than or equal to 2".into()),
    ];
    for (method, path, body, status, message) in cases {
        let answer = Request::json(method, path, &body).send(server.port());
        assert_eq!((answer.status, answer.message()), (status, message), "{method} {path} {body}");
    }
    let nobody = Request::new("GET", &format!("{nobody}/list")).send(server.port());
    assert_eq!((nobody.status, nobody.message().as_str()), (404, "The function doesn't exist."));
    assert_eq!(server.sequence(), sequence);
    for destination in [failure(bucket), failure(QUEUE), success(&format!("{lambda}:other")), success("")] {
        let answer = Request::json("PUT", PATH, &destination).send(server.port());
        assert_eq!(answer.status, 200, "{destination} {answer:?}");
    }
}
