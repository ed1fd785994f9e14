//! What is told of the values of a stretch of time.

use crate::invoke::metrics::Sample;

/// A statistic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    /// How many values came.
    SampleCount,
    /// Their average.
    Average,
    /// Their sum.
    Sum,
    /// The smallest.
    Minimum,
    /// The largest.
    Maximum,
    /// The value that so many percent keep below.
    Percentile(f64),
}

impl Statistic {
    /// Reads `Average`, `p99.9` and the like; nothing where it is none that is known here.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "SampleCount" => Self::SampleCount,
            "Average" => Self::Average,
            "Sum" => Self::Sum,
            "Minimum" => Self::Minimum,
            "Maximum" => Self::Maximum,
            text => {
                let percent = text.strip_prefix('p')?;
                let is_number = percent.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
                let percent: f64 = percent.parse().ok().filter(|_| is_number)?;
                (0.0..=100.0).contains(&percent).then_some(Self::Percentile(percent))?
            }
        })
    }

    /// What it says of some values.
    pub fn of(self, sample: &Sample) -> f64 {
        match self {
            Self::SampleCount => sample.count(),
            Self::Average => sample.average(),
            Self::Sum => sample.sum(),
            Self::Minimum => sample.least(),
            Self::Maximum => sample.most(),
            Self::Percentile(percent) => sample.percentile(percent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_read() {
        assert_eq!(Statistic::parse("Sum"), Some(Statistic::Sum));
        assert_eq!(Statistic::parse("p99.9"), Some(Statistic::Percentile(99.9)));
        for none in ["sum", "p", "p101", "pinf", "p-1", "tm99", ""] {
            assert_eq!(Statistic::parse(none), None, "{none}");
        }
    }
}
