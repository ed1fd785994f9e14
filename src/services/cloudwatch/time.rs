//! Moments and stretches of time as requests name them.

use serde_json::Value;

use super::errors::{combination, invalid};
use super::metric::Stretch;
use crate::ledger::point::Point;
use crate::model::error::ApiError;

/// A moment in milliseconds: seconds since the epoch, or a text of ISO 8601.
pub fn moment(name: &str, value: &Value) -> Result<u64, ApiError> {
    if let Some(seconds) = value.as_f64() {
        let since = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
        return Ok(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    }
    match value.as_str().map(str::parse) {
        Some(Ok(Point::Time(time))) => Ok(time.0),
        _ => Err(invalid(format!("The parameter {name} must be a timestamp."))),
    }
}

impl Stretch {
    /// A stretch of time, and of how many seconds each of its values tells, checked. The texts are AWS's, as moto has them.
    pub fn new(name: &str, (start, end): (u64, u64), period: u64) -> Result<Self, ApiError> {
        if start >= end {
            return Err(combination("The parameter StartTime must be less than the parameter EndTime."));
        }
        let is_fine = [1, 5, 10, 20, 30].contains(&period) || period.is_multiple_of(60);
        if !is_fine {
            return Err(invalid(format!("The parameter {name} must be 1, 5, 10, 20, 30, or a multiple of 60.")));
        }
        Ok(Self { start, end, period: period.next_multiple_of(60) })
    }
}
