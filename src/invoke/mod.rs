//! Invocations: which version, in which state, with which event; and what its end looks like.

mod checks;
pub mod destinations;
pub mod events;
mod lineage;
pub mod metrics;
mod outcome;
pub mod record;
mod report;
pub mod streaming;
mod trace;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use self::metrics::{Counted, Metrics, Ran};
pub use self::record::Trigger;
use self::record::{About, Answers, Draft, Drafts, End, Recorder};
pub use self::trace::new_root as new_trace_root;
use self::trace::{Sampler, Trace, Traced};
use crate::clock;
use crate::environments::log_format::LogFormat;
use crate::environments::{Completed, Invocation, Pool, RunError, StreamPart, Target};
use crate::ledger::Ledger;
use crate::model::arn;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::functions::TracingMode;
use crate::model::functions::{Function, FunctionState, FunctionVersion};
use crate::model::limits::Limits;
use crate::model::names::FunctionKey;
use crate::model::qualifier::{Qualifier, Version};
use crate::model::reference::FunctionReference;

/// How long an invocation waits for a `Pending` function. AWS refuses at once; here the function is
/// ready in moments and a caller that waits is served.
const PENDING_WAIT: Duration = Duration::from_secs(30);

/// How an event is handed over: what it may weigh, and what the operation is called in AWS's errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `Invoke` and `InvokeWithResponseStream`: the caller waits for the end.
    Synchronous,
    /// `Invoke` with `InvocationType` `Event`.
    Event,
    /// `InvokeAsync`.
    InvokeAsync,
}

/// A call of `Invoke`.
#[derive(Debug, Clone)]
pub struct InvokeRequest {
    /// How it is invoked.
    pub operation: Operation,
    /// What has it run.
    pub trigger: Trigger,
    /// What its calls are answered with, instead of being asked: in a replay.
    pub answers: Option<Arc<Answers>>,
    /// Request id.
    pub request_id: String,
    /// The function as named.
    pub reference: FunctionReference,
    /// X-Ray trace header.
    pub trace_id: Option<String>,
    /// Client context, as JSON.
    pub client_context: Option<String>,
    /// The tenant, for a function with tenant isolation.
    pub tenant_id: Option<String>,
    /// Whether the caller wants the end of the log.
    pub wants_log: bool,
    /// Name of the durable execution, for a durable function.
    pub durable_execution_name: Option<String>,
    /// The event.
    pub payload: Bytes,
}

/// How an invocation ended, for the caller.
#[derive(Debug)]
pub struct Invoked {
    /// Response, or error payload.
    pub payload: Bytes,
    /// Whether the payload is an error.
    pub function_error: bool,
    /// The version that ran.
    pub executed_version: Version,
    /// The last 4 KB of its log.
    pub log_tail: Vec<u8>,
    /// The trace header that the function got: what comes of its run belongs to the same chain.
    pub trace: String,
}

/// Runs functions.
#[derive(Debug)]
pub struct Invoker {
    ledger: Arc<Ledger>,
    pool: Arc<Pool>,
    limits: Limits,
    sampler: Sampler,
    recorder: Recorder,
    metrics: Metrics,
    /// Records in the making.
    drafts: Drafts,
    /// What runs: it goes on when its caller goes away, as on AWS, and the server waits for it at its end.
    running: TaskTracker,
}

/// An invocation that has all it needs to run.
#[derive(Debug)]
pub struct Prepared {
    target: Target,
    counted: Counted,
    invocation: Invocation,
    trace: Trace,
    began: SystemTime,
    draft: Option<Arc<Draft>>,
}

impl Prepared {
    /// The version that is going to run.
    pub fn version(&self) -> Version {
        self.target.version.version
    }

    /// The trace header that the function gets.
    pub fn trace(&self) -> String {
        self.trace.header()
    }
}

impl Invoker {
    /// An invoker over a pool of environments, whose invocations `recorder` remembers.
    pub fn new(ledger: Arc<Ledger>, pool: Arc<Pool>, limits: Limits, recorder: Recorder) -> Self {
        let (sampler, drafts, metrics) = (Sampler::default(), Drafts::default(), Metrics::default());
        Self { ledger, pool, limits, sampler, recorder, metrics, drafts, running: TaskTracker::new() }
    }

