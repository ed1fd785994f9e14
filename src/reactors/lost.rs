//! Deliveries that were given up since the server began, counted as AWS's metrics count them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::model::names::FunctionKey;

/// How many, by function and metric.
type Counts = BTreeMap<(FunctionKey, &'static str), u64>;

/// What was lost.
#[derive(Debug, Default)]
pub struct LostDeliveries(Mutex<Counts>);

impl LostDeliveries {
    /// Counts one of a function's.
    pub fn count(&self, function: &FunctionKey, metric: &'static str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((function.clone(), metric)).or_default() += 1;
    }

    /// All that were counted.
    pub fn all(&self) -> Counts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
