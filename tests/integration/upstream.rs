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

/// An endpoint with TLS that verifies signatures, as AWS does: with its certificate and keys it serves what it serves
/// without both.
#[test]
fn an_upstream_that_verifies_signatures_is_given_its_own() {
    let moto = Moto::start_verifying();
    let options = || Options::any().with("LARDER_UPSTREAM", moto.url()).with("LARDER_UPSTREAM_CA", moto.file("ca.pem"));
    let signing = || options().with("LARDER_UPSTREAM_CREDENTIALS", moto.file("credentials"));
    let list = || signed("GET", "/", "s3");

    let server = Server::start(options());
    let answer = list().send(server.port());
    assert_eq!((answer.status, text(&answer).contains("InvalidAccessKeyId")), (403, true), "{}", text(&answer));

    let server = Server::start(signing());
    let answer = list().send(server.port());
    assert_eq!((answer.status, text(&answer).contains("InvalidAccessKeyId")), (403, true), "{}", text(&answer));

    let server = Server::start(signing().with("LARDER_UPSTREAM_PROFILE", "upstream"));
    let output = script("use_upstream.py", &[&server.url()]);
    assert!(output.contains("all as expected"), "{output}");

    let untrusting = Server::start(Options::any().with("LARDER_UPSTREAM", moto.url()));
    let answer = list().send(untrusting.port());
    assert_eq!(answer.status, 424, "{}", text(&answer));
    assert!(text(&answer).contains("certificate"), "{}", text(&answer));
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
            signed("POST", "/service/X/operation/Y", "kms").header("smithy-protocol", "rpc-v2-cbor"),
            "kms",
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

/// A port that was free a moment ago.
fn free_port() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port")
}

#[test]
fn an_upstream_that_does_not_answer_is_named() {
    let dead = free_port();
    let server = Server::start(Options::any().with("LARDER_UPSTREAM", format!("s3=http://{dead}")));
    let answer = signed("GET", "/bucket/key", "s3").send(server.port());
    // No status that AWS's SDKs try again.
    assert_eq!(answer.status, 424);
    let body = text(&answer);
    assert!(body.contains("<Code>UpstreamUnavailable</Code>"), "{body}");
    assert!(body.contains(&format!("http://{dead} for s3")), "{body}");
    assert_eq!(signed("GET", "/", "sns").send(server.port()).status, 501, "it is for S3 only");
    // Lambda goes on as ever.
    assert_eq!(signed("GET", "/2015-03-31/functions", "lambda").send(server.port()).status, 200);
}

#[test]
fn no_sdk_tries_again_what_an_upstream_that_is_away_was_asked() {
    let server = Server::start(Options::any().with("LARDER_UPSTREAM", format!("http://{}", free_port())));
    let output = script("use_away_upstream.py", &[&server.url()]);
    assert!(output.contains("all as expected"), "{output}");
}

/// What answers every request with what it was asked for, in small letters.
fn echo_at(address: std::net::SocketAddr) -> std::thread::JoinHandle<()> {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind(address).expect("is still free");
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or_default() == 1 {
                head.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
            let _ = stream.read_exact(&mut vec![0; length.unwrap_or_default()]);
            let line = head.lines().next().unwrap_or_default().to_owned();
            let answer =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{line}", line.len());
            let _ = stream.write_all(answer.as_bytes());
            if line.contains("/the-end") {
                return;
            }
        }
    })
}

#[test]
fn an_upstream_goes_and_comes_and_is_told_once() {
    let address = free_port();
    let server = Server::start(Options::any().with("LARDER_UPSTREAM", format!("http://{address}")));
    let found = || server.health()["upstream"][0].clone();
    let endpoint = format!("http://{address}");
    assert_eq!(found(), serde_json::json!({ "endpoint": endpoint, "status": "not asked yet" }));
    for service in ["sns", "s3", "dynamodb"] {
        assert_eq!(signed("GET", "/", service).send(server.port()).status, 424);
    }
    assert_eq!((found()["status"].as_str(), found()["endpoint"].as_str()), (Some("away"), Some(endpoint.as_str())));
    assert!(found()["reason"].as_str().is_some_and(|reason| reason.contains("refused")), "{}", found());
    let upstream = echo_at(address);
    for path in ["/a", "/b", "/the-end"] {
        assert_eq!(text(&signed("GET", path, "s3").send(server.port())), format!("get {path} http/1.1"));
    }
    upstream.join().expect("ends");
    assert_eq!(found()["status"], "answers");
    assert_eq!(signed("GET", "/", "s3").send(server.port()).status, 424);
    let log = server.log();
    assert_eq!(log.matches("the upstream endpoint does not answer").count(), 2, "{log}");
    assert_eq!(log.matches("the upstream endpoint answers again").count(), 1, "{log}");
}

