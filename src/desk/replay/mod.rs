//! Recorded invocations run again: in this state, with their calls answered from the record, or asked for real.

pub mod comparison;
pub mod shrinking;
pub mod then;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::invocations::{self, InvocationsError};
use crate::invoke::record::{Answers, Payload, Record, Trigger};
use crate::invoke::{InvokeRequest, Invoker, Operation};
use crate::ledger::Ledger;
use crate::model::arn::Arn;
use crate::model::error::ApiError;
use crate::model::names::FunctionKey;
use crate::model::qualifier::Qualifier;
use crate::model::reference::FunctionReference;

/// How long the log of an invocation that ended is waited for, and how often it is looked for: it may say nothing.
const LOG_WAIT: Duration = Duration::from_millis(1500);
const LOG_PAUSE: Duration = Duration::from_millis(50);

/// What is to be run again, and how.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReplayRequest {
    /// Request id of an invocation that this server remembers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Or what another remembers of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<Box<Record>>,
    /// Another event for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Payload>,
    /// Another function, as `NAME`, `NAME:QUALIFIER` or an ARN; or `:QUALIFIER` of the same. Without it, it is what the
    /// caller named then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// What its calls are answered with.
    pub calls: Calls,
    /// Whether it gets an environment of its own.
    pub fresh: bool,
    /// Whether all of its log is wanted, which is there a moment after its end; else the end of it will do.
    pub log: bool,
}

/// What the calls of an invocation that is run again are answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Calls {
    /// The record: each call that was made then, with the same parameters.
    #[default]
    Recorded,
    /// The record; a call with other parameters as the next of its operation.
    Similar,
    /// They are asked for real.
    Live,
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Replayed {
    /// What is remembered of the invocation that was run again.
    pub recorded: Record,
    /// What is remembered of the new one.
    pub replayed: Record,
    /// Recorded calls that it did not make.
    pub calls_left: usize,
}

/// Why nothing was run again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The request is none.
    #[error("{0}")]
    Invalid(String),
    /// What is remembered cannot be had.
    #[error(transparent)]
    Invocations(#[from] InvocationsError),
    /// The function cannot be run.
    #[error("the function cannot be run: {0}")]
    Refused(ApiError),
    /// A server with the state of then does not run it.
    #[error("it cannot be run as it was then: {0}")]
    Then(String),
}

/// Runs a recorded invocation again, and waits for its end.
///
/// # Errors
/// Nothing is remembered of it, its event is gone, or the function cannot be run.
pub async fn replay(
    invoker: &Arc<Invoker>,
    ledger: &Arc<Ledger>,
    request: ReplayRequest,
) -> Result<Replayed, ReplayError> {
    if !invoker.recorder().is_on() {
        return Err(ReplayError::Invalid(
            "this server remembers no invocations (--record off), and so cannot tell how one went".into(),
        ));
    }
    let mut recorded = recorded(invoker, ledger, &request).await?;
    if let Some(event) = request.event {
        recorded.event = event;
    }

    let lenient = request.calls == Calls::Similar;
    let answers = (request.calls != Calls::Live).then(|| Arc::new(Answers::new(recorded.calls.clone(), lenient)));
    let invocation = invocation(&recorded, request.function.as_deref(), answers.clone())?;
    let request_id = invocation.request_id.clone();
    if request.fresh {
        invoker.end_idle(&invocation.reference.key);
    }
    let run = invoker.invoke(invocation).await;
    let mut found = found(invoker, ledger, request_id.clone()).await;
    let asked = Instant::now();
    while request.log && found.as_ref().is_ok_and(|found| !has_report(found)) && asked.elapsed() < LOG_WAIT {
        tokio::time::sleep(LOG_PAUSE).await;
        found = self::found(invoker, ledger, request_id.clone()).await;
    }
    // What could not be run at all has no record.
    if let (Err(error), Err(_)) = (run, &found) {
        return Err(ReplayError::Refused(error));
    }

    let replayed = found.as_mut().ok().and_then(Vec::pop);
    let replayed = replayed.ok_or_else(|| ReplayError::Invalid("how it went was not recorded".into()))?;
    let calls_left = answers.map_or(0, |answers| answers.left());
    Ok(Replayed { recorded, replayed, calls_left })
}

/// Whether the last line of the last attempt's log is there.
fn has_report(found: &[Record]) -> bool {
    found.last().is_some_and(|record| {
        let report = format!("REPORT RequestId: {}", record.request_id);
        record.log.contains(&report) || record.log.contains("\"type\":\"platform.report\"")
    })
}

async fn recorded(
    invoker: &Arc<Invoker>,
    ledger: &Arc<Ledger>,
    request: &ReplayRequest,
) -> Result<Record, ReplayError> {
    match (&request.record, &request.request_id) {
        (Some(record), None) => Ok((**record).clone()),
        (None, Some(id)) => {
            let last = found(invoker, ledger, id.clone()).await?.pop();
            last.ok_or_else(|| InvocationsError::Unknown(id.clone()).into())
        }
        _ => Err(ReplayError::Invalid("say either `request_id` or `record`".into())),
    }
}

async fn found(invoker: &Arc<Invoker>, ledger: &Arc<Ledger>, id: String) -> Result<Vec<Record>, ReplayError> {
    let (ledger, recorder) = (Arc::clone(ledger), invoker.recorder().clone());
    let finding = tokio::task::spawn_blocking(move || invocations::find(&ledger, Some(&recorder), &id));
    Ok(finding.await.map_err(|error| ReplayError::Invalid(error.to_string()))??)
}

/// The invocation that a record describes, anew.
fn invocation(
    record: &Record,
    function: Option<&str>,
    answers: Option<Arc<Answers>>,
) -> Result<InvokeRequest, ReplayError> {
    let event = record.event.bytes();
    let event = event.ok_or_else(|| ReplayError::Invalid("its event is not kept any more".into()))?;
    Ok(InvokeRequest {
        operation: Operation::Synchronous,
        trigger: Trigger::Replay,
        answers,
        request_id: uuid::Uuid::new_v4().to_string(),
        reference: reference(record, function)?,
        trace_id: None,
        client_context: record.client_context.clone(),
        tenant_id: record.tenant.clone(),
        wants_log: true,
        durable_execution_name: None,
        payload: event.into(),
    })
}

/// What is run: what the caller named then, or what is said now.
fn reference(record: &Record, function: Option<&str>) -> Result<FunctionReference, ReplayError> {
    let invalid = |text: &str| ReplayError::Invalid(format!("`{text}` names no function"));
    let arn = Arn::parse(&record.function).ok_or_else(|| invalid(&record.function))?;
    let same = arn.function_key().ok_or_else(|| invalid(&record.function))?;
    let Some(text) = function else {
        let qualifier = record.qualifier.as_deref().map(Qualifier::parse);
        return Ok(FunctionReference { key: same, qualifier });
    };

    let scope =
        if text.starts_with("arn:") { Arn::parse(text).ok_or_else(|| invalid(text))?.scope() } else { arn.scope() };
    let text = text.split_once(":function:").map_or(text, |(_, name)| name);
    let (name, qualifier) = text.split_once(':').map_or((text, None), |(name, qualifier)| (name, Some(qualifier)));
    let key = if name.is_empty() { same } else { FunctionKey { scope, name: name.into() } };
    Ok(FunctionReference { key, qualifier: qualifier.map(Qualifier::parse) })
}
