//! Records of a shard that the function has not done: what is tried again, cut in two, or given up. Nothing of a shard goes
//! on before they are settled.

use std::time::Duration;

use super::record::StreamRecord;
use crate::model::event_sources::Settings;
use crate::reactors::sources::source::{Call, Outcome, Verdict};

/// The pause before the second attempt; it doubles with each that follows. With these, a minute has eight attempts, as
/// recorded (`test_kinesis_maximum_record_age_exceeded`).
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause: a guess.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Records that the function gets at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// The records.
    pub records: Vec<StreamRecord>,
    /// Sequence number up to which the shard is settled when they are.
    pub upto: String,
    /// How often the function has failed with them.
    pub failures: u32,
    /// The last call with them.
    pub call: Option<Call>,
}

/// Why records are given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenUp {
    /// The function failed as often as it may.
    RetryAttemptsExhausted,
    /// They are older than they may be.
    RecordAgeExceeded,
}

impl GivenUp {
    /// `condition` of the record of failure.
    pub fn condition(self) -> &'static str {
        match self {
            Self::RetryAttemptsExhausted => "RetryAttemptsExhausted",
            Self::RecordAgeExceeded => "RecordAgeExceeded",
        }
    }
}

/// What becomes of a work.
#[derive(Debug, Default, PartialEq)]
pub struct After {
    /// Sequence number up to which the shard is settled by it.
    pub settled: Option<String>,
    /// What is to be done before anything else.
    pub again: Vec<Work>,
    /// What will not be done.
    pub given_up: Option<(Work, GivenUp)>,
}

impl Work {
    /// How long to wait before it is tried.
    pub fn pause(&self) -> Duration {
        match self.failures {
            0 => Duration::ZERO,
            failures => (FIRST_PAUSE * 2_u32.saturating_pow(failures.min(16) - 1)).min(LONGEST_PAUSE),
        }
    }

    /// The records that are too old at a time, in seconds, and what is left: records stand in the order in which they came.
    pub fn expire(mut self, settings: &Settings, now: f64) -> (Option<Self>, Option<Self>) {
        let Some(age) = settings.max_record_age_s.and_then(|age| u32::try_from(age).ok()) else {
            return (None, Some(self));
        };
        let is_old = |record: &StreamRecord| record.arrived + f64::from(age) < now;
        let count = self.records.iter().take_while(|record| is_old(record)).count();
        if count == 0 {
            return (None, Some(self));
        }
        if count == self.records.len() {
            return (Some(self), None);
        }
        let rest = self.records.split_off(count);
        let rest = Self { records: rest, upto: self.upto.clone(), failures: self.failures, call: self.call.clone() };
        let old = Self { upto: last(&self.records), ..self };

        (Some(old), Some(rest))
    }

    /// What becomes of it after an attempt.
    pub fn after(mut self, outcome: &Outcome, settings: &Settings) -> After {
        let Some(call) = &outcome.call else { return After { again: vec![self], ..After::default() } };
        self.call = Some(call.clone());
        match &outcome.verdict {
            Verdict::Untried => After { again: vec![self], ..After::default() },
            Verdict::Done => After { settled: Some(self.upto), ..After::default() },
            Verdict::Partly(failed) => {
                // All from the first that failed on is to be done again.
                let first = self.records.iter().position(|record| failed.contains(&record.sequence));
                let rest = self.records.split_off(first.unwrap_or_default());
                let settled = self.records.last().map(|record| record.sequence.clone());
                let rest = Self { records: rest, failures: self.failures + 1, ..self };
                After { settled, ..rest.or_given_up(settings) }
            }
            Verdict::Failed if settings.bisect_batch == Some(true) && self.records.len() > 1 => {
                // To be cut in two uses up no attempt.
                let second = self.records.split_off(self.records.len() / 2);
                let second = Self { records: second, upto: self.upto.clone(), ..self.clone() };
                let first = Self { upto: last(&self.records), ..self };
                After { again: vec![first, second], ..After::default() }
            }
            Verdict::Failed => Self { failures: self.failures + 1, ..self }.or_given_up(settings),
        }
    }

    /// Itself, unless the function failed with it as often as it may.
    fn or_given_up(self, settings: &Settings) -> After {
        let most = settings.max_retry_attempts.and_then(|attempts| u32::try_from(attempts).ok());
        if most.is_some_and(|most| self.failures > most) {
            return After { given_up: Some((self, GivenUp::RetryAttemptsExhausted)), ..After::default() };
        }
        After { again: vec![self], ..After::default() }
    }
}

