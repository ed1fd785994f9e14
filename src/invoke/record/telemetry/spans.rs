//! The trace of an invocation: a span of the function, its init phase, and the calls that it made, in the trace that the
//! function was told, so that spans of its own hang below.
//!
//! Source: <https://opentelemetry.io/docs/specs/semconv/faas/faas-spans/>

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use crate::invoke::record::learnt::{About, Drafted};
use crate::invoke::record::shape::{Call, End, Trigger};
use crate::model::arn;

/// What spans and metrics are of.
pub const SCOPE: &str = "larder";

/// The spans of an invocation.
pub fn of(drafted: &Drafted) -> Vec<SpanData> {
    let learnt = &drafted.learnt;
    let root = function(drafted);
    let init = learnt.init.map(|init| below(&root, "init", SpanKind::Internal, (Duration::ZERO, init)));
    let calls = learnt.calls.iter().map(|made| call(&root, made));

    let below = init.into_iter().chain(calls).collect::<Vec<_>>();
    [vec![root], below].concat()
}

/// The span of the function.
fn function(drafted: &Drafted) -> SpanData {
    let Drafted { about, learnt } = drafted;
    let (trace, own, caller) = about.trace.ids();
    let start = UNIX_EPOCH + Duration::from_millis(about.started.0);
    let mut attributes = attributes(about).to_vec();
    attributes.extend([
        KeyValue::new("faas.invocation_id", about.request_id.clone()),
        KeyValue::new("faas.version", about.version.to_string()),
        KeyValue::new("faas.coldstart", learnt.init.is_some()),
        KeyValue::new("faas.max_memory", i64::from(about.config.memory_mib) * 1024 * 1024),
        KeyValue::new("cloud.resource_id", arn::function(&about.function)),
        KeyValue::new("larder.sequence", i64::try_from(about.sequence).unwrap_or(i64::MAX)),
    ]);
    if let Some(place) = &learnt.place {
        attributes.push(KeyValue::new("faas.instance", place.environment.clone()));
    }

    let end = ended(drafted);
    let status = if end == End::Response { Status::Unset } else { Status::error(name(end)) };
    if end != End::Response {
        attributes.push(KeyValue::new("error.type", name(end)));
    }
    let took = learnt.duration + learnt.init.unwrap_or_default() + learnt.restore.unwrap_or_default();
    SpanData {
        span_context: context(trace_id(trace), SpanId::from_hex(own).unwrap_or(SpanId::INVALID)),
        parent_span_id: caller.and_then(|id| SpanId::from_hex(id).ok()).unwrap_or(SpanId::INVALID),
        parent_span_is_remote: caller.is_some(),
        span_kind: SpanKind::Server,
        name: about.function.name.to_string().into(),
        start_time: start,
        end_time: start + took,
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status,
        instrumentation_scope: InstrumentationScope::builder(SCOPE).build(),
    }
}

/// The span of a call that a function made. Its address is not told: there may be secrets in it.
fn call(root: &SpanData, call: &Call) -> SpanData {
    let milliseconds = |ms: f64| Duration::try_from_secs_f64(ms / 1000.0).unwrap_or_default();
    let method = call.request.split(' ').next().unwrap_or_default();
    let operation = call.target.as_deref().map_or(method, |target| target.rsplit('.').next().unwrap_or(target));
    let name = format!("{}.{operation}", call.service);
    let mut span = below(root, name, SpanKind::Client, (milliseconds(call.after_ms), milliseconds(call.ms)));

    span.attributes = vec![
        KeyValue::new("rpc.system", "aws-api"),
        KeyValue::new("rpc.service", call.service.clone()),
        KeyValue::new("rpc.method", operation.to_owned()),
        KeyValue::new("http.response.status_code", i64::from(call.status)),
    ];
    if call.status >= 400 {
        span.status = Status::error(call.status.to_string());
    }
    span
}

/// A span below that of the function, so long after its start and so long.
fn below(
    root: &SpanData,
    name: impl Into<Cow<'static, str>>,
    kind: SpanKind,
    (after, took): (Duration, Duration),
) -> SpanData {
    let start: SystemTime = root.start_time + after;
    SpanData {
        span_context: context(root.span_context.trace_id(), SpanId::from(rand::random::<u64>())),
        parent_span_id: root.span_context.span_id(),
        parent_span_is_remote: false,
        span_kind: kind,
        name: name.into(),
        start_time: start,
        end_time: start + took,
        attributes: Vec::new(),
        status: Status::Unset,
        ..root.clone()
    }
}

/// What numbers and spans say of a function.
pub fn attributes(about: &About) -> [KeyValue; 4] {
    let text = |text: &dyn ToString| Value::from(text.to_string());
    let trigger = match about.trigger {
        Trigger::Url => "http",
        Trigger::Event { .. } | Trigger::Mapping { .. } => "pubsub",
        Trigger::Invoke | Trigger::Replay => "other",
    };
    [
        KeyValue::new("faas.name", text(&about.function.name)),
        KeyValue::new("faas.trigger", trigger),
        KeyValue::new("cloud.account.id", text(&about.function.scope.account)),
        KeyValue::new("cloud.region", text(&about.function.scope.region)),
    ]
}

/// How an invocation ended.
pub fn ended(drafted: &Drafted) -> End {
    drafted.learnt.end.unwrap_or(End::NotRun)
}

fn name(end: End) -> &'static str {
    match end {
        End::Response => "response",
        End::Error => "error",
        End::Timeout => "timeout",
        End::Exit => "exit",
        End::NotRun => "not-run",
    }
}

fn context(trace: TraceId, span: SpanId) -> SpanContext {
    SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::default())
}

/// X-Ray's `1-5759e988-bd862e3fe1be46a994272793` without what is between its digits; a new one where a caller sent
/// something else.
fn trace_id(root: &str) -> TraceId {
    let digits: String = root.strip_prefix("1-").unwrap_or_default().split('-').collect();
    let of_caller = Some(digits).filter(|digits| digits.len() == 32).and_then(|digits| TraceId::from_hex(&digits).ok());
    of_caller.unwrap_or_else(|| TraceId::from(rand::random::<u128>()))
}
