//! The lanes of a shard: as many as batches of it may run at once. All records of a key are in one lane, and of a lane one
//! batch follows the other.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::record::{StreamRecord, compare};
use super::span::Span;
use super::work::{MAX_EVENT, Work};
use crate::runs::cursors::Tried;

/// Bytes of records that wait at most, however many may: four events of the largest kind.
const MAX_WAITING: usize = 4 * MAX_EVENT;

/// What a mapping says of batches.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Records of a batch at most.
    pub size: usize,
    /// How long is waited for a batch to be full.
    pub patience: Duration,
    /// The length of windows, where there are such.
    pub window_s: Option<u32>,
}

/// The lanes.
#[derive(Debug)]
pub struct Lanes {
    lanes: Vec<Lane>,
    /// What was tried before the shard was read here, and has not been read again.
    known: Vec<Tried>,
}

#[derive(Debug, Default)]
struct Lane {
    /// What is done next, in this order.
    waiting: VecDeque<Work>,
    /// What the function has.
    running: Option<Work>,
    /// When the next may run, after one that failed.
    due: Option<Instant>,
}

impl Lane {
    /// When the next batch may run; `None` where there is none, or one runs.
    fn ready(&self, rules: &Rules, now: Instant) -> Option<Instant> {
        let next = self.waiting.front().filter(|_| self.running.is_none())?;
        let is_closed = self.waiting.len() > 1 || next.is_full(rules.size);
        let full = if is_closed { now } else { next.since + rules.patience };
        Some(full.max(self.due.unwrap_or(now)))
    }
}

impl Lanes {
    /// So many, before anything is read. What was `tried` is put together again as it was.
    pub fn new(count: usize, tried: Vec<Tried>) -> Self {
        Self { lanes: empty(count), known: tried }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.lanes.len()
    }

    /// Takes a record that was read.
    pub fn add(&mut self, record: StreamRecord, rules: &Rules) {
        let known = self.known.iter().position(|tried| tried.first == record.sequence);
        let known = known.map(|at| self.known.swap_remove(at));
        let span = rules.window_s.map(|length| Span::of(record.arrived, length));
        let lane = record.lane(self.count());
        let waiting = &mut self.lanes[lane].waiting;
        match waiting.back_mut() {
            Some(last) if known.is_none() && last.takes(&record, span, rules.size) => last.push(record),
            _ => waiting.push_back(Work::begin(record, span, known)),
        }
    }

    /// Divides what waits anew, while nothing runs.
    pub fn divide(&mut self, count: usize, rules: &Rules) {
        self.known = self.tried(None, &[]);
        let before = std::mem::replace(&mut self.lanes, empty(count));
        let works = before.into_iter().flat_map(|lane| lane.waiting);
        let mut records: Vec<_> = works.flat_map(|work| work.records).collect();
        records.sort_by(|one, other| compare(&one.sequence, &other.sequence));
        for record in records {
            self.add(record, rules);
        }
    }

    /// A lane whose next batch may run.
    pub fn ready(&self, rules: &Rules, now: Instant) -> Option<usize> {
        self.lanes.iter().position(|lane| lane.ready(rules, now).is_some_and(|ready| ready <= now))
    }

    /// When the first of them may.
    pub fn next_ready(&self, rules: &Rules, now: Instant) -> Option<Instant> {
        self.lanes.iter().filter_map(|lane| lane.ready(rules, now)).min()
    }

    /// How many records are to be read now: none, where every lane has enough.
    pub fn room(&self, rules: &Rules) -> usize {
        let lacks =
            |lane: &Lane| lane.running.is_none() && lane.waiting.front().is_none_or(|next| !next.is_full(rules.size));
        let works = || self.lanes.iter().flat_map(|lane| lane.waiting.iter().chain(&lane.running));
        let bytes: usize = works().map(|work| work.bytes).sum();
        let records: usize = works().map(|work| work.records.len()).sum();
        if !self.lanes.iter().any(lacks) || bytes >= MAX_WAITING {
            return 0;
        }
        rules.size.saturating_mul(self.count()).saturating_sub(records)
    }

    /// Whether there is nothing that waits or runs.
    pub fn is_empty(&self) -> bool {
        self.lanes.iter().all(|lane| lane.waiting.is_empty() && lane.running.is_none())
    }

    /// What is done next in a lane where nothing runs.
    pub fn next(&self, lane: usize) -> Option<&Work> {
        self.lanes.get(lane)?.waiting.front()
    }

    /// Puts something before all that waits in a lane.
    pub fn put_first(&mut self, lane: usize, work: Work) {
        self.lanes[lane].waiting.push_front(work);
    }

    /// The next of a lane runs now.
    pub fn run(&mut self, lane: usize) -> Option<&Work> {
        let lane = self.lanes.get_mut(lane)?;
        lane.running = lane.waiting.pop_front();
        lane.running.as_ref()
    }

    /// What runs in a lane.
    pub fn running(&self, lane: usize) -> Option<&Work> {
        self.lanes.get(lane)?.running.as_ref()
    }

    /// What ran in a lane does not any more; this is to be done there before all else.
    pub fn end(&mut self, lane: usize, again: Vec<Work>, now: Instant) {
        let Some(lane) = self.lanes.get_mut(lane) else { return };
        lane.running = None;
        lane.due = again.first().map(|work| now + work.pause());
        for work in again.into_iter().rev() {
            lane.waiting.push_front(work);
        }
    }

