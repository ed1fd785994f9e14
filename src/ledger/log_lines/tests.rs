//! Lines as they are stored, removed and read again, and what damage and kills may cost.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

pub(super) const SMALL: Limits = Limits { open: 3000, sealed: 9000, block: 300 };

fn open(folder: &Path, limits: Limits) -> LogLines {
    open_with(folder, Durability::Never, limits)
}

pub(super) fn open_with(folder: &Path, durability: Durability, limits: Limits) -> LogLines {
    let store = Store::open(folder, durability, limits).expect("opens");
    LogLines { store: Arc::new(Mutex::new(store)) }
}

pub(super) fn place(stream: u128) -> LogPlace {
    LogPlace { group: LogId(Uuid::from_u128(1)), stream: LogId(Uuid::from_u128(stream)) }
}

fn add(lines: &LogLines, stream: u128, times: &[u64]) {
    let new = times.iter().map(|time_ms| NewLine { time_ms: *time_ms, text: format!("at {time_ms}") });
    lines.append(place(stream), Timestamp(100), new.collect()).expect("stored");
}

fn times(lines: &LogLines, stream: u128, range: Range<u64>) -> Vec<u64> {
    let range = LinePosition::start_of(range.start)..LinePosition::start_of(range.end);
    let read = |order| lines.range(place(stream), range.clone(), order).map(|line| line.expect("reads").position);
    let forwards: Vec<_> = read(Order::OldestFirst).collect();
    let mut backwards: Vec<_> = read(Order::NewestFirst).collect();
    backwards.reverse();
    assert_eq!(forwards, backwards);
    assert!(forwards.is_sorted());
    forwards.into_iter().map(|position| position.time_ms).collect()
}

fn all(lines: &LogLines, stream: u128) -> Vec<u64> {
    times(lines, stream, 0..u64::MAX)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

fn disk(folder: &Path) -> u64 {
    files(folder).iter().map(|file| file.metadata().expect("a file").len()).sum()
}

#[test]
fn lines_come_back_by_time_and_arrival() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = open(folder.path(), Limits::default());
    add(&lines, 2, &[5, 7]);
    add(&lines, 2, &[6, 7]);
    add(&lines, 3, &[1]);
    assert_eq!(all(&lines, 2), [5, 6, 7, 7]);
    assert_eq!(times(&lines, 2, 6..7), [6]);
    assert_eq!(times(&lines, 2, Range { start: 7, end: 6 }), [0; 0]);
    let counters = lines.counters(place(2)).expect("counted");
    assert_eq!((counters.lines, counters.first_ms, counters.last_ms), (4, 5, 7));
    assert_eq!(lines.bytes([place(2), place(3)].into_iter()), 5 * (4 + LINE_OVERHEAD));
    let everything = LinePosition::start_of(0)..LinePosition::start_of(9);
    let merged = lines.search(&[place(3), place(2)], everything, Order::OldestFirst);
    let merged: Vec<_> = merged.map(|found| found.expect("reads")).map(|(stream, line)| (stream, line.text)).collect();
    let expected = [(0, "at 1"), (1, "at 5"), (1, "at 6"), (1, "at 7"), (1, "at 7")];
    assert_eq!(merged, expected.map(|(stream, text)| (stream, text.to_owned())));
}

#[test]
fn what_is_removed_is_gone_and_the_rest_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = open(folder.path(), Limits::default());
    add(&lines, 2, &(0..2500).collect::<Vec<_>>());
    add(&lines, 3, &[1]);
    lines.store().cut(place(2), 2400).expect("removed");
    let reopened = || open(folder.path(), Limits::default());
    for lines in [&lines, &reopened()] {
        assert_eq!(all(lines, 2).len(), 100);
        let counters = lines.counters(place(2)).expect("counted");
        assert_eq!((counters.lines, counters.first_ms, counters.bytes), (100, 2400, 100 * (7 + LINE_OVERHEAD)));
    }
    lines.tidy(|| Arc::new(State::default()), Timestamp(0)).expect("tidied");
    assert_eq!((lines.counters(place(2)), lines.counters(place(3))), (None, None));
}

