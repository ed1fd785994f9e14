//! Who is told when an event has been run, or was given up: its destination, its dead-letter queue; and what they get.
//!
//! Records and conditions are those recorded on AWS (`test_lambda_destinations`, `test_dead_letter_queue`).

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::Invoked;
use crate::model::arn;
use crate::model::error::ApiError;
use crate::model::functions::Function;
use crate::model::qualifier::{Qualifier, Version};
use crate::model::time::Timestamp;
use crate::runs::WaitingEvent;
use crate::runs::deliveries::{Delivery, DeliveryKind};
use crate::runs::retry::GivenUp;

/// Bytes of an error's text that a dead-letter queue gets.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
const ERROR_MESSAGE: usize = 1024;

/// Bytes of a record that a topic or a bus takes. One that is larger goes without its payloads.
const SMALL_TARGET: usize = 256 * 1024;

/// The end of an event.
#[derive(Debug)]
pub struct Ended<'a> {
    /// The event.
    pub event: &'a WaitingEvent,
    /// Its payload.
    pub payload: &'a Bytes,
    /// Why it was given up; `None` where it was run well.
    pub given_up: Option<GivenUp>,
    /// How often its function ran.
    pub runs: u32,
    /// How it ran the last time, if that was the last attempt.
    pub invoked: Option<&'a Invoked>,
    /// Why it was not run, if that was the last attempt.
    pub refused: Option<&'a ApiError>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    version: &'static str,
    timestamp: String,
    request_context: RequestContext<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_payload: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_context: Option<ResponseContext>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_payload: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    request_id: &'a str,
    function_arn: &'a str,
    condition: &'static str,
    approximate_invoke_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext {
    status_code: u16,
    executed_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_error: Option<&'static str>,
}

/// What is to be delivered at the end of an event of a function that is there, as it is configured now.
pub fn deliveries(function: &Function, ended: &Ended<'_>, now: Timestamp) -> Vec<(Delivery, Bytes)> {
    let qualifier = ended.event.qualifier.clone().unwrap_or(Qualifier::Version(Version::Latest));
    let function_arn = arn::qualified(&ended.event.function, &qualifier);
    let destinations = function.event_invoke.get(&qualifier).map(|config| &config.destinations);
    let to = |target: &str, kind, bytes| {
        let delivery = Delivery {
            function: ended.event.function.clone(),
            target: target.to_owned(),
            kind,
            request_id: ended.event.request_id.clone(),
            trace_id: ended.invoked.map(|run| run.trace.clone()).or_else(|| ended.event.trace_id.clone()),
            function_arn: function_arn.clone(),
            folder: None,
            begun: now,
        };
        (delivery, bytes)
    };

    let mut found = Vec::new();
    if ended.given_up.is_none() {
        if let Some(target) = destinations.and_then(|to| to.on_success.as_deref()) {
            found.push(to(target, DeliveryKind::OnSuccess, record(ended, &function_arn, target, now)));
        }
        return found;
    }

    let version = function.resolve(Some(&qualifier)).unwrap_or(&function.latest);
    if let Some(target) = version.config.dead_letter_target.as_deref() {
        found.push(to(target, dead_letter(ended), ended.payload.clone()));
    }
    if let Some(target) = destinations.and_then(|to| to.on_failure.as_deref()) {
        found.push(to(target, DeliveryKind::OnFailure, record(ended, &function_arn, target, now)));
    }
    found
}

/// The record of an invocation.
fn record(ended: &Ended<'_>, function_arn: &str, target: &str, now: Timestamp) -> Bytes {
    let request = raw(ended.payload, "{}");
    let response = ended.invoked.map(|run| raw(&run.payload, "null"));
    let mut record = Record {
        version: "1.0",
        timestamp: now.iso(),
        request_context: RequestContext {
            request_id: &ended.event.request_id,
            function_arn,
            condition: ended.given_up.map_or("Success", Into::into),
            approximate_invoke_count: ended.runs,
        },
        request_payload: Some(&request),
        response_context: ended.invoked.map(|run| ResponseContext {
            status_code: 200,
            executed_version: run.executed_version.to_string(),
            function_error: run.function_error.then_some("Unhandled"),
        }),
        response_payload: response.as_deref(),
    };

    let bytes = serde_json::to_vec(&record).unwrap_or_default();
    let is_small = [":sns:", ":events:"].iter().any(|service| target.contains(service));
    if !is_small || bytes.len() <= SMALL_TARGET {
        return bytes.into();
    }
    (record.request_payload, record.response_payload) = (None, None);
    serde_json::to_vec(&record).unwrap_or_default().into()
}

