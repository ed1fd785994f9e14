//! Services that Larder does not serve: passed through to moto, or refused in the caller's protocol.

use crate::support::http::{Answer, Request};
use crate::support::python::{Moto, script};
use crate::support::{Options, Server, functions};

#[test]
fn other_services_and_code_in_s3_come_from_the_upstream() {
    let moto = Moto::start();
    let server = Server::start(Options::any().with("LARDER_UPSTREAM", moto.url()));
    assert_eq!(server.field("upstream"), moto.url());
    let output = script("use_upstream.py", &[&server.url()]);
    assert!(output.contains("all as expected"), "{output}");
}

/// A request signed for a service.
fn signed(method: &str, path: &str, service: &str) -> Request {
    let credential = format!("test/20260101/us-east-1/{service}/aws4_request");
    let authorization = format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=00");
    Request::new(method, path).header("authorization", &authorization)
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

#[test]
fn without_an_upstream_the_answer_names_service_and_option() {
    let server = Server::start(Options::any());
    let form = ("content-type", "application/x-www-form-urlencoded");
    let says = |service: &str| format!("Start it with --upstream {service}=URL");
    let code = "NotImplemented";
    for (request, service, body) in [
        (signed("GET", "/bucket/key", "s3"), "s3", format!("<Error><Code>{code}</Code><Message>")),
        (
            signed("POST", "/", "sns").header(form.0, form.1).body(b"Action=Publish".to_vec()),
            "sns",
            format!("<ErrorResponse><Error><Type>Receiver</Type><Code>{code}</Code>"),
        ),
        (
            signed("POST", "/", "ec2").header(form.0, form.1).body(b"Action=DescribeVpcs".to_vec()),
            "ec2",
            format!("<Response><Errors><Error><Code>{code}</Code>"),
        ),
        (
            Request::new("POST", "/").header("x-amz-target", "DynamoDB_20120810.ListTables").body(b"{}".to_vec()),
            "dynamodb",
            format!("{{\"__type\":\"{code}\",\"message\":"),
        ),
        (signed("GET", "/schedules", "scheduler"), "scheduler", "{\"message\":".to_owned()),
        (
            signed("POST", "/service/X/operation/Y", "monitoring").header("smithy-protocol", "rpc-v2-cbor"),
            "monitoring",
            code.to_owned(),
        ),
    ] {
        let answer = request.send(server.port());
        assert_eq!(answer.status, 501, "{service}: {answer:?}");
        let found = text(&answer);
        assert!(found.contains(&body), "{service}: {found}");
        assert!(found.contains(&says(service)), "{service}: {found}");
    }
    let from_s3 = serde_json::json!({
        "FunctionName": "f", "Runtime": "python3.11", "Handler": "h.h", "Role": functions::ROLE,
        "Code": { "S3Bucket": "bucket", "S3Key": "key" },
    });
    let answer = Request::json("POST", "/2015-03-31/functions", &from_s3).send(server.port());
    assert_eq!((answer.status, answer.error()), (400, "InvalidParameterValueException"));
    assert!(answer.message().contains(&says("s3")), "{}", answer.message());
}

#[test]
fn an_upstream_that_does_not_answer_is_named() {
    // A port that was free a moment ago.
    let dead = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let server = Server::start(Options::any().with("LARDER_UPSTREAM", format!("s3=http://{dead}")));
    let answer = signed("GET", "/bucket/key", "s3").send(server.port());
    assert_eq!(answer.status, 502);
    let body = text(&answer);
    assert!(body.contains("<Code>BadGateway</Code>") && body.contains(&format!("http://{dead} for s3")), "{body}");
    assert_eq!(signed("GET", "/", "sqs").send(server.port()).status, 501, "it is for S3 only");
    // Lambda goes on as ever.
    assert_eq!(signed("GET", "/2015-03-31/functions", "lambda").send(server.port()).status, 200);
}

#[test]
fn endpoints_that_cannot_be_are_refused_at_the_start() {
    for (given, says) in [
        ("https://s3.example", "Larder speaks plain HTTP"),
        ("s3=http://a,s3=http://b", "names two endpoints for s3"),
        ("lambda=http://a", "serves itself"),
    ] {
        let error = Server::try_start(Options::any().with("LARDER_UPSTREAM", given)).expect_err(given);
        assert!(error.contains(says), "{given}: {error}");
    }
}