fn last(records: &[StreamRecord]) -> String {
    records.last().map(|record| record.sequence.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn work(sequences: &[u32]) -> Work {
        let record = |sequence: &u32| StreamRecord {
            sequence: sequence.to_string(),
            arrived: f64::from(*sequence),
            json: Value::Null,
        };
        let records: Vec<_> = sequences.iter().map(record).collect();
        Work { upto: "99".to_owned(), records, failures: 0, call: None }
    }

    fn settings(retries: i64) -> Settings {
        Settings { max_retry_attempts: Some(retries), ..Settings::default() }
    }

    fn outcome(verdict: Verdict) -> Outcome {
        let call = Call { request_id: "r".to_owned(), version: "1".to_owned(), is_error: true };
        Outcome { verdict, call: Some(call) }
    }

    fn sequences(work: &Work) -> Vec<&str> {
        work.records.iter().map(|record| record.sequence.as_str()).collect()
    }

    /// Runs works with the function that `fails` tells of; the calls, and what was given up after how many.
    fn run(first: Work, settings: &Settings, fails: impl Fn(&Work) -> Verdict) -> (u32, Vec<(Vec<String>, u32)>) {
        let mut waiting = vec![first];
        let mut calls = 0;
        let mut given_up = Vec::new();
        while !waiting.is_empty() {
            let work = waiting.remove(0);
            calls += 1;
            let verdict = fails(&work);
            let after = work.after(&outcome(verdict), settings);
            given_up.extend(
                after.given_up.map(|(work, _)| {
                    (work.records.iter().map(|record| record.sequence.clone()).collect(), work.failures)
                }),
            );
            waiting.splice(0..0, after.again);
        }
        (calls, given_up)
    }

    /// Recorded (`test_kinesis_event_source_mapping_with_on_failure_destination_config`, `…_report_batch_item_failures`).
    #[test]
    fn what_fails_is_given_up_after_its_attempts() {
        for retries in [0, 1, 2, 3] {
            let attempts = u32::try_from(retries).expect("few") + 1;
            let (calls, given_up) = run(work(&[1, 2]), &settings(retries), |_| Verdict::Failed);
            assert_eq!((calls, given_up), (attempts, vec![(vec!["1".to_owned(), "2".to_owned()], attempts)]));
        }
        // Only record 5 is reported, each time: it is tried alone.
        let fifth = |_: &Work| Verdict::Partly(["5".to_owned()].into());
        let (calls, given_up) = run(work(&[3, 4, 5]), &settings(3), fifth);
        assert_eq!((calls, given_up), (4, vec![(vec!["5".to_owned()], 4)]));
        let after = work(&[3, 4, 5]).after(&outcome(fifth(&work(&[]))), &settings(3));
        assert_eq!((after.settled.as_deref(), sequences(&after.again[0])), (Some("4"), vec!["5"]));
        assert_eq!(work(&[1]).after(&outcome(Verdict::Done), &settings(-1)).settled.as_deref(), Some("99"));
    }

    #[test]
    fn a_batch_is_cut_until_the_poison_is_alone() {
        let bisecting = Settings { bisect_batch: Some(true), ..settings(1) };
        let poison = |work: &Work| if sequences(work).contains(&"3") { Verdict::Failed } else { Verdict::Done };
        let (calls, given_up) = run(work(&[1, 2, 3, 4]), &bisecting, poison);
        // 1234, 12, 34, 3, 3, 4.
        assert_eq!((calls, given_up), (6, vec![(vec!["3".to_owned()], 2)]));
    }

    #[test]
    fn what_is_too_old_goes_first() {
        let aged = Settings { max_record_age_s: Some(60), ..settings(-1) };
        let (old, rest) = work(&[1, 100, 101]).expire(&aged, 90.0);
        let (old, rest) = (old.expect("one"), rest.expect("two"));
        assert_eq!((sequences(&old), old.upto.as_str(), sequences(&rest)), (vec!["1"], "1", vec!["100", "101"]));
        assert!(work(&[1]).expire(&settings(-1), 1e9).0.is_none(), "without an age nothing is");
        assert!(work(&[1]).expire(&aged, 1e9).1.is_none());
    }

    #[test]
    fn what_could_not_run_counts_as_no_attempt() {
        let held_back = Outcome { verdict: Verdict::Failed, call: None };
        let after = work(&[1]).after(&held_back, &settings(0));
        assert_eq!(after.again, [work(&[1])]);
        let tried = |failures| Work { failures, ..work(&[1]) };
        let pauses: Duration = (0..8).map(|failures| tried(failures).pause()).sum();
        assert!(pauses > Duration::from_secs(60) && tried(7).pause() == Duration::from_secs(32), "{pauses:?}");
    }
}