    /// Numbers of invocations.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What remembers invocations.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Ends the environments of a function that rest: its next invocation gets a new one.
    pub fn end_idle(&self, function: &FunctionKey) {
        self.pool.end_idle(function);
    }

    /// The record in the making of the invocation whose function has this session token.
    pub fn draft_of(&self, session_token: &str) -> Option<Arc<Draft>> {
        self.drafts.get(&self.pool.invocation_of(session_token)?)
    }

    /// Everything that is checked before a function runs (`DryRun`).
    pub fn check(&self, request: &InvokeRequest) -> Result<(), ApiError> {
        self.checked(request).map(|_| ())
    }

    /// Checks a request; the version that it leads to, drawn once: what is checked is what runs.
    fn checked(&self, request: &InvokeRequest) -> Result<Version, ApiError> {
        checks::payload(request, &self.limits)?;
        let drawn = self.draw(&request.reference)?;
        checks::request(request, &*self.version(&request.reference, drawn)?)?;
        Ok(drawn)
    }

    /// Environments that are there for the provisioned concurrency of a version or alias.
    pub fn provisioned(&self, function: &Function, qualifier: &Qualifier) -> u32 {
        let version = function.resolve(Some(qualifier));
        version.map_or(0, |version| self.pool.provisioned(&function.key, version))
    }

    /// Runs a function and waits for its end.
    ///
    /// # Errors
    /// The function cannot be run. What goes wrong in it is no error but a payload.
    pub async fn invoke(self: &Arc<Self>, request: InvokeRequest) -> Result<Invoked, ApiError> {
        let prepared = self.prepare(request, None).await?;
        self.run(prepared).await
    }

    /// Checks a request, and finds the version that it leads to, once that is `Active`. Where the response is to be
    /// streamed, its parts go to `stream`.
    ///
    /// # Errors
    /// The function cannot be run.
    pub async fn prepare(
        &self,
        request: InvokeRequest,
        stream: Option<mpsc::Sender<StreamPart>>,
    ) -> Result<Prepared, ApiError> {
        let drawn = self.checked(&request)?;
        self.prepare_drawn(request, drawn, stream).await
    }

    /// The same of a request that was checked for the version that was drawn.
    async fn prepare_drawn(
        &self,
        request: InvokeRequest,
        drawn: Version,
        stream: Option<mpsc::Sender<StreamPart>>,
    ) -> Result<Prepared, ApiError> {
        let began = SystemTime::now();
        let version = self.active(&request.reference, drawn).await?;
        checks::runnable(&version)?;
        let tenant = version.config.tenant_isolation.as_ref().and(request.tenant_id.clone());
        let target = Target { function: request.reference.key.clone(), version, tenant };
        let config = &target.version.config;
        let arn = arn::function(&target.function);
        let traces = config.tracing_mode == TracingMode::Active;
        let trace = Trace::of(request.trace_id.as_deref(), &arn, traces, &self.sampler);
        self.must_not_loop(&target.function, &trace)?;
        let payload = if request.payload.is_empty() { Bytes::from_static(b"{}") } else { request.payload.clone() };
        let request = InvokeRequest { payload, ..request };
        let draft = self.drafts.begin(self.about(&request, &target, &trace), &self.recorder);
        let lines = report::Lines {
            request_id: request.request_id.clone(),
            version: target.version.version,
            config: Arc::clone(config),
            trace: trace.header(),
            draft: draft.clone(),
        };
        let invocation = Invocation {
            function_arn: request.reference.arn(),
            request_id: request.request_id,
            trace_id: Some(trace.header()),
            client_context: request.client_context,
            tenant_id: target.tenant.clone(),
            payload: request.payload,
            stream,
            awaits_log: request.wants_log,
            report: Arc::new(lines),
        };

        let ran = Ran { qualifier: request.reference.qualifier, version: target.version.version };
        let counted = Counted { function: target.function.clone(), ran, at: clock::now() };
        Ok(Prepared { target, counted, invocation, trace, began, draft })
    }

