//! What happened to functions, minute by minute: what `CloudWatch` tells of them.

use std::collections::BTreeMap;
use std::ops::Range;

use super::sample::Sample;
use crate::invoke::record::End;
use crate::model::names::FunctionKey;
use crate::model::qualifier::{Qualifier, Version};
use crate::model::time::Timestamp;

/// Milliseconds of a minute.
pub const MINUTE: u64 = 60_000;

/// Minutes that are kept, as AWS keeps them: fifteen days.
const AGE: u64 = 15 * 24 * 60;

/// Minutes of all functions that are kept at most: about 60 MB where each has much to tell, and far less else.
const MOST: usize = 150_000;

/// What ran: as it was named, and which version that was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ran {
    /// What the caller named of the function.
    pub qualifier: Option<Qualifier>,
    /// The version that ran.
    pub version: Version,
}

/// What happened in a minute.
#[derive(Debug, Clone, Default)]
pub struct Minute {
    /// Invocations that began in it and have ended.
    pub invocations: u64,
    /// Those that failed.
    pub errors: u64,
    /// Invocations that were refused, as too many ran.
    pub throttles: u64,
    /// How many ran at the same time, of the whole function, when one began.
    pub running: Sample,
    /// Milliseconds that they took.
    pub durations: Sample,
}

impl Minute {
    /// An invocation that began in it has ended.
    pub fn ended(&mut self, end: End, ms: f64) {
        self.invocations += 1;
        self.errors += u64::from(end != End::Response);
        self.durations.add(ms, 1);
    }
}

/// The minutes of functions.
#[derive(Debug, Default)]
pub struct Series {
    functions: BTreeMap<FunctionKey, BTreeMap<u64, BTreeMap<Ran, Minute>>>,
    minutes: usize,
}

impl Series {
    /// The minute in which something happened.
    pub fn minute(&mut self, function: &FunctionKey, ran: &Ran, at: Timestamp) -> &mut Minute {
        if self.minutes >= MOST {
            self.forget();
        }
        let runs = self.functions.entry(function.clone()).or_default().entry(at.0 / MINUTE).or_default();
        if !runs.contains_key(ran) {
            self.minutes += 1;
        }
        runs.entry(ran.clone()).or_default()
    }

    /// The functions of which something is known.
    pub fn functions(&self) -> impl Iterator<Item = &FunctionKey> {
        self.functions.keys()
    }

    /// How a function ran, in any of its minutes.
    pub fn runs(&self, function: &FunctionKey, since: u64) -> impl Iterator<Item = &Ran> {
        let minutes = self.functions.get(function).into_iter().flat_map(move |minutes| minutes.range(since..));
        minutes.flat_map(|(_, runs)| runs.keys())
    }

    /// What happened to a function between two minutes.
    pub fn range(&self, function: &FunctionKey, range: Range<u64>) -> impl Iterator<Item = (u64, &Ran, &Minute)> {
        let minutes = self.functions.get(function).into_iter().flat_map(move |minutes| minutes.range(range.clone()));
        minutes.flat_map(|(minute, runs)| runs.iter().map(|(ran, what)| (*minute, ran, what)))
    }

    /// Drops what is too old, and the older half of the rest.
    fn forget(&mut self) {
        let newest = self.functions.values().filter_map(|minutes| minutes.keys().next_back()).max().copied();
        let oldest = self.functions.values().filter_map(|minutes| minutes.keys().next()).min().copied();
        let (Some(newest), Some(oldest)) = (newest, oldest) else { return };
        let from = oldest.max(newest.saturating_sub(AGE)).midpoint(newest) + 1;

        self.functions.retain(|_, minutes| {
            *minutes = minutes.split_off(&from);
            !minutes.is_empty()
        });
        self.minutes = self.functions.values().flat_map(BTreeMap::values).map(BTreeMap::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::Scope;

    #[test]
    fn the_oldest_minutes_make_room() {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        let key = |name: &str| FunctionKey { scope: scope.clone(), name: name.into() };
        let ran = Ran { qualifier: None, version: Version::Latest };
        let mut series = Series::default();
        series.minute(&key("old"), &ran, Timestamp(0)).invocations += 1;
        for minute in 0..u64::try_from(MOST).unwrap_or_default() {
            series.minute(&key("busy"), &ran, Timestamp((AGE + minute) * MINUTE)).invocations += 1;
        }

        assert!(series.minutes < MOST && series.functions().eq([&key("busy")]), "{}", series.minutes);
        let last = AGE + u64::try_from(MOST).unwrap_or_default();
        assert_eq!(series.range(&key("busy"), last - 10..last).count(), 10);
    }
}