#[test]
fn what_nobody_signed_goes_on_unless_it_is_lambdas() {
    let address = free_port();
    let server = Server::start(Options::any().with("LARDER_UPSTREAM", format!("http://{address}")));
    let upstream = echo_at(address);
    let send = |path: &str, host: &str| {
        let request = Request::new("GET", path);
        let request = if host.is_empty() { request } else { request.header("host", host) };
        request.send(server.port())
    };
    for (path, host) in [
        ("/bucket/key", ""),
        ("/", ""),
        ("/2013-04-01/hostedzone", ""),
        ("/restapis/x/prod/_user_request_/", ""),
        ("/2015-03-31/functions", "bucket.s3.localhost.localstack.cloud"),
    ] {
        let answer = send(path, host);
        assert_eq!((answer.status, text(&answer)), (200, format!("get {path} http/1.1")), "{path} at {host:?}");
    }
    // These are not the upstream's.
    assert_eq!(send("/2015-03-31/functions", "").json(), serde_json::json!({ "Functions": [] }));
    assert_eq!(send("/2015-03-31/functions", "localhost.localstack.cloud").status, 200);
    assert_eq!(send("/_larder/nothing", "").status, 404);
    assert_eq!(send("/", "abc.lambda-url.us-east-1.localhost").error(), "AccessDeniedException", "no URL");
    assert_eq!(signed("GET", "/nothing", "lambda").send(server.port()).status, 404);
    send("/the-end", "");
    upstream.join().expect("ends");
    let alone = Server::start(Options::any());
    let answer = Request::new("GET", "/bucket/key").send(alone.port());
    assert_eq!((answer.status, answer.error()), (404, "UnknownOperationException"));
}

#[test]
fn iam_is_all_here_or_all_at_its_own_endpoint() {
    let address = free_port();
    let _upstream = echo_at(address);
    let ask = |server: &Server, action: &str| {
        let request = signed("POST", "/", "iam").header("content-type", "application/x-www-form-urlencoded");
        request.body(format!("Action={action}&Version=2010-05-08").into_bytes()).send(server.port())
    };
    let here = Server::start(Options::any().with("LARDER_UPSTREAM", format!("http://{address}")));
    assert!(text(&ask(&here, "ListRoles")).starts_with("<ListRolesResponse"));
    let refused = ask(&here, "SimulateCustomPolicy");
    assert_eq!(refused.status, 400);
    assert!(text(&refused).contains("<Code>InvalidAction</Code>"), "{}", text(&refused));
    let there = Server::start(Options::any().with("LARDER_UPSTREAM", format!("iam=http://{address}")));
    for action in ["ListRoles", "SimulateCustomPolicy"] {
        assert_eq!(text(&ask(&there, action)), "post / http/1.1", "{action}");
    }
}

/// A request of `CloudFormation`.
fn stack(fields: &[(&str, &str)]) -> Request {
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    signed("POST", "/", "cloudformation")
        .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
        .body(form.into_bytes())
}

