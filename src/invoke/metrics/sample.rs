//! Values of a metric that came in one stretch of time: how many, their sum, the smallest and the largest, and about how they
//! spread.

use std::collections::BTreeMap;

/// How much larger the values of a bin may be than those of the bin before, as in `CloudWatch`: percentiles are right to 5 %.
const GROWTH: f64 = 1.1;

/// Values that came together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sample {
    count: u64,
    sum: f64,
    least: f64,
    most: f64,
    /// How many values lie between two powers of [`GROWTH`]; those that are none of it lie in the least.
    bins: BTreeMap<i32, u64>,
}

impl Sample {
    /// Takes a value that came so often.
    pub fn add(&mut self, value: f64, times: u64) {
        if times == 0 {
            return;
        }
        let is_first = self.count == 0;
        self.least = if is_first { value } else { self.least.min(value) };
        self.most = if is_first { value } else { self.most.max(value) };
        self.count += times;
        self.sum += value * real(times);
        *self.bins.entry(bin(value)).or_default() += times;
    }

    /// Takes the values of another.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        let is_first = self.count == 0;
        self.least = if is_first { other.least } else { self.least.min(other.least) };
        self.most = if is_first { other.most } else { self.most.max(other.most) };
        self.count += other.count;
        self.sum += other.sum;
        for (bin, count) in &other.bins {
            *self.bins.entry(*bin).or_default() += count;
        }
    }

    /// Whether no value came.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many values came.
    pub fn count(&self) -> f64 {
        real(self.count)
    }

    /// Their sum.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Their average; 0 where none came.
    pub fn average(&self) -> f64 {
        self.sum / real(self.count.max(1))
    }

    /// The smallest.
    pub fn least(&self) -> f64 {
        self.least
    }

    /// The largest.
    pub fn most(&self) -> f64 {
        self.most
    }

    /// About the value that so many percent of them keep below.
    pub fn percentile(&self, percent: f64) -> f64 {
        let wanted = real(self.count) * percent / 100.0;
        let mut seen = 0;
        let at = self.bins.iter().find(|(_, count)| {
            seen += **count;
            real(seen) >= wanted
        });
        let about = at.map_or(self.most, |(bin, _)| GROWTH.powf(f64::from(*bin) + 0.5));
        about.clamp(self.least, self.most)
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the logarithm of a number is a small one")]
fn bin(value: f64) -> i32 {
    if value > 0.0 { (value.ln() / GROWTH.ln()).floor() as i32 } else { i32::MIN }
}

#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn real(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_in_short() {
        let mut sample = Sample::default();
        for value in 1..=100 {
            sample.add(f64::from(value), 1);
        }
        let mut other = Sample::default();
        other.add(0.0, 100);
        assert!((sample.percentile(50.0) - 50.0).abs() < 5.0, "{}", sample.percentile(50.0));
        assert!((sample.percentile(99.0) - 99.0).abs() < 5.0);
        sample.merge(&other);

        let told = [sample.count(), sample.sum(), sample.average(), sample.least(), sample.most()];
        assert_eq!(format!("{told:?}"), "[200.0, 5050.0, 25.25, 0.0, 100.0]");
        let percentiles = [0.0, 25.0, 100.0].map(|percent| sample.percentile(percent));
        assert_eq!(format!("{percentiles:?}"), "[0.0, 0.0, 100.0]");
    }
}
