//! SQS: queues and messages by AWS's clients in both protocols, and what is there after a kill.

use std::process::Command;
use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{Credentials, Region, StalledStreamProtectionConfig};
use aws_sdk_sqs::types::{MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName};
use serde_json::{Value, json};

use crate::support::functions::create_some;
use crate::support::http::{Answer, Request};
use crate::support::python::script_with;
use crate::support::queues::{ask, create};
use crate::support::{Options, Server};

fn client(server: &Server) -> Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
        .endpoint_url(server.url())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "secret", None, None, "tests"))
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    Client::from_conf(config.build())
}

async fn made(client: &Client, name: &str) -> String {
    let made = client.create_queue().queue_name(name).send().await.expect("made");
    made.queue_url().expect("a URL").to_owned()
}

#[test]
fn boto3_in_json_and_in_forms() {
    let server = Server::start(Options::any());
    for (environment, protocol) in [("sdk", "json"), ("old-sdk", "query")] {
        let output = script_with(environment, "use_queues.py", &[&server.url(), protocol]);
        assert!(output.contains(&format!("queues in {protocol}: all as expected")), "{output}");
        println!("{output}");
    }
}

#[test]
fn celerys_tasks_are_done() {
    let server = Server::start(Options::any());
    let output = script_with("celery", "use_celery.py", &[&server.url()]);
    assert!(output.contains("celery: all as expected"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_and_messages_outlive_a_kill() {
    let mut server = Server::start(Options::any());
    let sqs = client(&server);
    let dead = made(&sqs, "dead").await;
    let url = made(&sqs, "work").await;
    let redrive = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":5}"#;
    let set = sqs.set_queue_attributes().queue_url(&url).attributes(QueueAttributeName::RedrivePolicy, redrive);
    set.send().await.expect("set");
    let value = MessageAttributeValue::builder().data_type("String").string_value("v").build().expect("whole");
    for number in 0..3 {
        let send = sqs.send_message().queue_url(&url).message_body(format!("body {number}"));
        send.message_attributes("a", value.clone()).send().await.expect("sent");
    }
    let receive = || sqs.receive_message().queue_url(&url).visibility_timeout(3600);
    let deleted = receive().send().await.expect("received").messages()[0].clone();
    let handle = deleted.receipt_handle().expect("a handle");
    sqs.delete_message().queue_url(&url).receipt_handle(handle).send().await.expect("deleted");
    let held = receive().send().await.expect("received").messages()[0].clone();

    server.kill();
    server.restart();
    let sqs = client(&server);
    let url = url_of(&server, "work");
    let asked = sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::All);
    let attributes = asked.send().await.expect("told").attributes().expect("some").clone();
    assert_eq!(attributes[&QueueAttributeName::RedrivePolicy], redrive);
    assert_eq!(attributes[&QueueAttributeName::ApproximateNumberOfMessages], "1");
    assert_eq!(attributes[&QueueAttributeName::ApproximateNumberOfMessagesNotVisible], "1");

    let receive = sqs.receive_message().queue_url(&url).message_attribute_names("All");
    let received = receive.message_system_attribute_names(MessageSystemAttributeName::All).send().await;
    let left = received.expect("received").messages()[0].clone();
    assert_eq!(left.message_attributes().expect("some")["a"].string_value(), Some("v"));
    let bodies = [&deleted, &held, &left].map(|message| message.body().expect("a body").to_owned());
    let mut sorted = bodies.clone();
    sorted.sort();
    assert_eq!(sorted, ["body 0", "body 1", "body 2"], "each of them once");
    // A handle from before the kill is as good as ever.
    let handle = held.receipt_handle().expect("a handle");
    sqs.change_message_visibility()
        .queue_url(&url)
        .receipt_handle(handle)
        .visibility_timeout(0)
        .send()
        .await
        .expect("changed");
    let again = sqs.receive_message().queue_url(&url).send().await.expect("received").messages()[0].clone();
    assert_eq!(again.message_id(), held.message_id());

    sqs.delete_queue().queue_url(&url).send().await.expect("deleted");
    let gone = sqs.send_message().queue_url(&url).message_body("x").send().await.expect_err("is refused");
    assert!(
        gone.as_service_error()
            .is_some_and(aws_sdk_sqs::operation::send_message::SendMessageError::is_queue_does_not_exist)
    );
    assert_eq!(made(&sqs, "work").await, url);
    assert!(
        sqs.receive_message().queue_url(&url).send().await.expect("received").messages().is_empty(),
        "it is another"
    );
    assert_ne!(dead, url);
}

fn url_of(server: &Server, name: &str) -> String {
    format!("{}/000000000000/{name}", server.url())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_is_told_at_once() {
    let server = Server::start(Options::any());
    let sqs = client(&server);
    let url = made(&sqs, "q").await;
    let waiting = tokio::spawn(sqs.receive_message().queue_url(&url).wait_time_seconds(20).send());
    tokio::time::sleep(Duration::from_millis(300)).await;
    let start = Instant::now();
    sqs.send_message().queue_url(&url).message_body("now").send().await.expect("sent");
    let received = waiting.await.expect("runs").expect("received");
    assert_eq!(received.messages()[0].body(), Some("now"));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());

    let start = Instant::now();
    let nothing = sqs.receive_message().queue_url(&url).wait_time_seconds(1).send().await.expect("received");
    assert!(nothing.messages().is_empty() && start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_keeps_nobody_waiting() {
    let mut server = Server::start(Options::any());
    let sqs = client(&server);
    let url = made(&sqs, "q").await;
    let waiting = tokio::spawn(sqs.receive_message().queue_url(&url).wait_time_seconds(20).send());
    tokio::time::sleep(Duration::from_millis(300)).await;
    let start = Instant::now();
    assert!(server.stop().success());
    let received = waiting.await.expect("runs").expect("is answered");
    assert!(received.messages().is_empty() && start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}

/// A form, as an unsigned caller sends it.
fn form(server: &Server, path: &str, fields: &str) -> (u16, String) {
    let request = Request::new("POST", path).body(fields.as_bytes().to_vec());
    let answer = request.header("content-type", "application/x-www-form-urlencoded").send(server.port());
    assert_eq!(answer.header("content-type"), "text/xml", "{answer:?}");
    (answer.status, String::from_utf8(answer.body).expect("is text"))
}

#[test]
fn a_queues_url_takes_calls_in_every_form() {
    let server = Server::start(Options::any());
    create(&server, &["q"]);
    let begin = "<SendMessageResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><SendMessageResult>";
    for path in ["/000000000000/q", "/queue/us-east-1/000000000000/q"] {
        let (status, body) = form(&server, path, "Action=SendMessage&MessageBody=a+b");
        assert_eq!(status, 200, "{body}");
        assert!(body.starts_with(begin), "{body}");
        assert!(body.contains("<MD5OfMessageBody>0cc9cd4dd26c5137b675a0d819cb9ab0</MD5OfMessageBody>"), "{body}");
    }
    // Some clients send JSON there, too.
    let request = Request::new("POST", "/000000000000/q").header("x-amz-target", "AmazonSQS.ListQueueTags");
    assert_eq!(request.body(b"{}".to_vec()).send(server.port()).json(), json!({}));
    let send = "Action=SendMessage&Version=2012-11-05&MessageBody=x&QueueUrl=";
    let urls = [
        "http://sqs.us-east-1.localhost.localstack.cloud:4566/000000000000/q",
        "http://localhost.localstack.cloud:4566/queue/us-east-1/000000000000/q",
        "http://us-east-1.queue.localhost.localstack.cloud:4566/000000000000/q",
        "q",
    ];
    for url in urls {
        let (status, body) = form(&server, "/", &format!("{send}{url}"));
        assert_eq!(status, 200, "{url}: {body}");
    }

    let get = |action: &str| Request::new("GET", &format!("/000000000000/q?Action={action}"));
    let told = get("GetQueueAttributes&AttributeName=QueueArn").send(server.port());
    let attribute = "<Attribute><Name>QueueArn</Name><Value>arn:aws:sqs:us-east-1:000000000000:q</Value></Attribute>";
    assert!(String::from_utf8_lossy(&told.body).contains(attribute), "{told:?}");
    // A link of a web page receives nothing.
    let receive = get("ReceiveMessage&MaxNumberOfMessages=10");
    assert_eq!(receive.send(server.port()).status, 403);
    let got = receive.signed_for("sqs", "test", "us-east-1").send(server.port());
    let body = String::from_utf8(got.body).expect("is text");
    assert_eq!(body.matches("<Message>").count(), 6, "{body}");
    let (status, body) = form(&server, "/000000000000/q", "Action=PurgeQueue");
    assert_eq!(status, 200);
    assert!(
        body.starts_with("<PurgeQueueResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><ResponseMetadata>"),
        "{body}"
    );

    let (status, body) = form(&server, "/000000000000/nobody", "Action=GetQueueAttributes&AttributeName.1=All");
    let error = "<Error><Type>Sender</Type><Code>AWS.SimpleQueueService.NonExistentQueue</Code>\
                 <Message>The specified queue does not exist for this wsdl version.</Message>";
    assert!(status == 400 && body.contains(error), "{body}");
    let (status, body) = form(&server, "/000000000000/q", "Action=Nonsense");
    assert!(status == 400 && body.contains("<Code>InvalidAction</Code>"), "{body}");
    let (status, body) = form(&server, "/000000000000/q", "Action=SendMessage");
    assert!(status == 400 && body.contains("The request must contain the parameter MessageBody."), "{body}");
}

#[test]
fn a_large_form_stays_whole_and_a_deleted_queues_name_rests_where_that_is_wanted() {
    let server = Server::start(Options::any().with("SQS_DELAY_RECENTLY_DELETED", 1));
    create(&server, &["q"]);
    let url = url_of(&server, "q");
    let body = "x".repeat(900_000);
    let (status, told) =
        form(&server, "/", &format!("Action=SendMessage&MessageBody={body}&QueueUrl=q&Version=2012-11-05"));
    assert_eq!(status, 200, "{told}");
    let received = ask(&server, "ReceiveMessage", &json!({ "QueueUrl": url })).json()["Messages"][0].clone();
    assert_eq!(received["Body"], body);

    // Some time has passed since it was received.
    let change = json!({ "QueueUrl": url, "ReceiptHandle": received["ReceiptHandle"], "VisibilityTimeout": 43_200 });
    let beyond = ask(&server, "ChangeMessageVisibility", &change);
    let text = "Value 43200 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is \
                beyond the limit [43200 seconds]";
    assert_eq!((beyond.status, beyond.message().as_str()), (400, text));

    assert_eq!(ask(&server, "DeleteQueue", &json!({ "QueueUrl": url })).status, 200);
    let again = ask(&server, "CreateQueue", &json!({ "QueueName": "q" }));
    let code = "AWS.SimpleQueueService.QueueDeletedRecently";
    let expected = (400, format!("{code};Sender"), "com.amazonaws.sqs#QueueDeletedRecently".to_owned());
    assert_eq!(refused(&again), expected);
    create(&server, &["other"]);
}

#[test]
fn a_receive_whose_answer_was_lost_is_made_again() {
    let server = Server::start(Options::any());
    create(&server, &["q.fifo"]);
    let url = url_of(&server, "q.fifo");
    for id in ["1", "2"] {
        let members =
            json!({ "QueueUrl": url, "MessageBody": id, "MessageGroupId": "g", "MessageDeduplicationId": id });
        assert_eq!(ask(&server, "SendMessage", &members).status, 200);
    }
    let receive =
        |attempt: &str| ask(&server, "ReceiveMessage", &json!({ "QueueUrl": url, "ReceiveRequestAttemptId": attempt }));
    let first = receive("a").json();
    assert_eq!((receive("a").json(), receive("b").json()), (first.clone(), json!({})));
    assert_eq!(first["Messages"][0]["Body"], "1");
    let long = receive(&"a".repeat(129));
    assert!(
        long.status == 400 && long.message().contains("for parameter ReceiveRequestAttemptId is invalid"),
        "{long:?}"
    );
}

fn refused(answer: &Answer) -> (u16, String, String) {
    let kind = answer.json()["__type"].as_str().unwrap_or_default().to_owned();
    (answer.status, answer.header("x-amzn-query-error").to_owned(), kind)
}

#[test]
fn errors_in_json_tell_their_code_in_the_query_protocol() {
    let server = Server::start(Options::any());
    create(&server, &["q"]);
    let url = url_of(&server, "q");
    for (operation, members, status, query, kind) in [
        (
            "GetQueueUrl",
            json!({ "QueueName": "r" }),
            400,
            "AWS.SimpleQueueService.NonExistentQueue",
            "com.amazonaws.sqs#QueueDoesNotExist",
        ),
        (
            "CreateQueue",
            json!({ "QueueName": "q", "Attributes": { "DelaySeconds": "9" } }),
            400,
            "QueueAlreadyExists",
            "com.amazonaws.sqs#QueueNameExists",
        ),
        (
            "SendMessage",
            json!({ "QueueUrl": url, "MessageBody": "x", "DelaySeconds": 901 }),
            400,
            "InvalidParameterValue",
            "com.amazon.coral.service#InvalidParameterValueException",
        ),
        (
            "SendMessage",
            json!({ "QueueUrl": url }),
            400,
            "MissingParameter",
            "com.amazon.coral.service#MissingRequiredParameterException",
        ),
        (
            "DeleteMessage",
            json!({ "QueueUrl": url, "ReceiptHandle": "x" }),
            404,
            "ReceiptHandleIsInvalid",
            "com.amazonaws.sqs#ReceiptHandleIsInvalid",
        ),
        (
            "SetQueueAttributes",
            json!({ "QueueUrl": url, "Attributes": { "x": "" } }),
            400,
            "InvalidAttributeName",
            "com.amazonaws.sqs#InvalidAttributeName",
        ),
    ] {
        let answer = ask(&server, operation, &members);
        assert_eq!(answer.header("content-type"), "application/x-amz-json-1.0");
        assert_eq!(refused(&answer), (status, format!("{query};Sender"), kind.to_owned()), "{operation} {members}");
    }
    assert_eq!(refused(&ask(&server, "Nonsense", &json!({}))).2, "com.amazon.coral.service#UnknownOperationException");

    // Nothing is told where there is nothing to tell.
    let tagged = ask(&server, "TagQueue", &json!({ "QueueUrl": url, "Tags": { "a": "b" } }));
    assert_eq!((tagged.status, tagged.body.len()), (200, 0));
    assert_eq!(ask(&server, "ReceiveMessage", &json!({ "QueueUrl": url })).json(), json!({}));
}

#[test]
fn a_rewind_drops_messages_where_that_is_wanted() {
    let server = Server::start(Options::any());
    let names = ["q", "other", "q.fifo"];
    create(&server, &names);
    let endpoint = server.url();
    let larder = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
        let output = command.args(arguments).args(["--endpoint", &endpoint]).output().expect("larder runs");
        assert!(output.status.success(), "{output:?}");
    };
    let send = || {
        for name in names {
            let mut message = json!({ "QueueUrl": url_of(&server, name), "MessageBody": "m" });
            if name == "q.fifo" {
                message["MessageGroupId"] = "g".into();
                message["MessageDeduplicationId"] = "d".into();
            }
            assert_eq!(ask(&server, "SendMessage", &message).status, 200);
        }
    };
    let counts = || {
        names.map(|name| {
            let asked = json!({ "QueueUrl": url_of(&server, name), "AttributeNames": ["ApproximateNumberOfMessages"] });
            ask(&server, "GetQueueAttributes", &asked).json()["Attributes"]["ApproximateNumberOfMessages"].clone()
        })
    };

    larder(&["mark", "here"]);
    send();
    larder(&["rewind", "--to", "mark:here"]);
    assert_eq!(counts(), ["1", "1", "1"], "they stay");
    larder(&["rewind", "--to", "mark:here", "--drop-messages", "--only", "queue:other"]);
    assert_eq!(counts(), ["1", "0", "1"]);
    larder(&["rewind", "--to", "mark:here", "--drop-messages"]);
    assert_eq!(counts(), ["0", "0", "0"]);
    // The FIFO queue does not know the deduplication id any more.
    send();
    assert_eq!(counts(), ["1", "1", "1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_are_in_history_and_event_sources_find_them() {
    let server = Server::start(Options::any());
    create(&server, &["q", "gone"]);
    let url = url_of(&server, "gone");
    assert_eq!(ask(&server, "DeleteQueue", &json!({ "QueueUrl": url })).status, 200);
    let events = server.events();
    let told = |event: &Value| (event["kind"].clone(), event["subject"].clone());
    let told: Vec<_> = events.iter().map(told).collect();
    assert!(
        told.iter().any(|(kind, _)| kind == "QueuePut") && told.iter().any(|(kind, _)| kind == "QueueDeleted"),
        "{told:?}"
    );

    let client = server.client();
    create_some(&client, "f").await;
    let map = |queue: &str| {
        let arn = format!("arn:aws:sqs:us-east-1:000000000000:{queue}");
        client.create_event_source_mapping().function_name("f").event_source_arn(arn).send()
    };
    map("q").await.expect("made");
    let missing = map("gone").await.expect_err("is refused");
    let message = aws_sdk_lambda::error::ProvideErrorMetadata::message(&missing).unwrap_or_default().to_owned();
    assert!(message.contains("AWS.SimpleQueueService.NonExistentQueue"), "{message}");
}

#[test]
fn an_endpoint_of_its_own_gets_all_of_sqs() {
    let dead = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let server = Server::start(Options::any().with("LARDER_UPSTREAM", format!("sqs=http://{dead}")));
    assert_eq!(ask(&server, "ListQueues", &json!({})).status, 424);
    let server = Server::start(Options::any().with("LARDER_UPSTREAM", format!("http://{dead}")));
    assert_eq!(ask(&server, "ListQueues", &json!({})).status, 200, "one for all services does not");
}
