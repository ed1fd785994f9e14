//! What functions answer: those with `ReportBatchItemFailures` of their batches, those with tumbling windows of their state.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>; `{}` and
//! `{"batchItemFailures": [{"foo": "notvalid"}]}` are recorded (`test_report_batch_item_failures_*`). Of windows:
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html>.

use std::collections::HashSet;

use serde_json::Value;

use super::source::{Handle, Verdict};
use crate::model::event_sources::SourceKind;

/// The verdict of an answer. One that names what was not in the batch, or names nothing where it should, fails all of it.
pub fn reported(answer: &[u8], kind: SourceKind, records: &[Handle]) -> Verdict {
    if answer.is_empty() {
        return Verdict::Done;
    }
    let Ok(answer) = serde_json::from_slice::<Value>(answer) else { return Verdict::Failed };
    let failures = match &answer {
        Value::Null => return Verdict::Done,
        Value::String(text) if text.is_empty() => return Verdict::Done,
        Value::Array(items) if items.is_empty() => return Verdict::Done,
        Value::Object(members) => members.get("batchItemFailures").unwrap_or(&Value::Null),
        _ => return Verdict::Failed,
    };
    let failures = match failures {
        Value::Null => return Verdict::Done,
        Value::Array(failures) if failures.is_empty() => return Verdict::Done,
        Value::Array(failures) => failures,
        _ => return Verdict::Failed,
    };

    let known: HashSet<&str> = records.iter().map(|record| record.id.as_str()).collect();
    let named = |failure: &Value| {
        let named = &failure["itemIdentifier"];
        let id = if kind.is_kafka() { offset(named, records)? } else { named.as_str()?.to_owned() };
        known.contains(id.as_str()).then_some(id)
    };
    failures.iter().map(named).collect::<Option<_>>().map_or(Verdict::Failed, Verdict::Partly)
}

/// The state of an answer, as JSON; `None` where it has none that is an object.
pub fn state(answer: &[u8]) -> Option<String> {
    let answer = serde_json::from_slice::<Value>(answer).ok()?;
    answer.get("state").filter(|state| state.is_object()).map(Value::to_string)
}

/// The offset of a record of Kafka, which is named by its partition, too.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html>.
fn offset(named: &Value, records: &[Handle]) -> Option<String> {
    let partition = named["partition"].as_str()?;
    let is_of_batch = records.first().is_some_and(|record| record.receipt == partition);
    is_of_batch.then(|| named["offset"].as_i64()).flatten().map(|offset| offset.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_an_object() {
        assert_eq!(state(br#"{"state":{"a": 1},"batchItemFailures":[]}"#).as_deref(), Some(r#"{"a":1}"#));
        for answer in ["", "null", "[]", "{}", r#"{"state":null}"#, r#"{"state":"a"}"#, "no JSON"] {
            assert_eq!(state(answer.as_bytes()), None, "{answer}");
        }
    }

    fn verdict(answer: &str) -> Verdict {
        let record = |id: &str| Handle { id: id.to_owned(), receipt: String::new() };
        reported(answer.as_bytes(), SourceKind::Sqs, &["a", "b", "c"].map(record))
    }

    #[test]
    fn records_of_kafka_are_named_by_partition_and_offset() {
        let record = |id: &str| Handle { id: id.to_owned(), receipt: "t-0".to_owned() };
        let verdict = |named: &str| {
            let answer = format!(r#"{{"batchItemFailures":[{{"itemIdentifier":{named}}}]}}"#);
            reported(answer.as_bytes(), SourceKind::SelfManagedKafka, &["7", "8"].map(record))
        };
        assert_eq!(verdict(r#"{"partition":"t-0","offset":8}"#), Verdict::Partly(["8".to_owned()].into()));
        for other in [
            r#"{"partition":"t-1","offset":8}"#,
            r#"{"partition":"t-0","offset":9}"#,
            r#"{"offset":8}"#,
            r#"{"partition":"t-0","offset":"8"}"#,
            r#""8""#,
        ] {
            assert_eq!(verdict(other), Verdict::Failed, "{other}");
        }
    }

    #[test]
    fn answers_without_failures_are_a_success() {
        for answer in [
            "",
            "null",
            "\"\"",
            "[]",
            "{}",
            r#"{"batchItemFailures":[]}"#,
            r#"{"batchItemFailures":null}"#,
            r#"{"a":1}"#,
        ] {
            assert_eq!(verdict(answer), Verdict::Done, "{answer}");
        }
    }

    #[test]
    fn answers_that_nobody_understands_fail_the_batch() {
        for answer in [
            "no JSON",
            "\"done\"",
            "5",
            r#"{"batchItemFailures":"a"}"#,
            r#"{"batchItemFailures":[{"foo":"notvalid"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"unknown"}]}"#,
            r#"{"batchItemFailures":["a"]}"#,
        ] {
            assert_eq!(verdict(answer), Verdict::Failed, "{answer}");
        }
    }

    #[test]
    fn what_is_named_is_not_done() {
        let found = verdict(r#"{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"b"}],"more":1}"#);
        assert_eq!(found, Verdict::Partly(["b".to_owned()].into()));
        assert!(found.is_done("a") && !found.is_done("b"));
    }
}
