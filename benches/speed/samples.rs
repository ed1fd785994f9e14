//! Measured times and their quantiles.

use std::time::{Duration, Instant};

use crate::Outcome;

/// Measured times, sorted.
pub struct Samples(Vec<Duration>);

impl Samples {
    /// The times of some measurements.
    pub fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// Times `count` runs of `work`, which gets the number of the run.
    pub fn of(count: usize, mut work: impl FnMut(usize) -> Outcome) -> Outcome<Self> {
        let mut times = Vec::with_capacity(count);
        for number in 0..count {
            let began = Instant::now();
            work(number)?;
            times.push(began.elapsed());
        }
        Ok(Self::new(times))
    }

    /// The time that this share of the measurements does not exceed, in milliseconds.
    pub fn quantile_ms(&self, percent: usize) -> f64 {
        let index = (self.0.len() * percent).div_ceil(100).saturating_sub(1);
        self.0.get(index).copied().unwrap_or_default().as_secs_f64() * 1000.0
    }

    /// The median in milliseconds.
    pub fn median_ms(&self) -> f64 {
        self.quantile_ms(50)
    }
}
