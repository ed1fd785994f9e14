//! Whether an invocation that was run again went as it went then, and what was different.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use crate::invoke::record::{End, Payload, Record};

/// What stands in the place of a request id.
const ID: &str = "REQUEST-ID";

/// What lines of Lambda's own begin with: the function did not write them.
const PLATFORM: [&str; 4] = ["START RequestId:", "END RequestId:", "REPORT RequestId:", "{\"time\":"];

/// What a line of Lambda's own has in it, where they are JSON.
const PLATFORM_TYPE: &str = "\"type\":\"platform.";

/// How two invocations compare.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Whether the second ended as the first did: with the same response, or the same type and text of error.
    pub same: bool,
    /// How both ended.
    pub end: (End, End),
    /// What their callers got, where that is not the same.
    pub answer: Vec<String>,
    /// What they logged, where that is not the same.
    pub log: Vec<String>,
    /// Milliseconds that they took.
    pub duration_ms: (f64, f64),
}

impl Comparison {
    /// Of an invocation, and the same run again.
    pub fn of(then: &Record, now: &Record) -> Self {
        let answers = (answer(then), answer(now));
        let same = then.end == now.end && failure(&answers.0, then.end) == failure(&answers.1, now.end);
        Self {
            same,
            end: (then.end, now.end),
            answer: if same { Vec::new() } else { changes(&pretty(&answers.0), &pretty(&answers.1)) },
            log: changes(&log(then), &log(now)),
            duration_ms: (then.duration_ms, now.duration_ms),
        }
    }
}

/// What of an answer says how an invocation went: all of a response, type and text of an error.
fn failure(answer: &Value, end: End) -> Value {
    match (end, answer) {
        (End::Response, _) => answer.clone(),
        (_, Value::Object(error)) if error.contains_key("errorMessage") => {
            Value::from_iter([error.get("errorType").cloned().unwrap_or_default(), error["errorMessage"].clone()])
        }
        _ => answer.clone(),
    }
}

fn answer(record: &Record) -> Value {
    let bytes = record.answer.as_ref().and_then(Payload::bytes).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).replace(&record.request_id, ID);
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

fn pretty(json: &Value) -> String {
    serde_json::to_string_pretty(json).unwrap_or_default()
}

/// What the function itself logged, without what is never the same: request ids, and times between tabs.
fn log(record: &Record) -> String {
    let text = record.log.replace(&record.request_id, ID);
    let lines = text.lines().filter(|line| !is_platforms(line)).map(|line| {
        let timed = line.split('\t').map(|part| if is_time(part) { "TIME" } else { part });
        timed.collect::<Vec<_>>().join("\t") + "\n"
    });
    lines.collect()
}

fn is_platforms(line: &str) -> bool {
    let [start, end, report, json] = PLATFORM;
    [start, end, report].iter().any(|head| line.starts_with(head))
        || line.starts_with(json) && line.contains(PLATFORM_TYPE)
}

/// Whether a text is a time, as Lambda's loggers write it.
fn is_time(text: &str) -> bool {
    let text = text.trim().trim_end_matches('Z').as_bytes();
    let shape = b"0000-00-00T00:00:00";
    text.len() >= shape.len()
        && text.iter().zip(shape).all(|(byte, shape)| byte == shape || (*shape == b'0' && byte.is_ascii_digit()))
}

/// Lines that are only in one of two texts, each with a `-` or `+` before it.
fn changes(then: &str, now: &str) -> Vec<String> {
    let diff = TextDiff::from_lines(then, now);
    let changed = diff.iter_all_changes().filter_map(|change| {
        let sign = match change.tag() {
            ChangeTag::Equal => return None,
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
        };
        Some(format!("{sign} {}", change.value().trim_end_matches('\n')))
    });
    changed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invoke::record::sample;

    fn ended(id: &str, end: End, answer: &str, log: &str) -> Record {
        let answer = Some(Payload::of(answer.as_bytes()));
        Record { request_id: id.into(), end, answer, log: log.into(), ..sample() }
    }

    #[test]
    fn ids_times_and_traces_make_no_difference() {
        let error = |line| format!(r#"{{"errorType":"E","errorMessage":"of {line}","stackTrace":["line {line}"]}}"#);
        let log = |id: &str, second: u32| {
            format!(
                "START RequestId: {id}\n[INFO]\t2026-01-01T00:00:0{second}.1Z\t{id}\thello\nREPORT RequestId: {id} {second}\n"
            )
        };
        let then = ended("1-1", End::Error, &error("1-1"), &log("1-1", 1));
        let now = ended("2-2", End::Error, &error("2-2"), &log("2-2", 2));
        let compared = Comparison::of(&then, &now);
        assert!(compared.same && compared.log.is_empty(), "{compared:?}");

        let other = ended("2-2", End::Error, r#"{"errorType":"E","errorMessage":"other"}"#, "");
        assert!(!Comparison::of(&then, &other).same);
    }

    #[test]
    fn differences_are_told_line_by_line() {
        let then = ended("1", End::Error, r#"{"errorMessage":"bad"}"#, "a\nb\n");
        let now = ended("2", End::Response, r#"{"ok":true}"#, "a\nc\n");
        let compared = Comparison::of(&then, &now);
        assert!(!compared.same);
        assert_eq!(compared.answer, ["-   \"errorMessage\": \"bad\"", "+   \"ok\": true"]);
        assert_eq!(compared.log, ["- b", "+ c"]);
    }
}
