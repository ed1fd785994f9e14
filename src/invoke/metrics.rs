//! Numbers of invocations since the server started, function by function.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::record::End;
use crate::model::names::FunctionKey;

/// Bounds of durations that are counted together, in milliseconds; what takes longer than the last is counted beyond it.
pub const BOUNDS_MS: [f64; 16] =
    [0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 3000.0, 10_000.0, 60_000.0, 900_000.0];

/// What happened to a function.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Invocations that ended.
    pub invocations: u64,
    /// Those that failed.
    pub errors: u64,
    /// Those that were refused, as too many ran already.
    pub throttles: u64,
    /// Those whose environment was made for them.
    pub cold: u64,
    /// Those that run.
    pub running: u64,
    /// Milliseconds that those that ended took.
    pub duration_ms: f64,
    /// How many took up to each of [`BOUNDS_MS`], and longer than the last.
    pub durations: [u64; BOUNDS_MS.len() + 1],
}

/// All numbers.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<HashMap<FunctionKey, Counts>>);

impl Metrics {
    /// A function begins to run.
    pub fn begin(&self, function: &FunctionKey) {
        self.change(function, |counts| counts.running += 1);
    }

    /// An invocation that began was refused, as too many ran.
    pub fn throttled(&self, function: &FunctionKey) {
        self.change(function, |counts| {
            counts.running = counts.running.saturating_sub(1);
            counts.throttles += 1;
        });
    }

    /// An invocation that began has ended.
    pub fn end(&self, function: &FunctionKey, end: End, duration: Duration, cold: bool) {
        let ms = duration.as_secs_f64() * 1000.0;
        self.change(function, |counts| {
            counts.running = counts.running.saturating_sub(1);
            counts.invocations += 1;
            counts.errors += u64::from(end != End::Response);
            counts.cold += u64::from(cold);
            counts.duration_ms += ms;
            counts.durations[BOUNDS_MS.partition_point(|bound| *bound < ms)] += 1;
        });
    }

    /// The numbers of all functions that ran.
    pub fn all(&self) -> Vec<(FunctionKey, Counts)> {
        self.functions().iter().map(|(key, counts)| (key.clone(), counts.clone())).collect()
    }

    fn change(&self, function: &FunctionKey, change: impl FnOnce(&mut Counts)) {
        let mut functions = self.functions();
        match functions.get_mut(function) {
            Some(counts) => change(counts),
            None => change(functions.entry(function.clone()).or_default()),
        }
    }

    fn functions(&self) -> MutexGuard<'_, HashMap<FunctionKey, Counts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// What came since an earlier count.
    pub fn since(&self, before: &Self) -> Self {
        let mut durations = self.durations;
        for (count, before) in durations.iter_mut().zip(before.durations) {
            *count = count.saturating_sub(before);
        }
        Self {
            invocations: self.invocations.saturating_sub(before.invocations),
            errors: self.errors.saturating_sub(before.errors),
            throttles: self.throttles.saturating_sub(before.throttles),
            cold: self.cold.saturating_sub(before.cold),
            running: self.running,
            duration_ms: self.duration_ms - before.duration_ms,
            durations,
        }
    }

    /// The bound, in milliseconds, that so many percent of the invocations kept. `None` where none ended.
    pub fn percentile_ms(&self, percent: u64) -> Option<f64> {
        let all: u64 = self.durations.iter().sum();
        if all == 0 {
            return None;
        }
        let mut seen = 0;
        let at = self.durations.iter().position(|count| {
            seen += count;
            seen * 100 >= percent * all
        });
        Some(at.and_then(|at| BOUNDS_MS.get(at)).copied().unwrap_or(f64::INFINITY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::Scope;

    #[test]
    fn what_happens_is_counted() {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        let function = FunctionKey { scope, name: "f".into() };
        let metrics = Metrics::default();
        for (ms, end) in [(1, End::Response), (4, End::Response), (70, End::Error)] {
            metrics.begin(&function);
            metrics.end(&function, end, Duration::from_millis(ms), ms == 70);
        }
        metrics.begin(&function);
        metrics.throttled(&function);
        metrics.begin(&function);

        let [(_, counts)]: [_; 1] = metrics.all().try_into().expect("one function");
        assert_eq!((counts.invocations, counts.errors, counts.throttles, counts.cold, counts.running), (3, 1, 1, 1, 1));
        assert_eq!([30, 50, 99].map(|percent| counts.percentile_ms(percent)), [Some(1.0), Some(5.0), Some(100.0)]);
        let none = counts.since(&counts);
        assert_eq!((none.invocations, none.percentile_ms(50)), (0, None));
    }
}
