//! How many requests functions' URLs take in a second.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html>, "Throttling": ten for each of the
//! function's reserved concurrency.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::model::names::FunctionKey;

/// Requests in a second for each of the reserved concurrency.
const FOR_EACH: u64 = 10;

/// How long requests are counted together.
const SECOND: Duration = Duration::from_secs(1);

/// As many functions are looked through for those that nobody called lately.
const CROWDED: usize = 1000;

/// What came of each function lately. Those without reserved concurrency are not counted.
#[derive(Debug, Default)]
pub struct Rates(Mutex<HashMap<FunctionKey, Counted>>);

#[derive(Debug, Clone, Copy)]
struct Counted {
    since: Instant,
    requests: u64,
}

impl Rates {
    /// Counts a request to a function; `false` where it is one too many.
    pub fn take(&self, function: &FunctionKey, reserved: u32, now: Instant) -> bool {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.len() >= CROWDED && !counted.contains_key(function) {
            counted.retain(|_, counted| now.duration_since(counted.since) < SECOND);
        }

        let counted = counted.entry(function.clone()).or_insert(Counted { since: now, requests: 0 });
        if now.duration_since(counted.since) >= SECOND {
            *counted = Counted { since: now, requests: 0 };
        }
        counted.requests += 1;
        counted.requests <= FOR_EACH * u64::from(reserved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> FunctionKey {
        let scope = crate::model::names::Scope { account: "000000000000".into(), region: "us-east-1".into() };
        FunctionKey { scope, name: name.into() }
    }

    #[test]
    fn ten_a_second_for_each_of_the_reserved() {
        let rates = Rates::default();
        let now = Instant::now();
        let taken = |at: Instant| (0..50).filter(|_| rates.take(&key("f"), 2, at)).count();
        assert_eq!(taken(now), 20);
        assert_eq!(taken(now + Duration::from_millis(999)), 0);
        assert_eq!(taken(now + SECOND), 20);
        assert!(rates.take(&key("g"), 1, now), "each has its own");
    }

    #[test]
    fn functions_that_nobody_calls_are_forgotten() {
        let rates = Rates::default();
        let now = Instant::now();
        assert!((0..CROWDED).all(|number| rates.take(&key(&number.to_string()), 1, now)));
        assert!(rates.take(&key("late"), 1, now + SECOND));
        assert_eq!(rates.0.lock().expect("is whole").len(), 1);
    }
}
