//! What reads one mapping's source: one poll after the other, and batches that run beside each other, as many as may.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::delivery::Delivery;
use super::pace::{Backoff, GROWTH, Ramp};
use super::results::Results;
use super::source::{Batch, Outcome, Problem};

/// Pauses after a source that could not be read.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Pauses after batches that failed, once some did in a row: of a queue that gives its messages back at once, a function
/// that always fails would run without end.
const FIRST_CALM: Duration = Duration::from_millis(100);
const LONGEST_CALM: Duration = Duration::from_secs(5);

/// Batches in a row that may fail before that.
const FAILURES: u32 = 5;

/// A batch that has ended: its lane, and whether the function did something of it.
type Ended = (Option<String>, bool);

/// Reads a source until it is `retired`, and waits for the batches that run then; at the server's end they are waited for
/// by the invoker.
pub async fn run(delivery: Delivery, results: Arc<Results>, retired: CancellationToken) {
    let (ended, endings) = mpsc::unbounded_channel();
    let mut poller = Poller {
        delivery,
        results,
        retired,
        ended,
        endings,
        running: 0,
        lanes: HashSet::new(),
        ramp: Ramp::default(),
        failures: 0,
        problems: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
        calm: Backoff::new(FIRST_CALM, LONGEST_CALM),
    };
    poller.read().await;
    poller.drain().await;
}

struct Poller {
    delivery: Delivery,
    results: Arc<Results>,
    retired: CancellationToken,
    ended: mpsc::UnboundedSender<Ended>,
    endings: mpsc::UnboundedReceiver<Ended>,
    running: usize,
    lanes: HashSet<String>,
    ramp: Ramp,
    /// Batches that failed since the last one that did not.
    failures: u32,
    problems: Backoff,
    calm: Backoff,
}

impl Poller {
    async fn read(&mut self) {
        let retired = self.retired.clone();
        loop {
            let current = self.delivery.current.clone();
            let can_run = retired.run_until_cancelled(current.wait_for_function()).await == Some(true);
            if !can_run || !self.keep_calm().await {
                return;
            }
            if !self.wait_for_room(None).await {
                continue;
            }

            // Not given up when it is retired: what it has received by then must find its way back.
            match self.delivery.source.poll(self.running).await {
                Ok(batches) => {
                    self.is_well();
                    for batch in batches {
                        self.start(batch).await;
                    }
                }
                Err(problem) => {
                    self.is_ill(&problem);
                    let pause = self.problems.pause();
                    if retired.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                        return;
                    }
                }
            }
        }
    }

    /// Starts a batch once it may run.
    async fn start(&mut self, batch: Batch) {
        if !self.wait_for_room(batch.lane.as_deref()).await {
            return self.delivery.settle(&batch, &Outcome::UNTRIED).await;
        }
        self.running += 1;
        self.lanes.extend(batch.lane.clone());
        self.ramp.note(self.running, Instant::now());
        let delivery = self.delivery.clone();
        let ended = self.ended.clone();

        self.delivery.invoker.spawn(async move {
            let is_done = delivery.deliver(&batch).await;
            // Nobody may listen any more.
            let _ = ended.send((batch.lane, is_done));
        });
    }

    /// Waits until one more batch may run, in a lane where none does; `false` where there will be none any more.
    async fn wait_for_room(&mut self, lane: Option<&str>) -> bool {
        loop {
            while let Ok(ended) = self.endings.try_recv() {
                self.has_ended(ended);
            }
            let Some(mapping) = self.delivery.current.mapping() else { return false };
            let (limit, most) = self.ramp.limit(&mapping.settings, Instant::now());
            let is_free = lane.is_none_or(|lane| !self.lanes.contains(lane));
            if self.running < limit && is_free {
                return true;
            }

            // More may be allowed in a moment.
            let grows = limit < most && is_free;
            tokio::select! {
                () = self.delivery.stop.cancelled() => return false,
                Some(ended) = self.endings.recv() => self.has_ended(ended),
                () = tokio::time::sleep(GROWTH), if grows => {}
            }
        }
    }

    /// Waits for the batches that run.
    async fn drain(&mut self) {
        while self.running > 0 {
            tokio::select! {
                () = self.delivery.stop.cancelled() => return,
                Some(ended) = self.endings.recv() => self.has_ended(ended),
            }
        }
    }

    fn has_ended(&mut self, (lane, is_done): Ended) {
        self.running -= 1;
        self.ramp.note(self.running, Instant::now());
        if let Some(lane) = lane {
            self.lanes.remove(&lane);
        }
        self.failures = if is_done { 0 } else { self.failures + 1 };
    }

    /// Waits a while where one batch after the other fails; `false` where nothing is to be read after that.
    async fn keep_calm(&mut self) -> bool {
        if self.failures < FAILURES {
            self.calm.reset();
            return true;
        }
        let pause = self.calm.pause();
        self.retired.run_until_cancelled(tokio::time::sleep(pause)).await.is_some()
    }

    fn is_well(&mut self) {
        self.problems.reset();
        let key = &self.delivery.current.key;
        if self.results.clear(key) {
            tracing::info!(mapping = %key.id, "an event source is read again");
        }
    }

    fn is_ill(&self, problem: &Problem) {
        let key = &self.delivery.current.key;
        if self.results.note(key, problem) {
            tracing::warn!(mapping = %key.id, %problem, "an event source cannot be read; this is said once until it can");
        }
    }
}
