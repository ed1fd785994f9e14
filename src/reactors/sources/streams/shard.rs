//! A shard as a source: records one after the other, and nothing behind those that the function has not done.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::failure;
use super::record::{Origin, StreamRecord};
use super::stream::{Stream, seconds};
use super::work::{GivenUp, Work};
use crate::clock;
use crate::model::event_sources::filters::Filters;
use crate::model::event_sources::{EventSourceMapping, SourceKind};
use crate::reactors::sources::current::Current;
use crate::reactors::sources::results::Results;
use crate::reactors::sources::source::{Batch, Handle, Outcome, Problem, Source, Verdict};
use crate::runs::command::RunCommand;
use crate::runs::cursors::{Cursor, Position};
use crate::upstream::Start;

/// How long a shard that has nothing is not asked again, as on AWS.
const PAUSE: Duration = Duration::from_secs(1);

/// Records of one call at most, of Kinesis and of tables.
const OF_KINESIS: usize = 10_000;
const OF_TABLES: usize = 1000;

/// Bytes of an event, without what is around its records.
const MAX_EVENT: usize = 6 * 1024 * 1024 - 64;

/// How long a batch is kept for a function that is throttled, where its records do not grow too old.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// A shard, read for a mapping.
#[derive(Debug)]
pub struct ShardSource {
    /// The stream that it is of.
    pub stream: Arc<Stream>,
    /// Its id.
    pub shard: String,
    /// The mapping.
    pub current: Current,
    /// What is told of the mapping.
    pub results: Arc<Results>,
    /// Ends its poller: it is cancelled when the shard is at its end, too.
    pub retired: CancellationToken,
    /// What is read of it and not done.
    pub progress: Mutex<Progress>,
}

/// What is read of a shard and not done.
#[derive(Debug, Default)]
pub struct Progress {
    /// Where the next call goes on.
    iterator: Option<String>,
    /// What is done next, in this order.
    waiting: VecDeque<Work>,
    /// What the function has.
    running: Option<Work>,
}

/// What was read for one event.
#[derive(Debug, Default)]
struct Read {
    records: Vec<StreamRecord>,
    bytes: usize,
    /// The last record's sequence number, whether filters let it pass or not.
    upto: Option<String>,
    /// Whether the last call gave nothing.
    is_idle: bool,
    /// Whether it gave as much as it could.
    has_more: bool,
    /// Whether the shard gets no more.
    is_over: bool,
}

impl ShardSource {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits; `false` where the shard is not to be read any more.
    async fn pause(&self, pause: Duration) -> bool {
        self.retired.run_until_cancelled(tokio::time::sleep(pause)).await.is_some()
    }

    /// Notes how far the shard is read, and what is to be told of what was given up.
    async fn reach(
        &self,
        mapping: &EventSourceMapping,
        position: Position,
        given_up: Option<(&Work, GivenUp)>,
    ) -> Result<(), Problem> {
        let delivery = given_up.map(|work| {
            let count = work.0.records.len();
            let condition = work.1.condition();
            tracing::warn!(mapping = %mapping.key.id, shard = self.shard, count, condition, "records of a stream are given up");
            failure::delivery(mapping, &self.shard, work, clock::now())
        });
        let cursor = Cursor { mapping: mapping.key.clone(), shard: self.shard.clone(), position };
        let deliveries = delivery.flatten().into_iter().collect();
        let committed = self.current.ledger.commit_run(RunCommand::Reach { cursor, deliveries }).await;
        committed.map(drop).map_err(|error| Problem(format!("how far a stream is read could not be stored: {error}")))
    }

    /// Reads on: what the function is to get next, if there is something.
    async fn read(&self, mapping: &EventSourceMapping) -> Result<Option<Work>, Problem> {
        let window = Duration::from_secs(mapping.settings.batching_window_s.unwrap_or_default().into());
        let size = usize::try_from(mapping.settings.batch_size).unwrap_or(usize::MAX);
        let filters = Filters::of(mapping.source.kind(), &mapping.settings.filters);
        let filters = filters.ok_or_else(|| Problem("Invalid filter pattern definition.".to_owned()))?;
        let begun = Instant::now();
        let mut read = Read::default();
        loop {
            self.read_page(mapping, &filters, size, &mut read).await?;
            let is_full = read.records.len() >= size || read.bytes >= MAX_EVENT;
            let left = window.saturating_sub(begun.elapsed());
            let is_over = read.is_over || (left.is_zero() && !read.has_more);
            if is_full || is_over || (read.is_idle && read.upto.is_none()) {
                break;
            }
            if read.is_idle && !self.pause(PAUSE.min(left)).await {
                break;
            }
        }

        let Some(upto) = read.upto else {
            if read.is_over {
                // Its children may be read now.
                self.reach(mapping, Position::End, None).await?;
                self.retired.cancel();
            } else {
                self.pause(PAUSE).await;
            }
            return Ok(None);
        };
        if read.records.is_empty() {
            // No filter let any of it pass.
            self.reach(mapping, Position::After(upto), None).await?;
            return Ok(None);
        }
        let mut works = cut(read.records, upto);
        let first = works.pop_front();
        self.progress().waiting = works;

        Ok(first)
    }