    /// What runs in a lane is done again, as if it had not run.
    pub fn give_back(&mut self, lane: usize) {
        let Some(lane) = self.lanes.get_mut(lane) else { return };
        if let Some(work) = lane.running.take() {
            lane.waiting.push_front(work);
        }
    }

    /// All that runs is done again: nobody says any more what became of it.
    pub fn give_all_back(&mut self) {
        (0..self.count()).for_each(|lane| self.give_back(lane));
    }

    /// What was tried of all that waits or runs, where this is to be done again of what runs in a lane.
    pub fn tried(&self, ended: Option<usize>, again: &[Work]) -> Vec<Tried> {
        let of_lane = |(at, lane): (usize, &'_ Lane)| {
            let running = lane.running.as_ref().filter(|_| ended != Some(at));
            running.into_iter().chain(&lane.waiting).filter_map(Work::tried).collect::<Vec<_>>()
        };
        let waiting = self.lanes.iter().enumerate().flat_map(of_lane);
        again.iter().filter_map(Work::tried).chain(waiting).chain(self.known.iter().cloned()).collect()
    }

    /// Forgets what was tried up to a place.
    pub fn forget_known(&mut self, upto: &str) {
        self.known.retain(|tried| compare(&tried.last, upto).is_gt());
    }
}

fn empty(count: usize) -> Vec<Lane> {
    std::iter::repeat_with(Lane::default).take(count.max(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { size: 3, patience: Duration::ZERO, window_s: None };

    fn record(sequence: u32, key: &str) -> StreamRecord {
        let arrived = f64::from(sequence);
        StreamRecord { sequence: sequence.to_string(), arrived, key: key.to_owned(), text: "{}".to_owned() }
    }

    fn sequences(work: &Work) -> Vec<u32> {
        work.records.iter().map(|record| record.sequence.parse().expect("a number")).collect()
    }

    fn waiting(lanes: &Lanes) -> Vec<Vec<Vec<u32>>> {
        lanes.lanes.iter().map(|lane| lane.waiting.iter().map(sequences).collect()).collect()
    }

    fn filled(count: usize, tried: Vec<Tried>, numbers: std::ops::Range<u32>) -> Lanes {
        let mut lanes = Lanes::new(count, tried);
        for number in numbers {
            lanes.add(record(number, &format!("k{}", number % 5)), &RULES);
        }
        lanes
    }

    #[test]
    fn records_of_a_key_stay_in_their_order() {
        let lanes = filled(4, Vec::new(), 0..100);
        for lane in waiting(&lanes) {
            assert!(lane.concat().is_sorted() && lane.iter().all(|work| work.len() <= 3), "{lane:?}");
            let keys = lane.concat().iter().map(|number| number % 5).collect::<std::collections::HashSet<_>>();
            let others = waiting(&lanes).concat().concat();
            let of_keys = others.iter().filter(|number| keys.contains(&(*number % 5))).count();
            assert_eq!(of_keys, lane.concat().len(), "no key is in two lanes");
        }
        let mut divided = filled(4, Vec::new(), 0..9);
        divided.divide(1, &RULES);
        assert_eq!(waiting(&divided), [[[0, 1, 2], [3, 4, 5], [6, 7, 8]]]);
    }

    #[test]
    fn what_was_tried_is_put_together_as_it_was() {
        let tried =
            |first: u32, last: u32, failures| Tried { first: first.to_string(), last: last.to_string(), failures };
        let known = vec![tried(3, 4, 2), tried(7, 9, 0), tried(90, 99, 1)];
        let mut lanes = filled(1, known.clone(), 0..12);
        assert_eq!(waiting(&lanes)[0], [vec![0, 1, 2], vec![3, 4], vec![5, 6], vec![7, 8, 9], vec![10, 11]]);
        assert_eq!(lanes.tried(None, &[]), known);
        assert_eq!(lanes.lanes[0].waiting[1].failures, 2);
        lanes.forget_known("99");
        assert_eq!(lanes.tried(None, &[]).len(), 2, "what is passed over is not tried again");
        lanes.divide(2, &RULES);
        lanes.divide(1, &RULES);
        assert_eq!(lanes.tried(None, &[]), known[..2]);
    }

    #[tokio::test]
    async fn of_a_lane_one_batch_follows_the_other() {
        let now = Instant::now();
        let mut lanes = filled(1, Vec::new(), 0..5);
        let wait = Rules { patience: Duration::from_secs(5), ..RULES };
        assert_eq!((lanes.ready(&wait, now), lanes.room(&RULES)), (Some(0), 0));
        assert_eq!(lanes.run(0).map(sequences), Some(vec![0, 1, 2]));
        assert_eq!((lanes.ready(&RULES, now), lanes.next_ready(&RULES, now)), (None, None));
        let failed = Work { failures: 1, ..lanes.running(0).expect("runs").clone() };
        lanes.end(0, vec![failed.cut()], now);
        assert_eq!(lanes.ready(&RULES, now), None, "it waits a while after it failed");
        assert_eq!(lanes.next_ready(&RULES, now), Some(now + Duration::from_millis(500)));
        assert_eq!(lanes.tried(None, &[]), [Tried { first: "0".into(), last: "2".into(), failures: 1 }]);
        lanes.run(0);
        lanes.give_all_back();
        lanes.run(0);
        lanes.end(0, Vec::new(), now);
        assert_eq!((lanes.ready(&wait, now), lanes.ready(&RULES, now + wait.patience)), (None, Some(0)));
        assert_eq!(lanes.room(&RULES), 1, "the last batch has room");
    }
}
