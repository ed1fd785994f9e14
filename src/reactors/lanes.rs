//! Starts what is due of what waits under way: each lane has a room of its own, so that one that is slow, or fails, holds
//! up no other. Only lanes are looked at in which something changed, ended or fell due: there may be ten thousand.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use imbl::ordmap::DiffItem;
use imbl::{OrdMap, OrdSet};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::ledger::Ledger;
use crate::model::time::Timestamp;
use crate::runs::state::Runs;
use crate::runs::waits::Waits;
use crate::runs::{NEVER, RunId};

/// The first rest of a lane whose work was held back; it is twice as long each time.
const FIRST_REST: Duration = Duration::from_millis(20);

/// The longest.
const LONGEST_REST: Duration = Duration::from_secs(2);

/// The longest time between two looks at the clock.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// How an entry's work ended, for its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worked {
    /// It was done, well or not.
    Done,
    /// It could not be done now, and likely no other of its lane.
    HeldBack,
}

/// Room for work.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Entries of one lane at the same time.
    pub of_lane: usize,
    /// Entries of all lanes.
    pub of_all: usize,
}

/// Work that has ended: the lane, the entry, and how.
type Ending<K> = (Arc<K>, RunId, Worked);

/// A lane that has work, or rests.
#[derive(Debug)]
struct Lane {
    working: HashSet<RunId>,
    /// How many may work at the same time: fewer while they are held back.
    allowance: usize,
    /// How often in a row one was held back.
    held_back: u32,
    rests_until: Option<Instant>,
}

/// The lanes that wait, each with its entries by the time when they are due.
type Waiting<K> = OrdMap<Arc<K>, OrdSet<(Timestamp, RunId)>>;

/// What works now, and what is to be looked at.
pub struct Lanes<K: Ord + Clone> {
    room: Room,
    busy: HashMap<Arc<K>, Lane>,
    count: usize,
    /// What waited at the last look.
    seen: Waiting<K>,
    open: Open<K>,
    later: Later<K>,
    ended: mpsc::UnboundedSender<Ending<K>>,
    endings: mpsc::UnboundedReceiver<Ending<K>>,
}

/// Lanes to be looked at, each once, those that came first first.
#[derive(Debug)]
struct Open<K> {
    order: VecDeque<Arc<K>>,
    lanes: HashSet<Arc<K>>,
}

impl<K: Hash + Eq> Open<K> {
    fn push(&mut self, lane: &Arc<K>) {
        if self.lanes.insert(Arc::clone(lane)) {
            self.order.push_back(Arc::clone(lane));
        }
    }

    fn pop(&mut self) -> Option<Arc<K>> {
        let lane = self.order.pop_front()?;
        self.lanes.remove(&lane);
        Some(lane)
    }
}

/// When lanes are to be looked at of which nothing can be started now.
#[derive(Debug)]
struct Later<K: Ord> {
    times: BTreeSet<(Timestamp, Arc<K>)>,
    of: HashMap<Arc<K>, Timestamp>,
}

impl<K: Ord + Hash> Later<K> {
    /// Notes the time of a lane in the place of the one before.
    fn put(&mut self, lane: &Arc<K>, time: Timestamp) {
        if let Some(before) = self.of.insert(Arc::clone(lane), time) {
            self.times.remove(&(before, Arc::clone(lane)));
        }
        self.times.insert((time, Arc::clone(lane)));
    }

    fn remove(&mut self, lane: &Arc<K>) {
        if let Some(before) = self.of.remove(lane) {
            self.times.remove(&(before, Arc::clone(lane)));
        }
    }

    /// A lane whose time has come.
    fn pop(&mut self, now: Timestamp) -> Option<Arc<K>> {
        let lane = self.times.first().filter(|(time, _)| *time <= now).map(|(_, lane)| Arc::clone(lane))?;
        self.remove(&lane);
        Some(lane)
    }

    /// How long until the first time comes.
    fn next(&self, now: Timestamp) -> Duration {
        let first = self.times.first().map(|(time, _)| Duration::from_millis(time.0.saturating_sub(now.0)));
        first.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP)
    }
}

/// What tells that an entry's work has ended.
#[derive(Debug)]
pub struct Token<K> {
    lane: Arc<K>,
    id: RunId,
    ended: mpsc::UnboundedSender<Ending<K>>,
}

impl<K> Token<K> {
    /// The entry.
    pub fn id(&self) -> RunId {
        self.id
    }

    /// The lane that it is in.
    pub fn lane(&self) -> Arc<K> {
        Arc::clone(&self.lane)
    }