/// A payload as the JSON that it is; what is none as a text, and nothing as `empty`.
fn raw(payload: &Bytes, empty: &str) -> Box<RawValue> {
    let text = String::from_utf8_lossy(payload);
    let text = if text.is_empty() { empty } else { &text };
    let read = RawValue::from_string(text.to_owned());
    read.or_else(|_| to_raw_value(text)).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// What a dead-letter queue is told beside the event: the status of the last attempt, and what went wrong.
fn dead_letter(ended: &Ended<'_>) -> DeliveryKind {
    let code = ended.refused.map_or(200, |error| error.code.status());
    let message = match (ended.invoked, ended.refused) {
        (Some(run), _) => serde_json::from_slice::<serde_json::Value>(&run.payload)
            .ok()
            .and_then(|error| error.get("errorMessage")?.as_str().map(str::to_owned))
            .unwrap_or_default(),
        (None, Some(error)) => error.to_string(),
        (None, None) => ended.given_up.map(<&str>::from).unwrap_or_default().to_owned(),
    };
    let fits = |at: usize, letter: char| at + letter.len_utf8() <= ERROR_MESSAGE;
    let letters = message.char_indices().take_while(|(at, letter)| fits(*at, *letter));
    DeliveryKind::DeadLetter {
        error_code: code.to_string(),
        error_message: letters.map(|(_, letter)| letter).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::{FunctionKey, Scope};

    fn invoked(payload: &str, function_error: bool) -> Invoked {
        Invoked {
            payload: Bytes::from(payload.to_owned()),
            function_error,
            executed_version: Version::Latest,
            log_tail: Vec::new(),
            trace: String::new(),
        }
    }

    fn event() -> WaitingEvent {
        let scope = Scope { account: "111111111111".into(), region: "us-east-1".into() };
        let key = FunctionKey { scope, name: "fn".into() };
        WaitingEvent { request_id: "id".into(), ..WaitingEvent::of(key) }
    }

    const ARN: &str = "arn:aws:lambda:us-east-1:111111111111:function:fn:$LATEST";

    fn text(ended: &Ended<'_>, target: &str) -> String {
        let bytes = record(ended, ARN, target, Timestamp(1_764_038_324_007));
        String::from_utf8(bytes.to_vec()).expect("is text")
    }

    /// Members and their order as recorded (`test_lambda_destinations`).
    #[test]
    fn records_are_as_recorded() {
        let event = event();
        let payload = Bytes::from_static(br#"{"raise_error": 1}"#);
        let run = invoked(r#"{"errorMessage":"so","errorType":"Exception"}"#, true);
        let given_up = Some(GivenUp::RetriesExhausted);
        let ended = Ended { event: &event, payload: &payload, given_up, runs: 3, invoked: Some(&run), refused: None };
        assert_eq!(
            text(&ended, "arn:aws:sqs:us-east-1:111111111111:q"),
            r#"{"version":"1.0","timestamp":"2025-11-25T02:38:44.007Z","requestContext":{"requestId":"id","functionArn":"arn:aws:lambda:us-east-1:111111111111:function:fn:$LATEST","condition":"RetriesExhausted","approximateInvokeCount":3},"requestPayload":{"raise_error": 1},"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},"responsePayload":{"errorMessage":"so","errorType":"Exception"}}"#
        );

        let never = Ended { given_up: Some(GivenUp::ZeroReservedConcurrency), runs: 0, invoked: None, ..ended };
        let text = text(&never, "arn:aws:sqs:us-east-1:111111111111:q");
        assert!(text.ends_with(r#""approximateInvokeCount":0},"requestPayload":{"raise_error": 1}}"#), "{text}");
    }

    #[test]
    fn what_is_no_json_is_a_text_and_nothing_is_null() {
        let event = event();
        let payload = Bytes::new();
        for (response, seen) in [("", "null"), ("so: \"1\"", r#""so: \"1\"""#)] {
            let run = invoked(response, false);
            let ended =
                Ended { event: &event, payload: &payload, given_up: None, runs: 1, invoked: Some(&run), refused: None };
            let text = text(&ended, "arn:aws:sqs:us-east-1:111111111111:q");
            assert!(
                text.contains(
                    r#""requestPayload":{},"responseContext":{"statusCode":200,"executedVersion":"$LATEST"}"#
                )
            );
            assert!(text.ends_with(&format!(r#""responsePayload":{seen}}}"#)), "{text}");
        }
    }

    #[test]
    fn a_topic_gets_no_payloads_that_it_does_not_take() {
        let event = event();
        let payload = Bytes::from(format!("\"{}\"", "x".repeat(SMALL_TARGET)));
        let run = invoked("1", false);
        let ended =
            Ended { event: &event, payload: &payload, given_up: None, runs: 1, invoked: Some(&run), refused: None };
        assert!(text(&ended, "arn:aws:sqs:us-east-1:111111111111:q").len() > SMALL_TARGET);
        let small = text(&ended, "arn:aws:sns:us-east-1:111111111111:t");
        assert!(!small.contains("Payload") && small.contains("responseContext"), "{small}");
    }

    #[test]
    fn a_dead_letter_says_what_went_wrong() {
        let event = event();
        let payload = Bytes::new();
        let run = invoked(&format!(r#"{{"errorMessage":"{}"}}"#, "ü".repeat(600)), true);
        let given_up = Some(GivenUp::RetriesExhausted);
        let ended = Ended { event: &event, payload: &payload, given_up, runs: 3, invoked: Some(&run), refused: None };
        let DeliveryKind::DeadLetter { error_code, error_message } = dead_letter(&ended) else { panic!("is none") };
        assert_eq!((error_code.as_str(), error_message), ("200", "ü".repeat(512)));
    }
}
