//! What each operation says of a function, version or alias that is not there: AWS has a text for nearly every one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::functions::{ROLE, some, zip};
use crate::support::http::{Answer, Request};
use crate::support::{Options, Server};

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function";

/// A server with the function `there`.
fn stage() -> Server {
    let server = Server::start(Options::any());
    let creation = json!({
        "FunctionName": "there", "Runtime": "provided.al2023", "Handler": "x", "Role": ROLE,
        "Code": { "ZipFile": STANDARD.encode(some("there")) },
    });
    let created = Request::json("POST", "/2015-03-31/functions", &creation).send(server.port());
    assert_eq!(created.status, 201, "{created:?}");
    while server.sequence() < 2 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    server
}

fn ask(server: &Server, method: &str, path: &str, body: &Value) -> Answer {
    let request = if body.is_null() { Request::new(method, path) } else { Request::json(method, path, body) };
    request.send(server.port())
}

/// Every operation that names a function: a request about one that is not there, and AWS's text, with `{}` for its ARN.
fn of_functions() -> Vec<(&'static str, &'static str, Value, &'static str)> {
    const FUNCTION: &str = "Function not found: {}";
    const LATEST: &str = "Function not found: {}:$LATEST";
    const PLAIN: &str = "Function does not exist";
    const RESOURCE: &str = "The resource you requested does not exist.";
    const EVENT_INVOKE: &str = "The function {}:$LATEST doesn't have an EventInvokeConfig";
    let alias = json!({ "Name": "live", "FunctionVersion": "1" });
    let permission = json!({ "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com" });
    let retries = json!({ "MaximumRetryAttempts": 1 });
    let url = json!({ "AuthType": "NONE" });
    vec![
        ("GET", "/2015-03-31/functions/nobody", Value::Null, FUNCTION),
        ("GET", "/2015-03-31/functions/nobody?Qualifier=live", Value::Null, "Function not found: {}:live"),
        ("GET", "/2015-03-31/functions/nobody/configuration", Value::Null, FUNCTION),
        ("DELETE", "/2015-03-31/functions/nobody", Value::Null, FUNCTION),
        ("PUT", "/2015-03-31/functions/nobody/code", json!({ "ZipFile": STANDARD.encode(some("x")) }), FUNCTION),
        ("PUT", "/2015-03-31/functions/nobody/configuration", json!({ "Timeout": 4 }), FUNCTION),
        ("POST", "/2015-03-31/functions/nobody/versions", json!({}), FUNCTION),
        ("GET", "/2015-03-31/functions/nobody/versions", Value::Null, FUNCTION),
        ("POST", "/2015-03-31/functions/nobody/aliases", alias, "Function not found: {}:1"),
        ("GET", "/2015-03-31/functions/nobody/aliases", Value::Null, FUNCTION),
        ("GET", "/2015-03-31/functions/nobody/aliases/live", Value::Null, "Cannot find alias arn: {}:live"),
        ("PUT", "/2015-03-31/functions/nobody/aliases/live", json!({ "Description": "d" }), FUNCTION),
        ("DELETE", "/2015-03-31/functions/nobody/aliases/live", Value::Null, FUNCTION),
        ("POST", "/2015-03-31/functions/nobody/invocations", json!({}), LATEST),
        ("POST", "/2014-11-13/functions/nobody/invoke-async", json!({}), LATEST),
        ("POST", "/2021-11-15/functions/nobody/response-streaming-invocations", json!({}), LATEST),
        ("POST", "/2015-03-31/functions/nobody/invocations?Qualifier=7", json!({}), "Function not found: {}:7"),
        ("POST", "/2015-03-31/functions/nobody/invocations?Qualifier=live", json!({}), "Function not found: {}:live"),
        ("POST", "/2015-03-31/functions/nobody/policy", permission, FUNCTION),
        ("DELETE", "/2015-03-31/functions/nobody/policy/s", Value::Null, "No policy found for: {}"),
        ("GET", "/2015-03-31/functions/nobody/policy", Value::Null, FUNCTION),
        ("PUT", "/2017-10-31/functions/nobody/concurrency", json!({ "ReservedConcurrentExecutions": 1 }), LATEST),
        ("GET", "/2019-09-30/functions/nobody/concurrency", Value::Null, FUNCTION),
        ("DELETE", "/2017-10-31/functions/nobody/concurrency", Value::Null, LATEST),
        (
            "GET",
            "/2019-09-30/functions/nobody/provisioned-concurrency?Qualifier=live",
            Value::Null,
            "Cannot find alias arn: {}:live",
        ),
        (
            "GET",
            "/2019-09-30/functions/nobody/provisioned-concurrency?Qualifier=7",
            Value::Null,
            "Function not found: {}:7",
        ),
        ("GET", "/2019-09-30/functions/nobody/provisioned-concurrency?List=ALL", Value::Null, FUNCTION),
        ("PUT", "/2019-09-25/functions/nobody/event-invoke-config", retries.clone(), "The function doesn't exist."),
        ("POST", "/2019-09-25/functions/nobody/event-invoke-config", retries, "The function doesn't exist."),
        ("GET", "/2019-09-25/functions/nobody/event-invoke-config", Value::Null, EVENT_INVOKE),
        ("DELETE", "/2019-09-25/functions/nobody/event-invoke-config", Value::Null, EVENT_INVOKE),
        ("GET", "/2019-09-25/functions/nobody/event-invoke-config/list", Value::Null, "The function doesn't exist."),
        ("POST", "/2021-10-31/functions/nobody/url", url.clone(), PLAIN),
        ("PUT", "/2021-10-31/functions/nobody/url", url, PLAIN),
        ("GET", "/2021-10-31/functions/nobody/url", Value::Null, RESOURCE),
        ("DELETE", "/2021-10-31/functions/nobody/url", Value::Null, RESOURCE),
        ("GET", "/2021-10-31/functions/nobody/urls", Value::Null, PLAIN),
        ("GET", "/2020-06-30/functions/nobody/code-signing-config", Value::Null, FUNCTION),
        ("DELETE", "/2020-06-30/functions/nobody/code-signing-config", Value::Null, FUNCTION),
        ("GET", "/2024-08-31/functions/nobody/recursion-config", Value::Null, FUNCTION),
        ("GET", "/2021-07-20/functions/nobody/runtime-management-config", Value::Null, FUNCTION),
        ("GET", "/2025-12-01/functions/nobody/durable-executions", Value::Null, FUNCTION),
    ]
}

