//! What is read of a shard and not done, and what is to be done next: decided without I/O.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use super::frontier::Frontier;
use super::lanes::{Lanes, Rules};
use super::record::StreamRecord;
use super::span::Span;
use super::window::{Seen, is_over};
use super::work::{After, Work};
use crate::model::event_sources::{MappingKey, Settings};
use crate::model::time::Timestamp;
use crate::runs::cursors::{Cursor, OpenWindow, Position};

/// How long a shard that has nothing is not asked again, as on AWS.
const PAUSE: Duration = Duration::from_secs(1);

/// The lane in which windows end.
const LANE_OF_WINDOWS: usize = 0;

/// What is read of a shard and not done.
#[derive(Debug)]
pub struct Progress {
    /// Where the next call goes on.
    pub iterator: Option<String>,
    /// The last record that was read.
    pub read: Option<String>,
    /// The lanes.
    pub lanes: Lanes,
    /// The window that is open.
    pub window: Option<OpenWindow>,
    /// Until when the shard is not asked again.
    quiet: Option<Instant>,
    /// When the shard was asked last, where it had nothing then.
    empty: Option<Timestamp>,
    /// Whether the shard gets no more.
    is_over: bool,
    position: Position,
    frontier: Frontier,
}

/// What one call gave of a shard.
#[derive(Debug)]
pub struct Read {
    /// The records, each with whether the function is to get it.
    pub records: Vec<(StreamRecord, bool)>,
    /// When the shard was asked.
    pub asked: Timestamp,
    /// Whether it had no more then.
    pub is_empty: bool,
    /// Whether it gets no more.
    pub is_over: bool,
    /// Where the next call goes on.
    pub iterator: Option<String>,
}

/// What is done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The next batch of a lane.
    Run(usize),
    /// So many records are read.
    Read(usize),
    /// The shard is at its end, and all of it is done.
    End,
    /// Nothing, until then or until a batch has ended.
    Wait(Option<Instant>),
}

fn rules(settings: &Settings) -> Rules {
    Rules {
        size: usize::try_from(settings.batch_size).unwrap_or(usize::MAX).max(1),
        patience: Duration::from_secs(settings.batching_window_s.unwrap_or_default().into()),
        window_s: settings.tumbling_window_s.filter(|length| *length > 0),
    }
}

impl Progress {
    /// Of a shard that is read on behind its cursor, or from a position on.
    pub fn of(cursor: Option<&Cursor>, begun: Position, settings: &Settings) -> Self {
        let tried = cursor.map(|cursor| cursor.tried.clone()).unwrap_or_default();
        Self {
            iterator: None,
            read: None,
            lanes: Lanes::new(settings.lanes(), tried),
            window: cursor.and_then(|cursor| cursor.window.clone()),
            quiet: None,
            empty: None,
            is_over: false,
            position: cursor.map_or(begun, |cursor| cursor.position.clone()),
            frontier: Frontier::default(),
        }
    }

    /// What is done next, while so many batches are `running`.
    pub fn step(&mut self, settings: &Settings, running: usize, now: Instant) -> Step {
        if running == 0 {
            self.lanes.give_all_back();
        }
        let mut rules = rules(settings);
        if self.lanes.count() != settings.lanes() {
            if running > 0 {
                return Step::Wait(None);
            }
            self.lanes.divide(settings.lanes(), &rules);
        }
        if self.is_over {
            rules.patience = Duration::ZERO;
        }

        self.end_window(settings.has_windows());
        if let Some(lane) = self.lanes.ready(&rules, now) {
            return Step::Run(lane);
        }
        let ready = self.lanes.next_ready(&rules, now);
        if self.is_over {
            return if self.lanes.is_empty() { Step::End } else { Step::Wait(ready) };
        }
        match (self.lanes.room(&rules), self.quiet.filter(|quiet| *quiet > now)) {
            (0, _) => Step::Wait(ready),
            (room, None) => Step::Read(room),
            (_, Some(quiet)) => Step::Wait(Some(ready.map_or(quiet, |ready| ready.min(quiet)))),
        }
    }

