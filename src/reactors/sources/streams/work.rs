//! Records of a shard that the function has not done: what is tried again, cut in two, or given up. Nothing of a shard goes
//! on before they are settled.

use std::time::Duration;

use tokio::time::Instant;

use super::record::{StreamRecord, compare};
use super::span::Span;
use crate::model::event_sources::Settings;
use crate::reactors::sources::source::{Call, Outcome, Verdict};
use crate::runs::cursors::Tried;

/// The pause before the second attempt; it doubles with each that follows. With these, a minute has eight attempts, as
/// recorded (`test_kinesis_maximum_record_age_exceeded`).
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause: a guess.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Bytes of an event, without what is around its records.
pub const MAX_EVENT: usize = 6 * 1024 * 1024 - 4096;

/// Records that the function gets at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// The records.
    pub records: Vec<StreamRecord>,
    /// Bytes of them.
    pub bytes: usize,
    /// When the first was read.
    pub since: Instant,
    /// The last record that may be among them, once that is settled: they were tried, or are a part of what was.
    pub last: Option<String>,
    /// The tumbling window that they are in.
    pub span: Option<Span>,
    /// Whether it is the end of a window, which has no records.
    pub is_end: bool,
    /// How often the function has failed with them.
    pub failures: u32,
    /// The last call with them.
    pub call: Option<Call>,
}

impl Default for Work {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            bytes: 0,
            since: Instant::now(),
            last: None,
            span: None,
            is_end: false,
            failures: 0,
            call: None,
        }
    }
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
    /// Sequence numbers of the records that are settled by it.
    pub settled: Vec<String>,
    /// What is to be done before anything else.
    pub again: Vec<Work>,
    /// What will not be done; it is settled, too.
    pub given_up: Option<(Work, GivenUp)>,
}

impl After {
    /// All that is settled.
    pub fn all_settled(&self) -> impl Iterator<Item = &str> {
        let given_up = self.given_up.iter().flat_map(|(work, _)| &work.records);
        self.settled.iter().map(String::as_str).chain(given_up.map(|record| record.sequence.as_str()))
    }
}

impl Work {
    /// One that begins with a record, perhaps one that was tried already.
    pub fn begin(record: StreamRecord, span: Option<Span>, tried: Option<Tried>) -> Self {
        let (last, failures) = tried.map(|tried| (Some(tried.last), tried.failures)).unwrap_or_default();
        let mut work = Self { last, span, failures, ..Self::default() };
        work.push(record);
        work
    }

    /// Takes one more record.
    pub fn push(&mut self, record: StreamRecord) {
        self.bytes += record.text.len() + 1;
        self.records.push(record);
    }

    /// Whether a record can be one of so many of it.
    pub fn takes(&self, record: &StreamRecord, span: Option<Span>, size: usize) -> bool {
        let is_among = match &self.last {
            Some(last) => compare(&record.sequence, last).is_le(),
            None => self.records.len() < size,
        };
        is_among && !self.is_end && self.span == span && self.bytes + record.text.len() < MAX_EVENT
    }

    /// Whether it is not to be waited for more of it.
    pub fn is_full(&self, size: usize) -> bool {
        self.is_end || self.last.is_some() || self.records.len() >= size || self.bytes >= MAX_EVENT
    }

    /// What is kept of it over a restart, if it was tried.
    pub fn tried(&self) -> Option<Tried> {
        let last = self.last.clone()?;
        let first = self.records.first()?.sequence.clone();
        Some(Tried { first, last, failures: self.failures })
    }

    /// How long to wait before it is tried.
    pub fn pause(&self) -> Duration {
        match self.failures {
            0 => Duration::ZERO,
            failures => (FIRST_PAUSE * 2_u32.saturating_pow(failures.min(16) - 1)).min(LONGEST_PAUSE),
        }
    }

