//! Log lines under faults of the disk: lines that were brought to disk are there after the next start, each once; others
//! may be; nothing else is.
//!
//! `LARDER_FAULT_CASES=2000 cargo test --lib faults::` runs it at length.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::tests::{SMALL, open_with, place};
use super::*;
use crate::disk::faults::{self, Fault};

/// Something that is done to log lines.
#[derive(Debug, Clone)]
enum Act {
    /// A stream gets so many lines.
    Put(u8, usize),
    /// A stream loses the older part of its lines.
    Cut(u8, u64),
    /// The next operations of the disk.
    Disk(u8, Fault),
    /// Nothing fails any more.
    Heal,
    Restart,
    /// Opened after the power went: what was not synced may be lost.
    PowerCut(Vec<bool>, usize),
}

fn act() -> impl Strategy<Value = Act> {
    let fault = prop_oneof![
        4 => prop::sample::select(vec![28, 5, 13, 24]).prop_map(Fault::Fails),
        2 => (0..=1000_usize).prop_map(Fault::Short),
        1 => (0..=1000_usize).prop_map(Fault::Crash),
    ];
    prop_oneof![
        10 => (0..3_u8, 1..40_usize).prop_map(|(stream, count)| Act::Put(stream, count)),
        1 => (0..3_u8, 0..400_u64).prop_map(|(stream, back)| Act::Cut(stream, back)),
        5 => (0..20_u8, fault).prop_map(|(after, fault)| Act::Disk(after, fault)),
        3 => Just(Act::Heal),
        2 => Just(Act::Restart),
        2 => (prop::collection::vec(any::<bool>(), 0..12), 0..6_usize).prop_map(|(lost, names)| Act::PowerCut(lost, names)),
    ]
}

/// Lines under test, and what is known of them.
struct Trial {
    folder: tempfile::TempDir,
    lines: Option<LogLines>,
    /// Of each stream, the lines that must be there.
    sure: BTreeMap<u8, BTreeSet<u64>>,
    /// Those that may be.
    maybe: BTreeMap<u8, BTreeSet<u64>>,
    count: u64,
}

impl Trial {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let lines = Some(open_with(folder.path(), Durability::Always, SMALL));
        Self { folder, lines, sure: BTreeMap::new(), maybe: BTreeMap::new(), count: 0 }
    }

    fn lines(&self) -> &LogLines {
        self.lines.as_ref().expect("is open")
    }

    fn start(&mut self, after: &str) {
        faults::plan(self.folder.path(), []);
        self.lines = Some(open_with(self.folder.path(), Durability::Always, SMALL));
        self.check(after);
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Put(stream, count) => self.put(*stream, *count),
            Act::Cut(stream, back) => self.cut(*stream, self.count.saturating_sub(*back)),
            Act::Disk(after, fault) => {
                let faults = (0..*after).map(|_| Fault::None).chain([*fault]);
                faults::plan(self.folder.path(), faults);
            }
            Act::Heal => {
                faults::plan(self.folder.path(), []);
                self.check("the disk is well again");
            }
            Act::Restart => {
                self.lines = None;
                self.start("a restart");
            }
            Act::PowerCut(lost, names) => {
                faults::plan(self.folder.path(), [Fault::Crash(0)]);
                self.lines = None;
                faults::cut_power(self.folder.path(), lost.iter().copied(), *names);
                self.start("a power cut");
            }
        }
    }

    /// Lines say their time, which no two have.
    fn put(&mut self, stream: u8, count: usize) {
        let times: Vec<u64> = (self.count + 1..).take(count).collect();
        self.count += count as u64;
        let new = times.iter().map(|time_ms| NewLine { time_ms: *time_ms, text: format!("line {time_ms}") });
        let lines = self.lines();
        let stored = lines.append(place(u128::from(stream)), Timestamp(1), new.collect());
        let stored = stored.and_then(|()| lines.settle());
        let known = if stored.is_ok() { &mut self.sure } else { &mut self.maybe };
        known.entry(stream).or_default().extend(times);
    }

    /// Whether lines before a time are gone is known at the next cut only.
    fn cut(&mut self, stream: u8, before: u64) {
        let _ = self.lines().store().cut(place(u128::from(stream)), before);
        let sure = self.sure.entry(stream).or_default();
        let kept = sure.split_off(&before);
        self.maybe.entry(stream).or_default().append(sure);
        *sure = kept;
    }

    fn check(&self, after: &str) {
        let none = BTreeSet::new();
        for stream in 0..3 {
            let sure = self.sure.get(&stream).unwrap_or(&none);
            let maybe = self.maybe.get(&stream).unwrap_or(&none);
            let all = LinePosition::start_of(0)..LinePosition::start_of(u64::MAX);
            let mut found = BTreeSet::new();
            for line in self.lines().range(place(u128::from(stream)), all, Order::OldestFirst) {
                let line = line.unwrap_or_else(|error| panic!("{after}: {error}"));
                let time = line.position.time_ms;
                assert_eq!(line.text, format!("line {time}"), "{after}");
                assert!(found.insert(time), "{after}: line {time} of stream {stream} is there twice");
                assert!(sure.contains(&time) || maybe.contains(&time), "{after}: nobody wrote line {time} of {stream}");
            }
            let lost: Vec<_> = sure.difference(&found).collect();
            assert!(lost.is_empty(), "{after}: the lines {lost:?} of stream {stream} are lost");
        }
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.lines = None;
        faults::clear(self.folder.path());
    }
}

fn cases() -> u32 {
    std::env::var("LARDER_FAULT_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lines_that_are_on_disk_stay(acts in prop::collection::vec(act(), 4..40)) {
        let mut trial = Trial::new();
        for one in &acts {
            trial.act(one);
        }
        trial.act(&Act::Restart);
    }
}
