//! When an event that could not be run, or whose function failed, is tried again, and when it is given up.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>, and recordings of AWS
//! where said.

use strum::IntoStaticStr;

use super::Attempts;
use crate::model::time::Timestamp;

/// The longest that an event is held back at a time where its function cannot be run, in seconds.
const LONGEST_HOLD_S: u64 = 300;

/// Attempts and age of events, as their function, version or alias has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often an event is tried again when its function has failed.
    pub retries: u32,
    /// How old an event may become, in seconds.
    pub max_age_s: u64,
    /// How many seconds an event waits after the first failure; it is twice that after the second.
    pub base_delay_s: u64,
}

impl RetryPolicy {
    /// AWS's defaults.
    pub const DEFAULT: Self = Self { retries: 2, max_age_s: 21_600, base_delay_s: 60 };
}

/// How an attempt went that did not end an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setback {
    /// The function ran, and failed.
    Failed,
    /// It was not run: too many run already, or something else is at fault.
    HeldBack,
}

/// Why an event is given up, in the words of AWS's records of invocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
pub enum GivenUp {
    /// The function failed as often as it may.
    RetriesExhausted,
    /// It would be too old at the next attempt.
    EventAgeExceeded,
    /// The function may not run at all.
    ZeroReservedConcurrency,
    /// It ran too often in one chain of events. (The word is a guess.)
    RecursiveInvocation,
}

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It is tried again.
    At(Timestamp, Attempts),
    /// It is not.
    Never(GivenUp),
}

impl RetryPolicy {
    /// What becomes of an event that was accepted then, after another attempt. Attempts that could not be made do not
    /// count. An event expires when its next attempt is due beyond its age, not later (recorded in `test_maxeventage`).
    pub fn after(&self, setback: Setback, accepted: Timestamp, attempts: Attempts, now: Timestamp) -> Next {
        let (attempts, delay_s) = match setback {
            Setback::Failed => {
                let failed = attempts.failed.saturating_add(1);
                (Attempts { failed, held_back: 0 }, self.base_delay_s.saturating_mul(failed.into()))
            }
            Setback::HeldBack => {
                let held_back = attempts.held_back.saturating_add(1);
                (Attempts { held_back, ..attempts }, hold(attempts.held_back))
            }
        };
        if attempts.failed > self.retries {
            return Next::Never(GivenUp::RetriesExhausted);
        }

        // Whole seconds that have begun count, as in LocalStack's rule, which gives what was recorded.
        let age_s = now.0.saturating_sub(accepted.0).div_ceil(1000);
        if age_s.saturating_add(delay_s) > self.max_age_s {
            return Next::Never(GivenUp::EventAgeExceeded);
        }
        Next::At(Timestamp(now.0.saturating_add(delay_s.saturating_mul(1000))), attempts)
    }
}

/// How many seconds an event is held back that was so many times in a row: one, then twice as many each time.
fn hold(times: u32) -> u64 {
    1_u64.checked_shl(times).unwrap_or(u64::MAX).min(LONGEST_HOLD_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_000_000);

    fn later(seconds: u64) -> Timestamp {
        Timestamp(START.0 + seconds * 1000)
    }

    fn failed(failed: u32) -> Attempts {
        Attempts { failed, held_back: 0 }
    }

    #[test]
    fn a_function_that_fails_is_run_three_times() {
        let policy = RetryPolicy::DEFAULT;
        let first = policy.after(Setback::Failed, START, failed(0), later(1));
        assert_eq!(first, Next::At(later(61), failed(1)));
        let second = policy.after(Setback::Failed, START, failed(1), later(62));
        assert_eq!(second, Next::At(later(182), failed(2)));
        let third = policy.after(Setback::Failed, START, failed(2), later(183));
        assert_eq!(third, Next::Never(GivenUp::RetriesExhausted));

        let none = RetryPolicy { retries: 0, ..policy };
        assert_eq!(none.after(Setback::Failed, START, failed(0), START), Next::Never(GivenUp::RetriesExhausted));
    }

    /// `test_maxeventage`: of 60 s one attempt, of 90 s two.
    #[test]
    fn an_event_expires_when_its_next_attempt_would_be_too_late() {
        for (max_age_s, attempts) in [(60, 1), (90, 2)] {
            let policy = RetryPolicy { max_age_s, ..RetryPolicy::DEFAULT };
            let (mut now, mut made, mut so_far) = (later(1), 1, failed(0));
            while let Next::At(due, next) = policy.after(Setback::Failed, START, so_far, now) {
                (now, so_far) = (Timestamp(due.0 + 500), next);
                made += 1;
            }
            assert_eq!(made, attempts, "{max_age_s} s");
        }
    }

    #[test]
    fn what_is_held_back_waits_longer_each_time_and_uses_up_no_attempt() {
        let policy = RetryPolicy::DEFAULT;
        let (mut now, mut attempts, mut waits) = (START, failed(1), Vec::new());
        while let Next::At(due, next) = policy.after(Setback::HeldBack, START, attempts, now) {
            waits.push((due.0 - now.0) / 1000);
            (now, attempts) = (due, next);
            assert_eq!(attempts.failed, 1);
        }
        assert_eq!(waits[..10], [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert!(now <= later(21_600) && now > later(21_000), "{now}");
    }
}