#[test]
fn numbers_go_on_in_a_reopened_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = open(folder.path(), Limits::default());
    add(&first, 2, &[5, 7]);
    let again = open(folder.path(), Limits::default());
    assert_eq!(again.counters(place(2)), first.counters(place(2)));
    add(&again, 2, &[7]);
    let range = LinePosition::start_of(0)..LinePosition::start_of(u64::MAX);
    let numbers = again.range(place(2), range, Order::OldestFirst).map(|line| line.expect("reads").position.number);
    assert_eq!(numbers.collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn many_small_batches_take_little_disk_and_a_short_index() {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = Limits { open: 64 << 10, ..Limits::default() };
    let lines = open(folder.path(), limits);
    let mut raw = 0;
    let calls = 4000_u64;
    for call in 0..calls {
        let id = Uuid::new_v4();
        let texts = [
            format!("START RequestId: {id} Version: $LATEST\n"),
            format!("END RequestId: {id}\n"),
            format!(
                "REPORT RequestId: {id}\tDuration: {}.27 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 35 MB\t\n",
                call % 7
            ),
        ];
        raw += texts.iter().map(String::len).sum::<usize>();
        let texts = texts.map(|text| NewLine { time_ms: 1_764_000_000_000 + call, text });
        lines.append(place(2), Timestamp(1_764_000_000_000 + call), texts.into()).expect("stored");
    }
    let disk = disk(folder.path());
    let raw = raw as u64;
    assert!(disk * 4 < raw, "{disk} bytes of disk for {raw} of text");
    assert!(lines.store().index.streams[&place(2)].len() < 20);
    let range = LinePosition::start_of(0)..LinePosition::start_of(u64::MAX);
    assert_eq!(lines.range(place(2), range, Order::NewestFirst).count() as u64, 3 * calls);
}

#[test]
fn removed_streams_free_their_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = open(folder.path(), SMALL);
    for round in 0..400 {
        add(
            &lines,
            2 + round % 4,
            &(0..20).map(|n| n * u64::try_from(round * 7919 % 1000).expect("small")).collect::<Vec<_>>(),
        );
    }
    let before = disk(folder.path());
    for stream in 2..5 {
        lines.remove_stream(place(stream));
    }
    assert!(disk(folder.path()) * 2 < before, "{} of {before}", disk(folder.path()));
    let left = all(&lines, 5);
    assert_eq!(left.len(), 2000);
    lines.remove_group(LogId(Uuid::from_u128(1)));
    assert!(disk(folder.path()) < 4000, "{:?}", files(folder.path()));
}

#[test]
fn a_budget_is_kept_to_and_takes_the_oldest_streams() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = open(folder.path(), SMALL);
    let budget = 1 << 20;
    lines.set_budget(budget, "--log-budget");
    let noise = |seed: u64| {
        let numbers = (0..40).map(|n| (seed * 40 + n).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        numbers.map(|number| format!("{number:x}")).collect::<Vec<_>>().concat()
    };
    for batch in 0..6000_u64 {
        let text = noise(batch);
        let stream = u128::from(batch / 500);
        lines.append(place(stream), Timestamp(batch), vec![NewLine { time_ms: batch, text }]).expect("stored");
    }
    assert!(disk(folder.path()) <= budget, "{}", disk(folder.path()));
    assert_eq!(lines.counters(place(0)), None);
    let newest = lines.counters(place(11)).expect("kept");
    assert_eq!((newest.lines, newest.last_ms), (500, 5999));
    // What is gone stays gone.
    let kept: Vec<_> = (0..12).map(|stream| lines.counters(place(stream))).collect();
    drop(lines);
    let again = open(folder.path(), SMALL);
    assert_eq!((0..12).map(|stream| again.counters(place(stream))).collect::<Vec<_>>(), kept);
}