    /// Has the function told of the end of a window that is over, before it gets what follows.
    fn end_window(&mut self, has_windows: bool) {
        let Some(window) = &self.window else { return };
        let next = self.lanes.next(LANE_OF_WINDOWS);
        let is_busy = self.lanes.running(LANE_OF_WINDOWS).is_some() || next.is_some_and(|next| next.is_end);
        let seen = Seen { next, empty: self.empty, is_over: self.is_over, has_windows };
        if is_busy || !is_over(window, seen) {
            return;
        }
        let span = Some(Span::of_open(window));
        let end = Work { is_end: true, span, failures: window.failures, ..Work::default() };
        self.lanes.put_first(LANE_OF_WINDOWS, end);
    }

    /// Takes what was read; whether it is settled further than before, as records are passed over.
    pub fn take(&mut self, read: Read, settings: &Settings, now: Instant) -> bool {
        let rules = rules(settings);
        self.quiet = read.is_empty.then(|| now + PAUSE);
        self.empty = read.is_empty.then_some(read.asked);
        self.is_over = read.is_over;
        self.iterator = read.iterator;
        for (record, is_wanted) in read.records {
            self.read = Some(record.sequence.clone());
            self.frontier.read(&record.sequence, is_wanted);
            if is_wanted {
                self.lanes.add(record, &rules);
            }
        }
        self.frontier.reached(&HashSet::new()).is_some()
    }

    /// The shard is not asked for a while, as its iterator was too old.
    pub fn be_quiet(&mut self, now: Instant) {
        self.quiet = Some(now + PAUSE);
    }

    /// The cursor once what ran in a lane has ended so, with this window open.
    pub fn cursor(
        &self,
        (mapping, shard): (&MappingKey, &str),
        (lane, after): (Option<usize>, &After),
        window: Option<OpenWindow>,
    ) -> Cursor {
        let reached = self.frontier.reached(&after.all_settled().collect());
        let position = reached.map_or_else(|| self.position.clone(), |sequence| Position::After(sequence.to_owned()));
        let tried = self.lanes.tried(lane, &after.again);
        Cursor { mapping: mapping.clone(), shard: shard.to_owned(), position, tried, window }
    }

