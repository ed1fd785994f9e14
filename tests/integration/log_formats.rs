//! What lies in a function's log: text or JSON, from which level on, in which group.

use aws_sdk_lambda::types::{ApplicationLogLevel, LogFormat, LoggingConfig, Runtime, SystemLogLevel};
use serde_json::{Value, json};

use crate::on_each_executor;
use crate::support::functions::{active, create_python, creation, python};
use crate::support::invoke::{call, invoke};
use crate::support::log_lines::{self, texts};
use crate::support::{Options, Server};

/// Logs at each level, and in plain words.
const LOGGER: &str = r#"
import logging, os
log = logging.getLogger()
def handler(event, context):
    log.debug("a detail")
    log.info("a note")
    log.warning("a warning %d", 7)
    log.error("an error")
    print("plain words")
    if event.get("fail"):
        raise ValueError("failed")
    return [os.environ.get(name) for name in ("AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL", "AWS_LAMBDA_LOG_GROUP_NAME")]
"#;

/// Creates the logger with JSON in a group of its own.
async fn create(server: &Server, group: &str, application: ApplicationLogLevel, system: SystemLogLevel) {
    let logging = LoggingConfig::builder()
        .log_format(LogFormat::Json)
        .application_log_level(application)
        .system_log_level(system)
        .log_group(group)
        .build();
    let client = server.client();
    creation(&client, "logger", Runtime::Python311, python(LOGGER))
        .logging_config(logging)
        .send()
        .await
        .expect("created");
    active(&client, "logger").await;
}

fn objects(lines: &[log_lines::LogLine]) -> Vec<Value> {
    lines.iter().filter_map(|line| serde_json::from_str(&line.text).ok()).collect()
}

on_each_executor! {
    async fn json_has_records_of_the_function_and_events_of_lambda(executor) {
        let server = Server::start(Options::new(executor));
        create(&server, "/own/all", ApplicationLogLevel::Debug, SystemLogLevel::Debug).await;
        let invoked = call(&server.client(), "logger").await;
        let request_id = invoked.request_id.clone();
        let tail = invoked.log.clone();
        assert_eq!(invoked.response(), json!(["JSON", "DEBUG", "/own/all"]));
        let lines = log_lines::with(&server, "/own/all", "platform.report").await;
        let objects = objects(&lines);
        let kinds: Vec<_> = objects.iter().filter_map(|object| object["type"].as_str()).collect();
        for kind in ["platform.initStart", "platform.initRuntimeDone", "platform.initReport", "platform.start", "platform.runtimeDone", "platform.report"] {
            assert!(kinds.contains(&kind), "{kind}: {lines:#?}");
        }
        let report = objects.iter().find(|object| object["type"] == "platform.report").expect("one");
        assert_eq!(report["record"]["requestId"], request_id.as_str());
        assert!(report["record"]["metrics"]["durationMs"].is_number(), "{report}");
        // The answer's log has what belongs to the invocation, in the same form.
        let told: Vec<Value> = tail.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let kinds: Vec<_> = told.iter().filter_map(|object| object["type"].as_str()).collect();
        assert_eq!(kinds, ["platform.start", "platform.runtimeDone", "platform.report"], "{tail}");
        assert!(told.iter().all(|object| object["type"].is_null() || object["record"]["requestId"] == request_id.as_str()));
        let plain: Vec<_> = tail.lines().filter(|line| !line.starts_with('{')).collect();
        assert_eq!(plain, ["plain words"], "{tail}");
        let warning = objects.iter().find(|object| object["level"] == "WARNING" || object["level"] == "WARN").expect("one");
        assert_eq!((&warning["message"], &warning["requestId"]), (&json!("a warning 7"), &json!(request_id)));
        assert!(objects.iter().any(|object| object["message"] == "a detail"), "{lines:#?}");
        assert!(texts(&lines).contains(&"plain words\n"), "{lines:#?}");
        assert!(!texts(&lines).iter().any(|line| line.starts_with("START ") || line.starts_with("REPORT ")), "{lines:#?}");
    }

    async fn what_is_below_a_level_is_left_out(executor) {
        let server = Server::start(Options::new(executor));
        create(&server, "/own/few", ApplicationLogLevel::Error, SystemLogLevel::Warn).await;
        let client = server.client();
        assert_eq!(call(&client, "logger").await.response(), json!(["JSON", "ERROR", "/own/few"]));
        let failed = invoke(&client, "logger", json!({ "fail": true })).await;
        assert_eq!(failed.failure(), ("ValueError".into(), "failed".into()));
        let told: Vec<Value> = failed.log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        assert!(told.iter().all(|object| object["level"] == "ERROR"), "the answer's log is no longer: {}", failed.log);
        let lines = log_lines::with(&server, "/own/few", "ValueError").await;
        let objects = objects(&lines);
        assert!(objects.iter().all(|object| object["level"] == "ERROR" || object["type"].is_string()), "{lines:#?}");
        assert_eq!(objects.iter().filter(|object| object["message"] == "an error").count(), 2, "{lines:#?}");
        let told = objects.iter().filter(|object| ["platform.start", "platform.initStart"].iter().any(|kind| object["type"] == *kind)).count();
        assert_eq!(told, 0, "{lines:#?}");
        assert!(texts(&lines).contains(&"plain words\n"), "what has no level is kept: {lines:#?}");
        assert!(log_lines::now(&server, "/aws/lambda/logger").is_empty(), "the default group is not used");
    }

    async fn an_init_phase_that_fails_is_a_line_each_time(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        create_python(&client, "stillborn", "raise ValueError('not today')\n").await;
        call(&client, "stillborn").await.failure();
        let lines = log_lines::with(&server, "/aws/lambda/stillborn", "REPORT RequestId").await;
        let reports: Vec<_> = texts(&lines).into_iter().filter(|line| line.starts_with("INIT_REPORT Init Duration: ")).collect();
        assert_eq!(reports.len(), 2, "{lines:#?}");
        for (report, phase) in reports.iter().zip(["init", "invoke"]) {
            assert!(report.ends_with(&format!(" ms\tPhase: {phase}\tStatus: error\tError Type: ValueError\n")), "{report}");
        }
        create_python(&client, "well", "def handler(event, context):\n    return 1\n").await;
        call(&client, "well").await.response();
        let lines = log_lines::with(&server, "/aws/lambda/well", "REPORT RequestId").await;
        assert!(!texts(&lines).iter().any(|line| line.starts_with("INIT_REPORT")), "{lines:#?}");
    }
}