#[test]
fn a_torn_tail_is_cut_and_lines_go_on_behind_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = open(folder.path(), Limits::default());
    add(&lines, 2, &[1, 2]);
    let whole = disk(folder.path());
    add(&lines, 2, &[3]);
    let path = files(folder.path()).pop().expect("a segment");
    drop(lines);
    let bytes = fs::read(&path).expect("reads");
    for end in usize::try_from(whole).expect("small")..bytes.len() {
        fs::write(&path, &bytes[..end]).expect("written");
        let lines = open(folder.path(), Limits::default());
        assert_eq!(all(&lines, 2), [1, 2], "cut at {end}");
        add(&lines, 2, &[4]);
        drop(lines);
        assert_eq!(all(&open(folder.path(), Limits::default()), 2), [1, 2, 4], "cut at {end}");
    }
}

/// Damage costs no more than the block that it is in, wherever it is, in an open and in a sealed segment.
#[test]
fn damage_costs_one_block() {
    for sealed in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let lines = open(folder.path(), Limits::default());
        for batch in 0..5 {
            add(&lines, 2, &[10 * batch, 10 * batch + 1]);
            add(&lines, 3, &[batch]);
        }
        if sealed {
            let mut store = lines.store();
            store.limits = SMALL;
            store.limits.block = 8;
            store.roll();
        }
        drop(lines);
        let path = files(folder.path()).remove(0);
        let bytes = fs::read(&path).expect("reads");
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x41;
            fs::write(&path, &damaged).expect("written");
            let lines = open(folder.path(), Limits::default());
            let left = all(&lines, 2).len() + all(&lines, 3).len();
            let is_last = !sealed && at > bytes.len() - 120;
            assert!(left >= 13 || is_last, "{left} lines with damage at {at} of {}", bytes.len());
        }
    }
}

/// One thing that happens to a store.
#[derive(Debug, Clone)]
enum Step {
    Add(u128, Vec<u64>),
    Cut(u128, u64),
    Remove(u128),
    Reopen,
    Roll,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3_u128, proptest::collection::vec(0..100_u64, 1..30)).prop_map(|(stream, times)| Step::Add(stream, times)),
        1 => (0..3_u128, 0..100_u64).prop_map(|(stream, before)| Step::Cut(stream, before)),
        1 => (0..3_u128).prop_map(Step::Remove),
        1 => Just(Step::Reopen),
        1 => Just(Step::Roll),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Whatever happens to a store, what it gives is what a plain list would give.
    #[test]
    fn a_store_is_like_a_list(steps in proptest::collection::vec(step(), 1..60)) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut lines = open(folder.path(), SMALL);
        let mut plain: BTreeMap<u128, Vec<u64>> = BTreeMap::new();
        // Streams that are removed are told to nobody but the state: their ids are never used again.
        let mut ids = [10, 11, 12_u128];
        for step in steps {
            match step {
                Step::Add(stream, times) => {
                    let id = ids[usize::try_from(stream).expect("small")];
                    add(&lines, id, &times);
                    plain.entry(id).or_default().extend(times);
                }
                Step::Cut(stream, before) => {
                    let id = ids[usize::try_from(stream).expect("small")];
                    lines.store().cut(place(id), before).expect("cut");
                    lines.store().tend();
                    plain.entry(id).or_default().retain(|time| *time >= before);
                }
                Step::Remove(stream) => {
                    let id = &mut ids[usize::try_from(stream).expect("small")];
                    lines.remove_stream(place(*id));
                    plain.remove(id);
                    *id += 10;
                }
                Step::Reopen => {
                    drop(lines);
                    lines = open(folder.path(), SMALL);
                }
                Step::Roll => lines.store().roll(),
            }
        }
        for (id, times) in plain {
            let mut times = times;
            times.sort_unstable();
            prop_assert_eq!(all(&lines, id), times.clone());
            let counters = lines.counters(place(id)).unwrap_or_default();
            prop_assert_eq!(counters.lines, times.len() as u64);
            if let (Some(first), Some(last)) = (times.first(), times.last()) {
                prop_assert_eq!((counters.first_ms, counters.last_ms), (*first, *last));
            }
            let from = 30;
            let to = 60;
            let within: Vec<_> = times.iter().copied().filter(|time| (from..to).contains(time)).collect();
            prop_assert_eq!(self::times(&lines, id, from..to), within);
        }
    }
}
