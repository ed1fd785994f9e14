//! `/_larder/metrics`: numbers in Prometheus' form, and `/_larder/top`: the same for `larder top`.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::Console;
use crate::desk::answers::{FunctionCounts, Top};
use crate::invoke::metrics::{BOUNDS_MS, Counts};
use crate::model::arn;

/// The form of the text.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The routes.
pub fn routes() -> Router<Arc<Console>> {
    Router::new().route("/_larder/metrics", get(metrics)).route("/_larder/top", get(top))
}

async fn top(State(console): State<Arc<Console>>) -> Json<Top> {
    Json(numbers(&console))
}

async fn metrics(State(console): State<Arc<Console>>) -> Response {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Exported(numbers(&console))));
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => super::unavailable(&error),
    }
}

/// What is told of the server.
pub fn numbers(console: &Console) -> Top {
    let mut functions: Vec<_> = console.invoker.metrics().all();
    functions.sort_by(|(one, _), (other, _)| one.cmp(other));
    let functions = functions.into_iter().map(|(key, counts)| FunctionCounts {
        account: key.scope.account.to_string(),
        region: key.scope.region.to_string(),
        name: key.name.to_string(),
        arn: arn::function(&key),
        counts,
    });
    let environments = console.pool.counts();
    let state = console.ledger.state();

    Top {
        functions: functions.collect(),
        uptime_s: console.started.elapsed().as_secs_f64(),
        executor: console.pool.executor().name().to_owned(),
        environments: environments.environments,
        idle: environments.idle,
        events_waiting: console.ledger.runs().events.len(),
        sequence: state.sequence,
        functions_configured: state.functions.len(),
    }
}

/// Numbers on their way into a text.
#[derive(Debug)]
struct Exported(Top);

/// A number of a function: its name, what it is about, and where it comes from.
type OfFunction = (&'static str, &'static str, fn(&Counts) -> u64);

/// What is counted of each function.
const COUNTERS: [OfFunction; 4] = [
    ("larder_invocations", "Invocations that ended", |counts| counts.invocations),
    ("larder_invocation_errors", "Invocations that failed", |counts| counts.errors),
    ("larder_throttles", "Invocations that were refused, as too many ran", |counts| counts.throttles),
    ("larder_cold_starts", "Invocations whose environment was made for them", |counts| counts.cold),
];

impl Collector for Exported {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let Self(top) = self;
        for (name, help, value) in COUNTERS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for function in &top.functions {
                let counter = ConstCounter::new(value(&function.counts));
                counter.encode(family.encode_family(&labels(function))?)?;
            }
        }
        let help = "Invocations that run";
        let mut family = encoder.encode_descriptor("larder_running_invocations", help, None, MetricType::Gauge)?;
        for function in &top.functions {
            let gauge = ConstGauge::new(to_gauge(function.counts.running));
            gauge.encode(family.encode_family(&labels(function))?)?;
        }
        self.encode_durations(&mut encoder)?;

        for (name, help, value) in [
            ("larder_environments", "Environments", top.environments as u64),
            ("larder_idle_environments", "Environments that wait for an invocation", top.idle as u64),
            (
                "larder_events_waiting",
                "Asynchronous events that wait until they have been run",
                top.events_waiting as u64,
            ),
            ("larder_functions", "Functions", top.functions_configured as u64),
            ("larder_ledger_sequence", "Sequence of the newest event of the ledger", top.sequence),
        ] {
            let gauge = ConstGauge::new(to_gauge(value));
            gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        Ok(())
    }
}

impl Exported {
    fn encode_durations(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "How long invocations took";
        let name = "larder_invocation_duration_seconds";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for function in &self.0.functions {
            let Counts { invocations, duration_ms, durations, .. } = &function.counts;
            let bounds = BOUNDS_MS.iter().map(|ms| ms / 1000.0).chain([f64::INFINITY]);
            let buckets: Vec<(f64, u64)> = bounds.zip(durations.iter().copied()).collect();
            let labels = labels(function);
            let mut family = family.encode_family(&labels)?;
            family.encode_histogram::<NoLabelSet>(duration_ms / 1000.0, *invocations, &buckets, None)?;
        }
        Ok(())
    }
}

fn to_gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn labels(function: &FunctionCounts) -> [(&'static str, String); 3] {
    let FunctionCounts { account, region, name, .. } = function;
    [("account", account.clone()), ("region", region.clone()), ("function", name.clone())]
}