    /// What a record says of an invocation that is about to run.
    fn about(&self, request: &InvokeRequest, target: &Target, trace: &Trace) -> About {
        About {
            request_id: request.request_id.clone(),
            function: target.function.clone(),
            qualifier: request.reference.qualifier.clone(),
            version: target.version.version,
            config: Arc::clone(&target.version.config),
            trigger: request.trigger.clone(),
            started: clock::now(),
            sequence: self.ledger.state().sequence,
            event: request.payload.clone(),
            client_context: request.client_context.clone(),
            tenant: target.tenant.clone(),
            trace: trace.clone(),
            executor: self.pool.executor().name(),
            answers: request.answers.clone(),
        }
    }

    /// Refuses a function that ran too often in one chain of events, where it is not allowed to.
    fn must_not_loop(&self, function: &FunctionKey, trace: &Trace) -> Result<(), ApiError> {
        let state = self.ledger.state();
        let may_loop = state.function(function).is_some_and(|function| function.allows_recursion);
        if may_loop || trace.runs_before() < lineage::LIMIT {
            return Ok(());
        }

        tracing::warn!(function = function.name.as_str(), "a function was stopped that called itself in a loop");
        // The text is a guess, in the words of AWS's guide.
        let message = "Lambda has detected your function being invoked in a recursive loop with other Amazon Web \
                       Services resources and stopped your function's invocation.";
        Err(ApiError::new(ErrorCode::RecursiveInvocation, message))
    }

    /// Runs what is prepared, to its end also when the caller goes away.
    ///
    /// # Errors
    /// The function could not be run.
    pub async fn run(self: &Arc<Self>, prepared: Prepared) -> Result<Invoked, ApiError> {
        let invoker = Arc::clone(self);
        let running = self.running.spawn(async move { invoker.run_to_end(prepared).await });
        running.await.unwrap_or_else(|error| {
            tracing::error!(%error, "an invocation ended without a result");
            Err(ApiError::new(ErrorCode::Service, "The function could not be run."))
        })
    }

    async fn run_to_end(&self, prepared: Prepared) -> Result<Invoked, ApiError> {
        let Prepared { target, counted, invocation, trace, began, draft } = prepared;
        self.metrics.begin(&counted);
        let started = Instant::now();
        let run = self.pool.run(&target, &invocation).await;
        let completed = run.map_err(|error| self.not_run(&counted, draft.as_deref(), &error, started.elapsed()))?;
        let config = &target.version.config;
        let log_tail = if invocation.awaits_log {
            report::log(&completed, &*invocation.report, LogFormat::of(&config.logging))
        } else {
            Vec::new()
        };
        self.tell_trace(&trace, began, (&target, &invocation), &completed);
        let end = record::end(&completed.outcome);
        // Of one whose extensions still work only its caller's time is known.
        let took = if completed.duration.is_zero() { started.elapsed() } else { completed.duration };
        self.metrics.end(&counted, end, took, completed.init.is_some());
        let (payload, function_error) = outcome::payload(
            completed.outcome,
            &invocation.request_id,
            config,
            &self.limits,
            invocation.stream.is_some(),
        );

        if let Some(draft) = draft {
            draft.answered(end, Some(payload.clone()).filter(|_| invocation.stream.is_none()));
        }

        let trace = trace.header();
        Ok(Invoked { payload, function_error, executed_version: target.version.version, log_tail, trace })
    }

    /// Notes an invocation that could not be run; the error for its caller.
    fn not_run(&self, counted: &Counted, draft: Option<&Draft>, error: &RunError, took: Duration) -> ApiError {
        let error = refusal(error);
        if error.code == ErrorCode::TooManyRequests {
            self.metrics.throttled(counted);
            // As on AWS it was no invocation.
            if let Some(draft) = draft {
                draft.forget();
            }
            return error;
        }
        self.metrics.end(counted, End::NotRun, took, false);
        if let Some(draft) = draft {
            draft.answered(End::NotRun, Some(error.to_string().into()));
        }
        error
    }

    /// Tells X-Ray of an invocation that is traced, where a daemon is known.
    fn tell_trace(
        &self,
        trace: &Trace,
        began: SystemTime,
        (target, invocation): (&Target, &Invocation),
        completed: &Completed,
    ) {
        let traces = self.pool.traces();
        if !trace.is_sampled() || !traces.are_wanted() {
            return;
        }
        let of = Traced {
            name: target.function.name.as_str(),
            arn: &invocation.function_arn,
            request_id: &invocation.request_id,
            began,
            ended: SystemTime::now(),
        };
        for segment in trace.segments(&of, completed, outcome::is_error(&completed.outcome)) {
            traces.send(&segment);
        }
    }