    async fn read_page(
        &self,
        mapping: &EventSourceMapping,
        filters: &Filters,
        size: usize,
        read: &mut Read,
    ) -> Result<(), Problem> {
        let limit = if self.stream.kind == SourceKind::Kinesis { OF_KINESIS } else { OF_TABLES };
        let most = size.saturating_sub(read.records.len()).clamp(1, limit);
        let known = self.progress().iterator.take();
        let runs = self.current.ledger.runs();
        let iterator = match (known, &read.upto) {
            (Some(iterator), _) => iterator,
            (None, Some(last)) => self.stream.iterator(&self.shard, &Start::After(last.clone())).await?,
            (None, None) => {
                let start = self.stream.start(mapping, &runs.cursors, &self.shard);
                self.stream.iterator(&self.shard, &start).await?
            }
        };
        let Some(page) = self.stream.page(&iterator, most).await? else {
            // Too old: the next call begins anew where this one was.
            read.is_idle = true;
            return Ok(());
        };

        read.is_idle = page.records.is_empty();
        read.has_more = page.records.len() >= most;
        read.is_over = page.next_shard_iterator.is_none();
        self.progress().iterator = page.next_shard_iterator;
        let role = self.current.role(mapping);
        let origin = Origin { kind: self.stream.kind, arn: &self.stream.arn, shard: &self.shard, role: role.as_str() };
        let since = self.since(mapping);
        for record in page.records.iter().filter_map(|record| StreamRecord::of(record, origin)) {
            read.upto = Some(record.sequence.clone());
            if record.arrived >= since && filters.pass(record.json.clone()) {
                read.bytes += record.json.to_string().len() + 1;
                read.records.push(record);
            }
        }

        Ok(())
    }

    /// Before when records are passed over, in whole seconds, as those of tables come.
    fn since(&self, mapping: &EventSourceMapping) -> f64 {
        let runs = self.current.ledger.runs();
        match runs.cursors.get(&mapping.key, "").map(|(_, cursor)| &cursor.position) {
            Some(Position::Since(time)) => seconds(time.0).floor(),
            _ => 0.0,
        }
    }

    /// Gives up what is too old of a work; what is left of it, if anything is.
    async fn expired(&self, mapping: &EventSourceMapping, work: Work) -> Result<Option<Work>, Problem> {
        let (old, rest) = work.clone().expire(&mapping.settings, seconds(clock::now().0));
        let Some(old) = old else { return Ok(rest) };
        let position = Position::After(old.upto.clone());
        let reached = self.reach(mapping, position, Some((&old, GivenUp::RecordAgeExceeded))).await;
        if let Err(problem) = reached {
            self.progress().waiting.push_front(work);
            return Err(problem);
        }
        Ok(rest)
    }
}

#[async_trait]
impl Source for ShardSource {
    async fn poll(&self, _running: usize) -> Result<Vec<Batch>, Problem> {
        let Some(mapping) = self.current.mapping() else { return Ok(Vec::new()) };
        let known = {
            let mut progress = self.progress();
            progress.running.take().or_else(|| progress.waiting.pop_front())
        };
        let work = match known {
            Some(work) => work,
            None => match self.read(&mapping).await? {
                Some(work) => work,
                None => return Ok(Vec::new()),
            },
        };
        if !self.pause(work.pause()).await {
            return Ok(Vec::new());
        }

        let Some(work) = self.expired(&mapping, work).await? else { return Ok(Vec::new()) };
        let batch = batch(&mapping, &work);
        self.progress().running = Some(work);
        Ok(vec![batch])
    }

    async fn settle(&self, _batch: &Batch, outcome: &Outcome) -> Result<(), Problem> {
        let running = self.progress().running.clone();
        let (Some(work), Some(mapping)) = (running, self.current.stored()) else { return Ok(()) };
        let after = work.after(outcome, &mapping.settings);
        let given_up = after.given_up.as_ref().map(|(work, why)| (work, *why));
        let settled = given_up.map(|(work, _)| work.upto.clone()).or(after.settled);
        if let Some(settled) = settled {
            self.reach(&mapping, Position::After(settled), given_up).await?;
        }
        if outcome.call.is_some() {
            self.results.note_batch(&mapping.key, outcome.verdict == Verdict::Done);
        }

        let mut progress = self.progress();
        progress.running = None;
        for work in after.again.into_iter().rev() {
            progress.waiting.push_front(work);
        }
        Ok(())
    }
}

/// What the function gets of a work.
fn batch(mapping: &EventSourceMapping, work: &Work) -> Batch {
    let records: Vec<_> = work.records.iter().map(|record| record.json.to_string()).collect();
    let payload = Bytes::from(format!("{{\"Records\":[{}]}}", records.join(",")));
    let handle = |record: &StreamRecord| Handle { id: record.sequence.clone(), receipt: String::new() };
    let age = mapping.settings.max_record_age_s.and_then(|age| u64::try_from(age).ok()).map(Duration::from_secs);

    Batch {
        payload,
        records: work.records.iter().map(handle).collect(),
        trace_id: None,
        lane: None,
        deadline: Instant::now() + age.unwrap_or(PATIENCE),
    }
}

/// Works of records, none larger than an event may be.
fn cut(records: Vec<StreamRecord>, upto: String) -> VecDeque<Work> {
    let mut works: VecDeque<Work> = VecDeque::new();
    let mut bytes = usize::MAX;
    for record in records {
        let length = record.json.to_string().len() + 1;
        let reached = record.sequence.clone();
        match works.back_mut() {
            Some(work) if bytes + length <= MAX_EVENT => {
                bytes += length;
                work.records.push(record);
                work.upto = reached;
            }
            _ => {
                bytes = length;
                works.push_back(Work { records: vec![record], upto: reached, failures: 0, call: None });
            }
        }
    }
    if let Some(last) = works.back_mut() {
        last.upto = upto;
    }

    works
}
