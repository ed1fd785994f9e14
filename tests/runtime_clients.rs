//! The embedded runtime clients, outside any sandbox, against a small Runtime API. Expected shapes
//! are those of AWS's own clients (awslambdaric 4.2.2, aws-lambda-ric 3.3.0).

use serde_json::{Value, json};
use stage::{Language, Stage};

#[path = "skipped/mod.rs"]
mod skipped;
#[path = "runtime_clients/stage.rs"]
mod stage;

const PYTHON: &str = r#"
import decimal, os, sys

def echo(event, context):
    return event

def context(event, context):
    return {
        "id": context.aws_request_id, "arn": context.invoked_function_arn, "left": context.get_remaining_time_in_millis() > 1000,
        "name": context.function_name, "custom": context.client_context.custom, "app": context.client_context.client.app_title,
        "identity": context.identity.cognito_identity_id, "trace": os.environ["_X_AMZN_TRACE_ID"], "tenant": context.tenant_id,
    }

def numbers(event, context):
    return {"d": decimal.Decimal("1.10"), "t": (1, None, True), "u": "ü\u2603", "n": decimal.Decimal("NaN"), 3: 1e20}

def raw(event, context):
    return b"bytes"

def fail(event, context):
    raise KeyError("missing")

def unserializable(event, context):
    return {"x": object()}

def leave(event, context):
    sys.exit(0)

def logs(event, context):
    import logging
    print("printed")
    logging.getLogger().warning("warned %d", 7)
    logging.info("not shown")

def path(event, context):
    exit
    return sys.path[:3]
"#;

const NODE: &str = r#"
exports.echo = async (event) => event;
exports.context = async (event, context) => ({
  id: context.awsRequestId, arn: context.invokedFunctionArn, left: context.getRemainingTimeInMillis() > 1000,
  name: context.functionName, custom: context.clientContext.custom, app: context.clientContext.client.app_title,
  identity: context.identity.cognitoIdentityId, trace: process.env._X_AMZN_TRACE_ID, tenant: null,
});
exports.callback = (event, context, callback) => { setTimeout(() => callback(null, "late"), 20); };
exports.nothing = (event, context, callback) => { setTimeout(() => {}, 20); };
exports.succeed = (event, context) => { setInterval(() => {}, 1000); context.succeed({ done: true }); };
exports.impatient = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false; setInterval(() => {}, 1000); callback(null, "now");
};
exports.fail = async () => { throw new TypeError("bad"); };
exports.text = (event, context, callback) => callback("only text");
exports.lost = () => { Promise.reject(new Error("lost")); return new Promise((resolve) => setTimeout(resolve, 5000)); };
exports.leave = async () => process.exit(0);
exports.logs = async () => { console.log("two\nlines %d", 7); console.error("wrong"); };
exports.stream = awslambda.streamifyResponse(async (event, stream) => {
  stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201 });
  stream.write("a"); stream.write({ b: 1 }); stream.end();
});
exports.broken = awslambda.streamifyResponse(async (event, stream) => { stream.write("a"); throw new Error("mid"); });
exports.large = async (event) => event.length;
"#;

fn python() -> Option<Stage> {
    Stage::set(
        Language::Python,
        &[("app.py", PYTHON), ("broken.py", "def f(:\n"), ("needs.py", "import nothing_such\n")],
    )
}

fn node() -> Option<Stage> {
    let module = "export const handler = async () => import.meta.url.slice(-5);";
    Stage::set(
        Language::Node,
        &[("app.js", NODE), ("esm.mjs", module), ("broken.js", "not code"), ("needs.js", "require('nothing-such')")],
    )
}

