//! What lies in log groups.

use serde_json::{Value, json};

use super::http::Request;
use super::{Server, eventually};

/// An event of a log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Its stream.
    pub stream: String,
    /// Its text.
    pub text: String,
}

/// All lines of a group now, in their order; none where there is no such group.
pub fn now(server: &Server, group: &str) -> Vec<LogLine> {
    let request = Request::new("POST", "/").body(json!({ "logGroupName": group }).to_string().into_bytes());
    let request = request.header("x-amz-target", "Logs_20140328.FilterLogEvents");
    let answer = request.signed_for("logs", "test", "us-east-1").send(server.port()).json();
    let text = |event: &Value, name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let events = answer["events"].as_array().map(Vec::as_slice).unwrap_or_default();
    events.iter().map(|event| LogLine { stream: text(event, "logStreamName"), text: text(event, "message") }).collect()
}

/// The lines of a group, once one of them has this text in it.
///
/// # Panics
/// None comes to have it.
pub async fn with(server: &Server, group: &str, wanted: &str) -> Vec<LogLine> {
    eventually(&format!("{wanted:?} is in the log {group}"), || async {
        let lines = now(server, group);
        lines.iter().any(|line| line.text.contains(wanted)).then_some(lines)
    })
    .await
}

/// The texts of lines.
pub fn texts(lines: &[LogLine]) -> Vec<&str> {
    lines.iter().map(|line| line.text.as_str()).collect()
}
