//! Numbers of invocations since the server started, function by function, and minute by minute.

mod sample;
mod series;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::sample::Sample;
pub use self::series::{MINUTE, Minute, Ran, Series};
use super::record::End;
use crate::clock;
use crate::model::names::FunctionKey;
use crate::model::time::Timestamp;

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
#[derive(Debug)]
pub struct Metrics {
    kept: Mutex<Kept>,
    since: Timestamp,
}

#[derive(Debug, Default)]
struct Kept {
    functions: HashMap<FunctionKey, Counts>,
    series: Series,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { kept: Mutex::default(), since: clock::now() }
    }
}

/// An invocation, as it is counted.
#[derive(Debug, Clone)]
pub struct Counted {
    /// The function.
    pub function: FunctionKey,
    /// What ran of it.
    pub ran: Ran,
    /// When it began.
    pub at: Timestamp,
}

impl Metrics {
    /// Since when is counted.
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// A function begins to run.
    pub fn begin(&self, begun: &Counted) {
        let mut kept = self.kept();
        let counts = kept.counts(&begun.function);
        counts.running += 1;
        let running = counts.running;
        kept.minute(begun).running.add(f64::from(u32::try_from(running).unwrap_or(u32::MAX)), 1);
    }

    /// An invocation that began was refused, as too many ran.
    pub fn throttled(&self, begun: &Counted) {
        let mut kept = self.kept();
        let counts = kept.counts(&begun.function);
        counts.running = counts.running.saturating_sub(1);
        counts.throttles += 1;
        kept.minute(begun).throttles += 1;
    }

    /// An invocation that began has ended.
    pub fn end(&self, begun: &Counted, end: End, duration: Duration, cold: bool) {
        let ms = duration.as_secs_f64() * 1000.0;
        let mut kept = self.kept();
        let counts = kept.counts(&begun.function);
        counts.running = counts.running.saturating_sub(1);
        counts.invocations += 1;
        counts.errors += u64::from(end != End::Response);
        counts.cold += u64::from(cold);
        counts.duration_ms += ms;
        counts.durations[BOUNDS_MS.partition_point(|bound| *bound < ms)] += 1;
        kept.minute(begun).ended(end, ms);
    }

    /// An invocation ended before the counting began.
    pub fn recall(&self, begun: &Counted, end: End, ms: f64) {
        let mut kept = self.kept();
        let minute = kept.minute(begun);
        minute.ended(end, ms);
        minute.running.add(1.0, 1);
    }

    /// The numbers of all functions that ran.
    pub fn all(&self) -> Vec<(FunctionKey, Counts)> {
        self.kept().functions.iter().map(|(key, counts)| (key.clone(), counts.clone())).collect()
    }

    /// Looks into what happened minute by minute.
    pub fn with_series<T>(&self, look: impl FnOnce(&Series) -> T) -> T {
        look(&self.kept().series)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn counts(&mut self, function: &FunctionKey) -> &mut Counts {
        self.functions.entry(function.clone()).or_default()
    }

    fn minute(&mut self, begun: &Counted) -> &mut Minute {
        self.series.minute(&begun.function, &begun.ran, begun.at)
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
    use crate::model::qualifier::Version;

    #[test]
    fn what_happens_is_counted() {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        let function = FunctionKey { scope, name: "f".into() };
        let ran = Ran { qualifier: None, version: Version::Latest };
        let begun = Counted { function: function.clone(), ran, at: Timestamp(MINUTE) };
        let metrics = Metrics::default();
        for (ms, end) in [(1, End::Response), (4, End::Response), (70, End::Error)] {
            metrics.begin(&begun);
            metrics.end(&begun, end, Duration::from_millis(ms), ms == 70);
        }
        metrics.begin(&begun);
        metrics.throttled(&begun);
        metrics.begin(&begun);

        let [(_, counts)]: [_; 1] = metrics.all().try_into().expect("one function");
        assert_eq!((counts.invocations, counts.errors, counts.throttles, counts.cold, counts.running), (3, 1, 1, 1, 1));
        assert_eq!([30, 50, 99].map(|percent| counts.percentile_ms(percent)), [Some(1.0), Some(5.0), Some(100.0)]);
        let none = counts.since(&counts);
        assert_eq!((none.invocations, none.percentile_ms(50)), (0, None));

        metrics.recall(&begun, End::Timeout, 30.0);
        let told = metrics.with_series(|series| {
            let minutes = series.range(&function, 1..2);
            minutes.map(|(at, _, minute)| (at, minute.clone())).collect::<Vec<_>>()
        });
        let [(1, minute)] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((minute.invocations, minute.errors, minute.throttles), (4, 2, 1));
        let durations = [minute.durations.count(), minute.durations.sum(), minute.durations.most()];
        assert_eq!((durations, minute.running.most()), ([4.0, 105.0, 70.0], 1.0));
    }
}
