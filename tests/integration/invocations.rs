//! Functions that do what they should, on each executor.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::RequestId as _;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{AliasRoutingConfiguration, Environment, InvocationType, Runtime};
use serde_json::{Value, json};

use crate::on_each_executor;
use crate::support::functions::{ECHO, active, bash, create, create_python, creation, python, update, zip};
use crate::support::invoke::{call, invoke};
use crate::support::{Options, PATIENCE, Server, eventually};

/// Events that must come back as they are.
fn events() -> Vec<Value> {
    vec![
        json!({}),
        json!({ "key": "välue \u{1F980} \u{0}", "list": [1, 2.5, -3, null, true], "deep": { "er": {} } }),
        json!([]),
        json!("text"),
        json!(7),
        json!(null),
        json!(false),
    ]
}

/// Which environment answers: made once for each.
const WHO: &str = "
import uuid
me = str(uuid.uuid4())
def handler(event, context):
    return me
";

const NODE_ECHO: &str = "exports.handler = async (event, context) => ({ event, id: context.awsRequestId });";

on_each_executor! {
    async fn python_answers_with_the_event(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        create_python(&client, "echo", ECHO).await;
        for event in events() {
            let invoked = invoke(&client, "echo", event.clone()).await;
            assert_eq!((invoked.version.as_str(), invoked.clone().response()), ("$LATEST", event));
        }
        // Without a payload the event is an empty object.
        let output = client.invoke().function_name("echo").send().await.expect("invoked");
        assert_eq!(output.payload().map(Blob::as_ref), Some(&b"{}"[..]));
        assert_eq!(output.log_result(), None, "nobody asked for the log");
    }

    async fn node_answers_with_the_event(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let package = zip(&[("handler.js", NODE_ECHO.as_bytes())]);
        create(&client, "node", Runtime::Nodejs20x, package).await;
        for event in events() {
            let invoked = invoke(&client, "node", event.clone()).await;
            let id = invoked.request_id.clone();
            assert_eq!(invoked.response(), json!({ "event": event, "id": id }));
        }
        let module = "export const handler = async () => 'a module';";
        update(&client, "node", zip(&[("handler.mjs", module.as_bytes())])).await;
        assert_eq!(call(&client, "node").await.response(), json!("a module"));
        let failing = "exports.handler = async () => { throw new RangeError('too far'); };";
        update(&client, "node", zip(&[("handler.js", failing.as_bytes())])).await;
        let failed = call(&client, "node").await;
        assert_eq!(failed.failure(), ("RangeError".into(), "too far".into()));
        assert!(failed.payload["trace"].is_array(), "{failed:?}");
    }

    async fn a_custom_runtime_answers_with_the_event(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        create(&client, "custom", Runtime::Providedal2023, bash("cat \"$event\"")).await;
        for event in events() {
            assert_eq!(invoke(&client, "custom", event.clone()).await.response(), event);
        }
    }

    async fn the_context_says_how_the_function_was_called(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let code = "
def handler(event, context):
    return {
        'arn': context.invoked_function_arn, 'name': context.function_name, 'version': context.function_version,
        'id': context.aws_request_id, 'memory': int(context.memory_limit_in_mb),
        'group': context.log_group_name, 'left': context.get_remaining_time_in_millis(),
        'client': context.client_context.custom if context.client_context else None,
    }
";
        create_python(&client, "context", code).await;
        client.publish_version().function_name("context").send().await.expect("1");
        let alias = client.create_alias().function_name("context").name("live").function_version("1");
        alias.send().await.expect("an alias");
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:context";
        for (called, expected, version) in [
            ("context", arn.to_owned(), "$LATEST"),
            ("context:$LATEST", format!("{arn}:$LATEST"), "$LATEST"),
            ("context:1", format!("{arn}:1"), "1"),
            ("context:live", format!("{arn}:live"), "1"),
        ] {
            let invoked = call(&client, called).await;
            assert_eq!(invoked.version, version, "{called}");
            let id = invoked.request_id.clone();
            let context = invoked.response();
            assert_eq!(context["arn"], expected, "{called}");
            assert_eq!((context["version"].as_str(), context["id"].as_str()), (Some(version), Some(id.as_str())));
            assert_eq!((&context["name"], &context["memory"]), (&json!("context"), &json!(128)));
            assert_eq!(context["group"], "/aws/lambda/context");
            let left = context["left"].as_i64().expect("milliseconds");
            assert!((1..=30_000).contains(&left), "{left}");
        }
        let custom = "eyJjdXN0b20iOnsia2V5IjoidmFsdWUifX0="; // {"custom":{"key":"value"}}
        let request = client.invoke().function_name("context").client_context(custom);
        let output = request.send().await.expect("invoked");
        let context: Value = serde_json::from_slice(output.payload().expect("a payload").as_ref()).expect("JSON");
        assert_eq!(context["client"], json!({ "key": "value" }));
    }

    async fn variables_are_those_of_aws_and_the_functions_own(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client_of("111111111111", "eu-central-1");
        let code = "
import os
def handler(event, context):
    return {'all': dict(os.environ), 'folder': os.getcwd()}
";
        let own = Environment::builder().variables("GREETING", "hällo $HOME \"x\"").variables("TZ", "Europe/Berlin");
        let creation = creation(&client, "variables", Runtime::Python311, python(code)).memory_size(256);
        creation.environment(own.build()).send().await.expect("created");
        active(&client, "variables").await;
        let answer = call(&client, "variables").await.response();
        assert_eq!(answer["folder"], "/var/task");
        let all = answer["all"].as_object().expect("variables");
        for (name, value) in [
            ("AWS_DEFAULT_REGION", "eu-central-1"),
            ("AWS_EXECUTION_ENV", "AWS_Lambda_python3.11"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_NAME", "variables"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/variables"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
            ("GREETING", "hällo $HOME \"x\""),
            ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
            ("LAMBDA_TASK_ROOT", "/var/task"),
            ("LANG", "en_US.UTF-8"),
            ("TZ", "Europe/Berlin"),
            ("_HANDLER", "handler.handler"),
        ] {
            assert_eq!(all.get(name).and_then(Value::as_str), Some(value), "{name}");
        }
        for name in [
            "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API",
            "AWS_LAMBDA_LOG_STREAM_NAME", "PATH", "LD_LIBRARY_PATH",
        ] {
            assert!(all.get(name).and_then(Value::as_str).is_some_and(|value| !value.is_empty()), "{name}");
        }
        let stream = all["AWS_LAMBDA_LOG_STREAM_NAME"].as_str().expect("a name");
        let (date, rest) = stream.split_at(11);
        let shape: String = date.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape, "0000/00/00/", "{stream}");
        let hex = rest.strip_prefix("[$LATEST]").expect("the version");
        assert!(hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()), "{stream}");
        let foreign: Vec<_> = all.keys().filter(|name| name.starts_with("LARDER") || *name == "AWS_LAMBDA_FUNCTION_TIMEOUT").collect();
        assert!(foreign.is_empty(), "{foreign:?}");
    }

    async fn an_os_only_runtime_has_no_execution_environment(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let respond = "printf '{\"env\":\"%s\",\"task\":\"%s\",\"name\":\"%s\"}' \
                       \"${AWS_EXECUTION_ENV-absent}\" \"$LAMBDA_TASK_ROOT\" \"$AWS_LAMBDA_FUNCTION_NAME\"";
        create(&client, "bare", Runtime::Providedal2023, bash(respond)).await;
        let expected = json!({ "env": "absent", "task": "/var/task", "name": "bare" });
        assert_eq!(call(&client, "bare").await.response(), expected);
    }

    async fn the_log_has_start_output_end_and_report(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let code = "
import sys
print('while importing')
def handler(event, context):
    print('hello from out')
    print('hello from err', file=sys.stderr)
    return 1
";
        create_python(&client, "talks", code).await;
        for (attempt, cold) in [(1, true), (2, false)] {
            let invoked = call(&client, "talks").await;
            let (id, log) = (&invoked.request_id, &invoked.log);
            let lines: Vec<_> = log.lines().collect();
            assert_eq!(lines[0], format!("START RequestId: {id} Version: $LATEST"), "{log}");
            let position = |text: &str| lines.iter().position(|line| line.contains(text)).unwrap_or_else(|| panic!("{text}: {log}"));
            let end = position(&format!("END RequestId: {id}"));
            assert!(position("hello from out") < end && position("hello from err") < end, "{log}");
            assert!(!log.contains("while importing"), "the init phase's output is not the invocation's: {log}");
            let report: Vec<_> = lines[end + 1].split('\t').collect();
            assert_eq!(report[0], format!("REPORT RequestId: {id}"), "{log}");
            let number = |field: usize, name: &str, unit: &str| -> f64 {
                let text = report[field].strip_prefix(name).and_then(|rest| rest.strip_suffix(unit));
                text.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{name} of {log}"))
            };
            let duration = number(1, "Duration: ", " ms");
            assert!((number(2, "Billed Duration: ", " ms") - duration.ceil()).abs() < 0.5, "{log}");
            assert!((number(3, "Memory Size: ", " MB") - 128.0).abs() < f64::EPSILON, "{log}");
            let memory = number(4, "Max Memory Used: ", " MB");
            assert!((1.0..=128.0).contains(&memory), "{log}");
            assert_eq!(invoked.is_cold(), cold, "invocation {attempt}: {log}");
            if cold {
                assert!(number(5, "Init Duration: ", " ms") > 0.0, "{log}");
            }
        }
    }

    async fn weighted_aliases_route_about_right(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        create_python(&client, "weighted", "def handler(event, context):\n    return 'one'\n").await;
        client.publish_version().function_name("weighted").send().await.expect("1");
        update(&client, "weighted", python("def handler(event, context):\n    return 'two'\n")).await;
        client.publish_version().function_name("weighted").send().await.expect("2");
        let weights = AliasRoutingConfiguration::builder().additional_version_weights("2", 0.3).build();
        let alias = client.create_alias().function_name("weighted").name("live").function_version("1");
        alias.routing_config(weights).send().await.expect("an alias");
        let mut second = 0;
        for _ in 0..200 {
            let invoked = call(&client, "weighted:live").await;
            let expected = if invoked.version == "2" { "two" } else { "one" };
            second += u32::from(invoked.version == "2");
            assert_eq!(invoked.response(), json!(expected), "the version that is said is the one that ran");
        }
        // 60 on average, standard deviation 6.5: five of them to either side.
        assert!((28..=92).contains(&second), "{second} of 200 at weight 0.3");
    }

    async fn concurrent_invocations_scale_out(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let code = "
import time, uuid
me = str(uuid.uuid4())
def handler(event, context):
    time.sleep(1)
    return me
";
        create_python(&client, "sleeps", code).await;
        let together = |client: Client| async move {
            let calls = (0..8).map(|_| {
                let client = client.clone();
                tokio::spawn(async move { call(&client, "sleeps").await.response() })
            });
            let mut answers = BTreeSet::new();
            for call in calls.collect::<Vec<_>>() {
                answers.insert(call.await.expect("answers").as_str().expect("an id").to_owned());
            }
            answers
        };
        // The first time environments are made; the second time all eight are warm.
        let made = together(client.clone()).await;
        assert!(made.len() > 1, "one environment runs one invocation at a time");
        let start = Instant::now();
        let warm = together(client.clone()).await;
        let took = start.elapsed();
        assert!(took < Duration::from_secs(5), "8 times 1 s took {took:?}");
        assert!(warm.is_subset(&made), "warm environments are used first");
        assert_eq!(server.environments(), made.len() as u64);
    }

    async fn more_at_once_than_allowed_are_throttled(executor) {
        let server = Server::start(Options::new(executor).with("LAMBDA_LIMITS_CONCURRENT_EXECUTIONS", 1));
        let client = server.client();
        create_python(&client, "busy", "import time\ndef handler(event, context):\n    time.sleep(event['s'])\n").await;
        invoke(&client, "busy", json!({ "s": 0 })).await.response();
        let long = { let client = client.clone(); tokio::spawn(async move { invoke(&client, "busy", json!({ "s": 3 })).await }) };
        eventually("the long call runs", || async {
            (server.health()["counts"]["idle_environments"] == 0).then_some(())
        }).await;
        let error = client.invoke().function_name("busy").payload(Blob::new("{\"s\":0}")).send().await;
        let error = error.expect_err("is throttled").into_service_error();
        assert!(error.is_too_many_requests_exception(), "{error:?}");
        long.await.expect("ends").response();
        invoke(&client, "busy", json!({ "s": 0 })).await.response();
    }

    async fn warm_environments_are_used_again_and_end_when_idle(executor) {
        let options = Options::new(executor).with("LAMBDA_KEEPALIVE_MS", 1500);
        let server = Server::start(options.with("LARDER_STANDBY", 0));
        let client = server.client();
        create_python(&client, "idle", WHO).await;
        let first = call(&client, "idle").await;
        assert!(first.is_cold());
        let second = call(&client, "idle").await;
        assert!(!second.is_cold(), "{}", second.log);
        assert_eq!(first.payload, second.clone().response());
        assert_eq!(server.environments(), 1);
        eventually("the idle environment ends", || async { (server.environments() == 0).then_some(()) }).await;
        server.assert_nothing_left();
        let third = call(&client, "idle").await;
        assert!(third.is_cold());
        assert_ne!(third.response(), second.payload);
    }

    async fn no_keepalive_means_a_new_environment_each_time(executor) {
        let server = Server::start(Options::new(executor).with("LAMBDA_KEEPALIVE_MS", 0));
        let client = server.client();
        create_python(&client, "fresh", WHO).await;
        let first = call(&client, "fresh").await.response();
        assert_ne!(call(&client, "fresh").await.response(), first);
        eventually("no environment is kept", || async { (server.environments() == 0).then_some(()) }).await;
    }

    async fn an_update_reaches_warm_functions_at_once(executor) {
        let server = Server::start(Options::new(executor).with("LARDER_STANDBY", 0));
        let client = server.client();
        let answers = |text: &str| format!("import os\ndef handler(event, context):\n    return [{text:?}, os.environ.get('MODE')]\n");
        create_python(&client, "changing", &answers("old")).await;
        client.publish_version().function_name("changing").send().await.expect("1");
        assert_eq!(call(&client, "changing").await.response(), json!(["old", null]));
        assert_eq!(call(&client, "changing:1").await.response(), json!(["old", null]));
        let zip_file = Blob::new(python(&answers("new")));
        client.update_function_code().function_name("changing").zip_file(zip_file).send().await.expect("updated");
        assert_eq!(call(&client, "changing").await.response(), json!(["new", null]), "not even while InProgress");
        assert_eq!(call(&client, "changing:1").await.response(), json!(["old", null]), "a version stays as it is");
        active(&client, "changing").await;
        let mode = Environment::builder().variables("MODE", "fast").build();
        let change = client.update_function_configuration().function_name("changing").environment(mode);
        change.send().await.expect("updated");
        assert_eq!(call(&client, "changing").await.response(), json!(["new", "fast"]));
        eventually("outdated environments end", || async { (server.environments() <= 2).then_some(()) }).await;
        client.delete_function().function_name("changing").send().await.expect("deleted");
        eventually("a deleted function has none", || async { (server.environments() == 0).then_some(()) }).await;
        server.assert_nothing_left();
    }

    async fn a_function_is_served_while_it_is_pending(executor) {
        let server = Server::start(Options::new(executor).with("LARDER_STATE_DELAY_MS", 800));
        let client = server.client();
        creation(&client, "early", Runtime::Python311, python(ECHO)).send().await.expect("created");
        assert_eq!(invoke(&client, "early", json!("bird")).await.response(), json!("bird"));
    }

    async fn a_dry_run_checks_and_runs_nothing(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        create_python(&client, "dry", ECHO).await;
        let dry = client.invoke().invocation_type(InvocationType::DryRun);
        let output = dry.clone().function_name("dry").send().await.expect("would run");
        assert_eq!(output.status_code(), 204);
        assert_eq!(output.payload().map_or(0, |payload| payload.as_ref().len()), 0);
        assert!(output.request_id().is_some());
        assert_eq!(server.environments(), 0);
        let error = dry.function_name("nobody").send().await.expect_err("nobody").into_service_error();
        assert!(error.is_resource_not_found_exception());
        let error = client.invoke().function_name("nobody").send().await.expect_err("nobody").into_service_error();
        assert!(error.is_resource_not_found_exception());
    }

    async fn events_of_6_mb_are_delivered_whole(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let code = "
import hashlib
def handler(event, context):
    return [len(event), hashlib.sha256(event.encode()).hexdigest()]
";
        let creation = creation(&client, "large", Runtime::Python311, python(code)).memory_size(512);
        creation.send().await.expect("created");
        active(&client, "large").await;
        let text: String = ('a'..='z').cycle().take(6 * 1024 * 1024 - 2).collect();
        let payload = format!("\"{text}\"");
        assert_eq!(payload.len(), 6 * 1024 * 1024);
        let expected = {
            use sha2::Digest as _;
            format!("{:x}", sha2::Sha256::digest(&text))
        };
        let answer = invoke(&client, "large", json!(text)).await.response();
        assert_eq!(answer, json!([text.len(), expected]));
        let error = client.invoke().function_name("large").payload(Blob::new(format!("{payload} "))).send().await;
        let error = error.expect_err("a byte too many").into_service_error();
        assert!(error.is_request_too_large_exception(), "{error:?}");
    }

    async fn a_callers_end_does_not_end_the_function(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let code = "
import time
count = 0
def handler(event, context):
    global count
    count += 1
    time.sleep(event.get('s', 0))
    return count
";
        create_python(&client, "left", code).await;
        assert_eq!(call(&client, "left").await.response(), json!(1));
        let payload = Blob::new("{\"s\":2}");
        let request = client.invoke().function_name("left").payload(payload).send();
        assert!(tokio::time::timeout(Duration::from_millis(700), request).await.is_err(), "it takes 2 s");
        let start = Instant::now();
        eventually("the environment is free again", || async {
            (server.health()["counts"]["idle_environments"] == 1).then_some(())
        }).await;
        assert!(start.elapsed() < PATIENCE);
        assert_eq!(call(&client, "left").await.response(), json!(3), "the same environment, all calls in it");
    }
}
