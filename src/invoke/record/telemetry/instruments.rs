//! Numbers of invocations, as OpenTelemetry names those of functions.
//!
//! Source: <https://opentelemetry.io/docs/specs/semconv/faas/faas-metrics/>

use opentelemetry::metrics::{Counter, Histogram, Meter};

use super::spans::{attributes, ended};
use crate::invoke::record::learnt::Drafted;
use crate::invoke::record::shape::End;

/// Bounds of durations, in seconds, as the specification advises them.
const SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// What is counted.
pub struct Instruments {
    invocations: Counter<u64>,
    errors: Counter<u64>,
    timeouts: Counter<u64>,
    cold_starts: Counter<u64>,
    duration: Histogram<f64>,
    init_duration: Histogram<f64>,
    memory: Histogram<u64>,
}

impl Instruments {
    /// All, by the meter that reads them.
    pub fn new(meter: &Meter) -> Self {
        let counter = |name, unit| meter.u64_counter(name).with_unit(unit).build();
        let seconds = |name| meter.f64_histogram(name).with_unit("s").with_boundaries(SECONDS.to_vec()).build();
        Self {
            invocations: counter("faas.invocations", "{invocation}"),
            errors: counter("faas.errors", "{error}"),
            timeouts: counter("faas.timeouts", "{timeout}"),
            cold_starts: counter("faas.coldstarts", "{coldstart}"),
            duration: seconds("faas.invoke_duration"),
            init_duration: seconds("faas.init_duration"),
            memory: meter.u64_histogram("faas.mem_usage").with_unit("By").build(),
        }
    }

    /// Counts an invocation. Those that succeed are `invocations`, the others `errors` or `timeouts`, as specified.
    pub fn count(&self, drafted: &Drafted) {
        let learnt = &drafted.learnt;
        let of = attributes(&drafted.about);
        match ended(drafted) {
            End::Response => self.invocations.add(1, &of),
            End::Timeout => self.timeouts.add(1, &of),
            End::Error | End::Exit | End::NotRun => self.errors.add(1, &of),
        }

        self.duration.record(learnt.duration.as_secs_f64(), &of);
        if let Some(init) = learnt.init {
            self.cold_starts.add(1, &of);
            self.init_duration.record(init.as_secs_f64(), &of);
        }
        if learnt.max_memory_bytes > 0 {
            self.memory.record(learnt.max_memory_bytes, &of);
        }
    }
}
