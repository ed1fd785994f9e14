//! Writes records of invocations, many at a time, in a thread of its own: an invocation only leaves its draft here.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::learnt::Drafted;
use super::telemetry::Telemetry;
use crate::clock;
use crate::ledger::LedgerError;
use crate::ledger::records::Records;
use crate::model::time::Timestamp;

/// How long drafts are gathered: a thread that is woken for each would take its time from the functions.
const GATHER: Duration = Duration::from_millis(100);

/// Bytes of drafts that wait at most. What comes beyond is not remembered.
const WAITING: usize = 64 * 1024 * 1024;

/// How often old records are looked for.
const TIDY: Duration = Duration::from_secs(600);

/// Which invocations are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// None.
    Off,
    /// Those that failed.
    Errors,
    /// All.
    All,
}

/// What is remembered, and how long.
#[derive(Debug, Clone, Copy)]
pub struct RecordPolicy {
    /// Which invocations.
    pub which: Recorded,
    /// Bytes of disk at most.
    pub budget: u64,
    /// How long.
    pub age: Duration,
}

/// Remembers invocations, and tells a collector of them where there is one.
#[derive(Debug, Clone)]
pub struct Recorder(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    records: Records,
    policy: RecordPolicy,
    telemetry: Option<Telemetry>,
    queue: Mutex<Queue>,
    filled: Condvar,
    /// Told when all that came before was written.
    written: Condvar,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Queue {
    drafts: Vec<Drafted>,
    bytes: usize,
    /// Drafts that found no room.
    lost: u64,
    /// Whether drafts that were taken are being written.
    is_writing: bool,
    is_closed: bool,
    /// Whether somebody waits for what is there.
    is_awaited: bool,
}

impl Recorder {
    /// Begins to write to `records`, and to tell `telemetry`.
    pub fn start(records: Records, policy: RecordPolicy, telemetry: Option<Telemetry>) -> Self {
        records.set_budget(policy.budget);
        let shared = Shared {
            records,
            policy,
            telemetry,
            queue: Mutex::default(),
            filled: Condvar::new(),
            written: Condvar::new(),
            thread: Mutex::default(),
        };
        let recorder = Self(Arc::new(shared));
        if policy.which != Recorded::Off {
            let writer = Arc::clone(&recorder.0);
            let thread = std::thread::Builder::new().name("records".into()).spawn(move || writer.run());
            match thread {
                Ok(thread) => *recorder.0.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread),
                Err(error) => tracing::error!(%error, "invocations are not recorded"),
            }
        }
        recorder
    }

    /// Whether any invocation is remembered.
    pub fn is_on(&self) -> bool {
        self.0.policy.which != Recorded::Off
    }

    /// Whether anything is to be learnt of invocations.
    pub(super) fn wants_drafts(&self) -> bool {
        self.is_on() || self.0.telemetry.is_some()
    }

    /// Takes what was learnt of an invocation.
    pub(super) fn take(&self, drafted: Drafted) {
        if let Some(telemetry) = &self.0.telemetry {
            telemetry.tell(&drafted);
        }
        let is_wanted = match self.0.policy.which {
            Recorded::Off => false,
            Recorded::Errors => drafted.failed(),
            Recorded::All => true,
        };
        if !is_wanted {
            return;
        }

        let mut queue = self.0.queue();
        let bytes = drafted.bytes();
        if queue.is_closed || queue.bytes + bytes > WAITING {
            queue.lost += 1;
            return;
        }

        queue.bytes += bytes;
        queue.drafts.push(drafted);
        let was_empty = queue.drafts.len() == 1;
        drop(queue);
        if was_empty {
            self.0.filled.notify_one();
        }
    }

    /// Waits until all invocations that ended before are written. Blocks for a moment.
    pub fn settle(&self) {
        let mut queue = self.0.queue();
        while self.is_on() && !queue.is_closed && (!queue.drafts.is_empty() || queue.is_writing) {
            queue.is_awaited = true;
            self.0.filled.notify_one();
            queue = self.0.written.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Writes and tells what is there, and takes no more. Blocks until it is done.
    pub fn close(&self) {
        self.0.queue().is_closed = true;
        self.0.filled.notify_one();
        let thread = self.0.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the last invocations were not recorded");
        }
        if let Some(telemetry) = &self.0.telemetry {
            telemetry.close();
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut tidied = None;
        while let Some((drafts, lost)) = self.gathered() {
            if lost > 0 {
                tracing::warn!(lost, "invocations came faster than they can be recorded");
            }
            let written = self.write(drafts).and_then(|()| self.tidy(&mut tidied));
            if let Err(error) = written {
                tracing::warn!(%error, "invocations could not be recorded");
            }
            self.queue().is_writing = false;
            self.written.notify_all();
        }
        self.written.notify_all();
    }

    /// Drafts, once there are any, and how many were lost; `None` at the end.
    fn gathered(&self) -> Option<(Vec<Drafted>, u64)> {
        let mut queue = self.queue();
        while queue.drafts.is_empty() {
            if queue.is_closed {
                return None;
            }
            queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        if !queue.is_closed && !queue.is_awaited {
            let until = |queue: &mut Queue| !queue.is_closed && !queue.is_awaited;
            queue = self.filled.wait_timeout_while(queue, GATHER, until).unwrap_or_else(PoisonError::into_inner).0;
        }

        (queue.bytes, queue.is_awaited, queue.is_writing) = (0, false, true);
        Some((std::mem::take(&mut queue.drafts), std::mem::take(&mut queue.lost)))
    }

    fn write(&self, drafts: Vec<Drafted>) -> Result<(), LedgerError> {
        let stored = drafts.into_iter().map(|drafted| drafted.into_stored(&self.records)).collect();
        self.records.append(stored, clock::now())
    }

    /// Removes what is too old, from time to time.
    fn tidy(&self, last: &mut Option<Instant>) -> Result<(), LedgerError> {
        if last.is_some_and(|last| last.elapsed() < TIDY) {
            return Ok(());
        }
        *last = Some(Instant::now());
        let age = u64::try_from(self.policy.age.as_millis()).unwrap_or(u64::MAX);
        self.records.expire(Timestamp(clock::now().0.saturating_sub(age)), self.policy.budget)
    }
}