    /// The version a reference leads to, by an alias's weights.
    fn draw(&self, reference: &FunctionReference) -> Result<Version, ApiError> {
        let state = self.ledger.state();
        let function = state.function(&reference.key).ok_or_else(|| missing(reference))?;
        let version = match &reference.qualifier {
            Some(Qualifier::Alias(name)) => function.aliases.get(name).map(|alias| alias.route(rand::random())),
            qualifier => function.resolve(qualifier.as_ref()).map(|version| version.version),
        };
        version.ok_or_else(|| reference.not_found())
    }

    /// A version that a reference led to.
    fn version(&self, reference: &FunctionReference, drawn: Version) -> Result<Arc<FunctionVersion>, ApiError> {
        let state = self.ledger.state();
        let function = state.function(&reference.key).ok_or_else(|| missing(reference))?;
        function.version(drawn).cloned().ok_or_else(|| reference.not_found())
    }

    /// The version, once it is `Active`.
    async fn active(&self, reference: &FunctionReference, drawn: Version) -> Result<Arc<FunctionVersion>, ApiError> {
        let mut changes = self.ledger.changes();
        let deadline = tokio::time::Instant::now() + PENDING_WAIT;
        loop {
            changes.mark_unchanged();
            let version = self.version(reference, drawn)?;
            if version.state == FunctionState::Pending
                && let Ok(Ok(())) = tokio::time::timeout_at(deadline, changes.changed()).await
            {
                continue;
            }
            checks::state(&version)?;
            return Ok(version);
        }
    }
}

/// The error for a function that is not there: AWS looks for its `$LATEST` where no qualifier is given
/// (`LocalStack`'s recordings of AWS, 2025-11).
fn missing(reference: &FunctionReference) -> ApiError {
    let qualifier = reference.qualifier.clone().unwrap_or(Qualifier::Version(Version::Latest));
    FunctionReference { key: reference.key.clone(), qualifier: Some(qualifier) }.not_found()
}

/// The error for what would be more than a function's reserved concurrency takes.
pub fn reserved_exceeded() -> ApiError {
    let error = ApiError::new(ErrorCode::TooManyRequests, "Rate Exceeded.");
    error.with_reason("ReservedFunctionConcurrentInvocationLimitExceeded")
}

/// Why a function could not be run, in AWS's codes. What the machine lacks is told: the caller is the
/// one who can mend it.
fn refusal(error: &RunError) -> ApiError {
    match error {
        RunError::Throttled(_) => {
            ApiError::new(ErrorCode::TooManyRequests, "Rate Exceeded.").with_reason("ConcurrentInvocationLimitExceeded")
        }
        // This machine's limit instead of the account's.
        RunError::OverBudget(_) => {
            tracing::warn!("an invocation was throttled: {error}");
            ApiError::new(ErrorCode::TooManyRequests, "Rate Exceeded.").with_reason("ConcurrentInvocationLimitExceeded")
        }
        RunError::Reserved(_) => reserved_exceeded(),
        // Only the user can mend it: none of the errors that clients try again.
        RunError::Executor(error) if !error.may_pass() => ApiError::invalid_parameter(error.to_string()),
        RunError::Executor(error) => ApiError::new(ErrorCode::InvalidRuntime, error.to_string()),
        RunError::Code(error) => {
            tracing::error!(%error, "a function's code cannot be unpacked");
            ApiError::new(ErrorCode::InvalidZipFile, "Lambda was unable to unzip the function's code.")
        }
        // Not one of the errors that clients try again: only the user can mend it.
        RunError::Folder(error) => ApiError::invalid_parameter(error.to_string()),
        RunError::Closing => ApiError::new(ErrorCode::ServiceUnavailable, "The server is shutting down."),
        RunError::StartTimeout { .. } | RunError::EndedEarly | RunError::Undelivered => {
            tracing::error!(%error, "an invocation could not be run");
            ApiError::new(ErrorCode::Service, format!("The function could not be run: {error}."))
        }
    }
}