#[test]
fn templates_that_make_functions_or_roles_are_refused() {
    // Templates in S3 are those of moto; what is passed on shows at the other one.
    let (moto, address) = (Moto::start(), free_port());
    let _passed = echo_at(address);
    let upstream = format!("{},cloudformation=http://{address}", moto.url());
    let upstream = Options::any().with("LARDER_UPSTREAM", upstream);
    let server = Server::start(upstream.clone());
    let version = ("Version", "2010-05-15");
    let function = "Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Role: !GetAtt R.Arn\n";
    let refused = |fields: &[(&str, &str)], says: &str| {
        let answer = stack(fields).send(server.port());
        let body = text(&answer);
        assert_eq!((answer.status, answer.header("content-type")), (400, "text/xml"), "{fields:?}: {body}");
        let head = "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><Error><Type>Sender</Type>\
                    <Code>ValidationError</Code><Message>";
        assert!(body.starts_with(head), "{body}");
        assert!(body.contains(says) && body.contains("--pass-cloudformation"), "{fields:?}: {body}");
    };
    for action in ["CreateStack", "UpdateStack", "CreateChangeSet"] {
        let fields = [("Action", action), version, ("StackName", "s"), ("TemplateBody", function)];
        refused(&fields, "The template makes AWS::Lambda::Function");
    }
    let sam = r#"{"Transform":"AWS::Serverless-2016-10-31","Resources":{"A":{"Type":"AWS::SQS::Queue"}}}"#;
    let create = [("Action", "CreateStack"), version, ("StackName", "s")];
    refused(&[&create[..], &[("TemplateBody", sam)]].concat(), "The template makes AWS::Serverless-2016-10-31");

    // Out of S3, which is the upstream's too.
    assert_eq!(signed("PUT", "/bucket", "s3").send(server.port()).status, 200);
    assert_eq!(
        signed("PUT", "/bucket/t.yaml", "s3").body(function.as_bytes().to_vec()).send(server.port()).status,
        200
    );
    let url = format!("{}/bucket/t.yaml", server.url());
    refused(&[&create[..], &[("TemplateURL", url.as_str())]].concat(), "The template makes AWS::Lambda::Function");
    let none = "https://s3.amazonaws.com/bucket/none.yaml";
    refused(&[&create[..], &[("TemplateURL", none)]].concat(), "cannot look into the template");

    // What makes neither goes on, and so does what makes nothing.
    let queue = "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n";
    for fields in [
        [&create[..], &[("TemplateBody", queue)]].concat(),
        vec![("Action", "UpdateStack"), version, ("StackName", "s"), ("UsePreviousTemplate", "true")],
        vec![("Action", "ValidateTemplate"), version, ("TemplateBody", function)],
        vec![("Action", "DescribeStacks"), version],
    ] {
        let answer = stack(&fields).send(server.port());
        assert_eq!((answer.status, text(&answer).as_str()), (200, "post / http/1.1"), "{fields:?}");
    }

    let passing = Server::start(upstream.with("LARDER_PASS_CLOUDFORMATION", "1"));
    let role = "Resources:\n  R:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      PolicyDocument: {Version: 2012-10-17, Statement: []}\n";
    let fields = [("Action", "CreateStack"), version, ("StackName", "passed"), ("TemplateBody", role)];
    assert_eq!(text(&stack(&fields).send(passing.port())), "post / http/1.1");
    // Without an upstream it is said that there is none.
    let alone = Server::start(Options::any());
    assert_eq!(stack(&fields).send(alone.port()).status, 501);
}

#[test]
fn what_cloudwatch_logs_has_not_here_is_passed_on_or_named() {
    let moto = Moto::start();
    let with = Server::start(Options::any().with("LARDER_UPSTREAM", moto.url()));
    let alone = Server::start(Options::any());
    let ask = |server: &Server, operation: &str, body: &str| {
        let request = signed("POST", "/", "logs").header("x-amz-target", &format!("Logs_20140328.{operation}"));
        request.body(body.as_bytes().to_vec()).send(server.port())
    };
    let policy = r#"{"policyName":"p","policyDocument":"{}"}"#;
    let passed = ask(&with, "PutResourcePolicy", policy);
    assert_eq!((passed.status, passed.json()["resourcePolicy"]["policyName"].as_str()), (200, Some("p")));
    // What is here stays here.
    assert_eq!(ask(&with, "CreateLogGroup", r#"{"logGroupName":"g"}"#).status, 200);
    assert!(with.events().iter().any(|event| event["kind"] == "LogGroupPut"));
    for (operation, lack) in [
        ("PutResourcePolicy", "no resource policies"),
        ("PutMetricFilter", "no metric filters"),
        ("StartQuery", "no queries"),
    ] {
        let refused = ask(&alone, operation, policy);
        assert_eq!((refused.status, refused.json()["__type"].as_str()), (400, Some("UnknownOperationException")));
        let message = refused.message();
        assert!(message.contains(lack) && message.contains("--upstream logs=URL"), "{message}");
    }
}

#[test]
fn endpoints_that_cannot_be_are_refused_at_the_start() {
    for (given, says) in [
        ("ftp://s3.example", "write http://HOST:PORT, or https://"),
        ("s3=http://a,s3=http://b", "names two endpoints for s3"),
        ("lambda=http://a", "serves itself"),
    ] {
        let error = Server::try_start(Options::any().with("LARDER_UPSTREAM", given)).expect_err(given);
        assert!(error.contains(says), "{given}: {error}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "[other]\naws_access_key_id = AKIA\naws_secret_access_key = not shown\n").expect("writes");
    let file = file.to_str().expect("text");
    for (option, says) in [
        ("LARDER_UPSTREAM_CA", "there is no certificate in it"),
        ("LARDER_UPSTREAM_CREDENTIALS", "the profile default has no access key in it"),
    ] {
        let options = Options::any().with("LARDER_UPSTREAM", "https://s3.example").with(option, file);
        let error = Server::try_start(options).expect_err(option);
        assert!(error.contains(says) && error.contains(file) && !error.contains("not shown"), "{option}: {error}");
    }
}