    /// Its work has ended.
    pub fn end(self, worked: Worked) {
        // Nobody may listen any more.
        let _ = self.ended.send((self.lane, self.id, worked));
    }
}

impl<K: Ord + Clone + Hash> Lanes<K> {
    /// None yet.
    pub fn new(room: Room) -> Self {
        let (ended, endings) = mpsc::unbounded_channel();
        let open = Open { order: VecDeque::new(), lanes: HashSet::new() };
        let later = Later { times: BTreeSet::new(), of: HashMap::new() };
        Self { room, busy: HashMap::new(), count: 0, seen: OrdMap::new(), open, later, ended, endings }
    }

    /// Starts what is due in `waits`, by `start`, until `stop`.
    pub async fn run(
        mut self,
        ledger: &Ledger,
        waits: impl Fn(&Runs) -> &Waits<K>,
        start: impl Fn(Token<K>),
        stop: CancellationToken,
    ) {
        let mut changes = ledger.run_changes();
        loop {
            changes.mark_unchanged();
            self.see(waits(&ledger.runs()).lanes());
            let next = self.start_due(clock::now(), &start);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(next) => {}
                change = changes.changed() => if change.is_err() { return },
                Some(ending) = self.endings.recv() => self.has_ended(ending),
            }
            while let Ok(ending) = self.endings.try_recv() {
                self.has_ended(ending);
            }
        }
    }

    /// Opens the lanes in which something changed. What both states share is passed over.
    fn see(&mut self, lanes: &Waiting<K>) {
        for change in self.seen.diff(lanes) {
            match change {
                DiffItem::Add(lane, _) | DiffItem::Update { new: (lane, _), .. } => self.open.push(lane),
                DiffItem::Remove(lane, _) => self.later.remove(lane),
            }
        }
        self.seen = lanes.clone();
    }

    /// Starts what is due and has room; how long until something else may.
    fn start_due(&mut self, now: Timestamp, start: &impl Fn(Token<K>)) -> Duration {
        while let Some(lane) = self.later.pop(now) {
            self.open.push(&lane);
        }
        // An ending makes room.
        while self.count < self.room.of_all
            && let Some(lane) = self.open.pop()
        {
            self.look(&lane, now, start);
        }
        self.later.next(now)
    }

    /// Starts what is due in a lane, and notes when it is to be looked at again, if not for an ending or a change.
    fn look(&mut self, lane: &Arc<K>, now: Timestamp, start: &impl Fn(Token<K>)) {
        self.later.remove(lane);
        if let Some(rest) = self.rest_of(lane) {
            let rest = u64::try_from(rest.as_millis()).unwrap_or(u64::MAX);
            return self.later.put(lane, Timestamp(now.0.saturating_add(rest).saturating_add(1)));
        }

        let entries = self.seen.get(lane).cloned().unwrap_or_default();
        for (due, id) in &entries {
            if self.count >= self.room.of_all {
                return self.open.push(lane);
            }
            if !self.has_room(lane) {
                return;
            }
            if self.busy.get(lane).is_some_and(|lane| lane.working.contains(id)) {
                continue;
            }
            if *due > now {
                if *due != NEVER {
                    self.later.put(lane, *due);
                }
                return;
            }
            start(self.begin(lane, *id));
        }
    }

    /// How long a lane rests still.
    fn rest_of(&self, lane: &Arc<K>) -> Option<Duration> {
        let rest = self.busy.get(lane)?.rests_until?.saturating_duration_since(Instant::now());
        (!rest.is_zero()).then_some(rest)
    }

    fn has_room(&self, lane: &Arc<K>) -> bool {
        self.busy.get(lane).is_none_or(|lane| lane.working.len() < lane.allowance)
    }

    fn begin(&mut self, lane: &Arc<K>, id: RunId) -> Token<K> {
        let allowance = self.room.of_lane;
        let fresh = || Lane { working: HashSet::new(), allowance, held_back: 0, rests_until: None };
        self.busy.entry(Arc::clone(lane)).or_insert_with(fresh).working.insert(id);
        self.count += 1;
        Token { lane: Arc::clone(lane), id, ended: self.ended.clone() }
    }

    fn has_ended(&mut self, (key, id, worked): Ending<K>) {
        let Some(lane) = self.busy.get_mut(&key) else { return };
        self.open.push(&key);
        if lane.working.remove(&id) {
            self.count -= 1;
        }
        match worked {
            // The next may work, and another one beside it.
            Worked::Done => {
                lane.allowance = self.room.of_lane.min(lane.allowance + 1);
                (lane.held_back, lane.rests_until) = (0, None);
            }
            Worked::HeldBack => {
                lane.allowance = (lane.allowance / 2).max(1);
                let rest = FIRST_REST.saturating_mul(1_u32.checked_shl(lane.held_back).unwrap_or(u32::MAX));
                lane.held_back = lane.held_back.saturating_add(1).min(16);
                lane.rests_until = Some(Instant::now() + rest.min(LONGEST_REST));
            }
        }
        if lane.working.is_empty() && lane.held_back == 0 {
            self.busy.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::runs::Attempts;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn later(milliseconds: u64) -> Timestamp {
        Timestamp(NOW.0 + milliseconds)
    }

    /// Entries by lane, id and due time.
    fn waits(entries: impl IntoIterator<Item = (u64, u64, Timestamp)>) -> Waits<u64> {
        let mut waits = Waits::default();
        for (lane, id, due) in entries {
            waits.put(RunId(id), &lane, due, Attempts::default());
        }
        waits
    }

    /// What is started at a time, with the tokens that end it, and how long until the next look.
    fn started(lanes: &mut Lanes<u64>, now: Timestamp) -> (Vec<Token<u64>>, Duration) {
        let tokens = RefCell::new(Vec::new());
        let next = lanes.start_due(now, &|token| tokens.borrow_mut().push(token));
        (tokens.into_inner(), next)
    }

    fn ids(tokens: &[Token<u64>]) -> Vec<u64> {
        tokens.iter().map(|token| token.id().0).collect()
    }

    fn ending(lanes: &mut Lanes<u64>) {
        let ending = lanes.endings.try_recv().expect("has ended");
        lanes.has_ended(ending);
    }

    #[test]
    fn only_lanes_are_looked_at_in_which_something_changed() {
        let mut waits = waits((0..10_000).map(|lane| (lane, lane, later(60_000))));
        let mut lanes = Lanes::new(Room { of_lane: 2, of_all: 10 });
        lanes.see(waits.lanes());
        assert_eq!(lanes.open.order.len(), 10_000);
        let (tokens, next) = started(&mut lanes, NOW);
        assert_eq!((tokens.len(), next, lanes.open.order.len()), (0, Duration::from_secs(60), 0));

        waits.put(RunId(20_000), &77, NOW, Attempts::default());
        waits.remove(RunId(5));
        waits.delay(RunId(6), NEVER, Attempts::default());
        lanes.see(waits.lanes());
        assert_eq!(Vec::from(lanes.open.order.clone()), [6, 77].map(Arc::new));
        assert_eq!(ids(&started(&mut lanes, NOW).0), [20_000]);
        lanes.see(waits.lanes());
        assert!(lanes.open.order.is_empty());
        // All but the one that is gone and the one that is held, as far as there is room.
        let (tokens, _) = started(&mut lanes, later(60_000));
        assert_eq!(ids(&tokens), [0, 1, 2, 3, 4, 7, 8, 9, 10]);
    }

    #[test]
    fn lanes_take_turns_where_there_is_no_room_for_all() {
        let waits = waits((0..6).map(|id| (id % 2, id, NOW)));
        let mut lanes = Lanes::new(Room { of_lane: 3, of_all: 3 });
        lanes.see(waits.lanes());
        let (mut tokens, _) = started(&mut lanes, NOW);
        assert_eq!(ids(&tokens), [0, 2, 4]);
        assert!(started(&mut lanes, NOW).0.is_empty());
        tokens.remove(0).end(Worked::Done);
        ending(&mut lanes);
        let (more, _) = started(&mut lanes, NOW);
        assert_eq!(ids(&more), [1], "the other lane waited longer");
    }

    #[tokio::test]
    async fn a_lane_whose_work_is_held_back_rests() {
        let waits = waits([(1, 1, NOW), (1, 2, NOW), (1, 3, later(5))]);
        let mut lanes = Lanes::new(Room { of_lane: 2, of_all: 10 });
        lanes.see(waits.lanes());
        let (tokens, _) = started(&mut lanes, NOW);
        assert_eq!(ids(&tokens), [1, 2]);
        for token in tokens {
            token.end(Worked::HeldBack);
            ending(&mut lanes);
        }
        let (tokens, next) = started(&mut lanes, NOW);
        assert!(tokens.is_empty() && (1..=41).contains(&next.as_millis()), "{next:?}");
        tokio::time::sleep(next).await;
        let (tokens, _) = started(&mut lanes, later(100));
        assert_eq!(ids(&tokens), [1], "one at a time at first");
        for token in tokens {
            token.end(Worked::Done);
        }
        ending(&mut lanes);
        assert_eq!(ids(&started(&mut lanes, later(100)).0), [1, 2]);
    }
}