#[test]
fn each_operation_has_its_own_text_for_a_missing_function() {
    let server = stage();
    let sequence = server.sequence();
    for (method, path, body, text) in of_functions() {
        let answer = ask(&server, method, path, &body);
        let message = text.replace("{}", &format!("{ARN}:nobody"));
        let expected = (404, "ResourceNotFoundException", json!({ "Type": "User", "Message": message }));
        assert_eq!((answer.status, answer.error(), answer.json()), expected, "{method} {path}");
    }
    assert_eq!(server.sequence(), sequence, "what is refused leaves no event");
}

#[test]
fn missing_aliases_and_versions_are_named() {
    let server = stage();
    let there = format!("{ARN}:there");
    for (method, path, body, message) in [
        // Recorded on AWS: this one operation speaks of the alias in other words than the rest.
        ("PUT", "/2015-03-31/functions/there/aliases/no", json!({ "Description": "d" }), "Alias not found: {}:no"),
        ("GET", "/2015-03-31/functions/there/aliases/no", Value::Null, "Cannot find alias arn: {}:no"),
        ("GET", "/2015-03-31/functions/there?Qualifier=no", Value::Null, "Function not found: {}:no"),
        ("GET", "/2015-03-31/functions/there/configuration?Qualifier=7", Value::Null, "Function not found: {}:7"),
        ("POST", "/2015-03-31/functions/there/invocations?Qualifier=no", json!({}), "Function not found: {}:no"),
        ("POST", "/2015-03-31/functions/there:7/invocations", json!({}), "Function not found: {}:7"),
        ("GET", "/2015-03-31/functions/there/policy", Value::Null, "The resource you requested does not exist."),
    ] {
        let answer = ask(&server, method, path, &body);
        let expected = json!({ "Type": "User", "Message": message.replace("{}", &there) });
        assert_eq!((answer.status, answer.json()), (404, expected), "{method} {path}");
    }
    // What is told by a header is looked for alike.
    for kind in ["DryRun", "Event"] {
        let request = Request::new("POST", "/2015-03-31/functions/nobody/invocations");
        let answer = request.header("x-amz-invocation-type", kind).send(server.port());
        assert_eq!(answer.message(), format!("Function not found: {ARN}:nobody:$LATEST"), "{kind}");
    }
}

#[test]
fn layers_are_published_for_every_runtime_that_aws_ever_had() {
    let server = Server::start(Options::any());
    let publish = |runtimes: Value| {
        let content = STANDARD.encode(zip(&[("file", b"x")]));
        let body = json!({ "Content": { "ZipFile": content }, "CompatibleRuntimes": runtimes });
        Request::json("POST", "/2018-10-31/layers/l/versions", &body).send(server.port())
    };
    let old = json!([
        "nodejs",
        "nodejs4.3",
        "nodejs12.x",
        "python2.7",
        "python3.7",
        "java8",
        "dotnetcore1.0",
        "dotnetcore3.1",
        "go1.x",
        "ruby2.5",
        "ruby2.7",
        "provided",
    ]);
    let published = publish(old.clone());
    assert_eq!(published.status, 201, "{published:?}");
    assert_eq!(published.json()["CompatibleRuntimes"], old);
    for unknown in ["cobol", "PYTHON3.9", "nasa"] {
        let refused = publish(json!(["python3.12", unknown]));
        assert_eq!((refused.status, refused.error()), (400, "ValidationException"), "{unknown}");
        let text = format!(
            "1 validation error detected: Value '[python3.12, {unknown}]' at 'compatibleRuntimes' failed to satisfy \
             constraint: Member must satisfy enum value set: [nodejs20.x, python3.14, provided.al2023,"
        );
        // The list in the text is that of the runtimes that functions can be created with.
        assert!(refused.message().starts_with(&text) && !refused.message().contains("go1.x"), "{}", refused.message());
    }
}
