//! The metrics of functions, and their values over a stretch of time.

use std::collections::BTreeMap;
use std::ops::Range;

use super::dimensions::{Dimension, Part};
use super::{CloudWatch, NAMESPACE};
use crate::invoke::metrics::{MINUTE, Minute, Sample};
use crate::model::names::{FunctionKey, Scope};

/// A metric of functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Invocations that began.
    Invocations,
    /// Those that failed.
    Errors,
    /// Those that were refused, as too many ran.
    Throttles,
    /// How long they took.
    Duration,
    /// How many ran at the same time.
    ConcurrentExecutions,
}

impl Metric {
    /// All, as they are listed.
    pub const ALL: [Self; 5] =
        [Self::ConcurrentExecutions, Self::Duration, Self::Errors, Self::Invocations, Self::Throttles];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Invocations => "Invocations",
            Self::Errors => "Errors",
            Self::Throttles => "Throttles",
            Self::Duration => "Duration",
            Self::ConcurrentExecutions => "ConcurrentExecutions",
        }
    }

    /// What its values are counted in.
    pub fn unit(self) -> &'static str {
        if self == Self::Duration { "Milliseconds" } else { "Count" }
    }

    /// Its values of a minute. Of what is counted each invocation is a value, 1 or 0.
    fn values(self, minute: &Minute) -> Sample {
        let counted = |ones: u64, all: u64| {
            let mut sample = Sample::default();
            sample.add(1.0, ones);
            sample.add(0.0, all.saturating_sub(ones));
            sample
        };
        match self {
            Self::Invocations => counted(minute.invocations, minute.invocations),
            Self::Errors => counted(minute.errors, minute.invocations),
            Self::Throttles => counted(minute.throttles, minute.invocations + minute.throttles),
            Self::Duration => minute.durations.clone(),
            Self::ConcurrentExecutions => minute.running.clone(),
        }
    }
}

/// What a caller wants of which metric.
#[derive(Debug)]
pub struct Wanted {
    metric: Metric,
    part: Part,
}

impl Wanted {
    /// A metric of Lambda's; `None` for one that Lambda has not, of which there are no values.
    pub fn of(namespace: &str, name: &str, dimensions: &[Dimension], unit: Option<&str>) -> Option<Self> {
        let metric = Metric::ALL.into_iter().find(|metric| metric.name() == name)?;
        let is_known = namespace == NAMESPACE && unit.is_none_or(|unit| unit == metric.unit());
        Some(Self { metric, part: Part::of(dimensions)? }).filter(|_| is_known)
    }

    /// What its values are counted in.
    pub fn unit(&self) -> &'static str {
        self.metric.unit()
    }
}

/// A stretch of time, and of how many seconds a value tells.
#[derive(Debug, Clone, Copy)]
pub struct Stretch {
    /// When it begins and ends, in milliseconds.
    pub start: u64,
    /// The end.
    pub end: u64,
    /// Seconds of a value.
    pub period: u64,
}

impl Stretch {
    fn minutes(self) -> Range<u64> {
        self.start / MINUTE..self.end.div_ceil(MINUTE)
    }

    /// When the value begins that a minute belongs to, in seconds. Periods follow each other from the start, which goes down to
    /// the minute.
    fn begin(self, minute: u64) -> u64 {
        let start = self.start / MINUTE * 60;
        let after = (minute * 60).saturating_sub(start);
        start + after / self.period * self.period
    }

    /// How many values it may have.
    pub fn values(self) -> u64 {
        self.end.saturating_sub(self.start / MINUTE * MINUTE).div_ceil(self.period * 1000)
    }
}

impl CloudWatch {
    /// The values of a metric of an account's region, by the seconds at which they begin.
    pub fn values(&self, scope: &Scope, wanted: &Wanted, stretch: Stretch) -> BTreeMap<u64, Sample> {
        let mut values = BTreeMap::<u64, Sample>::new();
        self.services.invoker.metrics().with_series(|series| {
            let named = wanted
                .part
                .function
                .as_ref()
                .map(|name| FunctionKey { scope: scope.clone(), name: name.as_str().into() });
            let functions: Vec<&FunctionKey> = match &named {
                Some(key) => vec![key],
                None => series.functions().filter(|key| key.scope == *scope).collect(),
            };
            for key in functions {
                for (minute, ran, what) in series.range(key, stretch.minutes()) {
                    if wanted.part.has(key.name.as_str(), ran) {
                        values.entry(stretch.begin(minute)).or_default().merge(&wanted.metric.values(what));
                    }
                }
            }
        });

        values.retain(|_, sample| !sample.is_empty());
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_follow_each_other_from_the_start() {
        let stretch = Stretch { start: 90_000, end: 700_000, period: 300 };
        assert_eq!((stretch.minutes(), stretch.values()), (1..12, 3));
        assert_eq!([1, 5, 6, 11].map(|minute| stretch.begin(minute)), [60, 60, 360, 660]);
    }

    #[test]
    fn a_failed_invocation_is_one_among_all() {
        let minute = Minute { invocations: 4, errors: 1, ..Minute::default() };
        let errors = Metric::Errors.values(&minute);
        let told = [errors.count(), errors.sum(), errors.average(), errors.most()];
        assert_eq!(format!("{told:?}"), "[4.0, 1.0, 0.25, 1.0]");
        assert!(Wanted::of(NAMESPACE, "Errors", &[], Some("Bytes")).is_none());
        assert!(Wanted::of("Mine", "Errors", &[], None).is_none());
    }
}
