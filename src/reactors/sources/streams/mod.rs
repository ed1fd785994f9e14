//! Streams of Kinesis and of `DynamoDB`'s tables as event sources: a poller for each shard, parents before children. How
//! far each is read lies on disk before anything behind it is.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html> and
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>.

mod event;
pub mod failure;
mod frontier;
mod lanes;
mod progress;
pub mod record;
mod shard;
mod span;
mod stream;
mod window;
pub mod work;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use progress::Progress;
use shard::ShardSource;
pub use stream::Stream;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::current::Current;
use super::delivery::Delivery;
use super::pace::Backoff;
use super::results::Results;
use super::source::Problem;
use super::{poller, source::Source};
use crate::clock;
use crate::invoke::Invoker;
use crate::model::event_sources::EventSourceMapping;
use crate::model::time::Timestamp;
use crate::runs::command::RunCommand;
use crate::runs::cursors::{Cursor, Position};
use crate::upstream::Shard;

/// How often a stream is asked for its shards: how long a new one may go unseen.
const LOOK: Duration = Duration::from_secs(2);

/// Pauses after a stream that could not be asked.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Whose turn it is to do what is done by one at a time.
type Turn = tokio::sync::Mutex<()>;

/// What reads a stream for a mapping.
#[derive(Debug, Clone)]
pub struct Reader {
    /// The stream.
    pub stream: Arc<Stream>,
    /// The mapping.
    pub current: Current,
    /// Runs the function.
    pub invoker: Arc<Invoker>,
    /// What is told of the mapping.
    pub results: Arc<Results>,
    /// The server ends.
    pub stop: CancellationToken,
}

/// Reads the shards of a stream until it is `retired`, or the server ends, once it is its turn.
pub async fn run(reader: Reader, turn: Arc<Turn>, retired: CancellationToken) {
    let Some(_turn) = retired.run_until_cancelled(turn.lock()).await else { return };
    let key = reader.current.key.clone();
    let tasks = TaskTracker::new();
    let mut shards = Shards { reader, retired: retired.clone(), running: HashMap::new(), ended: Arc::default() };
    let mut problems = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let current = shards.reader.current.clone();
        if retired.run_until_cancelled(current.wait_for_function()).await != Some(true) {
            break;
        }
        let pause = match shards.look(&tasks).await {
            Ok(()) => {
                problems.reset();
                LOOK
            }
            Err(problem) => {
                if shards.reader.results.note(&key, &problem) {
                    tracing::warn!(mapping = %key.id, %problem, "a stream cannot be read; this is said once until it can");
                }
                problems.pause()
            }
        };
        let ended = Arc::clone(&shards.ended);
        tokio::select! {
            () = retired.cancelled() => break,
            () = ended.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    tasks.close();
    tasks.wait().await;
}

struct Shards {
    reader: Reader,
    retired: CancellationToken,
    /// The shards that are read.
    running: HashMap<String, Running>,
    /// Is told when a shard is at its end.
    ended: Arc<Notify>,
}

/// A shard that is read.
struct Running {
    /// Ends its poller.
    retired: CancellationToken,
    /// Whether it gets no more records.
    is_closed: Arc<AtomicBool>,
}

impl Shards {
    /// Has pollers for the shards that can be read now.
    async fn look(&mut self, tasks: &TaskTracker) -> Result<(), Problem> {
        let Some(mapping) = self.reader.current.mapping() else { return Ok(()) };
        self.begin(&mapping).await?;
        let shards = self.reader.stream.shards().await?;
        self.running.retain(|_, running| !running.retired.is_cancelled());

        let runs = self.reader.current.ledger.runs();
        let position = |shard: &str| runs.cursors.get(&mapping.key, shard).map(|(_, cursor)| &cursor.position);
        let is_over = |shard: &str| position(shard) == Some(&Position::End);
        let is_there = |id: &str| shards.iter().any(|shard| shard.id == id);
        let can_begin = |shard: &Shard| {
            let parents = [&shard.parent, &shard.other_parent];
            parents.into_iter().flatten().all(|parent| !is_there(parent) || is_over(parent))
        };
        for shard in &shards {
            if !self.running.contains_key(&shard.id) && !is_over(&shard.id) && can_begin(shard) {
                self.start(tasks, &mapping, &shard.id);
            }
            let is_closed = shard.sequence_number_range.ending_sequence_number.is_some();
            if let Some(running) = self.running.get(&shard.id).filter(|_| is_closed) {
                running.is_closed.store(true, Ordering::Release);
            }
        }

        Ok(())
    }

    /// Notes from when on a stream is read that is not read from its beginning: records that come while the server is away
    /// are not to be lost.
    async fn begin(&self, mapping: &EventSourceMapping) -> Result<(), Problem> {
        let ledger = &self.reader.current.ledger;
        if ledger.runs().cursors.get(&mapping.key, "").is_some() {
            return Ok(());
        }
        let origin = &mapping.settings.origin;
        let since = match origin.position.as_deref() {
            Some("LATEST") => clock::now(),
            Some("AT_TIMESTAMP") => origin.timestamp.unwrap_or_default(),
            _ => return Ok(()),
        };
        let cursor = Cursor::at(mapping.key.clone(), String::new(), Position::Since(since));
        let committed = ledger.commit_run(RunCommand::Reach { cursor, deliveries: Vec::new() }).await;
        committed.map(drop).map_err(|error| Problem(format!("how far a stream is read could not be stored: {error}")))
    }

    /// What is known of a shard before it is read.
    fn progress(&self, mapping: &EventSourceMapping, shard: &str) -> Progress {
        let runs = self.reader.current.ledger.runs();
        let cursor = |shard: &str| runs.cursors.get(&mapping.key, shard).map(|(_, cursor)| cursor);
        let begun = cursor("").map_or(Position::Since(Timestamp(0)), |cursor| cursor.position.clone());
        Progress::of(cursor(shard), begun, &mapping.settings)
    }

    fn start(&mut self, tasks: &TaskTracker, mapping: &EventSourceMapping, shard: &str) {
        let retired = self.retired.child_token();
        let is_closed = Arc::new(AtomicBool::new(false));
        let running = Running { retired: retired.clone(), is_closed: Arc::clone(&is_closed) };
        self.running.insert(shard.to_owned(), running);
        let Reader { stream, current, invoker, results, stop } = self.reader.clone();
        let source: Arc<dyn Source> = Arc::new(ShardSource {
            stream,
            shard: shard.to_owned(),
            is_closed,
            current: current.clone(),
            results: Arc::clone(&results),
            retired: retired.clone(),
            progress: Mutex::new(self.progress(mapping, shard)),
            changed: Notify::new(),
            turn: Turn::default(),
        });
        let ended = Arc::clone(&self.ended);
        let delivery = Delivery { current, source, invoker, stop };

        tasks.spawn(async move {
            poller::run(delivery, results, retired).await;
            ended.notify_one();
        });
    }
}
