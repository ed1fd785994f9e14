//! One batch on its way to the function: run, tried again while the function is throttled, and settled.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::answer::{reported, state};
use super::current::Current;
use super::pace::Backoff;
use super::source::{Batch, Call, Outcome, Source, Verdict};
use crate::invoke::{InvokeRequest, Invoked, Invoker, Operation, Trigger};
use crate::model::error::{ApiError, ErrorCode};
use crate::model::event_sources::EventSourceMapping;
use crate::model::reference::FunctionReference;

/// What a function says with which it names what failed of a batch.
const REPORTS: &str = "ReportBatchItemFailures";

/// Pauses before a function that was throttled is asked again.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Attempts to settle a batch: a source that is away for a moment gets its answer after it.
const SETTLING: u32 = 4;

/// What delivers batches.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Whose.
    pub current: Current,
    /// Where they come from.
    pub source: Arc<dyn Source>,
    /// Runs the function.
    pub invoker: Arc<Invoker>,
    /// The server ends.
    pub stop: CancellationToken,
}

impl Delivery {
    /// Delivers a batch; whether the function did something of it.
    pub async fn deliver(&self, batch: &Batch) -> bool {
        let outcome = self.outcome(batch).await;
        self.settle(batch, &outcome).await;
        outcome.verdict != Verdict::Failed
    }

    /// Tells the source what became of a batch.
    pub async fn settle(&self, batch: &Batch, outcome: &Outcome) {
        let mapping = self.current.key.id;
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        for attempt in 1..=SETTLING {
            let Err(problem) = self.source.settle(batch, outcome).await else { return };
            if attempt == SETTLING || self.stop.is_cancelled() {
                tracing::warn!(%mapping, %problem, "what became of a batch could not be told its source");
                return;
            }
            tokio::time::sleep(backoff.pause()).await;
        }
    }

    /// Has the function do a batch. While it is throttled it is asked again, as long as nobody else gets the records.
    async fn outcome(&self, batch: &Batch) -> Outcome {
        let request_id = Uuid::new_v4().to_string();
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            let Some(mapping) = self.current.mapping() else { return Outcome::UNTRIED };
            let error = match self.invoker.invoke(request(&mapping, batch, &request_id)).await {
                Ok(invoked) => return judged(&mapping, &invoked, batch, request_id),
                Err(error) => error,
            };
            if self.stop.is_cancelled() {
                return Outcome::UNTRIED;
            }
            let pause = backoff.pause();
            let function = mapping.target.arn();
            if !may_pass(&error) || Instant::now() + pause >= batch.deadline {
                tracing::warn!(request_id, function, %error, "a batch of an event source could not be delivered");
                return Outcome { verdict: Verdict::Failed, call: None };
            }
            tracing::debug!(request_id, function, %error, "a batch of an event source is held back");
            if self.stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return Outcome::UNTRIED;
            }
        }
    }
}

fn request(mapping: &EventSourceMapping, batch: &Batch, request_id: &str) -> InvokeRequest {
    let target = &mapping.target;
    InvokeRequest {
        operation: Operation::Synchronous,
        trigger: Trigger::Mapping { uuid: mapping.key.id.to_string() },
        answers: None,
        request_id: request_id.to_owned(),
        reference: FunctionReference { key: target.function.clone(), qualifier: target.qualifier.clone() },
        trace_id: batch.trace_id.clone(),
        client_context: None,
        tenant_id: None,
        wants_log: false,
        durable_execution_name: None,
        payload: batch.payload.clone(),
    }
}

fn judged(mapping: &EventSourceMapping, invoked: &Invoked, batch: &Batch, request_id: String) -> Outcome {
    let reports = mapping.settings.response_types.iter().any(|kind| kind == REPORTS);
    let has_windows = mapping.settings.has_windows();
    let state = has_windows.then(|| state(&invoked.payload)).flatten();
    let verdict = match invoked.function_error {
        true => Verdict::Failed,
        // What says nothing of the state has lost it.
        false if has_windows && state.is_none() => Verdict::Failed,
        false if reports => reported(&invoked.payload, mapping.source.kind(), &batch.records),
        false => Verdict::Done,
    };

    let version = invoked.executed_version.to_string();
    Outcome { verdict, call: Some(Call { request_id, version, is_error: invoked.function_error, state }) }
}

/// Whether a function that could not be run may be in a moment.
fn may_pass(error: &ApiError) -> bool {
    error.code == ErrorCode::TooManyRequests || error.code.status() >= 500
}
