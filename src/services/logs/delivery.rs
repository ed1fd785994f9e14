//! The way of functions' lines into their streams: a queue that no invocation waits for, and one task that empties it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::environments::LogSink;
use crate::ledger::log_lines::{LogLines, NewLine};
use crate::ledger::{CommitError, Ledger, LedgerError};
use crate::model::event::FollowUp;
use crate::model::logs::command::LogsCommand;
use crate::model::logs::{LogPlace, LogStreamKey};
use crate::model::time::Timestamp;

/// Bytes of lines that wait; a function that writes faster than the disk loses the rest of its lines.
const ROOM: usize = 16 * 1024 * 1024;

/// Bytes a waiting line costs beside its text.
const LINE_COST: usize = 128;

/// Lines that are stored together.
const BATCH: usize = 16 * 1024;

/// How long lines are gathered before they are stored and handed to the system. Work for each line as it comes would
/// take the processor from the next invocation: measured on two cores, a warm invocation took 70 % longer, with 50 ms
/// 15 %, with 200 ms 4 %. A server that is killed loses the lines of this time at most.
const GATHER: Duration = Duration::from_millis(200);

/// How often old lines are removed.
const TIDY_EVERY: Duration = Duration::from_secs(3600);

/// A line on its way.
#[derive(Debug)]
struct Waiting {
    stream: Arc<LogStreamKey>,
    line: NewLine,
}

/// The near end of the queue.
#[derive(Debug)]
pub struct Sender {
    queue: mpsc::UnboundedSender<Waiting>,
    room: Arc<Room>,
}

/// What waits, and what found no room.
#[derive(Debug, Default)]
struct Room {
    bytes: AtomicUsize,
    dropped: AtomicU64,
}

/// The far end of the queue.
#[derive(Debug)]
pub struct Delivery {
    queue: mpsc::UnboundedReceiver<Waiting>,
    room: Arc<Room>,
    ledger: Arc<Ledger>,
    lines: LogLines,
}

/// Both ends of a queue into a ledger.
pub fn queue(ledger: Arc<Ledger>) -> (Sender, Delivery) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let room = Arc::new(Room::default());
    let lines = ledger.log_lines();
    let delivery = Delivery { queue: receiver, room: Arc::clone(&room), ledger, lines };
    (Sender { queue: sender, room }, delivery)
}

impl LogSink for Sender {
    fn line(&self, stream: &Arc<LogStreamKey>, time: Timestamp, text: String) {
        let cost = cost(&text);
        if self.room.bytes.fetch_add(cost, Ordering::Relaxed) + cost > ROOM {
            self.room.bytes.fetch_sub(cost, Ordering::Relaxed);
            self.room.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }

        let line = NewLine { time_ms: time.0, text };
        // A queue without a far end: the server is about to be gone.
        let _ = self.queue.send(Waiting { stream: Arc::clone(stream), line });
    }
}

fn cost(text: &str) -> usize {
    text.len() + LINE_COST
}

impl Delivery {
    /// Stores lines until `stop`, and then what still waits.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut tidy = tokio::time::interval(TIDY_EVERY);
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                _ = tidy.tick() => self.tidy().await,
                count = self.queue.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        break;
                    }
                    // The first line is stored with those that follow it.
                    let _ = stop.run_until_cancelled(tokio::time::sleep(GATHER)).await;
                    while batch.len() < BATCH && let Ok(waiting) = self.queue.try_recv() {
                        batch.push(waiting);
                    }
                    self.store(std::mem::take(&mut batch)).await;
                }
            }
        }

        self.queue.close();
        while self.queue.recv_many(&mut batch, BATCH).await > 0 {
            self.store(std::mem::take(&mut batch)).await;
        }
    }

    /// Stores a batch of lines, stream by stream.
    async fn store(&self, batch: Vec<Waiting>) {
        let freed: usize = batch.iter().map(|waiting| cost(&waiting.line.text)).sum();
        let mut streams: HashMap<Arc<LogStreamKey>, Vec<NewLine>> = HashMap::new();
        let mut last = None;
        for Waiting { stream, line } in batch {
            last = Some((Arc::clone(&stream), line.time_ms));
            streams.entry(stream).or_default().push(line);
        }

        if let Some((stream, time_ms)) = last
            && let Some(text) = self.lost()
        {
            streams.entry(stream).or_default().push(NewLine { time_ms, text });
        }
        let mut placed = Vec::with_capacity(streams.len());
        for (stream, lines) in streams {
            placed.extend(self.place(&stream).await.map(|place| (place, lines)));
        }
        self.append(placed).await;

        self.room.bytes.fetch_sub(freed, Ordering::Relaxed);
    }

    /// A line about the lines that found no room.
    fn lost(&self) -> Option<String> {
        let dropped = self.room.dropped.swap(0, Ordering::Relaxed);
        if dropped == 0 {
            return None;
        }
        tracing::warn!(dropped, "functions write faster than their log can be stored: lines were dropped");
        Some(format!(
            "[WARNING] {dropped} log lines of functions were dropped here: they came faster than they can be stored\n"
        ))
    }

    /// Where the lines of a stream go. It is made, with its group, where it is missing.
    async fn place(&self, key: &LogStreamKey) -> Option<LogPlace> {
        if let Some(place) = self.ledger.state().log_place(key) {
            return Some(place);
        }
        match self.ledger.commit(LogsCommand::EnsureStream(key.clone()).into(), FollowUp::Logs.into(), None).await {
            Ok(committed) => committed.state.log_place(key),
            Err(CommitError::Closed) => None,
            Err(error) => {
                tracing::warn!(%error, stream = %key.name, "a log stream could not be made: its lines are lost");
                None
            }
        }
    }

    /// Stores lines, and hands them to the system: they outlive this process.
    async fn append(&self, placed: Vec<(LogPlace, Vec<NewLine>)>) {
        let store = move |all: &LogLines| {
            placed.into_iter().try_for_each(|(place, lines)| all.append(place, clock::now(), lines))
        };
        self.on_lines("lines of functions could not be stored", store).await;
    }

    async fn tidy(&self) {
        let ledger = Arc::clone(&self.ledger);
        self.on_lines("old log lines could not be removed", move |lines| lines.tidy(|| ledger.state(), clock::now()))
            .await;
    }

    /// Does work on log lines where it keeps nothing else from running.
    async fn on_lines(
        &self,
        failure: &'static str,
        work: impl FnOnce(&LogLines) -> Result<(), LedgerError> + Send + 'static,
    ) {
        let lines = self.lines.clone();
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || work(&lines)).await {
            tracing::warn!(%error, "{failure}");
        }
    }
}