    /// What ran in a lane has ended, and the cursor is stored.
    pub fn conclude(&mut self, (lane, after): (Option<usize>, After), cursor: Cursor, now: Instant) {
        self.frontier.settle(&after.all_settled().collect());
        if let Position::After(sequence) = &cursor.position {
            self.lanes.forget_known(sequence);
        }
        if let Some(lane) = lane {
            self.lanes.end(lane, after.again, now);
        }
        self.position = cursor.position;
        self.window = cursor.window;
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::event_sources::MappingId;
    use crate::model::names::Scope;

    fn settings(lanes: u32, window_s: u32) -> Settings {
        Settings {
            batch_size: 2,
            parallelization_factor: Some(lanes),
            tumbling_window_s: Some(window_s),
            ..Settings::default()
        }
    }

    fn page(numbers: std::ops::Range<u32>, is_over: bool) -> Read {
        let record = |number: u32| {
            let (arrived, sequence) = (f64::from(number), number.to_string());
            (StreamRecord { sequence, arrived, key: number.to_string(), text: "{}".to_owned() }, true)
        };
        let is_empty = numbers.is_empty();
        Read { records: numbers.map(record).collect(), asked: Timestamp(0), is_empty, is_over, iterator: None }
    }

    fn start(settings: &Settings) -> Progress {
        Progress::of(None, Position::Since(Timestamp(0)), settings)
    }

    /// What runs in a lane is done; where the shard is read to then.
    fn done(progress: &mut Progress, lane: usize, now: Instant) -> Position {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        let key = MappingKey { scope, id: MappingId(Uuid::nil()) };
        let records = &progress.lanes.running(lane).expect("runs").records;
        let settled = records.iter().map(|record| record.sequence.clone()).collect();
        let after = After { settled, ..After::default() };
        let cursor = progress.cursor((&key, "s"), (Some(lane), &after), None);
        let position = cursor.position.clone();
        progress.conclude((Some(lane), after), cursor, now);
        position
    }

    #[tokio::test]
    async fn a_shard_is_read_and_done_in_turns() {
        let (settings, now) = (settings(1, 0), Instant::now());
        let mut progress = start(&settings);
        assert_eq!(progress.step(&settings, 0, now), Step::Read(2));
        progress.take(page(0..0, false), &settings, now);
        assert_eq!(progress.step(&settings, 0, now), Step::Wait(Some(now + PAUSE)));
        let now = now + PAUSE;
        assert_eq!(progress.step(&settings, 0, now), Step::Read(2));
        progress.take(page(1..3, true), &settings, now);
        assert_eq!(progress.step(&settings, 0, now), Step::Run(0));
        progress.lanes.run(0);
        assert_eq!(progress.step(&settings, 1, now), Step::Wait(None));
        assert_eq!(progress.step(&settings, 0, now), Step::Run(0), "nobody says any more what became of it");
        progress.lanes.run(0);
        assert_eq!(done(&mut progress, 0, now), Position::After("2".into()));
        assert_eq!(progress.step(&settings, 0, now), Step::End);
    }

    #[tokio::test]
    async fn the_place_waits_for_the_slowest_lane_and_lanes_for_what_runs() {
        let (two, one, now) = (settings(2, 0), settings(1, 0), Instant::now());
        let mut progress = start(&two);
        progress.take(page(0..9, false), &two, now);
        let Step::Run(first) = progress.step(&two, 0, now) else { panic!("one may run") };
        progress.lanes.run(first);
        let Step::Run(second) = progress.step(&two, 1, now) else { panic!("another may run") };
        progress.lanes.run(second);
        assert_ne!(first, second);
        let has_first =
            |progress: &Progress, lane| progress.lanes.running(lane).expect("runs").records[0].sequence == "0";
        let (ahead, behind) = if has_first(&progress, first) { (second, first) } else { (first, second) };
        assert_eq!(done(&mut progress, ahead, now), Position::Since(Timestamp(0)), "the first record is not done");
        assert_eq!(progress.step(&one, 1, now), Step::Wait(None), "what runs is waited for");
        assert!(matches!(done(&mut progress, behind, now), Position::After(_)));
        assert_eq!((progress.step(&one, 0, now), progress.lanes.count()), (Step::Run(0), 1));
    }

    #[tokio::test]
    async fn a_window_ends_before_the_next_begins() {
        let (settings, now) = (settings(1, 10), Instant::now());
        let mut progress = start(&settings);
        progress.take(page(8..12, false), &settings, now);
        assert_eq!(progress.step(&settings, 0, now), Step::Run(0));
        assert_eq!(progress.lanes.run(0).map(|work| work.records.len()), Some(2), "of the first window");
        done(&mut progress, 0, now);
        let (start, end) = (Timestamp(0), Timestamp(10_000));
        progress.window = Some(OpenWindow { start, end, state: "{}".into(), is_early: false, failures: 4 });
        assert_eq!(progress.step(&settings, 0, now), Step::Run(0));
        let end = progress.lanes.run(0).expect("the end");
        assert_eq!((end.is_end, end.failures, end.records.len()), (true, 4, 0));
        done(&mut progress, 0, now);
        assert_eq!(progress.step(&settings, 0, now), Step::Run(0));
        assert_eq!(progress.lanes.run(0).map(|work| (work.is_end, work.records.len())), Some((false, 2)));
    }
}