#[test]
fn python_answers_as_aws_does() {
    let Some(stage) = python() else { return };
    let event = json!({"a": [1, 2.5, "ü", null]});
    let run = stage.run("app.echo", &[&event.to_string(), " [1]\n", "\"text\""]);
    assert_eq!(run.bodies(), [r#"{"a": [1, 2.5, "ü", null]}"#, "[1]", "\"text\""]);
    assert!(run.posts[0].head.contains("Content-Type: application/json"));
    let run = stage.run("app.numbers", &["{}"]);
    assert_eq!(run.bodies(), ["{\"d\": 1.10, \"t\": [1, null, true], \"u\": \"ü\u{2603}\", \"n\": NaN, \"3\": 1e+20}"]);
    assert_eq!(stage.run("app.raw", &["{}"]).bodies(), ["bytes"]);
    let run = stage.run("app.path", &["{}"]);
    let path: Vec<String> = serde_json::from_str(run.bodies()[0]).expect("JSON");
    assert_eq!(path[0], stage.task());
    assert_eq!(path[2], "/opt/python");
}

fn is_whole(context: &str) {
    let context: Value = serde_json::from_str(context).expect("JSON");
    let expected = json!({
        "id": "id-1", "arn": "arn:aws:lambda:us-east-1:000000000000:function:f", "left": true, "name": "f",
        "custom": {"k": "v"}, "app": "App", "identity": "me", "trace": "Root=1", "tenant": null,
    });
    assert_eq!(context, expected);
}

#[test]
fn both_give_the_whole_context() {
    for stage in [python(), node()].into_iter().flatten() {
        is_whole(stage.run("app.context", &["{}"]).bodies()[0]);
    }
}

#[test]
fn python_reports_errors_as_aws_does() {
    let Some(stage) = python() else { return };
    let run = stage.run("app.fail", &["{}", "{}"]);
    let error = run.error(1);
    assert_eq!(error["errorMessage"], "'missing'");
    assert_eq!(error["errorType"], "KeyError");
    assert_eq!(error["requestId"], "id-2");
    let frame = format!("  File \"{}/app.py\", line 21, in fail\n    raise KeyError(\"missing\")\n", stage.task());
    assert_eq!(error["stackTrace"], json!([frame]));
    assert!(run.posts[1].head.starts_with("POST /2018-06-01/runtime/invocation/id-2/error "));
    assert!(run.posts[1].head.contains("Lambda-Runtime-Function-Error-Type: KeyError"));
    let log = "[ERROR] KeyError: 'missing'\rTraceback (most recent call last):\r\u{a0}\u{a0}File \"";
    assert!(run.output.starts_with(log), "{}", run.output);
    assert_eq!(run.output.lines().count(), 2);
    for (handler, event, kind, message) in [
        (
            "app.unserializable",
            "{}",
            "Runtime.MarshalError",
            "Unable to marshal response: Object of type object is not JSON serializable",
        ),
        (
            "app.echo",
            "{x",
            "Runtime.UnmarshalError",
            "Unable to unmarshal input: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
    ] {
        let error = stage.run(handler, &[event]).error(0);
        assert_eq!(error, json!({"errorMessage": message, "errorType": kind, "requestId": "id-1", "stackTrace": []}));
    }
}

#[test]
fn python_reports_what_does_not_load() {
    let Some(stage) = python() else { return };
    for (handler, kind, message) in [
        ("nope.f", "Runtime.ImportModuleError", "Unable to import module 'nope': No module named 'nope'"),
        ("needs.f", "Runtime.ImportModuleError", "Unable to import module 'needs': No module named 'nothing_such'"),
        ("app.nope", "Runtime.HandlerNotFound", "Handler 'nope' missing on module 'app'"),
        ("app", "Runtime.MalformedHandlerName", "Bad handler 'app': not enough values to unpack (expected 2, got 1)"),
        ("sys.exit", "Runtime.BuiltInModuleConflict", "Cannot use built-in module sys as a handler module"),
    ] {
        let run = stage.run(handler, &[]);
        assert_eq!(
            run.error(0),
            json!({"errorMessage": message, "errorType": kind, "requestId": "", "stackTrace": []})
        );
        assert!(run.posts[0].head.starts_with("POST /2018-06-01/runtime/init/error "));
        assert_eq!(run.status, Some(1));
    }
    let error = stage.run("broken.f", &[]).error(0);
    assert_eq!(error["errorType"], "Runtime.UserCodeSyntaxError");
    let message = error["errorMessage"].as_str().expect("text");
    assert!(
        message.starts_with("Syntax error in module 'broken': ") && message.ends_with("(broken.py, line 1)"),
        "{message}"
    );
}

#[test]
fn leaving_is_left_to_the_init() {
    for stage in [python(), node()].into_iter().flatten() {
        let run = stage.run("app.leave", &["{}"]);
        assert_eq!((run.posts.len(), run.status), (0, Some(0)));
    }
}

#[test]
fn python_logs_in_awss_form() {
    let Some(stage) = python() else { return };
    let run = stage.run("app.logs", &["{}"]);
    let lines: Vec<&str> = run.output.lines().collect();
    assert_eq!(lines[0], "printed");
    let (level, rest) = lines[1].split_once('\t').expect("tabs");
    assert_eq!((level, &rest[23..]), ("[WARNING]", "Z\tid-1\twarned 7"));
    assert_eq!(lines.len(), 2, "{lines:?}");
}

#[test]
fn node_answers_in_every_style() {
    let Some(stage) = node() else { return };
    for (handler, answer) in [
        ("app.echo", "{\"a\":\"ü\"}"),
        ("app.callback", "\"late\""),
        ("app.nothing", "null"),
        ("app.succeed", "{\"done\":true}"),
        ("app.impatient", "\"now\""),
        ("esm.handler", "\"m.mjs\""),
    ] {
        assert_eq!(stage.run(handler, &["{\"a\":\"ü\"}", "{\"a\":\"ü\"}"]).bodies(), [answer; 2], "{handler}");
    }
    let large = json!("x".repeat(5_000_000)).to_string();
    assert_eq!(stage.run("app.large", &[&large, &large]).bodies(), ["5000000"; 2]);
}

#[test]
fn node_reports_errors_as_aws_does() {
    let Some(stage) = node() else { return };
    let run = stage.run("app.fail", &["{}"]);
    let error = run.error(0);
    assert_eq!((&error["errorType"], &error["errorMessage"]), (&json!("TypeError"), &json!("bad")));
    assert_eq!(error["trace"][0], "TypeError: bad");
    assert!(
        run.output.contains(
            "\tid-1\tERROR\tInvoke Error \t{\"errorType\":\"TypeError\",\"errorMessage\":\"bad\",\"stack\":["
        )
    );
    let error = stage.run("app.text", &["{}"]).error(0);
    assert_eq!(error, json!({"errorType": "string", "errorMessage": "only text", "trace": []}));
    let run = stage.run("app.lost", &["{}"]);
    assert_eq!(run.error(0)["errorType"], "Runtime.UnhandledPromiseRejection");
    assert_eq!(run.error(0)["errorMessage"], "Error: lost");
    assert_eq!(run.status, Some(128));
}

#[test]
fn node_reports_what_does_not_load() {
    let Some(stage) = node() else { return };
    let stack = "\nRequire stack:\n- /var/runtime/index.mjs";
    for (handler, kind, message) in [
        ("nope.f", "Runtime.ImportModuleError", format!("Error: Cannot find module 'nope'{stack}")),
        ("app.nope", "Runtime.HandlerNotFound", "app.nope is undefined or not exported".to_owned()),
        ("app", "Runtime.MalformedHandlerName", "Bad handler".to_owned()),
    ] {
        let run = stage.run(handler, &[]);
        let error = run.error(0);
        assert_eq!((&error["errorType"], &error["errorMessage"]), (&json!(kind), &json!(message)));
        assert_eq!(run.status, Some(129));
        assert!(run.output.contains("\tundefined\tERROR\tUncaught Exception \t{"));
    }
    assert_eq!(stage.run("broken.f", &[]).error(0)["errorType"], "Runtime.UserCodeSyntaxError");
    assert_eq!(stage.run("needs.f", &[]).error(0)["errorType"], "Runtime.ImportModuleError");
}

#[test]
fn node_logs_one_line_an_entry() {
    let Some(stage) = node() else { return };
    let output = stage.run("app.logs", &["{}"]).output;
    let lines: Vec<&str> = output.split_terminator('\n').collect();
    assert_eq!(&lines[0][24..], "\tid-1\tINFO\ttwo\rlines 7");
    assert_eq!(&lines[1][24..], "\tid-1\tERROR\twrong");
}

#[test]
fn node_streams() {
    let Some(stage) = node() else { return };
    let run = stage.run("app.stream", &["{}", "{}"]);
    assert_eq!(run.bodies(), ["{\"statusCode\":201}\0\0\0\0\0\0\0\0a{\"b\":1}"; 2]);
    let head = &run.posts[0].head;
    assert!(head.contains("Content-Type: application/vnd.awslambda.http-integration-response"), "{head}");
    assert!(head.contains("Lambda-Runtime-Function-Response-Mode: streaming"), "{head}");
    let run = stage.run("app.broken", &["{}"]);
    assert_eq!(run.bodies(), ["a"]);
    assert!(
        run.posts[0].trailers.contains("Lambda-Runtime-Function-Error-Type: Error\r\n"),
        "{}",
        run.posts[0].trailers
    );
}

/// Also to its end: a rehearsal that fails is only slower, so nothing else would tell.
#[test]
fn node_rehearses_an_invocation_while_it_stands_by() {
    let Some(stage) = node() else { return };
    let hook = "
const net = require('net'), fs = require('fs'), create = net.createServer;
net.createServer = (serve) => create((socket) => {
  socket.on('data', (data) => fs.writeSync(1, String(data).split(' HTTP')[0] + '\\n'));
  serve(socket);
});
";
    let asked = "GET /2018-06-01/runtime/invocation/next\nPOST /2018-06-01/runtime/invocation/rehearsal/response\n";
    assert_eq!(stage.stand_by(hook), (asked.to_owned(), Some(0)));
}