    /// How many of its records are too old at a time, in seconds: they stand in the order in which they came.
    pub fn expired(&self, settings: &Settings, now: f64) -> usize {
        let Some(age) = settings.max_record_age_s.and_then(|age| u32::try_from(age).ok()) else { return 0 };
        self.records.iter().take_while(|record| record.arrived + f64::from(age) < now).count()
    }

    /// What becomes of it where so many of its records are too old.
    pub fn expire(self, count: usize) -> After {
        let (old, rest) = self.split(count);
        let again = if rest.records.is_empty() { Vec::new() } else { vec![rest] };
        After { again, given_up: Some((old, GivenUp::RecordAgeExceeded)), ..After::default() }
    }

    /// What becomes of it after an attempt.
    pub fn after(mut self, outcome: &Outcome, settings: &Settings) -> After {
        let Some(call) = &outcome.call else { return After { again: vec![self], ..After::default() } };
        self.call = Some(Call { state: None, ..call.clone() });
        match &outcome.verdict {
            Verdict::Untried => After { again: vec![self], ..After::default() },
            Verdict::Done => After { settled: self.sequences(), ..After::default() },
            Verdict::Partly(failed) => {
                // All from the first that failed on is to be done again.
                let first = self.records.iter().position(|record| failed.contains(&record.sequence));
                let (done, rest) = self.split(first.unwrap_or_default());
                let rest = Self { failures: rest.failures + 1, ..rest };
                After { settled: done.sequences(), ..rest.or_given_up(settings) }
            }
            Verdict::Failed if settings.bisect_batch == Some(true) && self.records.len() > 1 => {
                // To be cut in two uses up no attempt.
                let half = self.records.len() / 2;
                let (first, second) = self.split(half);
                After { again: vec![first.cut(), second.cut()], ..After::default() }
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
        After { again: vec![self.cut()], ..After::default() }
    }

    /// With these records, and no more.
    pub fn cut(mut self) -> Self {
        self.last = self.records.last().map(|record| record.sequence.clone());
        self
    }

    /// Its first records, and the others.
    fn split(mut self, count: usize) -> (Self, Self) {
        let records = self.records.split_off(count.min(self.records.len()));
        let bytes = records.iter().map(|record| record.text.len() + 1).sum();
        self.bytes -= bytes;
        let rest = Self { records, bytes, last: self.last.clone(), call: self.call.clone(), ..self };
        (self, rest)
    }

    fn sequences(&self) -> Vec<String> {
        self.records.iter().map(|record| record.sequence.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    static START: LazyLock<Instant> = LazyLock::new(Instant::now);

    fn work(sequences: &[u32]) -> Work {
        let mut work = Work { since: *START, ..Work::default() };
        for sequence in sequences {
            let (arrived, sequence) = (f64::from(*sequence), sequence.to_string());
            work.push(StreamRecord { sequence, arrived, key: String::new(), text: "{}".to_owned() });
        }
        work
    }

    fn settings(retries: i64) -> Settings {
        Settings { max_retry_attempts: Some(retries), ..Settings::default() }
    }

    fn outcome(verdict: Verdict) -> Outcome {
        let call = Call { request_id: "r".to_owned(), version: "1".to_owned(), is_error: true, state: None };
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
        assert_eq!((after.settled, sequences(&after.again[0])), (vec!["3".to_owned(), "4".to_owned()], vec!["5"]));
        assert_eq!((after.again[0].bytes, after.again[0].tried().map(|tried| tried.failures)), (3, Some(1)));
        assert_eq!(work(&[1]).after(&outcome(Verdict::Done), &settings(-1)).settled, ["1"]);
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
        let found = work(&[1, 100, 101]);
        assert_eq!(found.expired(&aged, 90.0), 1);
        let after = found.expire(1);
        assert_eq!(after.all_settled().collect::<Vec<_>>(), ["1"]);
        assert_eq!(sequences(&after.again[0]), ["100", "101"]);
        assert_eq!(work(&[1]).expired(&settings(-1), 1e9), 0, "without an age nothing is");
        assert!(work(&[1]).expire(1).again.is_empty());
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
