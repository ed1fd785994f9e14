//! Starts what is due of what waits under way: each lane has a room of its own, so that one that is slow, or fails, holds
//! up no other.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::ledger::Ledger;
use crate::runs::RunId;
use crate::runs::state::Runs;
use crate::runs::waits::Waits;

/// The first rest of a lane whose work was held back; it is twice as long each time.
const FIRST_REST: Duration = Duration::from_millis(20);

/// The longest.
const LONGEST_REST: Duration = Duration::from_secs(2);

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

/// What works now.
pub struct Lanes<K> {
    room: Room,
    busy: HashMap<Arc<K>, Lane>,
    count: usize,
    ended: mpsc::UnboundedSender<Ending<K>>,
    endings: mpsc::UnboundedReceiver<Ending<K>>,
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
        Self { room, busy: HashMap::new(), count: 0, ended, endings }
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
            let next = self.start_due(waits(&ledger.runs()), &start);
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

    /// Starts what is due and has room; how long until something else may.
    fn start_due(&mut self, waits: &Waits<K>, start: &impl Fn(Token<K>)) -> Duration {
        let now = clock::now();
        let mut next = Duration::from_secs(3600);
        if waits.is_empty() {
            return next;
        }

        for (lane, queue) in waits.lanes() {
            if let Some(rest) = self.rest_of(lane) {
                next = next.min(rest);
                continue;
            }

            for (due, id) in queue {
                if !self.has_room(lane) {
                    break;
                }
                if self.busy.get(lane).is_some_and(|lane| lane.working.contains(id)) {
                    continue;
                }
                if *due > now {
                    next = next.min(Duration::from_millis(due.0 - now.0));
                    break;
                }
                start(self.begin(lane, *id));
            }
        }

        next
    }

    /// How long a lane rests still.
    fn rest_of(&self, lane: &Arc<K>) -> Option<Duration> {
        let rest = self.busy.get(lane)?.rests_until?.saturating_duration_since(Instant::now());
        (!rest.is_zero()).then_some(rest)
    }

    fn has_room(&self, lane: &Arc<K>) -> bool {
        self.count < self.room.of_all && self.busy.get(lane).is_none_or(|lane| lane.working.len() < lane.allowance)
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
